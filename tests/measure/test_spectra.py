"""Which blocks of an image the cross-spectrum looks at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.rigs.one_band import whole

from mhfd import cells, simulate
from mhfd.measure import spectra
from mhfd.measure.spectra import ENOUGH, ENOUGH_TISSUE, SIDE, SPARSE, Grid
from mhfd.measure.tissue import Tissue

Edges = tuple[NDArray[np.intp], NDArray[np.intp]]
SIZES = st.integers(SIDE, 40_000)
PIXELS = st.none() | st.floats(0.1, 1000)


def edges(shape: tuple[int, int], pixel_nm: float | None = None) -> Edges:
    rows, cols = (np.array(cells.edges(size, pixel_nm), np.intp) for size in shape)
    return rows, cols


def full(shape: tuple[int, int]) -> Tissue:
    return Tissue(np.ones((shape[0] // 16, shape[1] // 16), np.bool_), 1.0)


@given(SIZES, SIZES, PIXELS)
def test_a_quarter_at_least_of_any_image_is_looked_at(height: int, width: int, pixel_nm: float | None) -> None:
    grid = Grid.of(edges((height, width), pixel_nm), (height, width), apart=SPARSE)
    for at, size in ((grid.tops, height), (grid.lefts, width)):
        assert at[0] >= 0
        assert at[-1] + SIDE <= size
        if size > cells.MOST_CELLS * SIDE:
            assert np.diff(at).min() >= SIDE - 1, "nothing is looked at twice"
        if size >= 2 * SIDE:
            assert len(at) * SIDE / size >= 0.49, "half along each side: a quarter of the area"
            assert np.diff(at).max() <= SPARSE + 1


@given(SIZES, PIXELS)
def test_every_cell_has_its_blocks(size: int, pixel_nm: float | None) -> None:
    both = edges((size, size), pixel_nm)
    for grid in (Grid.of(both, (size, size), apart=SPARSE), Grid.of(both, (size, size), apart=SIDE)):
        count = len(both[0]) - 1
        middles = grid.tops.reshape(count, -1) + SIDE / 2
        if size >= 2 * SIDE:
            assert (middles >= both[0][:-1, None] - 1).all()
            assert (middles <= both[0][1:, None] + 1).all()
        values = np.add.outer(np.arange(len(grid.tops), dtype=float), np.zeros(len(grid.lefts)))
        expected = np.arange(len(grid.tops)).reshape(count, -1).mean(axis=1)
        np.testing.assert_allclose(grid.on_cells(values)[:, 0], expected)
        if len(grid.tops) < 40:
            finer = grid.finer()
            between = np.full((len(finer.tops), len(finer.lefts)), np.nan)
            between[::2, ::2] = values
            np.testing.assert_allclose(finer.on_cells(between)[:, 0], expected)


@pytest.mark.parametrize(
    ("side", "blocks"), [(128, 1), (512, 49), (1024, 64), (2048, 256), (4096, 256), (16_384, 4096)]
)
def test_how_many_blocks_there_are(side: int, blocks: int) -> None:
    _, where = spectra.chosen(edges((side, side)), (side, side), full((side, side)))
    assert np.count_nonzero(where) == where.size == blocks


def test_of_little_tissue_more_is_looked_at() -> None:
    shape = (4096, 4096)
    mask = np.zeros((256, 256), np.bool_)
    mask[96:160, 90:154] = True  # a 16th of the image, 1 megapixel
    grid, where = spectra.chosen(edges(shape), shape, Tissue(mask, 1.0))
    assert ENOUGH <= np.count_nonzero(where) < 5 * ENOUGH
    assert not grid.refined
    mask[:, 122:] = False  # half of it
    grid, where = spectra.chosen(edges(shape), shape, Tissue(mask, 1.0))
    assert np.count_nonzero(where) >= ENOUGH_TISSUE


def test_a_cell_without_tissue_is_unknown_and_half_a_cell_is_its_half() -> None:
    shape = (1024, 4096)
    both = edges(shape)
    mask = np.ones((64, 256), np.bool_)
    mask[:, :8] = False  # the left half of the first column of cells
    mask[:, 64:80] = False  # the fifth
    pixels = np.tile(simulate.section((256, 256), seed=2), (4, 16))
    reader = spectra.Reader(shape, Tissue(mask, 1.0), *both)
    reader.take(whole(pixels))
    seen = reader.spectra()
    assert seen is not None
    found = seen.on_cells(np.ones(len(seen)))
    assert found.shape == (8, 16)
    assert np.isnan(found[:, 4]).all()
    assert np.isfinite(np.delete(found, 4, axis=1)).all()
