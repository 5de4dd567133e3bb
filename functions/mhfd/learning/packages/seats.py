"""A seat: a task at a microscope, or wherever no microscope is named. One package judges there, another may challenge.

Only what a seat is called, and which file says who has it.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from mhfd.contract.assessing import no_instrument
from mhfd.contract.base import Wire
from mhfd.errors import UsageError
from mhfd.learning.packages.card import TASKS, ModelTask

Role = Literal["champion", "challenger"]

ROLES: Final[tuple[Role, ...]] = ("champion", "challenger")

_ENDING: Final = ".json"


@dataclass(frozen=True, slots=True)
class Seat:
    """A task at a microscope; without one: wherever none is named. UsageError where it is no name of a microscope."""

    task: ModelTask
    instrument: str | None = None

    def __post_init__(self) -> None:
        if self.instrument is not None and (why := no_instrument(self.instrument)) is not None:
            raise UsageError(f"instrument: {why}")

    def __str__(self) -> str:
        return self.task if self.instrument is None else f"{self.task} at {self.instrument}"

    @classmethod
    def of(cls, task: ModelTask, instrument: str | None) -> "Seat":
        """Of a lens there is one, whatever the microscope: what a package says of it is scaled by a known move."""
        return cls(task, None if task == "adjust" else instrument)

    @property
    def typed(self) -> str:
        """As a command has it."""
        return self.task if self.instrument is None else f"{self.task} {at(self.instrument)}"

    @property
    def everywhere(self) -> "Seat":
        """The same task where no microscope is named."""
        return Seat(self.task)

    def alias(self, home: Path, role: Role) -> Path:
        """The file that says who has it."""
        folder = home / f"{role}s"
        return (folder if self.instrument is None else folder / self.instrument) / f"{self.task}{_ENDING}"


class NamesASeat(Wire):
    """What is kept of a seat: without a microscope its text is as it was before there were any."""

    @model_serializer(mode="wrap")
    def _without_instrument(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = dumped(self)
        if said.get("instrument") is None:
            said.pop("instrument", None)
        return said


def at(instrument: str) -> str:
    """The option that names a microscope, as a command has it."""
    return f"--instrument {shlex.quote(instrument)}"


def kept_seats(home: Path, role: Role) -> Iterator[Seat]:
    """The seats of which something is kept, those without a microscope first."""
    folder = home / f"{role}s"
    for task in TASKS:
        if (folder / f"{task}{_ENDING}").is_file():
            yield Seat(task)
    for below in sorted(path for path in folder.glob("*") if path.is_dir() and no_instrument(path.name) is None):
        for task in TASKS:
            if (below / f"{task}{_ENDING}").is_file():
                yield Seat(task, below.name)
