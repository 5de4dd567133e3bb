"""`mhfd evaluate` and `mhfd_client.evaluate`: where packages and what was measured are kept, and what is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.errors import UsageError
from mhfd_client.learning import datasets
from mhfd_client.settings.load import load
from mhfd_client.settings.places import cache_dir, models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.evaluation import Benchmark
    from mhfd.learning.pictures.benchmark import PicturesBenchmark

REPORT: Final = "report.json"


@brief
def evaluate(
    labels: Dataset | str | os.PathLike[str],
    *,
    against: Sequence[str] | None = None,
    learner: Sequence[str] | None = None,
    prevalence: float | None = None,
    out: str | os.PathLike[str] | None = None,
    instrument: str | None = None,
    seed: int = 0,
    config: Path | None = None,
    told: Callable[[int, int], object] | None = None,
    said: Callable[[str], object] | None = None,
) -> Benchmark:
    """Compare mhfd with learned packages and learners on labelled images; the answer is usually 'kept: mhfd'.

    Args:
        labels: A dataset, its folder, or a table with the columns path, label and group.
        against: Packages by folder, name or title, and mhfd; nothing: the champion, what ships, and all learners.
        learner: Ways to learn that are compared, each asked about specimens that it has not seen.
        prevalence: The part of bad images in the run that this is for; nothing: the setting, 3% as it comes.
        out: A folder for report.json, and report.html for people.
        instrument: The microscope that it is for: its images decide, against its champion, in its own life of tests.
        seed: Of folds and draws.
        config: A settings file; nothing for the user's.
        told: Told how many images are measured, and of how many.
        said: Told what is being done, in words.
    """
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library
    from mhfd.learning.promotion.asked import Asked
    from mhfd.learning.promotion.trial import evaluate as tried

    settings = load(config).settings
    folder = None if out is None else Path(out)
    if folder is not None:
        writable(folder)
    found = tried(
        labels if isinstance(labels, Dataset) else datasets.read(Path(labels)),
        Asked(
            against=None if against is None else tuple(against),
            learners=None if learner is None else tuple(learner),
            prevalence=settings.models.prevalence if prevalence is None else prevalence,
            miss_cost=settings.models.miss_cost,
            seed=seed,
            own_split=isinstance(labels, Dataset) or Path(labels).is_dir(),
            instrument=instrument,
        ),
        library=Library(models_home(settings)),
        cache=cache_dir() / "features",
        told=told,
        said=said,
    )
    if folder is not None:
        write_report(found, folder)
    return found


def writable(folder: Path) -> None:
    """Whether a report can be written there, before an hour is spent on measuring. UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{REPORT}.part"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--out {folder}: cannot be written: {error.strerror or error}; name another folder") from None


def document_of(found: Benchmark | PicturesBenchmark) -> dict[str, Any]:
    """What report.json has, sealed."""
    from mhfd.learning.packages import sealed

    return sealed(found.model_dump(mode="json", exclude={"digest"}))


def write_report(found: Benchmark | PicturesBenchmark, folder: Path) -> Path:
    """report.json, and the same as a page; each whole or not at all."""
    from mhfd.learning.benchmarking import write_report as written

    written(found, folder)
    return folder / REPORT
