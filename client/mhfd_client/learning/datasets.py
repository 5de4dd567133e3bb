"""`mhfd dataset` and `mhfd_client.dataset`: states, datasets, tables and folders -> one dataset, built or read.

What each given path is, is seen from what lies there. The state folder and the images are only read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, SourceGroup
from mhfd.learning.dataset.building import RADII, Built, Ingredients, build
from mhfd.learning.dataset.folders import images_in, rows_in
from mhfd.learning.dataset.gathering import gathered
from mhfd.learning.dataset.labels_csv import read_labels
from mhfd.learning.dataset.rows import MANIFEST, DatasetRow
from mhfd.learning.dataset.simulated import SIZE
from mhfd_client import naming
from mhfd_client.errors import StationError
from mhfd_client.journal.view import FILE
from mhfd_client.learning.run_labels import labels_of
from mhfd_client.settings import places
from mhfd_client.settings.load import load
from mhfd_client.settings.options import NamesSettings
from mhfd_client.surface import brief

Given = str | os.PathLike[str]


@brief
def dataset(
    *sources: Given,
    out: Given | None = None,
    sharp: bool = False,
    augment: bool = False,
    simulate: int = 0,
    group: str | None = None,
    radii: tuple[float, float] = RADII,
    size: int = SIZE,
    seed: int = 0,
    takes: bool = False,
    masks: bool = False,
    copy: bool = False,
) -> Dataset:
    """A dataset: read, or built as `mhfd dataset build` does.

    Args:
        sources: State folders, datasets, tables `path,label,group` and folders of images.
        out: Where it is built; without it, one dataset or table is read.
        sharp: The images of folders are all in focus; a blurred copy of each is made.
        augment: Each image mirrored, turned and cut out too.
        simulate: So many simulated sections too.
        group: instrument/specimen/session of the runs and folders, where you know better than their names.
        radii: From and to how many pixels sharp images are blurred.
        size: Pixels a side of simulated images.
        seed: Of the split and of all that is drawn.
        takes: Another take of its field lies beside each simulated section.
        masks: What its pixels show lies beside each simulated section.
        copy: The images are copied into `out`, which can travel then.
    """
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            raise UsageError(f"sources: expected paths, one after the other, got {source!r}")
    if out is None:
        if len(sources) != 1 or sharp or augment or simulate or group or takes or masks or copy:
            raise UsageError("out: say where the dataset is to be built; only one dataset or table is read without it")
        return read(Path(sources[0]))
    return built(
        sources,
        Path(out),
        sharp=sharp,
        augment=augment,
        simulate=simulate,
        group=group,
        radii=radii,
        size=size,
        seed=seed,
        takes=takes,
        masks=masks,
        copy=copy,
    ).dataset


def read(path: Path) -> Dataset:
    """A dataset that was built, or a table `path,label,group`."""
    if path.is_dir():
        return Dataset.read(path)
    return read_labels(path)


def built(
    sources: Sequence[Given],
    out: Path,
    *,
    sharp: bool = False,
    augment: bool = False,
    simulate: int = 0,
    group: str | None = None,
    radii: tuple[float, float] = RADII,
    size: int = SIZE,
    seed: int = 0,
    takes: bool = False,
    masks: bool = False,
    copy: bool = False,
    instrument: str | None = None,
    tell: Callable[[int, int], object] = lambda done, of: None,
) -> Built:
    """As `dataset`, with what was left out.

    `instrument`: the microscope of the runs, where you know it better than their images. `tell` is called with how many
    images are made, of how many.
    """
    own = None if group is None else _group(group)
    datasets: list[Dataset] = []
    rows: list[DatasetRow] = []
    all_sharp: list[DatasetRow] = []
    left_out: list[str] = []
    for source in sources:
        path = Path(source)
        if path.is_file() and path.suffix.lower() == ".csv":
            rows += read_labels(path, seed=seed).rows
        elif (path / MANIFEST).is_file():
            datasets.append(Dataset.read(path))
        elif (state := state_of(path, sharp=sharp)) is not None:
            labels = labels_of(state, group=own, instrument=instrument)
            rows += labels.rows
            left_out += labels.left_out
        elif path.is_dir():
            found = list(rows_in(path, sharp=sharp, group=own, but=out, section_of=_sections(path, out)))
            (all_sharp if sharp else rows).extend(found)
        else:
            raise UsageError(
                f"{path}: there is no such folder or table; name a state folder, a dataset, a folder of images or a "
                "table `path,label,group`"
            )
    of = Ingredients(datasets=datasets, rows=rows, sharp=all_sharp, simulate=simulate)
    if not (datasets or rows or all_sharp or simulate) and left_out:
        raise UsageError(f"none of the labelled images can be used: {left_out[0]}")
    made = build(of, out, augment=augment, radii=radii, size=size, seed=seed, takes=takes, masks=masks, tell=tell)
    dataset = made.dataset
    if copy:
        dataset = gathered(dataset, out, tell=tell)
        dataset.write(out)
    return Built(dataset, [*left_out, *made.left_out])


def _group(text: str) -> SourceGroup:
    try:
        return SourceGroup.of(text)
    except ValueError:
        raise UsageError(f"group: {text!r} says nothing; write instrument/specimen/session, or the specimen") from None


def state_of(path: Path, *, sharp: bool = False) -> Path | None:
    """The state folder that a path is, or that belongs to it as a watched folder; None: it is no run's.

    `sharp`: of a watched folder the images are meant, and not what was said of them.
    """
    if (path / FILE).is_file():
        return path
    if sharp or not path.is_dir():
        return None
    try:
        state = places.state_dir(path, settings=load().settings)
    except StationError:
        return None
    return state if (state / FILE).is_file() else None


def _sections(folder: Path, out: Path) -> Callable[[str], int | None]:
    """The section of each image, by the way its folder's images are named."""
    paths: Iterable[str] = (path.relative_to(folder).as_posix() for path in images_in(folder, but=out))
    detected = naming.choose(NamesSettings(), list(paths))
    return lambda path: detected.naming.place(path).section
