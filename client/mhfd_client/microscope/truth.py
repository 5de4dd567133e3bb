"""What a pretend microscope did, and how what was said compares with it. It neither makes images nor judges them."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mhfd.errors import UsageError


class ShotKind(StrEnum):
    """What the instrument does, and what comes of it."""

    SHARP = "sharp"
    DEFOCUS_SLIGHT = "defocus_slight"  # a disc of radius 2 px
    DEFOCUS = "defocus"
    ASTIGMATIC = "astigmatic"
    TILTED = "tilted"  # one side in focus, the other not
    TRUNCATED = "truncated"
    ZERO_TAIL = "zero_tail"
    BLANK = "blank"  # empty resin
    DRIFTED = "drifted"  # out of focus by as much as the run's slow drift makes it
    WRINKLE = "wrinkle"  # from here on: no failure
    PARTICLES = "particles"
    CHARGING = "charging"
    RESIN = "resin"  # half of the field is beyond the edge of the tissue


TABLE_VERSION: Final = 1
"""Of the columns of the truth's table, which have no place for it."""
_READ: Final[dict[str, Callable[[str], Any]]] = {"section": int, "kind": ShotKind, "amount": float, "take": int}


@dataclass(frozen=True, slots=True)
class Shot:
    """One image that the instrument takes."""

    section: int
    tile: str
    path: str
    """Relative to the folder that is written."""
    kind: ShotKind
    expected: str
    """The verdict that is right; `either` where both would be."""
    amount: float = 0.0
    """Radius of the blur, pixels (at the far side of a tilted image); the part that is missing; how many artefacts."""
    take: int = 0
    retake_of: str = ""

    @property
    def planted(self) -> bool:
        """Whether something is wrong with it that should be found."""
        return self.expected not in ("in_focus", "either")


def write_truth(path: Path, shots: Iterable[Shot]) -> None:
    """One line a shot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(f.name for f in fields(Shot))
        table.writerows([getattr(shot, f.name) for f in fields(Shot)] for shot in shots)


def read_truth(path: Path) -> tuple[Shot, ...]:
    """What `write_truth` wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return tuple(Shot(**{f.name: _READ.get(f.name, str)(row[f.name]) for f in fields(Shot)}) for row in rows)
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"truth: {path} is no truth of a simulated run ({error}); simulate it again") from error


def answer(truth: Iterable[Shot], paths: Iterable[str]) -> dict[str, bool]:
    """What an operator who looks at these images says: which are sharp."""
    sharp = {shot.path: shot.expected == "in_focus" for shot in truth}
    return {path: sharp[path] for path in paths}


@dataclass(frozen=True, slots=True)
class Grade:
    """How what was said compares with the truth."""

    planted: int
    found: int
    missed: tuple[Shot, ...]
    false_alarms: tuple[Shot, ...]
    untold: tuple[Shot, ...]
    """In focus, and not said to be: undetermined, or not judged."""

    def __str__(self) -> str:
        return (
            f"found {self.found} of {self.planted} planted, {len(self.missed)} missed, "
            f"{len(self.false_alarms)} false alarm{'' if len(self.false_alarms) == 1 else 's'}"
        )


def grade(truth: Iterable[Shot], verdicts: Mapping[str, str]) -> Grade:
    """Compare verdicts, by path, with the truth. A planted failure is found when it is called what it is."""
    shots = tuple(truth)
    planted = [s for s in shots if s.planted]
    fine = [s for s in shots if s.expected == "in_focus"]
    missed = tuple(s for s in planted if verdicts.get(s.path) != s.expected)
    alarms = tuple(s for s in fine if verdicts.get(s.path) in ("out_of_focus", "incomplete"))
    untold = tuple(s for s in fine if verdicts.get(s.path) in (None, "undetermined"))
    return Grade(len(planted), len(planted) - len(missed), missed, alarms, untold)
