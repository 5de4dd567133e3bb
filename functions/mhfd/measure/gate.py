"""Which of the detector's maxima count.

Gate `noise`: the response must exceed what the noise does there and a part of the tissue's own contrast, and lie in
tissue. Noise is taken at the brightness of the block and of the maximum itself: a bright speck on dark ground carries
the noise of the bright. The other gates are the paper's: everything that the detector returns counts.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mhfd import scales
from mhfd.contract.params import Params
from mhfd.detector import CountingRule, Features
from mhfd.detector.bands import Band
from mhfd.measure.noise import BLOCK, NoiseMap
from mhfd.measure.tissue import Tissue
from mhfd.native import BlockStats

_REACH = 2  # pixels around a maximum over which its brightness is taken: 5x5


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """What a maximum of one image must exceed to count."""

    params: Params
    stats: BlockStats
    noise: NoiseMap
    tissue: Tissue

    @property
    def rule(self) -> CountingRule | None:
        """The numbers that it needs; None where everything counts. A `CountingDetector` works by them too."""
        params, model = self.params, self.noise.model
        if params.gate != "noise":
            return None
        return CountingRule(
            need=(params.threshold * scales.noise_gain(params)).astype(np.float32),
            least=np.float32(params.contrast * self.tissue.contrast * scales.step(params)),
            sigma=self.noise.sigma,
            mask=self.tissue.mask,
            read_var=np.float32(model.read_var),
            gain=np.float32(model.gain),
        )

    def counted(self, band: Band) -> Features:
        """The features of a band that count, in the same order. detector/kernels.cu does the same, bit for bit."""
        features, rule = band.features, self.rule
        if rule is None or not len(features):
            return features
        lo, hi = features.limits
        response = features.response * np.float32(hi - lo)  # grey values
        block = block_of(features, features.shape, rule.mask.shape)
        need = rule.need[features.scale]
        keep = rule.mask.ravel()[block]
        keep &= response > np.maximum(need * rule.sigma.ravel()[block], rule.least)
        # Brightness matters to the few that the noisiest pixel of their block could still rule out.
        extreme = (self.stats.maximum if rule.gain > 0 else self.stats.minimum).ravel()[block]
        noisiest = np.maximum(rule.read_var + rule.gain * extreme, 0)
        open_ = np.flatnonzero(keep & (response <= need * np.sqrt(noisiest)))
        variance = np.maximum(rule.read_var + rule.gain * _brightness(features, open_, band), 0)
        keep[open_] = response[open_] > need[open_] * np.sqrt(variance)
        return replace(
            features,
            y=features.y[keep],
            x=features.x[keep],
            scale=features.scale[keep],
            response=features.response[keep],
        )


def block_of(features: Features, shape: tuple[int, ...], blocks: tuple[int, ...]) -> NDArray[np.intp]:
    """The flat index of the block that each feature lies in. Features may be of a resized image."""
    y = _scaled(features.y, shape[0], features.shape[0]) // BLOCK
    x = _scaled(features.x, shape[1], features.shape[1]) // BLOCK
    index: NDArray[np.intp] = np.minimum(y, blocks[0] - 1) * blocks[1] + np.minimum(x, blocks[1] - 1)
    return index


def _scaled(position: NDArray[np.int32], size: int, of: int) -> NDArray[np.intp]:
    wide = position.astype(np.intp)
    return wide if size == of else (2 * wide + 1) * size // (2 * of)


def _brightness(features: Features, kept: NDArray[np.intp], band: Band) -> NDArray[np.float32]:
    """The mean grey value around maxima. Positions are of the image itself when the gate is `noise`."""
    rows, cols = features.shape
    y = np.clip(features.y[kept], _REACH, max(_REACH, rows - 1 - _REACH)) - band.first
    x = np.clip(features.x[kept], _REACH, max(_REACH, cols - 1 - _REACH))
    flat = band.pixels.reshape(-1)
    at = y.astype(np.intp) * cols + x
    total = np.zeros(len(kept), np.float32)
    for down in range(-_REACH, _REACH + 1):
        for right in range(-_REACH, _REACH + 1):
            total += flat[at + (down * cols + right)]
    return total / np.float32((2 * _REACH + 1) ** 2)
