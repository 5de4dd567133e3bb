"""Planted faults: the scene goes through the fault's transfer, the noise stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from mhfd.errors import UsageError
from mhfd.simulate.planting import FaultKind, PlantedFault, plant, transfer_of

SIZE = 512
Image = NDArray[Any]
FAULTS = {
    "defocus": PlantedFault(kind=FaultKind.DEFOCUS, size=2),
    "motion along": PlantedFault(kind=FaultKind.MOTION_ALONG, size=4.3),
    "motion across": PlantedFault(kind=FaultKind.MOTION_ACROSS, size=3.5),
    "astigmatism": PlantedFault(kind=FaultKind.ASTIGMATISM, size=3.5, across=0.8, angle_deg=30),
}
KERNELS = {"white": [1.0], "along the line": [0.18, 0.64, 0.18]}


def noise(kernel: list[float], sd: float = 8.0) -> Image:
    white = np.random.default_rng(5).standard_normal((SIZE, SIZE))
    coloured = convolve1d(white, np.array(kernel), axis=1, mode="wrap")
    return np.asarray(sd * coloured / coloured.std())


def scene() -> Image:
    """Detail that fades, as tissue's does, and hardly any of it beyond .35 cycles a pixel."""
    down, along = scipy.fft.fftfreq(SIZE)[:, None], scipy.fft.rfftfreq(SIZE)[None, :]
    frequency = np.hypot(down, along)
    spectrum = scipy.fft.rfft2(np.random.default_rng(6).standard_normal((SIZE, SIZE)))
    spectrum *= np.exp(-((frequency / 0.16) ** 2)) / (frequency + 0.02)
    picture = scipy.fft.irfft2(spectrum)
    return np.asarray(35 * picture / picture.std())


def power(image: Image) -> Image:
    """Of blocks, so that the picture's edge is not in it; at both coordinates from 0 to 1."""
    window = np.hanning(130)[1:-1]
    blocks = [image[y : y + 128, x : x + 128] for y in range(0, SIZE - 127, 64) for x in range(0, SIZE - 127, 64)]
    windowed = np.stack([(b - b.mean()) * window * window[:, None] for b in blocks])
    return np.asarray((np.abs(scipy.fft.fft2(windowed)) ** 2).mean(axis=0) / (window**2).sum() ** 2)


FREQUENCY = scipy.fft.fftfreq(128)
CORNER = (np.abs(FREQUENCY[:, None]) >= 0.4) & (np.abs(FREQUENCY) >= 0.4)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_the_noise_is_what_it_was(fault: PlantedFault, kernel: list[float]) -> None:
    before = np.clip(np.rint(128 + scene() + noise(kernel)), 0, 255).astype(np.uint8)
    after = plant(before, fault, seed=3)
    was, now = power(before.astype(float)), power(after.astype(float))
    assert now[CORNER].mean() == pytest.approx(was[CORNER].mean(), rel=0.06)
    # and along each coordinate, where the other one leaves no scene
    for axis in (0, 1):
        fine = np.abs(FREQUENCY) >= 0.4
        lines_was = was[fine].mean(axis=0) if axis == 0 else was[:, fine].mean(axis=1)
        lines_now = now[fine].mean(axis=0) if axis == 0 else now[:, fine].mean(axis=1)
        for low in (0.1, 0.2, 0.3, 0.4):
            band = (np.abs(FREQUENCY) >= low) & (np.abs(FREQUENCY) < low + 0.1)
            assert lines_now[band].mean() == pytest.approx(lines_was[band].mean(), rel=0.1)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_scene_goes_through_the_transfer(fault: PlantedFault) -> None:
    """Without noise, what is left of each frequency is the kernel's."""
    before = (1000 + 20 * scene()).astype(np.float32)
    after = plant(before, fault)
    inner = slice(64, -64)
    was, now = (scipy.fft.fft2((p - p.mean())[inner, inner] * _window()) for p in (before, after))
    down, along = (scipy.fft.fftfreq(SIZE - 128).astype(np.float32)[s] for s in (np.s_[:, None], np.s_[None, :]))
    expected = transfer_of(fault)(down, along)
    frequency = np.hypot(down, along)
    for low in (0.03, 0.06, 0.09, 0.12, 0.15):
        ring = (frequency >= low) & (frequency < low + 0.03)
        left = np.sum((now * np.conj(was)).real[ring]) / np.sum(np.abs(was[ring]) ** 2)
        assert left == pytest.approx(np.average(expected[ring], weights=np.abs(was[ring]) ** 2), abs=0.02)


def _window() -> Image:
    window = np.hanning(SIZE - 128)
    return np.asarray(window * window[:, None])


def test_vibration_displaces_lines_and_keeps_their_noise() -> None:
    before = np.clip(np.rint(128 + scene() + noise(KERNELS["along the line"])), 0, 255).astype(np.uint8)
    after = plant(before, PlantedFault(kind=FaultKind.VIBRATION, size=2))
    window = np.hanning(SIZE)
    was, now = (np.abs(scipy.fft.rfft((p - p.mean(axis=1, keepdims=True)) * window)) ** 2 for p in (before, after))
    for low in (0.05, 0.2, 0.35):  # along the lines nothing is lost
        band = slice(int(SIZE * low), int(SIZE * (low + 0.15)))
        assert now[:, band].mean() == pytest.approx(was[:, band].mean(), rel=0.05)
    alike = [np.corrcoef(p[100].astype(float), p[101].astype(float))[0, 1] for p in (before, after)]
    assert alike[1] < alike[0] - 0.03  # a line is no longer like the next


@pytest.mark.parametrize(("angle", "blurred", "spared"), [
    (0, np.s_[:, -150:], np.s_[:, :150]),
    (90, np.s_[-150:], np.s_[:150]),
    (180, np.s_[:, :150], np.s_[:, -150:]),
    (270, np.s_[:150], np.s_[-150:]),
])  # fmt: skip
def test_a_half_spares_the_other(angle: float, blurred: Any, spared: Any) -> None:
    before = np.clip(np.rint(128 + scene() + noise(KERNELS["white"])), 0, 255).astype(np.uint8)
    after = plant(before, PlantedFault(kind=FaultKind.HALF, size=3, angle_deg=angle))
    assert np.mean(before[spared] == after[spared]) > 0.999
    assert np.mean(before[blurred] != after[blurred]) > 0.8


def test_a_tilt_grows_from_side_to_side() -> None:
    before = (1000 + 20 * scene()).astype(np.float32)
    after = plant(before, PlantedFault(kind=FaultKind.TILT, size=4, angle_deg=180))
    detail = [np.std(np.diff(p, axis=0).reshape(SIZE - 1, 4, SIZE // 4), axis=(0, 2)) for p in (before, after)]
    left = detail[1] / detail[0]
    assert np.all(np.diff(left) > 0.05)
    assert left[0] < 0.7 < 0.95 < left[-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_the_type_and_the_image_given_stay(dtype: type[np.generic]) -> None:
    before = (120 + scene()[:96, :80]).astype(dtype)
    copy = before.copy()
    after = plant(before, FAULTS["defocus"], seed=1)
    assert after.dtype == dtype
    assert after.shape == before.shape
    assert np.array_equal(before, copy)
    assert np.array_equal(after, plant(before, FAULTS["defocus"], seed=1))


def test_nothing_is_planted_in_an_even_image() -> None:
    even = np.full((64, 64), 7, np.uint8)
    assert np.array_equal(plant(even, FAULTS["defocus"]), even)


@pytest.mark.parametrize("kind", FaultKind)
def test_drawn_faults_are_as_asked(kind: FaultKind) -> None:
    rng = np.random.default_rng(0)
    assert PlantedFault.drawn(kind, rng, 1.5).size == 1.5
    assert 1.4 < PlantedFault.drawn(kind, rng).size < 6.1


def test_what_cannot_be_planted_is_named() -> None:
    with pytest.raises(UsageError, match="64 x 64"):
        plant(np.zeros((32, 500), np.uint8), FAULTS["defocus"])
    with pytest.raises(UsageError, match=r"fault\.size"):
        PlantedFault(kind=FaultKind.DEFOCUS, size=-1)
    with pytest.raises(UsageError, match=r"fault\.angle_deg"):
        PlantedFault(kind=FaultKind.HALF, size=3, angle_deg=45)
    with pytest.raises(UsageError, match="no transfer"):
        transfer_of(PlantedFault(kind=FaultKind.VIBRATION, size=2))
