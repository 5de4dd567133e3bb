"""The detector's noise: its spectrum along and across the scan lines, its strength, and what it does to the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray

from mhfd.simulate import Exposure
from mhfd.simulate.exposure import expose
from mhfd.simulate.fields import stream

SHAPE = (256, 512)
# Half the contrast: nothing is clipped.
PLAIN = Exposure(dose=100, read_noise=2, contrast=0.5, bits=16)
FLAT = np.full(SHAPE, 0.7, np.float32)
Values = NDArray[np.float64]


def electrons(exposure: Exposure, signal: NDArray[np.float32] = FLAT, take: int = 0) -> Values:
    """What was counted, from the grey values."""
    grey = expose(signal, exposure, stream(7, take)).astype(np.float64) / 65535
    counted: Values = exposure.dose * ((grey - 0.5 + exposure.contrast / 2) / exposure.contrast)
    return counted


def spectrum(noise: Values, axis: int) -> Values:
    """Power along one axis, averaged over the other; white noise of variance v gives v everywhere."""
    power = np.abs(scipy.fft.rfft(noise - noise.mean(), axis=axis)) ** 2 / noise.shape[axis]
    mean: Values = power.mean(axis=1 - axis)[1:-1]
    return mean


def thirds(of: Values) -> tuple[float, float, float]:
    """Low, middle and high frequencies."""
    low, middle, high = (float(part.mean()) for part in np.array_split(of, 3))
    return low, middle, high


def test_noise_is_white_by_default() -> None:
    noise = electrons(PLAIN)
    for axis in (0, 1):
        low, middle, high = thirds(spectrum(noise, axis))
        assert [low, high] == pytest.approx([middle] * 2, rel=0.03)
    assert noise.var() == pytest.approx(70 + 4, rel=0.02)


@pytest.mark.parametrize("lag", [0.5, 1.0, 2.0])
def test_a_slow_detector_colours_the_noise_along_the_line(lag: float) -> None:
    """An exponential decay: power (1 - a)^2 / |1 - a e^(-i w)|^2 with a = exp(-1 / lag); read noise stays white."""
    noise = electrons(replace(PLAIN, lag_px=lag))
    w = 2 * np.pi * np.fft.rfftfreq(SHAPE[1])[1:-1]
    a = np.exp(-1 / lag)
    expected = 70 * (1 - a) ** 2 / np.abs(1 - a * np.exp(-1j * w)) ** 2 + 4
    along = spectrum(noise, 1)
    assert thirds(along / expected) == pytest.approx((1, 1, 1), rel=0.03)
    low, middle, high = thirds(spectrum(noise, 0))
    assert [low, high] == pytest.approx([middle] * 2, rel=0.05)  # flat across
    first, last = noise[:, :8].var(), noise[:, -64:].var()
    assert first == pytest.approx(last, rel=0.2)  # a line has no beginning that is another's


def test_a_slow_detector_smears_the_picture_too() -> None:
    step = np.repeat(np.array([[0.2, 0.8]], np.float32), SHAPE[1] // 2, axis=1).repeat(SHAPE[0], axis=0)
    line = electrons(replace(PLAIN, dose=1e5, lag_px=2.0), step).mean(axis=0) / 1e5
    after = line[SHAPE[1] // 2 :][:6]
    assert after == pytest.approx(0.8 - 0.6 * np.exp(-(np.arange(6) + 1) / 2), abs=0.002)
    assert line[SHAPE[1] // 2 - 6 : SHAPE[1] // 2] == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("sigma", [(0.0, 0.7), (0.6, 0.0), (0.5, 0.8)])
def test_a_grain_is_separable_and_as_strong_as_white_noise(sigma: tuple[float, float]) -> None:
    noise = electrons(replace(PLAIN, noise_px=sigma))
    assert noise.var() == pytest.approx(70 + 4, rel=0.04)
    power = np.abs(scipy.fft.fft2(noise - noise.mean())) ** 2
    f = [np.abs(scipy.fft.fftfreq(n)) for n in SHAPE]

    def band(axis: int, low: float) -> NDArray[np.bool_]:
        within: NDArray[np.bool_] = (f[axis] >= low) & (f[axis] < low + 0.1)
        return within

    def mean(down: float, along: float) -> float:
        return float(power[np.ix_(band(0, down), band(1, along))].mean())

    def kept(px: float, low: float) -> float:
        at = np.arange(-6, 7)
        kernel = np.exp(-0.5 * (at / px) ** 2) if px else (at == 0).astype(float)
        transfer = (kernel * np.cos(2 * np.pi * np.linspace(low, low + 0.1, 50)[:, None] * at)).sum(axis=1)
        return float((transfer**2).mean())

    # The power falls as the Gaussian's square, and both ways together by the product of each.
    for axis, px in enumerate(sigma):
        fall = mean(*((0.25, 0.05) if axis == 0 else (0.05, 0.25))) / mean(0.05, 0.05)
        assert fall == pytest.approx(kept(px, 0.25) / kept(px, 0.05), rel=0.08)
    product = mean(0.25, 0.05) * mean(0.05, 0.25) / mean(0.05, 0.05)
    assert mean(0.25, 0.25) == pytest.approx(product, rel=0.1)


def test_a_grain_leaves_the_picture_and_its_law() -> None:
    signal = np.repeat(np.linspace(0.1, 0.9, SHAPE[1], dtype=np.float32)[None], SHAPE[0], axis=0)
    counted = electrons(replace(PLAIN, noise_px=(0.0, 0.7), read_noise=0), signal)
    assert counted.mean(axis=0) == pytest.approx(100 * signal[0], abs=3)
    variances = counted.var(axis=0)
    assert variances[:64].mean() == pytest.approx(100 * signal[0, :64].mean(), rel=0.1)
    assert variances[-64:].mean() == pytest.approx(100 * signal[0, -64:].mean(), rel=0.1)


def test_frames_share_the_dose_and_read_each_for_themselves() -> None:
    one, eight = (electrons(replace(PLAIN, frames=n)) for n in (1, 8))
    assert eight.mean() == pytest.approx(one.mean(), rel=0.002)
    assert one.var() == pytest.approx(70 + 4, rel=0.02)
    assert eight.var() == pytest.approx(70 + 8 * 4, rel=0.02)


def test_each_frame_is_rounded_and_clipped() -> None:
    """Eight frames of few electrons are clipped at white each, and lose brightness that one exposure keeps."""
    bright = np.full((64, 64), 0.95, np.float32)
    one, eight = (expose(bright, Exposure(dose=80, frames=n), stream(1)).mean() for n in (1, 8))
    assert eight < one - 10
    assert expose(bright, Exposure(frames=3, bits=16), stream(1)).dtype == np.uint16
