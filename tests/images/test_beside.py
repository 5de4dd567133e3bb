"""A small file beside an image is read where it is a file, by these names only, and never harms the image."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import tifffile
from tests.rigs.descriptors import held_below
from tests.rigs.tagged import ok, scene

from mhfd import images
from mhfd.images import source
from mhfd.images.instruments.written import Header

HDR = b"[MAIN]\r\nDevice=x\r\nPixelSizeX=5e-9\r\n"


def pixel(folder: Path) -> float | None:
    return ok(images.load(folder / "a.tif")).info.pixel_nm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", scene())
    return tmp_path


@pytest.mark.parametrize(
    ("path", "first", "second", "kinds"),
    [
        ("/x/a.tif", "a.txt", "a.TXT", {"a.tif.txt", "a-tif.txt", "a-TIF.txt"}),
        ("a.b.TIF", "a.b.txt", "a.b.TXT", {"a.b.TIF.txt", "a.b-TIF.txt", "a.b-tif.txt"}),
        ("a", "a.txt", "a.TXT", {"a-.txt"}),
        (".tif", ".tif.txt", ".tif.TXT", {".tif-.txt"}),
    ],
)
def test_the_names_in_their_order(path: str, first: str, second: str, kinds: set[str]) -> None:
    asked: list[str] = []

    def beside(name: str) -> bytes:
        asked.append(name)
        return b""

    assert Header(9, 9, path, beside).side_file(".txt") is None
    assert asked[:2] == [first, second]
    assert kinds < set(asked)
    assert len(asked) == len(set(asked)) <= 10
    assert not any("/" in name for name in asked)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_what_is_open_is_seen(folder: Path) -> None:
    file = folder / "open"
    with file.open("w"):
        assert held_below(folder) == [file.resolve()]
    assert held_below(folder) == []


def test_what_is_no_file_is_not_there(folder: Path) -> None:
    (folder / "a.hdr").mkdir()
    os.mkfifo(folder / "a.HDR")
    (folder / "a.tif.hdr").symlink_to("/dev/zero")
    (folder / "a.tif.HDR").symlink_to("nowhere")
    (folder / "a-tif.hdr").symlink_to("a-tif.hdr")
    assert pixel(folder) is None
    assert held_below(folder, Path("/dev/zero")) == []
    (folder / "a-TIF.hdr").write_bytes(HDR)
    assert pixel(folder) == 5


def test_a_file_that_nobody_may_read_is_not_there(folder: Path) -> None:
    (folder / "a.hdr").write_bytes(HDR)
    (folder / "a.hdr").chmod(0)
    assert pixel(folder) in (None, 5)  # root may


def test_of_a_long_file_the_beginning_is_read(folder: Path) -> None:
    with (folder / "a.hdr").open("wb") as file:
        file.write(HDR + b" " * 1000)
        file.truncate(1 << 40)
    assert pixel(folder) == 5
    assert len(source.beside(str(folder / "a.tif"))("a.hdr")) == source.MOST_BESIDE


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_a_name_that_is_no_text_can_be_reported(folder: Path) -> None:
    name = os.fsdecode(bytes(folder) + b"/\xff")
    (folder / "a.tif").rename(name + ".tif")
    Path(name + ".hdr").write_bytes(HDR)
    info = ok(images.load(name + ".tif")).info
    assert info.pixel_nm == pytest.approx(5)
    assert json.loads(info.model_dump_json())["tags"]["pixel_from"] == r"TESCAN \xff.hdr PixelSizeX"
