"""Packages that make pictures beside classical ways: less noise at three doses, and what pixels show.

Trains both networks on simulated takes and masks, and compares them by `tried_pictures` on specimens that nothing was
taught with or chosen on. What pixels show comes first, being quick. Some 10 minutes of a processor; `--keep DIR` goes
on where it was ended, and takes for measured what lies there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks._table import markdown, publish

from mhfd.contract.training import NetLesson, TrainingPlan, WorkerLayout
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.dataset.besides import MASK_CLASSES
from mhfd.learning.dataset.building import Ingredients, build
from mhfd.learning.dataset.copies import MadeImages
from mhfd.learning.dataset.rows import MANIFEST
from mhfd.learning.dataset.simulated import drawn
from mhfd.learning.packages import Library, Package
from mhfd.learning.pictures import PictureTask
from mhfd.learning.pictures.benchmark import PicturesBenchmark, PicturesEntry
from mhfd.learning.pictures.scoring import CORRELATION, PSNR
from mhfd.learning.promotion.picturing import tried_pictures
from mhfd.learning.training.making import train_net

SIZE: Final = 256
TAUGHT: Final[dict[NetLesson, int]] = {"denoise": 160, "segment": 160}
"""Images that are learned from, ten of a specimen; a fifth of the specimens validate."""
DOSES: Final = (40.0, 100.0, 300.0)
CHOOSING, ASKED = range(700, 706), range(800, 812)
"""Specimens with which the classical ways' settings are chosen, and those that decide."""
EACH: Final = 2
EPOCHS: Final[dict[NetLesson, int]] = {"denoise": 12, "segment": 16}
BATCH: Final[dict[NetLesson, int]] = {"denoise": 16, "segment": 8}
INTRODUCTION: Final = (
    "Simulated sections, {size}x{size} pixels of 8 nm. The networks learned from every kind of good and "
    "bad image, doses of 40 to 600 electrons a pixel, of other specimens than those here. "
    "Settings of the classical ways were chosen on {choosing} other specimens **of the same dose**, so each dose has "
    "its own Gaussian; the network is one for all. {asked} specimens decide, {each} images in focus each; intervals "
    "(95%) are over specimens, paired."
)


def simulated(folder: Path, *, dose: float | None = None, mask: bool = False) -> Dataset:
    """Images to be asked about: in focus at one dose with another take, or of any kind with masks."""
    if (folder / MANIFEST).is_file():
        return Dataset.read(folder)
    made, rows, split = MadeImages(folder), list[DatasetRow](), dict[str, Side]()
    causes = tuple(ImageCause)
    for specimen in (*CHOOSING, *ASKED):
        rng = np.random.default_rng([specimen, 7])
        contrast, density = float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.7, 1.3))
        for section in range(EACH if dose else 2 * EACH):
            cause = ImageCause.IN_FOCUS if dose else causes[int(rng.integers(len(causes)))]
            image = drawn(
                cause,
                specimen=specimen,
                section=section,
                size=SIZE,
                rng=rng,
                dose=dose or float(np.exp(rng.uniform(np.log(40), np.log(600)))),
                contrast=contrast,
                density=density,
                take=not mask,
                mask=mask,
            )
            for row in made.simulated(image):
                rows.append(row)
                split[row.group.key] = Side.TRAIN if specimen in CHOOSING else Side.TEST
    dataset = Dataset(tuple(rows), split)
    dataset.write(folder)
    return dataset


def taught(keep: Path, lesson: NetLesson) -> tuple[Package, str]:
    """The package of a network, trained here, and what its training took in words."""
    folder = keep / f"{lesson}-data"
    if not (folder / MANIFEST).is_file():
        mask = lesson == "segment"
        build(Ingredients(simulate=TAUGHT[lesson]), folder, size=SIZE, seed=3, takes=not mask, masks=mask)
    dataset = Dataset.read(folder)
    dataset = Dataset(dataset.rows, dict.fromkeys(dataset.split, Side.TRAIN))
    dataset.write(keep / f"{lesson}-all")
    learner = "residual" if lesson == "denoise" else "regions"
    plan = TrainingPlan(lesson=lesson, learner=learner, epochs=EPOCHS[lesson], batch=BATCH[lesson], seed=1)
    made = train_net(
        keep / f"{lesson}-all",
        plan,
        out=keep / "packages",
        home=keep / "trainings",
        layout=WorkerLayout(workers=2, threads=1, device="cpu"),
        said=lambda words: print(words, file=sys.stderr, flush=True),
    )
    minutes = made.seconds["teach"] / 60
    images = f"{TAUGHT[lesson]} images of {TAUGHT[lesson] // 10} specimens"
    return (
        made.package,
        f"{learner}: {images}, {plan.epochs} epochs, {minutes:.1f} minutes by two workers of one thread",
    )


def table(found: PicturesBenchmark, more: tuple[str, ...]) -> str:
    """Entries with their scores, and what the network gains over each."""
    gained = {duel.against: duel for duel in found.duels}

    def row(one: PicturesEntry) -> list[object]:
        duel = gained.get(one.name)
        against = "" if duel is None else f"{duel.gained:+.3f} [{duel.range.low:+.3f}, {duel.range.high:+.3f}]"
        beside = [_short(one.more.get(name)) for name in more]
        return [one.name, _short(one.score), f"{_short(one.low)} to {_short(one.high)}", *beside, against]

    return (
        markdown(("", "score", "95%", *more, "the network's is higher by"), [row(one) for one in found.entries])
        + f"\n\n{found.line}"
    )


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 3 else f"{value:.2f}"


def measured(keep: Path, name: str, task: PictureTask) -> tuple[PicturesBenchmark, str]:
    """A network against what is classical, and what its training took; or as it was measured before."""
    found, took = keep / f"found-{name}.json", keep / f"took-{task}.txt"
    if not found.is_file():
        network, words = taught(keep, task)
        took.write_text(words, "utf-8")
        dose = None if task == "segment" else float(name)
        data = simulated(keep / f"data-{name}", dose=dose, mask=task == "segment")
        library = Library(keep / f"library-{name}")
        made = tried_pictures(data, task=task, library=library, packages={"network": network})
        found.write_text(made.model_dump_json(), "utf-8")
    return PicturesBenchmark.model_validate_json(found.read_bytes()), took.read_text("utf-8")


def body(keep: Path) -> Iterator[str]:
    """The page, part by part."""
    yield INTRODUCTION.format(size=SIZE, choosing=len(CHOOSING), asked=len(ASKED), each=EACH)
    found, took = measured(keep, "masks", "segment")
    names = tuple(f"overlap of {name}" for name in MASK_CLASSES)
    yield f"## What pixels show\n\n{took}; of any kind of image, {2 * EACH} of a specimen. Score: {found.measure}."
    yield table(found, names)
    for number, dose in enumerate(DOSES):
        found, took = measured(keep, f"{dose:g}", "denoise")
        if not number:
            yield f"## Less noise\n\n{took}. Higher is better in every column. Score: {found.measure}."
        yield f"### Dose {dose:g}\n\n{table(found, (PSNR, CORRELATION))}"


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="where data and trainings are kept, to go on from")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        keep = given.keep or Path(made)
        keep.mkdir(parents=True, exist_ok=True)
        parts = list(body(keep))
    publish(
        "pictures", "Pictures", "\n\n".join(parts), packages=("numpy", "scipy", "scikit-image", "onnxruntime", "torch")
    )


if __name__ == "__main__":
    main()
