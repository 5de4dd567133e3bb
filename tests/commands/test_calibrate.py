"""`mhfd calibrate` typed: a simulated series from pixels to a file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tifffile
from click.testing import CliRunner, Result

from mhfd import simulate
from mhfd.simulate import Exposure, Optics
from mhfd_client.calibration.kept import load
from mhfd_client.cli import main

FOCUS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
AT = 0.4


def calibrate(*args: object) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, args)], catch_exceptions=False)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half-angle 8 mrad at 8 nm a pixel: 1 px a um."""
    folder = tmp_path_factory.mktemp("series")
    images = simulate.focus_series(
        (256, 256), seed=4, defocus_um=[um - AT for um in FOCUS], optics=Optics(), exposure=Exposure(dose=200)
    )
    for um, pixels in zip(FOCUS, images, strict=True):
        tifffile.imwrite(folder / f"S_{um:+.1f}um.tif", pixels)
    return folder


def test_a_simulated_series_gives_what_it_was_made_with(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    told = calibrate(series, "--focus-from", "filename", "--pixel-nm", 8, "--out", out, "--json")
    assert told.exit_code == 0
    document = json.loads(told.stdout)
    found = load(out)
    assert document["calibration"] == found.model_dump(mode="json")
    assert [image["focus_um"] for image in document["images"]] == list(FOCUS)
    assert (found.images, found.pixel_nm, found.instrument) == (7, 8.0, None)
    assert found.um_a_px.low < 1 < found.um_a_px.high
    assert found.um_a_px.high < 1.4 * found.um_a_px.low
    assert found.focus_um.low < AT < found.focus_um.high
    assert found.half_angle_mrad is not None
    assert found.half_angle_mrad.low < 8 < found.half_angle_mrad.high


def test_a_series_that_is_refused_writes_nothing(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    names = sorted(path.name for path in series.iterdir())
    shuffled = [FOCUS[number] for number in (0, 4, 2, 6, 1, 5, 3)]
    listed = tmp_path / "focus.csv"
    rows = [f"{name},{um}" for name, um in zip(names, shuffled, strict=True)]
    listed.write_text("\n".join(["image,focus_um", *rows]))
    told = calibrate(series, "--focus-from", "csv", "--csv", listed, "--out", out)
    assert told.exit_code == 1
    assert "Error: " in told.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--focus-from", "csv"), "--csv FILE and --focus-from csv belong together"),
        (("--focus-from", "tag", "--csv", "a.csv"), "--csv FILE and --focus-from csv belong together"),
        (("--focus-from", "tag", "--pattern", "(a)"), "belong to --focus-from filename, not to tag"),
        (("--focus-from", "filename", "--unit", "um"), "--unit belongs to --pattern"),
        ((), "Missing option '--focus-from'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: tuple[str, ...], why: str) -> None:
    told = calibrate("a.tif", *words)
    assert told.exit_code == 2
    assert why in told.output


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    told = calibrate(tmp_path, "--focus-from", "tag")
    assert told.exit_code == 2
    assert "has no images of its own" in told.output


def test_files_that_are_not_there_are_left_out_by_name(tmp_path: Path) -> None:
    told = calibrate(tmp_path / "none.tif", "--focus-from", "tag")
    assert told.exit_code == 1
    assert "0 of 1 images are usable, at least 5 are needed; left out: " in told.output
    assert "none.tif" in told.output
