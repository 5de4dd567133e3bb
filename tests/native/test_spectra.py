"""The blocks' spectra: every compiled level and the NumPy twin say what a plain transform in float64 says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.one_band import whole

from mhfd import native, simulate
from mhfd.errors import UsageError
from mhfd.measure import spectra
from mhfd.measure.tissue import Tissue
from mhfd.native.spectra import LINE, SIDE, Groups, of_blocks

FAR = 52
TOPS, LEFTS = np.array([0, 3, 90, 90]), np.array([0, 171, 1, 172])
LEVELS = (*native.levels(), "numpy")


@pytest.fixture(scope="module")
def by() -> Groups:
    """Each frequency alone would be as many groups as frequencies: these are stripes that no symmetry hides."""
    ky, kx = np.indices((SIDE, LINE))
    return Groups((ky * 7 + kx * 3) % 53, FAR)


def picture(dtype: str) -> NDArray[Any]:
    found = simulate.section((220, 301), seed=4)
    return {"uint8": found, "uint16": found.astype(np.uint16) * 255 + 9, "float32": found / np.float32(255)}[dtype]


def plainly(pixels: NDArray[Any], by: Groups) -> list[NDArray[np.float64]]:
    """Block by block, by the definition."""
    window = np.hanning(SIDE + 1)[:-1]
    rows: list[list[NDArray[np.float64]]] = []
    for y, x in zip(TOPS, LEFTS, strict=True):
        block = pixels[y : y + SIDE, x : x + SIDE].astype(np.float64)
        power = np.abs(np.fft.fft2((block - block.mean()) * window[:, None] * window)) ** 2
        groups = np.bincount(by.by_column.T.ravel(), power[:, :LINE].ravel()).astype(np.float64)
        far = power[FAR : SIDE - FAR + 1].mean(axis=0)[:LINE]
        line = power[:, FAR:LINE].mean(axis=1)
        across = (line + line[-np.arange(SIDE)])[:LINE] / 2
        rows.append([groups, far, across])
    return [np.array(part) for part in zip(*rows, strict=True)]


def at_level(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if level == "numpy":
        monkeypatch.setattr(native, "kernel_info", lambda: native.KernelInfo(None, None, "switched off"))
        return
    loaded = native.library(level)
    monkeypatch.setattr(native, "library", lambda: loaded)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_says_what_the_definition_says(
    level: str, dtype: str, by: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = picture(dtype)
    expected = plainly(pixels, by)
    at_level(level, monkeypatch)
    found = of_blocks(pixels, TOPS, LEFTS, by)
    for part, exact in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, exact, rtol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_a_block_does_not_depend_on_the_others(level: str, by: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    at_level(level, monkeypatch)
    pixels = picture("uint16")
    order = np.arange(37) % 4
    many = of_blocks(pixels, TOPS[order], LEFTS[order], by)
    for i in range(4):
        one = of_blocks(pixels, TOPS[i : i + 1], LEFTS[i : i + 1], by)
        for part, own in zip(many, one, strict=True):
            np.testing.assert_array_equal(part[order == i], np.broadcast_to(own, part[order == i].shape))


@pytest.mark.parametrize("level", LEVELS)
def test_no_blocks_are_no_rows(level: str, by: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    at_level(level, monkeypatch)
    assert [part.shape for part in of_blocks(picture("uint8"), [], [], by)] == [(0, 53), (0, LINE), (0, LINE)]


def test_a_view_is_read_as_it_looks(by: Groups) -> None:
    pixels = picture("uint8")
    seen = of_blocks(pixels[::-1, :290], TOPS, [0, 3, 90, 162], by)
    same = of_blocks(np.ascontiguousarray(pixels[::-1, :290]), TOPS, [0, 3, 90, 162], by)
    for part, other in zip(seen, same, strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (93, 0), (0, 174), (0, -1)])
def test_a_block_that_is_not_inside_is_refused(top: int, left: int, by: Groups) -> None:
    with pytest.raises(UsageError, match="each must have 128x128 pixels inside the"):
        of_blocks(picture("uint8"), [top], [left], by)


def test_the_twin_is_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = simulate.section((300, 420), seed=8)
    blocks = Tissue(np.ones((300 // 16, 420 // 16), np.bool_), 1.0)

    def seen() -> spectra.Spectra:
        reader = spectra.Reader((300, 420), blocks, np.array([0, 150, 300]), np.array([0, 140, 280, 420]))
        reader.take(whole(pixels))
        found = reader.spectra()
        assert found is not None
        return found

    compiled = seen()
    at_level("numpy", monkeypatch)
    twin = seen()
    for name in ("power", "along", "across", "corner", "bands"):
        np.testing.assert_allclose(getattr(compiled, name), getattr(twin, name), rtol=2e-5)
