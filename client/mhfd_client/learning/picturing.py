"""`mhfd evaluate --task denoise|segment` and `mhfd_client.evaluate_pictures`: packages that make pictures, compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import UsageError
from mhfd_client.learning import datasets, evaluating
from mhfd_client.settings.load import load
from mhfd_client.settings.places import models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Package
    from mhfd.learning.pictures.benchmark import PicturesBenchmark
    from mhfd.learning.pictures.classical import PictureTask


@brief
def evaluate_pictures(
    labels: Dataset | str | os.PathLike[str],
    task: str,
    *,
    against: Sequence[str] | None = None,
    instrument: str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    config: Path | None = None,
    said: Callable[[str], object] | None = None,
) -> PicturesBenchmark:
    """Compare packages that make pictures with classical ways on test groups, and decide.

    Args:
        labels: A dataset or its folder, or a table, with another take or a mask beside each image.
        task: denoise or segment.
        against: Packages by folder, name or title; nothing: all of the library for this task.
        instrument: The microscope that it is for: its images decide, against its champion. None: all images.
        out: A folder for report.json, and report.html for people.
        seed: Of the draws.
        config: A settings file; nothing for the user's.
        said: Told what is being done, in words.
    """
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import MHFD, Library, verify
    from mhfd.learning.promotion.asked import name_in
    from mhfd.learning.promotion.picturing import tried_pictures

    if task not in ("denoise", "segment"):
        raise UsageError(f"task: {task!r} makes no pictures; give denoise or segment")
    made: PictureTask = "denoise" if task == "denoise" else "segment"
    folder = None if out is None else Path(out)
    if folder is not None:
        evaluating.writable(folder)
    library = Library(models_home(load(config).settings))
    champion = library.champion(made, instrument)
    if against is None:
        chosen = [one.package for one in library.list() if one.package is not None and one.package.card.task == made]
    else:
        chosen = [library.find(word) for word in against if word != MHFD]
    chosen = [one for one in chosen if champion is None or one.name != champion.name]
    named: dict[str, Package] = {}
    for one in {package.name: package for package in chosen}.values():
        verify(one.folder)  # its model is about to be run
        named[name_in(one, named)] = one
    found = tried_pictures(
        labels if isinstance(labels, Dataset) else datasets.read(Path(labels)),
        task=made,
        library=library,
        packages=named,
        champion=champion,
        instrument=instrument,
        seed=seed,
        said=said,
    )
    if folder is not None:
        evaluating.write_report(found, folder)
    return found
