"""Images with a known target as numbers: real micrographs with simulated acquisition, and what the simulator draws.

Of real ones the noise is removed first, the scene blurred, and taken again at a dose: so what is sharp and what is
blurred differ in nothing but blur. What is kept is used again while nothing that makes or measures images has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks._scenes import Scene, blurred, data, real, taken
from numpy.typing import NDArray

import mhfd
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.features import FAMILIES
from mhfd.learning.shipped.drawing import CONTRASTS, DOSES, Drawn
from mhfd.learning.shipped.table import DrawnTable, table_of

SHARP: Final = 4
"""Takes in focus of each scene: each has the others for a baseline."""
FOCUS_PX: Final = (0.0,) * SHARP + (1.5, 2.0, 3.0) * 2
WIDE_PX: Final = (0.0,) * SHARP + (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
_PIXEL_NM: Final = {"vnc": 9.2, "fib25": 10.0, "axon_sem": 100.0}
_BETWEEN: Final = " / "
_MAKES: Final = (
    *("contract", "detector", "images", "measure", "native", "simulate"),
    *("learning/features", "learning/dataset/simulated.py", "learning/shipped/drawing.py"),
)


def specimens(groups: Sequence[str]) -> NDArray[np.str_]:
    """Of each row, whose name is `specimen / scene` or the specimen's."""
    return np.array([group.split(_BETWEEN)[0] for group in groups])


@cache
def scenes() -> tuple[tuple[str, Scene], ...]:
    """Of the shared sets, each with its specimen: each rat is one, the other sets are one block each."""
    folder = data()
    if folder is None:
        return ()
    found = []
    for scene in real():
        specimen = scene.kind
        if scene.kind == "axon_sem":
            path = next(path for path in (folder / scene.kind).iterdir() if path.stem.endswith(scene.name))
            specimen = f"{scene.kind} {path.stem.split('_')[0]}"
        found.append((specimen, scene))
    return tuple(found)


def real_images(radii: Sequence[float]) -> Iterator[Drawn]:
    """Each scene through discs of these radii, dose and contrast at random."""
    for number, (specimen, scene) in enumerate(scenes()):
        rng = np.random.default_rng([number, 2])
        for take, radius in enumerate(radii):
            picture = np.clip(blurred(scene.picture, radius), 0, 1)
            dose = float(np.exp(rng.uniform(*np.log(DOSES))))
            pixels = taken(picture, dose, rng, contrast=float(rng.uniform(*CONTRASTS)))
            cause = ImageCause.DEFOCUS if radius else ImageCause.IN_FOCUS
            group = f"{specimen}{_BETWEEN}{scene.name}"
            yield Drawn(pixels, group, take, _PIXEL_NM[scene.kind], radius, cause)


def kept(
    folder: Path | None, name: str, images: Callable[[], Iterable[Drawn]], families: Sequence[str] = FAMILIES
) -> DrawnTable:
    """Images as numbers: made now, or as they were kept."""
    path = None if folder is None else folder / f"{name}-{_code()}.npz"
    if path is not None and path.exists():
        stored = np.load(path)
        read: dict[str, Any] = {part.name: stored[part.name] for part in fields(DrawnTable)}
        words = {name: tuple(read[name].tolist()) for name in ("families", "groups")}
        return DrawnTable(**{**read, **words})
    made = table_of(images(), families)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {part.name: np.asarray(getattr(made, part.name)) for part in fields(DrawnTable)}
        np.savez(path, **arrays)
    return made


def chosen(table: DrawnTable, rows: NDArray[Any]) -> DrawnTable:
    """Some rows of it."""
    arrays = {part.name: getattr(table, part.name) for part in fields(table)}
    picked: dict[str, Any] = {name: value[rows] for name, value in arrays.items() if isinstance(value, np.ndarray)}
    return replace(table, **picked, groups=tuple(np.array(table.groups)[rows].tolist()))


def auc(scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """The chance that a bad row scores above another; NaN where all are of one kind."""
    order = np.argsort(scores, kind="stable")
    values = scores[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat((starts + ends - 1) / 2, ends - starts)
    count = np.count_nonzero(bad)
    if not 0 < count < len(bad):
        return np.nan
    return float((ranks[bad].sum() - count * (count - 1) / 2) / (count * (len(bad) - count)))


@cache
def _code() -> str:
    """Another one whenever what makes or measures images is another."""
    home = Path(mhfd.__file__).parent
    digest = hashlib.sha256()
    ours = [Path(__file__), Path(__file__).with_name("_scenes.py")]
    places = [home / name for name in _MAKES]
    inside = [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
    theirs = [path for path in inside if path.suffix in (".py", ".c", ".h")]
    for path in [*ours, *theirs]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
