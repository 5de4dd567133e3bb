"""Does the number follow focus, and nothing else? MHFD as published, `robust`, and the classical measures.

Runs on the simulator; with MHFD_DATA=FOLDER also on real micrographs and a real through-focus series.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from benchmarks._measures import BARE, CROSS, DENSITY, DOF, FIXED, MEASURES, NATIVE_CODE, Bench, Scores
from benchmarks._scenes import Grey, Plane, Scene, blurred, data, load, real, simulated, taken
from benchmarks._table import markdown, publish
from numpy.typing import NDArray
from scipy import ndimage

from mhfd import simulate
from mhfd.detector.paper import PaperDetector

RADII: Final = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
DOSES: Final = (1000.0, 100.0, 30.0, 10.0)
CASES: Final = ((1.0, 100.0), (1.0, 30.0), (2.0, 30.0), (2.0, 10.0))

THROUGH: Final = (
    "`dfnn_microtubules` (ZJUOPTKuangLab/DFNN, MIT): fluorescence, 16 bit, dark background with an offset and noise "
    "that grows with the signal. Pearson's r of log(score) against |z - f'|, f' fitted. A positive r is the wrong sign."
)
SERIES: Final = (
    "Sections of 512x512 pixels of 8 nm, -6 to 6 um through the simulator's optics (8 mrad), three seeds. The two "
    "sides of focus are ties: -0.992 is a perfect order."
)
LAW: Final = (
    "Mean over scenes ({sets}; 512x512) of Pearson's r of log(score) against the radius of the blur, a disc of 0 to 8 "
    "px, dose in electrons a pixel, read-out noise of 3 electrons. `steps down`: the part of all neighbouring pairs of "
    "radii in which the blurrier image scores less."
)
CURVE: Final = (
    "Area under the ROC curve, images in focus against defocused ones, each scored relative to its own scene in focus "
    "at dose 100 (a baseline). `fixed`: r = 1 at dose 100 and 30, r = 2 at 30 and 10, mean. `nuisance`: the dose of "
    "each image is drawn from 30 to 1000 and its contrast from .4 to 1; r = 1.5, 2 and 3."
)
RELATIVE: Final = (
    "The score relative to the clean image's: median over scenes, dose 300. 1 is unmoved; defocus should fall."
)
PLANTED: Final = (
    "Real micrographs as they are, blurred together with their noise, 0 to 6 px; nothing is added. A measure that "
    "gates by the noise alone can rise here, because the blur removes the noise first."
)
SCENES: Final = "Pearson's r of log(score) against the radius of the blur at dose 100, and the counts of `robust`."


def through_focus(z: NDArray[np.float64], score: Sequence[float]) -> tuple[float, float]:
    """(r, f): Pearson of log(score) against |z - f|, with the f that makes |r| largest."""
    value = np.array(score)
    if not np.isfinite(value).all() or (value <= 0).any():
        value = np.exp(value) if (value <= 0).any() else value
    best = (0.0, 0.0)
    for focus in np.arange(z.min(), z.max() + 1e-9, 0.01):
        r = pearson(np.log(value), np.abs(z - focus))
        if abs(r) > abs(best[0]):
            best = (r, float(focus))
    return best


def pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if np.count_nonzero(known) < 3 or np.ptp(a[known]) == 0:
        return np.nan
    return float(np.corrcoef(a[known], b[known])[0, 1])


def auc(sharp: NDArray[np.float64], soft: NDArray[np.float64]) -> float:
    """The chance that a sharp image scores above a blurred one; those that were not measured do not count."""
    sharp, soft = sharp[np.isfinite(sharp), None], soft[None, np.isfinite(soft)]
    return float(((sharp > soft) + 0.5 * (sharp == soft)).mean()) if sharp.size and soft.size else np.nan


def logs(values: Sequence[float]) -> NDArray[np.float64]:
    """Logarithms; of a measure that can be negative (a slope), the values themselves."""
    array = np.array(values, float)
    return array if np.nanmin(array) <= 0 else np.log(array)


class Grid:
    """Every scene at every blur and dose, and with dose and contrast at random."""

    def __init__(self, bench: Bench, scenes: Sequence[Scene]) -> None:
        self.scenes = scenes
        self.at: list[dict[tuple[float, float], Scores]] = []
        self.random: list[dict[float, list[Scores]]] = []
        for number, scene in enumerate(scenes):
            rng = np.random.default_rng(number)
            known: dict[tuple[float, float], Scores] = {}
            chance: dict[float, list[Scores]] = defaultdict(list)
            for radius in RADII:
                picture = np.clip(blurred(scene.picture, radius), 0, 1)
                for dose in DOSES:
                    known[radius, dose] = bench(taken(picture, dose, rng))
                for _ in range(2):
                    dose, contrast = np.exp(rng.uniform(np.log(30), np.log(1000))), rng.uniform(0.4, 1)
                    chance[radius].append(bench(taken(picture, dose, rng, contrast=contrast)))
            self.at.append(known)
            self.random.append(chance)

    def law(self) -> str:
        """Mean over scenes of Pearson of log(score) against blur, and the part of steps that go down."""
        rows = []
        for name in MEASURES:
            cells = []
            for dose in DOSES:
                curves = [[known[r, dose][name] for r in RADII] for known in self.at]
                cells.append(f"{np.nanmean([pearson(logs(c), np.array(RADII)) for c in curves]):+.3f}")
            down = [np.mean(np.diff([known[r, d][name] for r in RADII]) < 0) for known in self.at for d in DOSES]
            rows.append([name, *cells, f"{np.mean(down):.2f}"])
        return markdown(["", *(f"dose {d:g}" for d in DOSES), "steps down"], rows)

    def per_scene(self) -> str:
        rows = []
        for scene, known in zip(self.scenes, self.at, strict=True):
            r = [
                f"{pearson(logs([known[q, 100][n] for q in RADII]), np.array(RADII)):+.3f}" for n in (FIXED, DOF, CROSS)
            ]
            counts = [f"{known[q, 100][DOF]:.0f}" for q in (0, 2, 4, 8)]
            rows.append([scene.kind, scene.name, *r, " / ".join(counts)])
        return markdown(["set", "scene", FIXED, DOF, CROSS, "dof at blur 0 / 2 / 4 / 8 px"], rows)

    def detection(self) -> str:
        """Area under the curve, in focus against defocused; each scene judged against its own baseline."""
        rows = []
        for name in MEASURES:
            fixed = [auc(self.relative(name, 0.0, dose), self.relative(name, r, dose)) for r, dose in CASES]
            sharp = self.relative(name, 0.0)
            nuisance = [auc(sharp, self.relative(name, r)) for r in (1.5, 2.0, 3.0)]
            rows.append([name, f"{np.mean(fixed):.3f}", f"{np.mean(nuisance):.3f}", *(f"{a:.3f}" for a in nuisance)])
        return markdown(["", "fixed", "nuisance", "r = 1.5", "r = 2", "r = 3"], rows)

    def relative(self, name: str, radius: float, dose: float | None = None) -> NDArray[np.float64]:
        """The scores at one blur over each scene's own in focus; without a dose, those at random."""
        out = []
        for known, chance in zip(self.at, self.random, strict=True):
            scores = chance[radius] if dose is None else [known[radius, dose]]
            out += [s[name] / abs(known[0.0, 100.0][name]) for s in scores]
        return np.array(out)


def spoilers() -> Mapping[str, Callable[[Plane], Plane]]:
    """What happens to sections and scans that is not defocus."""
    y, x = np.mgrid[:512, :512] / 512

    def painted(mask: NDArray[np.bool_], value: float) -> Callable[[Plane], Plane]:
        return lambda s: np.where(mask[: s.shape[0], : s.shape[1]], value, s).astype(np.float32)

    rng = np.random.default_rng(1)
    specks = np.zeros((512, 512), bool)
    for row, col in rng.integers(0, 512, (12, 2)):
        specks |= (y * 512 - row) ** 2 + (x * 512 - col) ** 2 <= 16
    shifts = np.rint(np.random.default_rng(2).normal(0, 1, 512)).astype(int)
    return {
        "clean": lambda s: s,
        "defocus 2 px": lambda s: blurred(s, 2, base=0),
        "defocus 4 px": lambda s: blurred(s, 4, base=0),
        "12 bright particles": painted(specks, 3.0),
        "charging disc": painted((y - 0.3) ** 2 + (x - 0.6) ** 2 < 0.12**2, 2.5),
        "wrinkle": painted(np.abs(y - 0.5 - 0.1 * np.sin(6 * x)) < 0.02, 1.6),
        "shading .5": lambda s: (s * 0.5 + 0.5 * x).astype(np.float32),
        "contrast x .5": lambda s: (0.5 + 0.5 * (s - 0.5)).astype(np.float32),
        "60% blank resin": painted(x < 0.6, 0.85),
        "bands, 7 lines, .05": lambda s: (s + 0.05 * np.sin(y * 512 * 2 * np.pi / 7)).astype(np.float32),
        "line jitter 1 px": lambda s: np.stack([np.roll(r, k) for r, k in zip(s, shifts, strict=True)]),
        "astigmatism, sigma 3 px": lambda s: ndimage.gaussian_filter(s, (0.1, 3), mode="reflect"),
    }


def relative(bench: Bench, scenes: Sequence[Scene]) -> str:
    """Median over scenes of the score relative to the clean image's, dose 300."""
    shown = (BARE, FIXED, "MHFD, one noise level, k=5", DOF, DENSITY, CROSS, "Tenengrad", "LoG(1.5) variance")

    def scored(change: Callable[[Plane], Plane], dose: float) -> list[Scores]:
        taking = [(blurred(change(s.picture), 0), np.random.default_rng(i)) for i, s in enumerate(scenes)]
        return [bench(taken(np.clip(p, 0, 3), dose, rng)) for p, rng in taking]

    clean = scored(lambda s: s, 300)
    changes = [(name, change, 300.0) for name, change in spoilers().items()]
    changes.append(("dose / 3", lambda s: s, 100.0))
    rows = []
    for name, change, dose in changes:
        spoilt = scored(change, dose)
        ratio = [np.nanmedian([b[m] / a[m] for a, b in zip(clean, spoilt, strict=True)]) for m in shown]
        rows.append([name, *(f"{r:.2f}" for r in ratio)])
    return markdown(["", *shown], rows)


def planted(bench: Bench, pictures: Sequence[NDArray[np.generic]]) -> str:
    """Blur planted in images as they are, with their noise: the part of steps down, and the worst step."""
    radii = (0.0, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
    curves = []
    for picture in pictures:
        plane = picture.astype(np.float32)
        curves.append([bench(np.clip(blurred(plane, r, base=0) + 0.5, 0, 255).astype(np.uint8)) for r in radii])
    rows = []
    for name in MEASURES:
        steps = np.array([np.diff([s[name] for s in c]) / np.abs([s[name] for s in c[:-1]]) for c in curves])
        rows.append([name, f"{(steps < 0).mean():.3f}", f"{steps.max():+.3f}"])
    return markdown(["", "steps down", "largest step up"], rows)


def simulated_series(bench: Bench) -> str:
    """Through focus in micrometres, as the simulator's optics have it."""
    from scipy import stats  # it loads much: not for a test that is only collected

    z = np.linspace(-6, 6, 13)
    rows = {name: [name] for name in MEASURES}
    for dose in (1000.0, 100.0, 30.0):
        exposure = simulate.Exposure(dose=dose)
        r: dict[str, list[float]] = defaultdict(list)
        for seed in (11, 12, 13):
            series = simulate.focus_series((512, 512), seed=seed, defocus_um=z.tolist(), exposure=exposure)
            scores = [bench(image) for image in series]
            for name in MEASURES:
                r[name].append(stats.spearmanr(np.abs(z), [s[name] for s in scores]).statistic)
        for name in MEASURES:
            rows[name].append(f"{np.mean(r[name]):+.3f}")
    return markdown(["Spearman with defocus, either side", "dose 1000", "dose 100", "dose 30"], list(rows.values()))


def real_series(bench: Bench) -> str:
    """dfnn: 31 planes of microtubules, 0.05 um apart."""
    folder = data()
    paths = sorted((folder / "dfnn_microtubules").glob("*.tif")) if folder else []
    z = np.array([(51 - int(p.stem[-4:])) * 0.05 for p in paths])
    pictures = [load(p) for p in paths]
    scores = [bench(p) for p in pictures]
    oracle = [float(len(PaperDetector().detect(p, NATIVE_CODE))) for p in pictures]
    rows = []
    for name, values in [
        ("`paper_code`, native size (n=29, 1..30; float64)", oracle),
        *((name, [s[name] for s in scores]) for name in MEASURES),
    ]:
        r, focus = through_focus(z, values)
        rows.append([name, f"{r:+.3f}", f"{focus:+.2f}"])
    return markdown(["", "r", "f' (um)"], rows)


def pages(bench: Bench, count: int) -> Iterator[str]:
    scenes = [*simulated(count), *real()]
    sets = ", ".join(f"{sum(s.kind == k for s in scenes)} {k}" for k in dict.fromkeys(s.kind for s in scenes))
    if data() is not None:
        yield f"## A real through-focus series\n\n{THROUGH}\n\n{real_series(bench)}"
    yield f"## Simulated through-focus series\n\n{SERIES}\n\n{simulated_series(bench)}"
    grid = Grid(bench, scenes)
    yield f"## The log-linear law\n\n{LAW.format(sets=sets)}\n\n{grid.law()}"
    yield f"## In focus or not\n\n{CURVE}\n\n{grid.detection()}"
    yield f"## What is not defocus\n\n{RELATIVE}\n\n{relative(bench, scenes[:: max(1, len(scenes) // 12)])}"
    if data() is not None:
        yield f"## Blur planted in real images\n\n{PLANTED}\n\n{planted(bench, list(natives()))}"
    yield f"## Scene by scene\n\n{SCENES}\n\n{grid.per_scene()}"
    yield f"Images that `robust` would not measure (no tissue found under the noise): {bench.undetermined}."


def natives() -> Iterator[Grey]:
    """Real micrographs as they are."""
    folder = data()
    assert folder is not None
    for name in ("vnc", "fib25", "axon_sem"):
        for path in sorted((folder / name).iterdir())[::2]:
            yield load(path)[:768, :768].astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulated", type=int, default=6, metavar="N", help="simulated scenes (default: 6)")
    arguments = parser.parse_args()
    with_data = data() is not None
    body = "\n\n".join(pages(Bench(), arguments.simulated))
    publish(
        "accuracy" if with_data else "accuracy-simulated",
        "Accuracy" if with_data else "Accuracy, on the simulator alone",
        body,
        packages=("numpy", "scipy", "scikit-image"),
    )
