"""Names of instruments, watched: a blurred image is on the list, whatever else has its section and tile."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest
import tifffile
from click.testing import CliRunner

from mhfd.simulate import Optics, Specimen
from mhfd_client.arrival.events import Whole
from mhfd_client.cli import main
from mhfd_client.journal.journal import Journal
from mhfd_client.naming import NOWHERE, Place, detect
from mhfd_client.station.assembly import placing

FAST = ("--until-idle", "1", "--no-page", "--set", "arrival.patience_s=0.3", "--set", "arrival.settle_s=0.3")


@lru_cache
def picture(z: int, blur_px: float) -> bytes:
    file = io.BytesIO()
    optics = Optics(pixel_nm=8.0, blur_px=blur_px)
    tifffile.imwrite(file, Specimen(seed=1).section((256, 256), z=z, optics=optics))
    return file.getvalue()


class Wafer:
    """A folder, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "wafer", folder / "state"
        self.root.mkdir()

    def write(self, names: Iterable[str], *, blurred: str = "") -> None:
        for z, name in enumerate(names):
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture(z, 4.0 if name == blurred else 0.0))

    def __call__(self, command: str, *args: str) -> str:
        line = [command, str(self.root), *args, "--state", str(self.state)]
        result = CliRunner().invoke(main, line, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def listed(self) -> list[str]:
        return [item["path"] for item in json.loads(self("status", "--json"))["retake"]]


@pytest.fixture
def wafer(tmp_path: Path) -> Wafer:
    return Wafer(tmp_path)


def test_the_one_blurred_tile_of_twelve_in_the_names_of_maps(wafer: Wafer) -> None:
    names = [f"Section 0{s}/Tile_00{r}-00{c}-000000_0-000.tif" for s in (10, 11, 12) for r in (1, 2) for c in (1, 2)]
    blurred = "Section 011/Tile_001-002-000000_0-000.tif"
    wafer.write(names, blurred=blurred)
    assert "names: maps: 12 of 12 names fit\n" in wafer("plan")
    assert "maps: 12 of 12 names fit" in wafer("watch", *FAST)
    assert wafer("retake").startswith("nothing to image again, as far as can be told\nof 1 image nothing can be said: ")
    assert blurred in wafer("retake", "--undetermined")
    wafer("confirm", *(name for name in names if name.startswith("Section 010")), "--yes")
    assert wafer.listed() == [blurred]
    assert wafer("retake").startswith("section 11, tile r1-c2: ")
    told = json.loads(wafer("status", "--json"))
    assert (told["crowds"], told["without_section"], told["missing"]) == ([], 0, [])


def test_three_wafers_in_one_folder_and_copies_lose_nothing(wafer: Wafer) -> None:
    first = [f"W1/slice_{s:03d}.tif" for s in range(1, 13)]
    wafer.write(first, blurred="W1/slice_004.tif")
    wafer.write(["W1/slice_007 (2).tif"])
    assert "plain: 12 of 13 names fit" in wafer("watch", *FAST)
    assert wafer.listed() == ["W1/slice_004.tif"]
    for other in ("W2", "W3"):
        wafer.write((name.replace("W1", other) for name in first), blurred="W3/slice_009.tif")
    assert "W1/slice_001.tif and W2/slice_001.tif and 1 more are section 1. No image gets one." in wafer("watch", *FAST)
    assert wafer.listed() == ["W1/slice_004.tif", "W3/slice_009.tif"]
    assert wafer("status").count("names: 25 files have no section") == 1
    assert '"names"' in wafer("doctor", "--json")


def test_names_that_nobody_thought_of(wafer: Wafer) -> None:
    names = [f"Quanta200_{letter}.tif" for letter in "abcdefghijkl"]
    wafer.write(names, blurred="Quanta200_f.tif")
    assert "Quanta200_a.tif and Quanta200_b.tif and 10 more are section 200. No image gets one." in wafer("plan")
    wafer("watch", "-q", *FAST)
    assert wafer.listed() == ["Quanta200_f.tif"]


def test_a_place_that_becomes_crowded_while_files_come_keeps_its_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wafer = tmp_path / "wafer"
    wafer.mkdir()
    with Journal.open(tmp_path / "state", root=wafer) as journal:
        place = placing(detect([]).naming, journal)
        known = {
            "S_004_1/Tile_r1-c1_S_004_1.tif": Place(4, "r1-c1"),
            "S_004_2/Tile_r1-c1_S_004_2.tif": Place(4, "r1-c1"),
        }
        guessed = {"Quanta200_a.tif": Place(200), "Quanta200_b.tif": NOWHERE, "slice_7.tif": Place(7)}
        for n, (path, where) in enumerate((known | guessed).items()):
            assert place(path) == where
            journal.arrived(Whole(path, 10, n, 1.0, 2.0), where)
        assert place("Quanta200_a.tif") == Place(200), "another revision of the file that has it"
        assert "Quanta200_b.tif gets no section: Quanta200_a.tif is section 200 already" in caplog.text
        assert [crowd.place for crowd in journal.crowds()] == [Place(4, "r1-c1")]
