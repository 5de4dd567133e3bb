"""`mhfd replay`: a good run, judged as it is and with faults planted; nothing of it is written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tifffile
from click.testing import CliRunner, Result

from mhfd.simulate import Exposure, Optics, Specimen
from mhfd_client.cli import main

SECTIONS = 12


def replay(*args: object) -> Result:
    return CliRunner().invoke(main, ["replay", *(str(a) for a in args)], catch_exceptions=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some sections, in another order than they were written."""
    folder = tmp_path_factory.mktemp("run")
    specimen = Specimen(seed=4)
    for z in reversed(range(SECTIONS)):
        picture = specimen.section((256, 256), z=z, exposure=Exposure(dose=200))
        tifffile.imwrite(folder / f"section_{z + 1:05d}_r1-c1.tif", picture)
    (folder / "notes.txt").write_text("a good run")
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.iterdir())}


def test_a_good_run_is_judged_with_and_without_faults(run: Path) -> None:
    before = contents(run)
    result = replay(run, "--plant", "defocus", "--size", "4", "--every", "2", "--json")
    assert contents(run) == before
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["schema_version"] == 1
    assert said["images"] == SECTIONS
    assert said["confirmed"] == [f"section_{z:05d}_r1-c1.tif" for z in (1, 2, 3)]
    assert said["false_alarms"]["count"] == 0
    assert said["false_alarms"]["of"] + said["undetermined"] == SECTIONS - 3
    (kind,) = said["kinds"]
    assert kind["kind"] == "defocus"
    assert kind["found"]["count"] == kind["found"]["of"] == 3  # of the six after the baseline, every second
    assert (kind["found_95_is"], kind["found_95_px"]) == ("at_most", 4.0)


def test_people_are_told_in_lines(run: Path) -> None:
    result = replay(run, "--plant", "half", "--every", "3", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert "12 images, taken to be good; the first 3 were confirmed as sharp" in result.stdout
    assert "false alarms: 0 of " in result.stdout
    assert "half: found " in result.stdout
    assert "4 px: " in result.stdout


def test_what_rings_in_the_run_itself_is_named(run: Path, tmp_path: Path) -> None:
    for path in run.glob("*.tif"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    blurred = Specimen(seed=4).section((256, 256), z=9, optics=_blurred(), exposure=Exposure(dose=200))
    tifffile.imwrite(tmp_path / "section_00010_r1-c1.tif", blurred)
    said = json.loads(replay(tmp_path, "--plant", "tilt", "--every", "50", "--json").stdout)
    assert [one["path"] for one in said["false_alarms"]["images"]] == ["section_00010_r1-c1.tif"]


def _blurred() -> Optics:

    return Optics(blur_px=5)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    result = CliRunner().invoke(main, ["replay", str(tmp_path), "--plant", "all"])
    assert result.exit_code == 2
    assert "none of the files there is an image" in result.output
