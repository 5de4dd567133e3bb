"""One seam: `Detector.detect(pixels, params) -> Features`.

Behind it stand the oracle (`paper`), the exact streaming fallback (`dct`), the compiled kernel (`cpu`), the GPU kernel
(`gpu`) and the published algorithm through FFTs, on a GPU too (`stream`). A backend stretches the histogram, builds the
scale space, takes the maximum over scale and returns the 3x3 local maxima. It judges nothing: noise, tissue and density
are `mhfd.measure`'s. A `CountingDetector` is told what counts and says how many there are, without a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mhfd.rows import Pixels, Rows
from mhfd.survey import Survey

if TYPE_CHECKING:
    from mhfd.contract.params import Params

__all__ = ["ON_GPU", "Counted", "CountingDetector", "CountingRule", "Detector", "Features"]

ON_GPU: Final = frozenset({"gpu", "gpu-fft"})
"""The names of the backends that compute on a GPU."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The local maxima of one image, ordered by row, then column."""

    y: NDArray[np.int32]
    x: NDArray[np.int32]
    scale: NDArray[np.uint8]  # index into the ladder
    response: NDArray[np.float32]  # of the stretched image
    limits: tuple[float, float]  # grey values that the stretch made 0 and 1
    shape: tuple[int, int]  # of the array that positions refer to

    def __len__(self) -> int:
        return len(self.y)


class Detector(Protocol):
    """What a backend is."""

    name: str  # "paper", "dct", "cpu", "gpu", "gpu-fft", "fft"
    device: str  # "AMD EPYC 7763, 2 threads, x86-64-v3", "NVIDIA H200"
    threads: int

    def supports(self, params: Params) -> bool:
        """Whether this backend computes these parameters exactly (border, truncation, resize)."""
        ...

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """The maxima of `pixels` whose response exceeds `scales.floors`.

        `sigma_floor` is a noise level in grey values that is known to be exceeded nowhere below: with gate `noise`,
        maxima that could not pass anywhere are left out. It never removes a maximum that the gate would keep.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CountingRule:
    """What a maximum must exceed to count where the gate is `noise`. Numbers of blocks of 16x16 pixels are maps."""

    need: NDArray[np.float32]  # of each scale: how many times what noise of one grey value does there
    least: np.float32  # grey values that a response must exceed whatever the noise
    sigma: NDArray[np.float32]  # noise of each block
    mask: NDArray[np.bool_]  # blocks in which anything counts
    read_var: np.float32
    gain: np.float32  # the noise's variance at grey value v is read_var + gain * v


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """How many maxima of an image count."""

    by_scale: NDArray[np.int64]
    by_block: NDArray[np.int32]


@runtime_checkable
class CountingDetector(Detector, Protocol):
    """A backend that also looks at images and counts in them by itself: no list of maxima leaves it.

    What it sees and counts is, bit for bit, what `survey.survey` sees and `measure.gate` counts of its own maxima.
    """

    def survey(self, rows: Rows, params: Params) -> Survey:
        """The first look at an image. What of it stays on the device serves `count`, should it be asked next."""
        ...

    def count(self, rows: Rows, params: Params, rule: CountingRule | None, *, sigma_floor: float = 0.0) -> Counted:
        """The maxima that count; without a rule all that exceed the floors do."""
        ...
