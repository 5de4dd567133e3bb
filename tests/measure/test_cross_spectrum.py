"""The cross-spectrum ratio: moved by focus, not by dose, contrast or the scan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.rigs.one_band import whole

from mhfd.measure import cross_spectrum, noise_spectrum, spectra
from mhfd.measure.tissue import Tissue
from mhfd.simulate import Artefacts, Exposure, Optics, section

SHAPE = (384, 512)


def everywhere(pixels: NDArray[np.generic]) -> Tissue:
    return Tissue(np.ones((pixels.shape[0] // 16, pixels.shape[1] // 16), np.bool_), 1.0)


def edges(size: int, cells: int) -> NDArray[np.intp]:
    return np.arange(cells + 1, dtype=np.intp) * size // cells


def measure(pixels: NDArray[np.generic], tissue: Tissue | None = None) -> cross_spectrum.Ratios:
    pixels = np.ascontiguousarray(pixels)
    rows, cols = (edges(s, max(1, s // 128)) for s in pixels.shape)
    shape = pixels.shape[0], pixels.shape[1]
    reader = spectra.Reader(shape, tissue or everywhere(pixels), rows, cols)
    reader.take(whole(pixels))
    seen = reader.spectra()
    if seen is None:
        return cross_spectrum.Ratios(None, np.full((len(rows) - 1, len(cols) - 1), np.nan))
    return cross_spectrum.measure(seen, noise_spectrum.find(seen))


def ratio(pixels: NDArray[np.generic]) -> float:
    value = measure(pixels).image
    assert value is not None
    return value


def take(*, dose: float = 300, blur: float = 0, contrast: float = 1, **artefacts: float) -> NDArray[np.generic]:
    return section(
        SHAPE,
        seed=2,
        optics=Optics(blur_px=blur),
        exposure=Exposure(dose=dose, contrast=contrast),
        artefacts=Artefacts(**artefacts),  # type: ignore[arg-type]  # one of its fields
    )


def test_falls_with_defocus() -> None:
    values = [ratio(take(blur=r)) for r in (0, 1, 2, 4, 8)]
    assert all(a > b for a, b in itertools.pairwise(values))
    assert values[3] < 0.3 * values[0]


@pytest.mark.parametrize("blur", [0, 2])
def test_dose_does_not_move_it(blur: float) -> None:
    assert ratio(take(dose=20, blur=blur)) == pytest.approx(ratio(take(dose=2000, blur=blur)), rel=0.08)


def test_contrast_does_not_move_it() -> None:
    assert ratio(take(contrast=0.4)) == pytest.approx(ratio(take()), rel=0.05)


def test_bands_do_not_move_it() -> None:
    assert ratio(take(banding=0.05)) == pytest.approx(ratio(take()), rel=0.05)


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_shared_along_a_line_does_not_move_it(axis: int) -> None:
    scene = take(dose=5000, blur=1).astype(np.float32)
    shared = ndimage.uniform_filter1d(np.random.default_rng(0).normal(0, 45, SHAPE), 3, axis=axis)
    assert ratio((scene + shared).astype(np.float32)) == pytest.approx(ratio(scene), rel=0.15)


def test_units_of_grey_do_not_matter() -> None:
    pixels = take()
    assert ratio(pixels.astype(np.uint16) * 257) == pytest.approx(ratio(pixels), rel=1e-4)


def test_cells_are_where_the_blur_is() -> None:
    pixels = take()
    pixels[:, 256:] = take(blur=4)[:, 256:]
    cells = measure(pixels).cells
    assert cells.shape == (3, 4)
    assert cells[:, 3].mean() < 0.5 * cells[:, 0].mean()


def test_only_tissue_is_measured() -> None:
    pixels = take()
    pixels[:, 256:] = np.random.default_rng(1).normal(200, 8, (SHAPE[0], 256)).astype(np.uint8)
    mask = np.zeros((24, 32), np.bool_)
    mask[:, :16] = True
    found = measure(pixels, Tissue(mask, 1.0))
    assert found.image == pytest.approx(ratio(take()[:, :256]), rel=0.1)
    assert np.isnan(found.cells[:, 3]).all()


def test_nothing_to_measure_is_none() -> None:
    pixels = take()
    nowhere = Tissue(np.zeros((24, 32), np.bool_), 0.0)
    assert measure(pixels, nowhere).image is None
    assert measure(pixels[:100]).image is None  # no block of 128 fits
    flat = np.full(SHAPE, 7, np.uint8)
    assert measure(flat).image is None
    noise = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.uint8)
    assert np.isnan(measure(noise).cells).mean() > 0.7
