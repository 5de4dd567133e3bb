"""Every measure of focus that the accuracy benchmark compares, of one image."""

from __future__ import annotations

from typing import Final

import numpy as np
from benchmarks.peers import PEERS
from numpy.typing import NDArray

from mhfd import images, native, scales
from mhfd.contract.params import Params
from mhfd.detector import Detector, Features
from mhfd.detector.choose import choose
from mhfd.measure import measure as report

Scores = dict[str, float]
ROBUST: Final = Params()
EVERYTHING: Final = Params(gate="none", threshold=0)
NATIVE_CODE: Final = Params.preset("paper_code").model_copy(update={"resize": None})

BARE, FIXED = "MHFD, no threshold", "MHFD, threshold .1024"
GATES: Final = {f"MHFD, one noise level, k={k}": k for k in (3, 4, 5)}
DOF, DENSITY, CROSS = "**robust: dof**", "**robust: density**", "**robust: cross-spectrum**"
MEASURES: Final = (BARE, FIXED, *GATES, DOF, DENSITY, CROSS, *PEERS)


class Bench:
    """Every measure of an image."""

    def __init__(self) -> None:
        self.detector: Detector = choose(ROBUST, device="cpu")
        self.gain = scales.noise_gain(EVERYTHING)
        self.undetermined = 0

    def __call__(self, pixels: NDArray[np.generic]) -> Scores:
        pixels = np.ascontiguousarray(pixels)
        scores = self.robust(pixels) | self.paper(pixels)
        plane = pixels.astype(np.float32)
        return scores | {name: peer(plane) for name, peer in PEERS.items()}

    def robust(self, pixels: NDArray[np.generic]) -> Scores:
        found = report.measure(images.load(pixels), self.detector, ROBUST).report
        self.undetermined += found.dof is None
        values = {DOF: found.dof, DENSITY: found.density, CROSS: found.cross_spectrum}
        return {name: np.nan if value is None else float(value) for name, value in values.items()}

    def paper(self, pixels: NDArray[np.generic]) -> Scores:
        """The published count: without a threshold, with the authors', and with one noise level for the image."""
        features = self.detector.detect(pixels, EVERYTHING)
        threshold = NATIVE_CODE.threshold * scales.step(EVERYTHING)
        scores = {BARE: float(len(features)), FIXED: float(np.count_nonzero(features.response > threshold))}
        over = self.over_noise(features, pixels)
        return scores | {name: float(np.count_nonzero(over > k)) for name, k in GATES.items()}

    def over_noise(self, features: Features, pixels: NDArray[np.generic]) -> NDArray[np.float64]:
        sigma = np.sqrt(np.percentile(native.block_stats(pixels)[1], 30))
        lo, hi = features.limits
        over: NDArray[np.float64] = features.response * (hi - lo) / (max(sigma, 1e-3) * self.gain[features.scale])
        return over
