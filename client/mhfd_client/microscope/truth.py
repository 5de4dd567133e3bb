"""What a pretend microscope did, and how what was said compares with it. It neither makes images nor judges them."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError


class ShotKind(StrEnum):
    """What the instrument does, and what comes of it."""

    SHARP = "sharp"
    DEFOCUS_SLIGHT = "defocus_slight"  # a disc of radius 2 px
    DEFOCUS = "defocus"
    ASTIGMATIC = "astigmatic"  # an ellipse, at least three times as long as wide
    TILTED = "tilted"  # one side in focus, the other not
    MOTION_ALONG = "motion_along"  # the specimen moved while each pixel was taken, along the scan lines
    MOTION_ACROSS = "motion_across"
    VIBRATION = "vibration"  # each line displaced along itself
    TRUNCATED = "truncated"
    ZERO_TAIL = "zero_tail"
    BLANK = "blank"  # empty resin
    DRIFTED = "drifted"  # out of focus by as much as the run's slow drift makes it
    WRINKLE = "wrinkle"  # from here on: no failure
    PARTICLES = "particles"
    CHARGING = "charging"
    RESIN = "resin"  # half of the field is beyond the edge of the tissue
    SHADING = "shading"
    BANDING = "banding"
    JITTER = "jitter"  # lines displaced, by too little to matter
    LOW_DOSE = "low_dose"
    SATURATED = "saturated"  # much of it is white


TABLE_VERSION: Final = 2
"""Of the columns of the truth's table, which have no place for it."""
_BLURS: Final = {
    ShotKind.DEFOCUS_SLIGHT: "defocus",
    ShotKind.DEFOCUS: "defocus",
    ShotKind.DRIFTED: "defocus",
    ShotKind.ASTIGMATIC: "astigmatism",
    ShotKind.TILTED: "tilt",
    ShotKind.MOTION_ALONG: "motion_along",
    ShotKind.MOTION_ACROSS: "motion_across",
    ShotKind.VIBRATION: "vibration",
    ShotKind.JITTER: "vibration",
}


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
    """Of a blur, its size in pixels (of a tilted image: the disc's radius at its far side); the part that is missing,
    or resin; how many wrinkles or particles; change of gain (shading); standard deviation of the lines' offset, as a
    part of the full range (banding); part of the usual dose (low dose); contrast (saturated)."""
    take: int = 0
    retake_of: str = ""
    shorter_px: float = 0.0
    """Of an ellipse (astigmatic): half of its shorter axis."""
    angle_deg: float | None = None
    """From the lines towards the rows: of an ellipse's longer axis; of motion; of where a tilted image gets worse."""

    @property
    def blur(self) -> str:
        """What blurs it, in the words of a verdict's `blur.kind`; empty where nothing is meant to."""
        return _BLURS.get(self.kind, "")

    @property
    def px(self) -> float:
        """How much that is: radius of a disc (of a tilted image: the mean over its worse half), half of an ellipse's
        longer axis, length of a motion, standard deviation of the lines' displacement.

        An image in focus is a little out of focus all the same."""
        if self.kind is ShotKind.TILTED:
            return 0.75 * self.amount  # it grows evenly from nothing at the other side
        return self.amount if self.blur or self.kind is ShotKind.SHARP else 0.0

    @property
    def planted(self) -> bool:
        """Whether something is wrong with it that should be found."""
        return self.expected not in ("in_focus", "either")


_COLUMNS: Final = (*(f.name for f in fields(Shot)), "blur", "px")


def write_truth(path: Path, shots: Iterable[Shot]) -> None:
    """One line a shot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        table.writerows([getattr(shot, name) for name in _COLUMNS] for shot in shots)


def read_truth(path: Path) -> tuple[Shot, ...]:
    """What `write_truth` wrote, with fewer columns too, as before version 2."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return tuple(_read(row) for row in rows)
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"truth: {path} is no truth of a simulated run ({error}); simulate it again") from error


def _read(row: Mapping[str, str]) -> Shot:
    angle = row.get("angle_deg", "")
    return Shot(
        int(row["section"]),
        row["tile"],
        row["path"],
        ShotKind(row["kind"]),
        row["expected"],
        float(row["amount"]),
        int(row["take"]),
        row["retake_of"],
        float(row.get("shorter_px", 0)),
        float(angle) if angle else None,
    )


def answer(truth: Iterable[Shot], paths: Iterable[str]) -> dict[str, bool]:
    """What an operator who looks at these images says: which are sharp. One of few electrons is, to who looks long."""
    dim = (ShotKind.LOW_DOSE, ShotKind.SATURATED)
    sharp = {shot.path: shot.expected == "in_focus" or shot.kind in dim for shot in truth}
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
