"""How likely a library is ever to promote what is no better: bounded over its life, not test by test.

Who tests often enough finds something by chance. So a library has 5% for all its tests together, and each takes its
part: half for the first, less for each that follows, for ever. What a test that promoted had taken goes to the next
(the fallback procedure; Tian and Ramdas 2021), since what is spent on a right promotion is not lost. The same test made
again is no new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import ValidationError

from mhfd.contract.base import Wire
from mhfd.errors import UsageError

LIFE: Final = 0.05
"""The chance that anything is ever promoted that is no better."""
FIRST: Final = 0.5
"""Of it the part of the first test; 2.5% is the lower end of a 95% interval."""
_FALL: Final = 1.5
"""The others share the rest as 1 / n ** 1.5."""
_ALL: Final = 1.6123753486854883
"""The sum of that from the second on."""
FILE: Final = "tests.jsonl"


def file_of(task: str, instrument: str | None = None) -> str:
    """The file of a life: each task has one, and of each task each microscope, since each has a champion."""
    if instrument is not None:
        return f"tests/{instrument}/{task}.jsonl"
    return FILE if task == "focus" else f"{task}-{FILE}"


class TestDone(Wire):
    """One line of a library's tests."""

    __test__ = False  # to who collects tests, it is none

    schema_version: Literal[1] = 1
    number: int
    key: str
    """What was tested, as a digest: the same test again has the same."""
    at: str
    alpha: float
    decision: Literal["kept", "promoted"]
    reason: str


class KeepsLines(Protocol):
    """What a library offers for a file of lines beside its own."""

    home: Path

    def locked(self) -> Any:
        """A context that one process at a time is in."""
        ...

    def append(self, path: Path, document: dict[str, Any]) -> None:
        """A whole line more."""
        ...


def share_of(number: int) -> float:
    """The part of a life that test `number` has, the first being 1."""
    return FIRST if number == 1 else float((1 - FIRST) * number**-_FALL / _ALL)


@dataclass(frozen=True)
class Turn:
    """A test that is about to be made."""

    number: int
    alpha: float


class Life:
    """The tests that a library has made.

    Args:
        library: Where they are kept.
        file: What decides on something else has a life, and a file, of its own.
    """

    def __init__(self, library: KeepsLines, file: str = FILE) -> None:
        self._library = library
        self._path = library.home / file

    def done(self) -> tuple[TestDone, ...]:
        """All of them, the first one first. UsageError where the file was damaged."""
        return tuple(self._lines())

    @contextmanager
    def turn(self, key: str) -> Iterator[Turn]:
        """Whose turn it is; nobody else's while this lasts."""
        with self._library.locked():
            yield self._turn(key)

    def record(self, turn: Turn, key: str, decision: Literal["kept", "promoted"], reason: str) -> None:
        """A test was made, and somebody is about to read how it ended; inside of its turn."""
        if any(one.number == turn.number for one in self._lines()):
            return
        line = TestDone(
            number=turn.number,
            key=key,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            alpha=turn.alpha,
            decision=decision,
            reason=reason,
        )
        self._library.append(self._path, line.model_dump(mode="json"))

    def _turn(self, key: str) -> Turn:
        before = self.done()
        for one in before:
            if one.key == key:
                return Turn(one.number, one.alpha)
        back = before[-1].alpha if before and before[-1].decision == "promoted" else 0.0
        number = len(before) + 1
        return Turn(number, LIFE * share_of(number) + back)

    def _lines(self) -> Iterator[TestDone]:
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                one = TestDone.model_validate(json.loads(line))
            except (ValueError, ValidationError) as error:
                what = str(error).splitlines()[0][:80]
                raise UsageError(
                    f"{self._path}, line {number}: no test of a library ({what}); what it has spent is not "
                    "known, so nothing can be promoted: put the file back from a copy, or begin another `models.home`"
                ) from None
            if one.number != number:
                raise UsageError(
                    f"{self._path}, line {number}: is test {one.number}; a line is missing or there twice: put the "
                    "file back from a copy, or begin another `models.home`"
                )
            yield one


def key_of(what: Mapping[str, Any]) -> str:
    """The digest of what is tested."""
    plain = json.dumps(what, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
