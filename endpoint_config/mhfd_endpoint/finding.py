"""One line of `mhfd doctor` and of `mhfd endpoint check`: what was looked at, what was found, and what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from mhfd.errors import MhfdError


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    what: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.level.value:4} {self.name}: {self.what}" + (f" -> {self.do}" if self.do else "")

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def ok(name: str, what: str, do: str = "") -> Check:
    """It is as it should be; `do` says what could be better still."""
    return Check(name, Level.OK, _text(what), _text(do))


def warn(name: str, what: str, do: str) -> Check:
    """It works, and somebody should know."""
    return Check(name, Level.WARN, _text(what), _text(do))


def fail(name: str, what: str, do: str) -> Check:
    """It does not work until somebody does this."""
    return Check(name, Level.FAIL, _text(what), _text(do))


def guarded(name: str, look: Callable[[], Iterable[Check]], do: str) -> Iterator[Check]:
    """Everything that is found; a check that cannot be made is a failed one."""
    try:
        yield from look()
    except (MhfdError, OSError) as error:
        yield fail(name, str(error), do)


def _text(said: str) -> str:
    """What can be printed and encoded, whatever bytes a file's name has."""
    return said.encode("utf-8", "backslashreplace").decode()
