"""Has a package earned its place at a microscope: asked of images that nothing was taught with, and written down.

Leaks are looked for on both sides of the split; the test side alone decides. What is decided is in report.json, sealed,
and on a page beside it. Nobody becomes champion by it: that is the library's, on the ground of the report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np

from mhfd.contract.assessing import LibraryTask
from mhfd.contract.benchmarking import MOST_SAID, Benchmarked, BenchmarkEntry, ImageSaid
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.dataset.checking import refuse_leaks
from mhfd.learning.evaluation import Benchmark
from mhfd.learning.inference.distance import RINGS, rings_apart
from mhfd.learning.packages import MHFD, Library, Package, read_package, sealed, verify
from mhfd.learning.pictures.benchmark import PicturesBenchmark
from mhfd.learning.pictures.words import travelled
from mhfd.learning.promotion.asked import PREVALENCE, Asked, Gate, is_of, name_in, refuse_elsewhere
from mhfd.learning.promotion.picturing import tried_pictures
from mhfd.learning.promotion.trial import TriedBenchmark, tried
from mhfd.learning.report import render
from mhfd.whole import write_whole

REPORT: Final = "report.json"
PAGE: Final = "report.html"
MEASURE: Final = "AUC: how often a bad image is found worse than a sharp one"


def benchmark(
    dataset: Dataset,
    *,
    library: Library,
    instrument: str,
    task: LibraryTask = "focus",
    trained: Sequence[Path] = (),
    against: Sequence[str] = (),
    champion: str | Package | None,
    prevalence: float = PREVALENCE,
    miss_cost: float = 20.0,
    seed: int = 0,
    out: Path,
    cache: Path | None = None,
    gate: Gate | None = None,
    told: Callable[[int, int], object] | None = None,
    said: Callable[[str], object] | None = None,
) -> Benchmarked:
    """Compare packages with who judges at a microscope now, and decide.

    Args:
        dataset: Images with their split; those of the test side and of this microscope decide.
        library: Where the packages are, and the tests that were made for this microscope before.
        instrument: The microscope.
        task: What the packages are for.
        trained: Folders of packages that were just trained.
        against: Packages of the library.
        champion: Who judges there now, by its name in the library or as its package; None: mhfd, or what is classical.
        prevalence: The part of bad images in the run that it is for.
        miss_cost: So many false alarms a bad image costs that nobody saw.
        seed: Of the draws.
        out: A folder for report.json and report.html.
        cache: A folder for what was measured, for the next time.
        gate: What bars a package; None: the gates, asked now.
        told: Told after each image that is measured, and of how many; 0: nobody knows.
        said: Told what is being done, in words.

    Raises:
        UsageError: The sides overlap, nothing of this microscope is to be tested with, a package is not there.
        ExtraMissing: Nothing that runs packages is installed.
    """
    say = said or (lambda _words: None)
    tested = _tested(dataset, instrument, say)
    challengers = [*map(read_package, trained), *map(library.find, against)]
    _refuse_other_tasks(challengers, task)
    if task != "focus":
        pictures = tried_pictures(
            _with_settings(dataset, tested),
            task=task,
            library=library,
            packages=_named(challengers),
            champion=_champion(champion, library),
            instrument=instrument,
            seed=seed,
            said=say,
            beat=None if told is None else partial(_one_more, told, count(1)),
        )
        return travelled(pictures, instrument, write_report(pictures, out))
    asked = Asked(
        against=tuple({one.name: one for one in challengers}.values()),
        prevalence=prevalence,
        miss_cost=miss_cost,
        seed=seed,
        own_split=False,
        task=task,
        instrument=instrument,
        champion=MHFD if champion is None else champion,
        gate=gate,
    )
    found = tried(tested, asked, library=library, cache=cache, told=told, said=say)
    digest = write_report(found.benchmark, out)
    return _benchmarked(found, asked, challengers, digest)


def _tested(dataset: Dataset, instrument: str, say: Callable[[str], object]) -> Dataset:
    """What decides: the images of this microscope, on the test side. UsageError."""
    refuse_elsewhere(dataset, instrument)
    say(f"looking for leaks in {len(dataset.rows)} labels of {len(dataset.groups)} groups")
    there = all(Path(row.path).is_file() for row in dataset.on(Side.TRAIN).rows)
    test = dataset.on(Side.TEST)
    if not there:  # they were opened by nobody: their digests are compared, and the pixels of the others
        refuse_leaks(dataset, pixels=False)
    refuse_leaks(dataset if there else test)
    rows = tuple(row for row in test.rows if is_of(row, instrument))
    if not rows:
        raise UsageError(
            f"dataset: no image of {instrument} is on its test side, and nothing else decides: build it with groups of "
            f"{instrument} for the test"
        )
    return Dataset(rows, {row.group.key: Side.TEST for row in rows})


def _one_more(told: Callable[[int, int], object], numbers: Iterator[int]) -> None:
    told(next(numbers), 0)


def _with_settings(dataset: Dataset, tested: Dataset) -> Dataset:
    """The same with the training images, where they can be opened: with them classical ways choose their settings."""
    train = dataset.on(Side.TRAIN)
    there = all(Path(path).is_file() for row in train.rows for _, path in row.files)
    return Dataset((*train.rows, *tested.rows), dataset.split) if there else tested


def _named(challengers: Sequence[Package]) -> dict[str, Package]:
    """By what people call them; each was verified, as its model is about to be run."""
    named: dict[str, Package] = {}
    for one in {package.name: package for package in challengers}.values():
        verify(one.folder)
        named[name_in(one, named)] = one
    return named


def _champion(champion: str | Package | None, library: Library) -> Package | None:
    found = library.find(champion) if isinstance(champion, str) and champion != MHFD else champion
    if not isinstance(found, Package):
        return None
    verify(found.folder)
    return found


def _refuse_other_tasks(challengers: Sequence[Package], task: LibraryTask) -> None:
    for one in challengers:
        if one.card.task != task:
            raise UsageError(
                f"{one.card.title}: is a package for {one.card.task}, and this is for {task}: leave it out"
            )


def write_report(found: Benchmark | PicturesBenchmark, folder: Path) -> str:
    """report.json, sealed, and the same as a page, each whole or not at all; gives the seal."""
    document = sealed(found.model_dump(mode="json", exclude={"digest"}))
    digest = str(document["digest"])
    _written(folder / REPORT, (json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n").encode())
    page = render(found.model_copy(update={"digest": digest}))
    _written(folder / PAGE, page.encode("utf-8", "backslashreplace"))
    return digest


def _written(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}; free the disk") from error


def _benchmarked(outcome: TriedBenchmark, asked: Asked, challengers: Sequence[Package], digest: str) -> Benchmarked:
    found = outcome.benchmark
    challenger = found.challenger if found.challenger is not None else _nearest(found, challengers)
    names = {package: name for name, package in found.packages.items()}
    duels = [duel for duel in found.duels if challenger is not None and duel.challenger == names.get(challenger)]
    hardest = max(duels, key=lambda duel: (duel.p, -duel.saved), default=None)
    assert asked.instrument is not None  # noqa: S101  benchmark asks for one
    return Benchmarked(
        task=asked.task,
        instrument=asked.instrument,
        decision=found.decision,
        line=found.line,
        champion=None if found.champion == MHFD else found.champion,
        challenger=challenger,
        measure=MEASURE,
        saved=None if hardest is None else hardest.saved,
        low=None if hardest is None else hardest.range.low,
        high=None if hardest is None else hardest.range.high,
        images=found.images,
        groups=len(found.groups),
        test=None if found.challenger is None else found.test,
        entries=tuple(
            BenchmarkEntry(
                name=one.name,
                package=found.packages.get(one.name),
                score=one.auc,
                low=None if one.auc_range is None else one.auc_range.low,
                high=None if one.auc_range is None else one.auc_range.high,
                barred=one.barred,
            )
            for one in found.entries
        ),
        said=_said(outcome, asked),
        report=digest,
    )


def _nearest(found: Benchmark, challengers: Sequence[Package]) -> str | None:
    """Where nothing could be decided: the first of those that stand and that nothing bars."""
    names = {package: name for name, package in found.packages.items()}
    barred = {one.name for one in found.entries if one.barred or one.role == "champion"}
    return next((one.name for one in challengers if names.get(one.name, "") not in {*barred, ""}), None)


def _said(outcome: TriedBenchmark, asked: Asked) -> tuple[ImageSaid, ...]:
    """What each entry said of each image, where these are few."""
    rows = outcome.rows
    some = [n for n, row in enumerate(rows.rows) if row.parent is None and is_of(row, asked.instrument)]
    if len(some) > MOST_SAID:
        return ()
    return tuple(
        ImageSaid(
            sha256=rows.rows[n].sha256,
            bad=rows.rows[n].target.bad,
            scores={name: _number(scores[n]) for name, scores in outcome.scores.items()},
            far={
                package.name: _number(rings_apart(package.card, _rings(outcome, n)))
                for package in outcome.packages.values()
            },
        )
        for n in some
    )


def _rings(outcome: TriedBenchmark, row: int) -> Mapping[str, float]:
    matrix = outcome.rows.matrix
    return {name: float(matrix.values[row, matrix.names.index(name)]) for name in RINGS}


def _number(value: float | None) -> float | None:
    """With digits that mean something; None where it is none."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.6g}")
