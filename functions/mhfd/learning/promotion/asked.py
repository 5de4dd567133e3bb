"""What an evaluation is asked for, and who stands in it: the champion, and those that are compared with it.

Nothing is measured here, and nobody is asked about an image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mhfd.contract.assessing import LibraryTask
from mhfd.errors import ExtraMissing, UsageError
from mhfd.learning.dataset import Dataset, DatasetRow
from mhfd.learning.evaluation.entry import MHFD, checked_prevalence
from mhfd.learning.learners import LEARNERS
from mhfd.learning.packages import ASKED_ELSEWHERE, Library, Package, verify

PREVALENCE: Final = 0.03
"""Bad images of all where nobody says: runs have 1 to 10%."""
NO_BASELINE: Final = "mhfd, no baseline"
_OF_AN_IMAGE: Final = ("focus", "cause")
"""Tasks whose packages say something of one image."""

Gate = Callable[[Package], tuple[str, ...]]
"""Why a package cannot be promoted, whatever it scores."""


@dataclass(frozen=True)
class Asked:
    """What an evaluation is asked for."""

    against: tuple[str | Package, ...] | None = None
    """Packages, or their folder, name or title, and `mhfd`. None: the champion and what ships, and all learners."""
    learners: tuple[str, ...] | None = None
    prevalence: float = PREVALENCE
    miss_cost: float = 20.0
    seed: int = 0
    own_split: bool = True
    """The dataset's own split says what may have been learned from: that of a table was drawn just now."""
    task: LibraryTask = "focus"
    instrument: str | None = None
    """The microscope that it is decided for: its images alone decide. None: all."""
    champion: str | Package | None = None
    """Who judges now, where whoever asks knows it: `mhfd`, or a package. None: who the library says."""
    gate: Gate | None = None
    """What bars a package; None: the gates, which are asked anew each time."""


def checked(asked: Asked) -> None:
    """UsageError that names what is wrong."""
    checked_prevalence(asked.prevalence)
    if asked.seed < 0:
        raise UsageError(f"seed: expected 0 or more, got {asked.seed}")
    for name in asked.learners or ():
        if name not in LEARNERS:
            raise UsageError(f"learner: there is no {name!r}; choose from {', '.join(LEARNERS)}")


def is_of(row: DatasetRow, instrument: str | None) -> bool:
    """Whether an image is of the microscope that it is decided for."""
    return instrument is None or row.group.instrument == instrument


def refuse_elsewhere(dataset: Dataset, instrument: str | None) -> None:
    """UsageError that names the microscopes that the images are of, where none is of the one that was asked for."""
    if instrument is None or any(is_of(row, instrument) for row in dataset.rows):
        return
    named = sorted({row.group.instrument for row in dataset.rows} - {""})
    are_of = f"are of {', '.join(named)}" if named else "name no microscope (a group is instrument/specimen/session)"
    raise UsageError(
        f"instrument: the images {are_of}, and this is for {instrument}: name another, or give images of it"
    )


def standing(asked: Asked, library: Library) -> tuple[Package | None, dict[str, Package], list[str]]:
    """The champion, the others by the name that they have in the tables, and what is to be said of who is left out."""
    remarks: list[str] = []
    champion = _champion(asked, library)
    if asked.against is None:
        chosen = [one for one in library.shipped() if one.card.task in _OF_AN_IMAGE]
    else:
        chosen = [_found(one, library) for one in asked.against if one != MHFD]
        for one in chosen:
            if (task := one.card.task) in ASKED_ELSEWHERE:
                raise UsageError(f"{one.card.title}: {ASKED_ELSEWHERE[task]}; it is not compared by focus")
    chosen = [one for one in chosen if champion is None or one.name != champion.name]
    if chosen or champion:
        try:
            from mhfd.learning.inference.runtime import loaded

            loaded()
        except ExtraMissing:
            if champion is not None or asked.against is not None:
                raise
            remarks.append("packages are not compared: they are run by onnxruntime, pip install 'mhfd[models]'")
            chosen = []
    for one in [*chosen, *([champion] if champion else [])]:
        verify(one.folder)  # its model is about to be run
    named: dict[str, Package] = {}
    for one in {package.name: package for package in chosen}.values():
        named[name_in(one, named)] = one
    return champion, named, remarks


def name_in(package: Package, taken: Mapping[str, Any]) -> str:
    """What people call it; with the beginning of its name where that says nothing new."""
    title = package.card.title
    if title in taken or title in LEARNERS or title in (MHFD, NO_BASELINE, "champion"):
        return f"{title} {package.name[:8]}"
    return title


def _champion(asked: Asked, library: Library) -> Package | None:
    if asked.champion is None:
        return library.champion(asked.task, asked.instrument)
    return None if asked.champion == MHFD else _found(asked.champion, library)


def _found(one: str | Package, library: Library) -> Package:
    return library.find(one) if isinstance(one, str) else one
