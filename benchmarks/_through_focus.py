"""Series through focus, simulated and real, and each measure of their images.

The presets of the paper are run as they are. What one would not measure is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from benchmarks._scenes import data, load
from benchmarks.peers import PEERS, Plane
from numpy.typing import NDArray
from scipy import ndimage

import mhfd
from mhfd import simulate
from mhfd.contract.params import Params
from mhfd.detector.paper import PaperDetector

Values = NDArray[np.float64]
Pixels = NDArray[Any]

TEXT, CODE, CODE_RESIZED = "`paper_text`", "`paper_code`, own size", "`paper_code`"
DOF, DENSITY, CROSS = "`robust`: dof", "`robust`: density", "`robust`: cross_spectrum"
GATED: Final = "Tenengrad above noise"
NAMES: Final = (TEXT, CODE, DOF, DENSITY, CROSS, *PEERS, GATED)
SIDE: Final = 384
"""Of a simulated image, pixels."""
GRAIN_PX: Final = 0.8
"""Of coloured noise along the scan line: standard deviation of what it is filtered with."""
STEP_UM: Final = 0.05
"""Between two planes of the real series."""
_FOCUS_ORDER = 51  # of the plane that the data set calls in focus


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """Images at known places along the axis."""

    z: Values
    images: list[Pixels]


def tenengrad_above_noise(image: Plane) -> float:
    """Tenengrad of the pixels alone whose gradient stands out of the noise, as its authors' threshold meant it.

    White noise of variance s makes a mean squared Sobel gradient of 24 s. Counted is what exceeds nine times that.
    """
    diagonal = (image[:-1, :-1] - image[:-1, 1:] - image[1:, :-1] + image[1:, 1:]) / 2
    noise = (np.median(np.abs(diagonal)) / 0.6745) ** 2
    gradient = ndimage.sobel(image, 0) ** 2 + ndimage.sobel(image, 1) ** 2
    return float(np.where(gradient > 9 * 24 * noise, gradient, 0).mean())


def measured(through: Through, *, paper: bool = True, resized: bool = False) -> dict[str, Values]:
    """Every measure of every image, by name; `resized`: also `paper_code` with its resize to 1024x1024.

    Without `paper` the oracle, which is nearly all of the cost, is left out.
    """
    presets = {TEXT: Params.preset("paper_text"), CODE: Params.preset("paper_code").model_copy(update={"resize": None})}
    if not paper:
        presets = {}
    if resized:
        presets[CODE_RESIZED] = Params.preset("paper_code")
    oracle = PaperDetector()
    rows: dict[str, list[float]] = {}
    for pixels in through.images:
        for name, params in presets.items():
            rows.setdefault(name, []).append(float(len(oracle.detect(pixels, params))))
        report = mhfd.score(pixels, device="cpu")
        for name, value in ((DOF, report.dof), (DENSITY, report.density), (CROSS, report.cross_spectrum)):
            rows.setdefault(name, []).append(np.nan if value is None else float(value))
        plane = pixels.astype(np.float32)
        peers: Mapping[str, Callable[[Plane], float]] = {**PEERS, GATED: tenengrad_above_noise}
        for name, peer in peers.items():
            rows.setdefault(name, []).append(peer(plane))
    return {name: np.array(values) for name, values in rows.items()}


def logarithm(name: str, values: Values) -> Values:
    """Of a measure; NaN where there is none. The slope of a spectrum is one already."""
    if name == "FFT slope":
        return values
    return np.log(np.where(values > 0, values, np.nan))


def simulated(seed: int, z: Values, *, dose: float | None, coloured: bool = False, side: int = SIDE) -> Through:
    """One field at each defocus (um; one is a disc of radius 1 px). Without a dose it and the contrast are drawn."""
    grain = (0.0, GRAIN_PX if coloured else 0.0)
    if dose is not None:
        exposure = simulate.Exposure(dose=dose, noise_px=grain)
        return Through(
            z, list(simulate.focus_series((side, side), seed=seed, defocus_um=z.tolist(), exposure=exposure))
        )
    rng = np.random.default_rng(seed)
    images: list[Pixels] = []
    for place in z.tolist():
        exposure = simulate.Exposure(
            dose=float(np.exp(rng.uniform(np.log(30), np.log(1000)))),
            contrast=float(rng.uniform(0.5, 1)),
            noise_px=grain,
        )
        images += simulate.focus_series((side, side), seed=seed, defocus_um=[place], exposure=exposure)
    return Through(z, images)


def microtubules() -> Through | None:
    """The real series, where MHFD_DATA names a folder that has it."""
    folder = data()
    paths = sorted((folder / "dfnn_microtubules").glob("*.tif")) if folder else []
    if not paths:
        return None
    z = np.array([(_FOCUS_ORDER - int(path.stem[-4:])) * STEP_UM for path in paths])
    return Through(z, [load(path) for path in paths])


def thinned(through: Through, factor: int, seed: int = 0) -> Through:
    """As if only each `factor`-th photon had come: each is kept by chance, and the brightness made up for.

    How much a photon is, and where the detector's zero lies, is read from the images' own noise.
    """
    models = [report.noise for report in (mhfd.score(p, device="cpu") for p in through.images) if report.noise]
    gain = float(np.median([model.gain for model in models]))
    zero = -float(np.median([model.read_var for model in models])) / gain
    rng = np.random.default_rng(seed)
    images: list[Pixels] = []
    for pixels in through.images:
        photons = np.rint(np.maximum(pixels.astype(np.float64) - zero, 0) / gain).astype(np.int64)
        kept = rng.binomial(photons, 1 / factor)
        images.append(np.clip(np.rint(zero + kept * (gain * factor)), 0, 65535).astype(np.uint16))
    return Through(through.z, images)


def parts(through: Through, side: int) -> Iterator[tuple[str, Through]]:
    """The series cut into squares, by the place of each square's upper left pixel."""
    rows, cols = through.images[0].shape
    for y in range(0, rows - side + 1, side):
        for x in range(0, cols - side + 1, side):
            cut = [np.ascontiguousarray(p[y : y + side, x : x + side]) for p in through.images]
            yield f"{y}, {x}", Through(through.z, cut)
