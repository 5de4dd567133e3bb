"""Rows from wherever they come -> a dataset in a folder, with the copies that were asked for and a split by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd.learning.dataset.copies import MadeImages, NotAnImage
from mhfd.learning.dataset.rows import MANIFEST, Dataset, DatasetRow, Side, rows_of
from mhfd.learning.dataset.simulated import SIZE, simulated
from mhfd.learning.dataset.splitting import split

RADII: Final = (1.5, 12.0)
"""Pixels by which sharp images are blurred where nothing is said."""
_SEEDS: Final = 2**31


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a dataset is made of."""

    datasets: Sequence[Dataset] = ()
    """As they are, their split too."""
    rows: Sequence[DatasetRow] = ()
    sharp: Sequence[DatasetRow] = ()
    """Rows of which a blurred copy is made each."""
    simulate: int = 0
    """Sections of the simulator."""


@dataclass(slots=True)
class Built:
    """The dataset, and what could not go into it."""

    dataset: Dataset
    left_out: list[str] = field(default_factory=list)


def build(
    of: Ingredients,
    out: Path,
    *,
    augment: bool = False,
    radii: tuple[float, float] = RADII,
    size: int = SIZE,
    seed: int = 0,
    takes: bool = False,
    masks: bool = False,
    tell: Callable[[int, int], object] = lambda done, of: None,
) -> Built:
    """Make it, and write it into `out`.

    Args:
        of: What it is made of.
        out: A folder without a dataset.
        augment: Each image mirrored, turned and cut out too.
        radii: From and to how many pixels sharp images are blurred.
        size: Pixels a side of simulated images.
        seed: Of the split and of all that is drawn.
        takes: Another take of the field lies beside each simulated image.
        masks: What its pixels show lies beside each simulated image.
        tell: Called with how many images are made, of how many.
    """
    _check(out, of.simulate, radii, size, seed)
    if (takes or masks) and not of.simulate:
        which = "--takes" if takes else "--masks"
        raise UsageError(
            f"{which}: of simulated images; give --simulate N. What lies beside your own is found by its name, as "
            "a.take.tif and a.mask.png beside a.tif, or by the columns take and mask of a table"
        )
    made = MadeImages(out, seed=seed)
    left_out: list[str] = []
    eyes = {row.path: why for row in (*of.rows, *of.sharp) if (why := _for_the_eye(row))}
    left_out += eyes.values()
    given, sharp = ([row for row in some if row.path not in eyes] for some in (of.rows, of.sharp))
    known = rows_of([*of.datasets, _loose([*given, *sharp])])
    rows = list(known)
    alone = sum(row.pair is None for row in known)
    total = len(sharp) + of.simulate + (alone + len(sharp) + of.simulate if augment else 0)
    done = 0

    def make(copies: Iterator[DatasetRow]) -> list[DatasetRow]:
        nonlocal done
        new = []
        try:
            new = list(copies)
        except NotAnImage as error:
            left_out.append(str(error))
        done += 1
        tell(done, total)
        return new

    for row in sharp:
        new = make(made.blurred(row, radii))
        if not new:
            rows = [one for one in rows if one.sha256 != row.sha256]
        rows += new
    for image in simulated(of.simulate, size=size, seed=seed, takes=takes, masks=masks):
        rows += make(made.simulated(image))
    if augment:
        # The images of a pair are alike: turned one by one they are none.
        copied = [row for row in rows if row.pair is None]
        for row in copied:
            rows += make(made.augmented(row))
    if not rows:
        raise UsageError(_nothing(left_out))
    before: dict[str, Side] = {}
    for dataset in of.datasets:  # what one of them trained on is new to none
        before |= {key: side for key, side in dataset.split.items() if before.get(key) is not Side.TRAIN}
    dataset = Dataset(tuple(rows), split(rows, seed=seed, before=before))
    dataset.write(out)
    return Built(dataset, left_out)


def _loose(rows: Sequence[DatasetRow]) -> Dataset:
    return Dataset(tuple(rows), {row.group.key: Side.TRAIN for row in rows})


def _for_the_eye(row: DatasetRow) -> str:
    """Why a picture that a package made teaches nothing; empty of an image, and of what another step looks at."""
    from mhfd import images

    try:
        how = images.made_of(row.path)
    except (images.Flaw, OSError):
        return ""
    return "" if how is None else f"{row.path}: mhfd made this picture: {how}; give the image that it was made of"


def _nothing(left_out: Sequence[str]) -> str:
    why = f": {left_out[0]}" if left_out else ""
    return f"nothing to build a dataset of{why}; confirm and reject images of a run, or name a folder or a dataset"


def _check(out: Path, count: int, radii: tuple[float, float], size: int, seed: int) -> None:
    if (out / MANIFEST).exists():
        raise UsageError(f"--out {out}: there is a dataset already; name another folder, or remove it first")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: it is no folder; name one")
    if not 0 <= count <= 100_000:
        raise UsageError(f"--simulate {count}: out of range; give 0 to 100000 sections")
    if not 0 < radii[0] <= radii[1] <= 64:
        raise UsageError(f"--radii {radii[0]:g} {radii[1]:g}: give two radii in pixels, the smaller first, up to 64")
    if not 64 <= size <= 4096:
        raise UsageError(f"--size {size}: out of range; give 64 to 4096 pixels")
    if not 0 <= seed < _SEEDS:
        raise UsageError(f"--seed {seed}: out of range; give 0 or more")
