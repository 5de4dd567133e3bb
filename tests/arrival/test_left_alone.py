"""A folder of files that are all left alone is said aloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rigs.arrivals import Bench, tiff

from mhfd_client.arrival.events import FolderTrouble, Recovered, TroubleKind
from mhfd_client.arrival.left_alone import Tally
from mhfd_client.cli import main
from mhfd_client.doctor.station import examine
from mhfd_client.settings.options import ArrivalSettings

ALONE = (TroubleKind.LEFT_ALONE, None)


def fill(root: Path, **counts: int) -> Path:
    for ending, count in counts.items():
        for i in range(count):
            (root / f"S_{i:03d}.{ending}").write_bytes(tiff())
    return root


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, None),
        ({"tif": 3, "txt": 9, "xml": 9}, None),
        ({"txt": 3, "log": 1}, None),
        ({"tif": 2, "dm4": 2}, None),
        ({"dm4": 120, "txt": 12}, "none of the 132 files here is an image that is watched: 120 end in .dm4, 12 end in"),
        ({"txt": 12, "dm4": 5}, "and install a reader of .dm4 (https://"),
        ({"xyz": 1}, "the one file here is no image that is watched: 1 ends in .xyz. Set arrival.patterns (now *.tif"),
        ({"tif": 2, "dm4": 5, "txt": 90}, "5 of the 7 images here are not watched: 5 end in .dm4. Set"),
    ],
)  # fmt: skip
def test_what_is_said(counts: dict[str, int], said: str | None) -> None:
    tally = Tally(ArrivalSettings().patterns)
    for ending, count in counts.items():
        names = [f"{i}.{ending.upper()}" for i in range(count)]
        tally.add(*((names, ()) if ending == "tif" else ((), names)))
    assert (tally.said or "").find(said or "") >= 0
    assert (tally.said is None) == (said is None)


def test_a_watch_says_it_at_once_and_again_when_there_are_twice_as_many(tmp_path: Path) -> None:
    bench = Bench(fill(tmp_path, dm4=2))
    (news,) = bench.pass_time(0)
    assert isinstance(news, FolderTrouble)
    assert "none of the 2 files" in bench.troubles[ALONE].why
    fill(tmp_path, dm4=3)
    assert bench.pass_time(60) == []
    fill(tmp_path, dm4=4)
    bench.pass_time(60)
    assert "none of the 4 files" in bench.troubles[ALONE].why
    (tmp_path / "S_001.tif").write_bytes(tiff())
    (tmp_path / "S_002.tif").write_bytes(tiff())
    (tmp_path / "S_003.tif").write_bytes(tiff())
    (tmp_path / "S_004.tif").write_bytes(tiff())
    assert Recovered(*ALONE) in bench.pass_time(60)


def test_a_file_under_another_name_for_a_moment_is_nothing_to_say(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.pass_time(5) == []
    (tmp_path / "S_001.writing").write_bytes(tiff())
    assert bench.pass_time(20) == []
    (tmp_path / "S_001.writing").rename(tmp_path / "S_001.tif")
    assert len(bench.whole(20)) == 1
    (tmp_path / "S_001.tif").rename(tmp_path / "S_001.odd")
    assert bench.pass_time(25) == []
    assert bench.pass_time(30, step=2) == [bench.troubles[ALONE]]


@pytest.mark.parametrize(("counts", "code"), [({"dm4": 2}, 1), ({"tif": 1}, 0), ({}, 0), ({"tif": 1, "dm4": 2}, 1)])
def test_plan_and_doctor(tmp_path: Path, counts: dict[str, int], code: int) -> None:
    fill(tmp_path, **counts)
    said = CliRunner().invoke(main, ["plan", str(tmp_path)])
    assert said.exit_code == code, said.output
    assert ("Set arrival.patterns" in said.output) == bool(code)
    as_json = CliRunner().invoke(main, ["plan", str(tmp_path), "--json"])
    assert as_json.exit_code == code
    assert ('"left_alone": null' in as_json.output) == (not code)
    (check,) = (check for check in examine(str(tmp_path)) if check.name == "images")
    assert check.level == ("fail" if code else "ok"), check
    assert ("arrival.patterns" in str(check)) == bool(code)
