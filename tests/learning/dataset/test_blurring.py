"""Labels by blurring: the blurred image has the sharp one's noise, so that no learner can tell them by it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import images
from mhfd.errors import UsageError
from mhfd.learning.dataset.blurring import EQUAL, FINE, blurred
from mhfd.learning.dataset.tells import auc
from mhfd.simulate import Exposure, Optics, Specimen
from mhfd.simulate.planting import FaultKind, PlantedFault, through

REAL = os.environ.get("MHFD_DATA", "")  # read here: what is tested gets a clean environment
SIZE = 256
SCENES = ("vnc/stack1_00.tif", "fib25/iso.03490.png", "axon_sem/sub-rat1_sample-data1_SEM.png")


def fine_power(image: NDArray[Any]) -> float:
    """Of all of the image, above `FINE`; windowed, so that its edges are not in it."""
    window = np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])
    power = np.abs(np.fft.fft2((image - image.mean(dtype=float)) * window)) ** 2
    return float(power[_radius(image.shape) >= FINE].mean())


def _radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])))


@pytest.mark.parametrize("radius", [1.5, 3.0, 10.0])
@pytest.mark.parametrize("exposure", [Exposure(dose=30), Exposure(dose=800, contrast=0.5), Exposure(bits=16)], ids=str)
def test_noise_is_as_strong_as_before(exposure: Exposure, radius: float) -> None:
    sharp = Specimen(seed=3).section((SIZE, SIZE), exposure=exposure)
    made = blurred(sharp, radius, seed=1)
    assert made.dtype == sharp.dtype
    assert fine_power(made) == pytest.approx(fine_power(sharp), rel=EQUAL)


@pytest.mark.soak
@pytest.mark.skipif(not REAL, reason="MHFD_DATA names no folder with micrographs")
@pytest.mark.parametrize("scene", SCENES)
def test_so_it_is_in_micrographs(scene: str) -> None:
    pixels = images.load(Path(REAL, scene)).pixels
    assert pixels is not None
    sharp = np.asarray(pixels)[:512, :512]
    for radius in (1.5, 3.0, 10.0):
        assert fine_power(blurred(sharp, radius)) == pytest.approx(fine_power(sharp), rel=EQUAL)


def test_it_is_blurred_as_much_as_a_disc_blurs() -> None:
    """Without noise, what is left of the middle frequencies is what the optics leave."""
    sharp = Specimen(seed=5).section((SIZE, SIZE), exposure=Exposure(dose=1e5, read_noise=0, bits=16))
    honest = Specimen(seed=5).section(
        (SIZE, SIZE), optics=Optics(blur_px=3.0), exposure=Exposure(dose=1e5, read_noise=0, bits=16)
    )
    ring = (_radius(sharp.shape) > 0.05) & (_radius(sharp.shape) < 0.12)
    window = np.hanning(SIZE)[:, None] * np.hanning(SIZE)
    made, real = (
        (np.abs(np.fft.fft2((one - one.mean()) * window)) ** 2)[ring].mean() for one in (blurred(sharp, 3.0), honest)
    )
    assert made == pytest.approx(real, rel=0.1)


def _rings(image: NDArray[Any]) -> list[float]:
    """What a learner might look at: the power of each ring beside the coarse one's."""
    window = np.hanning(len(image))[:, None] * np.hanning(len(image))
    power = np.abs(np.fft.fft2((image - image.mean(dtype=float)) * window)) ** 2
    radius = _radius(image.shape)
    edges = np.geomspace(0.02, 0.7, 13)
    rings = [power[(radius >= low) & (radius < high)].mean() for low, high in itertools.pairwise(edges)]
    return [float(np.log(ring / rings[0])) for ring in rings[1:]]


def test_the_trap_is_not_walked_into() -> None:
    """Who blurs the noise too learns to tell smooth noise, perfectly, and knows nothing of honest images."""
    rng = np.random.default_rng(0)
    kinds: dict[str, list[list[float]]] = {name: [] for name in ("sharp", "naive", "ours", "new sharp", "honest")}
    for seed in range(8):
        exposure = Exposure(dose=float(np.exp(rng.uniform(np.log(30), np.log(1000)))), contrast=rng.uniform(0.4, 1))
        radius, size = float(rng.uniform(1.5, 3)), (160, 160)
        sharp = Specimen(seed=seed).section(size, exposure=exposure)
        new, honest = Specimen(seed=seed + 500).focus_series(size, defocus_um=[0.0, radius], exposure=exposure)
        naive = np.rint(through(sharp.astype(np.float32), PlantedFault(kind=FaultKind.DEFOCUS, size=radius)))
        made = (sharp, naive, blurred(sharp, radius, seed=seed), new, honest)
        for name, image in zip(kinds, made, strict=True):
            kinds[name].append(_rings(image))
    bad = np.repeat([False, True], 8)

    def learned_from(how: str) -> tuple[float, float]:
        """The ring that tells the two best: how well there, and on images that were really out of focus."""
        seen, new = (np.array(kinds[good] + kinds[of]) for good, of in (("sharp", how), ("new sharp", "honest")))
        apart = seen[bad].mean(axis=0) - seen[~bad].mean(axis=0)
        apart /= np.sqrt(seen[bad].var(axis=0) + seen[~bad].var(axis=0))
        best = int(np.argmax(np.abs(apart)))
        sign = np.sign(apart[best])
        return auc(sign * seen[:, best], bad), auc(sign * new[:, best], bad)

    in_training, on_honest = learned_from("naive")
    assert in_training > 0.99
    assert on_honest < 0.7
    assert learned_from("ours")[1] > 0.8


@pytest.mark.parametrize("pixels", [np.zeros((63, 100), np.uint8), np.zeros((100, 100, 3), np.uint8)])
def test_what_cannot_be_blurred_is_refused(pixels: NDArray[Any]) -> None:
    with pytest.raises(UsageError, match="expected a grey image"):
        blurred(pixels, 2.0)


def test_an_even_image_stays_even() -> None:
    assert np.ptp(blurred(np.full((96, 96), 7, np.uint8), 3.0)) == 0
