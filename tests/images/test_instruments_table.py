"""The table of instruments, made of made-up files: what agrees, differs, is unknown, or has no reference."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks import instruments

_REFERENCES = """
never_tried = ["Some other"]
[[file]]
name = "a.tif"
instrument = "FEI | one"
from = "nobody (MIT)"
pixels = "made up"
pixel_nm = 4.0
focus_mm = 7
dwell_ns = 2000
bar = 16
[[file]]
name = "not-there.tif"
instrument = "Not there"
from = "nobody (MIT)"
"""
_FEI = (
    "[EBeam]\nWD=0.005\n[Scan]\nPixelWidth=4e-9\n"
    "[Image]\nResolutionX=96\nResolutionY=64\n[PrivateFei]\nDatabarHeight=16\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 96), np.uint8)
    files = tmp_path / "files"
    files.mkdir()
    tag = (34682, 2, len(_FEI) + 1, _FEI, True)
    tifffile.imwrite(files / "a.tif", pixels, extratags=[tag], metadata=None)
    (files / "b.TIF").write_bytes(b"II*\0")
    (files / "a.txt").write_text("not an image")
    (tmp_path / "references.toml").write_text(_REFERENCES)
    (tmp_path / "page.md").write_text(f"before\n{instruments.BEGIN}\nstale\n{instruments.END}\nafter\n")
    return files


def test_each_file_has_a_row_against_its_reference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = folder.parent
    made = instruments.main([str(folder)], page=top / "page.md", references=top / "references.toml")
    page = (top / "page.md").read_text()
    assert made == 1, "a value differs"
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "stale" not in page
    first, second = [line for line in page.splitlines() if line.startswith("|")][2:]
    assert "a.tif, nobody (MIT); pixels made up" in first
    assert "4 nm (FEI Scan.PixelWidth): ok" in first
    assert "5 mm (FEI EBeam.WD): **differs**, others: 7 mm" in first
    assert "**unknown**, others: 2000 ns" in first
    assert first.rstrip(" |").endswith(": ok")
    assert "b.TIF, of which nobody told; `" in second
    assert "Not there" not in page
    assert "- Some other" in page
    assert page.split("\n\n")[1].splitlines()[0] in capsys.readouterr().out


def test_the_references_and_the_page_fit(folder: Path) -> None:
    known = tomllib.loads(instruments.REFERENCES.read_text(encoding="utf-8"))
    names = [one["name"] for one in known["file"]]
    assert len(names) == len(set(names))
    fields = {"name", "instrument", "from", "pixels", "pixel_nm", "focus_mm", "dwell_ns", "stage_um", "bar"}
    assert all({"name", "instrument", "from"} <= set(one) <= fields for one in known["file"])
    assert instruments.replaced(instruments.PAGE.read_text(encoding="utf-8"), "new")


def test_a_folder_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        instruments.main([str(tmp_path / "gone")])
    assert "is no folder" in capsys.readouterr().err
