"""Two files are a pair with what they say of themselves; wrong arguments are told with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from mhfd import simulate
from mhfd.contract.focus_report import Box, Finding, ImageInfo
from mhfd.errors import UsageError
from mhfd.images import Image
from mhfd.learning.manifold.reading import read_pair
from mhfd.rows import InMemory

IMAGE = simulate.section((256, 256), seed=3)


def saved(path: Path, image: object = IMAGE) -> Path:
    tifffile.imwrite(path, np.asarray(image))
    return path


def test_reads_both(tmp_path: Path) -> None:
    pair = read_pair(saved(tmp_path / "a.tif"), saved(tmp_path / "b.tif", IMAGE[::-1]), 2.0)

    np.testing.assert_array_equal(pair.a, IMAGE)
    np.testing.assert_array_equal(pair.b, IMAGE[::-1])
    assert (pair.flaw, pair.pixel_nm, pair.distances_um) == (None, None, None)
    assert pair.sha256[0] != pair.sha256[1]
    assert pair.age_s is not None
    assert pair.age_s >= 0


@pytest.mark.parametrize("um", [0.0, -2.0, 0.005, 10.5, 5000.0, float("nan"), float("inf")])
def test_a_perturbation_is_of_1_to_10_um(tmp_path: Path, um: float) -> None:
    with pytest.raises(UsageError, match=r"perturbation: .* um is not offered; give 1 to 10 um"):
        read_pair(saved(tmp_path / "a.tif"), saved(tmp_path / "b.tif"), um)


def test_says_which_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"B: .*b\.tif: there is no such file"):
        read_pair(saved(tmp_path / "a.tif"), tmp_path / "b.tif", 2.0)
    with pytest.raises(UsageError, match=r"A: .*: is a folder"):
        read_pair(tmp_path, saved(tmp_path / "b.tif"), 2.0)


def test_one_file_is_no_pair(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="named twice"):
        read_pair(one, tmp_path / "." / "a.tif", 2.0)


def test_a_bad_image_is_a_flaw(tmp_path: Path) -> None:
    good = saved(tmp_path / "a.tif")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(good.read_bytes()[:30_000])
    blank = saved(tmp_path / "blank.tif", np.zeros((256, 256), np.uint8))
    text = tmp_path / "text.tif"
    text.write_text("no image")

    for bad, said in ((cut, "cut.tif is "), (blank, "blank.tif is blank"), (text, "text.tif is unreadable")):
        assert said in (read_pair(good, bad, 2.0).flaw or "")
    small = saved(tmp_path / "small.tif", IMAGE[:100, :100])
    assert read_pair(small, good, 2.0).flaw == "small.tif has 100 x 100 pixels; at least 128 a side are needed"


def test_a_bar_that_was_seen_in_one_is_left_out_of_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = Image(ImageInfo(shape=IMAGE.shape), Finding.OK, None, InMemory(IMAGE))
    box = Box(top=0, left=8, bottom=240, right=256)
    above = Image(ImageInfo(shape=IMAGE.shape, box=box), Finding.OK, None, InMemory(IMAGE[:240, 8:]))
    known = {"a.tif": whole, "b.tif": above}
    monkeypatch.setattr("mhfd.learning.manifold.reading.load", lambda path: known[path.name])

    pair = read_pair(saved(tmp_path / "a.tif"), saved(tmp_path / "b.tif"), 2.0)

    np.testing.assert_array_equal(pair.a, IMAGE[:240, 8:])
    np.testing.assert_array_equal(pair.b, IMAGE[:240, 8:])


def test_pixel_sizes_that_differ_are_told(tmp_path: Path) -> None:
    paths = []
    for name, nm in (("a", 8.0), ("b", 8.05), ("c", 16.0)):
        path = tmp_path / f"{name}.ome.tif"
        axes = {"PhysicalSizeX": nm, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": nm, "PhysicalSizeYUnit": "nm"}
        tifffile.imwrite(path, IMAGE, metadata={"axes": "YX", **axes})
        paths.append(path)

    same, other = read_pair(paths[0], paths[1], 2.0), read_pair(paths[0], paths[2], 2.0)

    assert same.pixel_nm == pytest.approx(8.025)
    assert same.pixels_nm is None
    assert other.pixel_nm is None
    assert other.pixels_nm == (8.0, 16.0)
