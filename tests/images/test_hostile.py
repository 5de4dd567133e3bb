"""The command that scores hostile files: every one ends in a finding, and it fails when one does not."""

from __future__ import annotations

import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from tests.rigs.hostile import __main__ as hostile
from tests.rigs.hostile.mutants import mutant
from tests.rigs.image_files import bmp, jpeg, mrc, scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small file of each format."""
    made = tmp_path / "files"
    made.mkdir()
    grey = scene()
    (made / "a.bmp").write_bytes(bmp(grey))
    (made / "a.jpg").write_bytes(jpeg(grey))
    (made / "a.mrc").write_bytes(mrc(grey.astype(np.int16)))
    (made / "a.png").write_bytes(bytes(imagecodecs.png_encode(grey)))
    tifffile.imwrite(made / "a.tif", grey, rowsperstrip=16, compression="zlib")
    tifffile.imwrite(made / "b.tif", grey.astype(np.float32), tile=(32, 32))
    return made


def test_each_file_of_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rubbish.tif").write_bytes(b"II*\0" + bytes(range(200)))
    log = tmp_path / "log"
    assert hostile.main([str(folder), "--jobs", "1", "--log", str(log)]) == 0
    said = [json.loads(line) for line in log.read_text().splitlines()]
    assert {Path(one["name"]).name for one in said} == {path.name for path in folder.iterdir()}, "no file is touched"
    assert next(one for one in said if "rubbish" in one["name"])["finding"] in ("unreadable", "incomplete")
    assert f"{len(said)} files" in capsys.readouterr().out


def test_an_image_beyond_its_bounds_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.tile(np.random.default_rng(1).integers(0, 255, 9000, np.uint8), (9000, 1))
    tifffile.imwrite(folder / "large.tif", image, compression="zlib", rowsperstrip=9000)  # held whole
    assert hostile.main([str(folder / "large.tif"), "--jobs", "1", "--memory-gb", "0.05"]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_a_mutant_is_the_same_each_time(folder: Path) -> None:
    originals = sorted(folder.iterdir())
    assert [mutant(n, originals, 1) for n in range(60)] == [mutant(n, originals, 1) for n in range(60)]
    assert mutant(3, originals, 1) != mutant(3, originals, 2)


@pytest.mark.soak
def test_mutants_end_in_findings(folder: Path) -> None:
    assert hostile.main([str(folder), "--mutants", "5000", "--jobs", "2"]) == 0
