"""The published algorithm on a GPU: `make gpu-check` runs this on a machine that has one.

Imports nothing but NumPy, SciPy, CuPy, pytest and this package's detector, so that a bare machine can run it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from mhfd.contract.params import PRESETS, Params
from mhfd.detector.paper import PaperDetector
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import OnGpu

pytestmark = pytest.mark.gpu

CASES = {
    "paper_text": PRESETS["paper_text"],
    "paper_code": Params(**{**vars(PRESETS["paper_code"]), "resize": (300, 257)}),
    "reflect": Params(n=16, gate="none", threshold=0),
    "cut off": Params(n=8, max_t=12, truncate=3, gate="absolute", threshold=0.05),
}


@cache
def arrays() -> OnGpu:
    return OnGpu()


def image(dtype: str) -> Any:
    noise = np.random.default_rng(0).normal(size=(331, 402))
    smooth = np.fft.irfft2(np.fft.rfft2(noise) / (1 + 300 * np.abs(np.fft.fftfreq(331))[:, None]), s=noise.shape)
    return (30000 * (smooth - smooth.min()) / np.ptp(smooth) / (200 if dtype == "uint8" else 1)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fft_bytes", [1, 20_000_000, 1 << 31])
def test_finds_what_the_oracle_finds(case: str, dtype: str, fft_bytes: int) -> None:
    pixels, params = image(dtype), CASES[case]
    found = StreamDetector(arrays(), fft_bytes=fft_bytes).detect(pixels, params)
    expected = PaperDetector().detect(pixels, params)
    assert len(expected) > 20
    assert (found.limits, found.shape) == (expected.limits, expected.shape)
    one, other = ({*zip(f.y.tolist(), f.x.tolist(), f.scale.tolist(), strict=True)} for f in (found, expected))
    assert len(one ^ other) <= 0.001 * len(other) + 1
    if one == other:
        np.testing.assert_allclose(found.response, expected.response, rtol=0, atol=5e-7)


def test_memory_keeps_to_the_budget() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (2048, 2048)).astype(np.uint8)
    detector = StreamDetector(arrays(), fft_bytes=600 << 20)
    arrays().release()
    before = arrays().held()
    assert detector.scales_a_pass((2048, 2048), PRESETS["paper_text"]) > 1
    detector.detect(pixels, PRESETS["paper_text"])
    assert arrays().held() - before < 600 << 20
