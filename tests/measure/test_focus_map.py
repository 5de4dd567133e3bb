"""The focus map as an OME-TIFF, read back by another reader, where a viewer would lay it."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.focus_reports import report

import mhfd
from mhfd import cells
from mhfd.contract.focus_report import Box, Finding, FocusReport
from mhfd.focus_map import CHANNELS, FocusMap
from mhfd.simulate import section

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def on(base: FocusReport, **image: Any) -> FocusReport:
    return base.model_copy(update={"image": base.image.model_copy(update=image)})


def opened(found: FocusMap) -> tuple[tifffile.TiffFile, ET.Element]:
    tif = tifffile.TiffFile(io.BytesIO(found.to_tiff()))
    assert tif.is_ome
    assert tif.ome_metadata is not None
    return tif, ET.fromstring(tif.ome_metadata)  # noqa: S314 - ours


def pixels_of(root: ET.Element) -> ET.Element:
    found = root.find(f"{OME}Image/{OME}Pixels")
    assert found is not None
    return found


def test_it_is_read_back_with_its_channels_its_place_and_its_size() -> None:
    base = report(4000.0, 0.04, sides={"left": 0.5}, empty_cells=2)
    part = Box(top=100, left=40, bottom=612, right=552)
    found = FocusMap.of(on(base, path="/run/s1 <&\x07>.tif", shape=(700, 600), box=part, pixel_nm=8.0))
    tif, root = opened(found)
    assert tif.series[0].axes == "CYX"
    assert tif.series[0].shape == (4, 4, 4)
    assert tif.series[0].dtype == np.dtype("<f4")
    np.testing.assert_array_equal(tif.asarray(), found.values)
    pixels = pixels_of(root)
    assert [one.get("Name") for one in pixels.iter(f"{OME}Channel")] == [*CHANNELS]
    assert [float(pixels.get(f"PhysicalSize{axis}", "")) for axis in "XY"] == [1.024, 1.024]
    assert [pixels.get(f"PhysicalSize{axis}Unit") for axis in "XY"] == ["µm", "µm"]
    planes = [(one.get("TheC"), one.get("PositionX"), one.get("PositionY")) for one in pixels.iter(f"{OME}Plane")]
    assert planes == [(str(c), "0.32", "0.8") for c in range(4)]  # 40 and 100 pixels of 8 nm
    image = root.find(f"{OME}Image")
    assert image is not None
    assert image.get("Name") == "s1 <&?>.tif"
    tags = tif.pages[0].tags  # type: ignore[union-attr]  # a whole page, no frame
    assert tags["XPosition"].value[0] / tags["XPosition"].value[1] == pytest.approx(0.32e-4)  # cm
    assert tags["XResolution"].value[0] / tags["XResolution"].value[1] == pytest.approx(1e4 / 1.024)


def test_density_is_of_tissue_and_nothing_is_nan() -> None:
    base = report(4000.0, 0.04, empty_cells=2)
    assert base.cells is not None
    kept = base.cells.model_copy(
        update={"dof": (None, *base.cells.dof[1:]), "cross_spectrum": (None, *base.cells.cross_spectrum[1:])}
    )
    density, ratio, tissue, saturated = FocusMap.of(base.model_copy(update={"cells": kept})).values
    assert np.isnan(density.ravel()[:2]).all()
    np.testing.assert_allclose(density.ravel()[2:], 4000, rtol=0.01)
    assert np.isnan(ratio[0, 0])
    assert np.isfinite(ratio.ravel()[1:]).all()
    assert tissue.ravel()[:3].tolist() == [0, 0, 1]
    assert (saturated == 0).all()


def test_the_cells_of_a_real_report_add_up_to_its_density() -> None:
    """Of a side that is no multiple of a cell or a block: cells hold 8 or 9 blocks, and none may look denser for it."""
    scored = mhfd.score(section((350, 550), seed=1, z=0), device="cpu")
    assert scored.cells is not None
    found = FocusMap.of(scored)
    density, _, tissue, _ = found.values
    blocks = np.outer(cells.blocks_of(350, scored.cells.rows), cells.blocks_of(550, scored.cells.cols))
    assert blocks.sum() == (350 // 16) * (550 // 16)
    weighed = np.nansum(density * tissue * blocks) / np.nansum(tissue * blocks)
    assert weighed == pytest.approx(scored.density, rel=1e-3)
    assert found.unit == "pixel"
    assert found.scale == (350 / 3, 550 / 4)


def test_unknown_size_is_in_pixels_and_says_so() -> None:
    found = FocusMap.of(on(report(), pixel_nm=None, shape=(512, 522), box=Box(top=0, left=10, bottom=512, right=522)))
    tif, root = opened(found)
    pixels = pixels_of(root)
    assert (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit")) == ("128", "pixel")
    plane = pixels.find(f"{OME}Plane")
    assert plane is not None
    assert (plane.get("PositionX"), plane.get("PositionXUnit"), plane.get("PositionY")) == ("10", "pixel", "0")
    assert tif.pages[0].tags["ResolutionUnit"].value == 1  # type: ignore[union-attr]  # none


def test_the_stage_is_told_and_moves_the_map_only_where_the_image_has_it_in_its_own_ome() -> None:
    """The three viewers place an image of a vendor's at 0, and one of OME where its planes say."""
    stage = (5157.0, -6094.5)
    _, root = opened(FocusMap.of(on(report(), stage_um=stage, tags={"stage_from": "TESCAN StageX, StageY"})))
    label, plane = root.find(f".//{OME}StageLabel"), root.find(f".//{OME}Plane")
    assert label is not None
    assert plane is not None
    assert (label.get("X"), label.get("Y"), label.get("XUnit")) == ("5157", "-6094.5", "µm")
    assert (plane.get("PositionX"), plane.get("PositionY")) == ("0", "0")
    _, root = opened(FocusMap.of(on(report(), stage_um=stage, tags={"stage_from": "OME PositionX, PositionY"})))
    plane = root.find(f".//{OME}Plane")
    assert plane is not None
    assert (plane.get("PositionX"), plane.get("PositionY")) == ("5157", "-6094.5")


def test_napari_lays_it_over_the_image() -> None:
    """In napari a layer's place is that of the middle of its first pixel."""
    found = FocusMap.of(on(report(), pixel_nm=10.0))
    rows, columns = found.values.shape[1:]
    first = [at - side / 2 for at, side in zip(found.translate, found.scale, strict=True)]
    last = [f + n * side for f, n, side in zip(first, (rows, columns), found.scale, strict=True)]
    assert first == pytest.approx([-0.005, -0.005])  # where the first pixel of the image begins
    assert last == pytest.approx([5.115, 5.115])  # ... and where the last of 512 ends


def test_an_image_of_which_nothing_was_measured_has_none() -> None:
    with pytest.raises(mhfd.UsageError, match=r"s1\.tif: there is no focus map: nothing was measured \(blank\)"):
        FocusMap.of(on(report(finding=Finding.BLANK), path="/run/s1.tif"))


@pytest.mark.parametrize("pixel_nm", [0.0, -1.0, float("nan"), float("inf"), 1e-300, 1e300])
def test_a_pixel_size_that_makes_no_sense_is_unknown(pixel_nm: float) -> None:
    assert FocusMap.of(on(report(), pixel_nm=pixel_nm)).unit == "pixel"


def test_cells_that_make_no_sense_are_named() -> None:
    empty = Box(top=5, left=5, bottom=5, right=9)
    with pytest.raises(mhfd.UsageError, match="the cells of its report make no sense"):
        FocusMap.of(on(report(), box=empty))


def test_it_is_written_and_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    found = mhfd.FocusMap.of(report())
    assert found.write(tmp_path / "new" / "a.mhfd.ome.tif").read_bytes() == found.to_tiff()
    with pytest.raises(mhfd.UsageError, match="cannot write"):
        found.write(tmp_path / "new" / "a.mhfd.ome.tif" / "b.tif")


@given(st.integers(32, 40_000))
def test_cells_cover_a_side_and_blocks_are_counted_once(size: int) -> None:
    edges = cells.edges(size)
    count = len(edges) - 1
    sides = np.diff(edges)
    assert (edges[0], edges[-1]) == (0, size)
    assert sides.max() - sides.min() <= 1
    middles = np.arange(size // cells.BLOCK) * cells.BLOCK + cells.BLOCK // 2
    assert list(cells.blocks_of(size, count)) == np.histogram(middles, edges)[0].tolist()


@given(st.integers(32, 40_000), st.floats(1e-3, 1e6))
def test_cells_of_a_known_size_are_no_smaller_than_a_block_and_no_more_than_a_report_bears(
    size: int, pixel: float
) -> None:
    plain, sized = len(cells.edges(size)) - 1, len(cells.edges(size, pixel)) - 1
    assert plain <= sized <= cells.MOST_SIZED
    assert sized == plain or size / sized >= cells.CELL
    if size <= cells.MOST_CELLS * cells.CELL:
        assert sized == plain


@pytest.mark.parametrize(("size", "count"), [(1024, 8), (2048, 16), (4096, 16), (8192, 16), (16_384, 32), (32_768, 32)])
def test_cells_of_a_run_of_4_nm(size: int, count: int) -> None:
    """.5 um where a block of the cross-spectrum asks for no more, then 2 um, until there would be too many."""
    assert len(cells.edges(size, 4.0)) - 1 == count


@given(
    pixel=st.none() | st.floats(1e-6, 1e12),
    size=st.tuples(st.integers(32, 30_000), st.integers(32, 30_000)),
    at=st.tuples(st.integers(0, 30_000), st.integers(0, 30_000)),
)
def test_any_size_makes_a_file_that_is_read(pixel: float | None, size: tuple[int, int], at: tuple[int, int]) -> None:
    part = Box(top=at[0], left=at[1], bottom=at[0] + size[0], right=at[1] + size[1])
    tif, root = opened(FocusMap.of(on(report(), shape=(60_000, 60_000), box=part, pixel_nm=pixel)))
    assert tif.asarray().shape == (4, 4, 4)
    assert float(pixels_of(root).get("PhysicalSizeX", "")) == pytest.approx((pixel or 1e3) / 1e3 * size[1] / 4)
