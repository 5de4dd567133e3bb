"""This user's library about the first images of a microscope: where it lies, what was measured, and all in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd_client.settings.places import cache_dir, models_home

if TYPE_CHECKING:
    from mhfd.contract.assessing import AssessedPackage, Assessment, LibraryTask
    from mhfd_client.settings.options import Settings


def assess_here(
    dataset: Path,
    *,
    instrument: str,
    settings: Settings,
    task: LibraryTask = "focus",
    learner: str | None = None,
    train_at_most: int = 1,
    seed: int = 0,
    told: Callable[[int, int, str], object] | None = None,
) -> Assessment:
    """Ask every package of `models.home`, but not those that ship with mhfd, about a dataset's training images.

    Args:
        dataset: Its folder.
        instrument: The microscope.
        settings: Where the library is.
        task: What the packages are for.
        learner: Only such a network is to be trained further; nothing: any network.
        train_at_most: So many packages.
        seed: Of the draws for intervals.
        told: Told after each package how many were asked, of how many, and its title.
    """
    from mhfd.learning.assessing import assess
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library

    library = Library(models_home(settings))
    return assess(
        Dataset.read(dataset),
        [one for one in library.list() if not one.shipped],
        instrument=instrument,
        task=task,
        champion=library.champion(task, instrument),
        learner=learner,
        train_at_most=train_at_most,
        seed=seed,
        cache=cache_dir() / "features",
        told=told,
    )


def lines(found: Assessment) -> Iterator[str]:
    """A table, the best first, and what is to become of it."""
    bar = "unknown" if found.bar_score is None else f"{found.bar_score:.3f}"
    yield f"{found.images} images of {found.instrument}, {found.groups} specimens; {found.bar}: {bar}"
    yield f"score: {found.measure}"
    for one in found.packages:
        yield _line(one)
    yield found.words


def _line(one: AssessedPackage) -> str:
    learned = f" (learned from {', '.join(one.instruments)})" if one.instruments else ""
    score = "" if one.score is None else f" {one.score:.3f}"
    if one.low is not None and one.high is not None:
        score += f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.rank or '-':>2} {one.title}{learned}{score}: {one.reason}"
