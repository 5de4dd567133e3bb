"""`mhfd focus-map`: the maps of a run from its stored reports, of the images that are asked for, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile
from click.testing import CliRunner, Result
from tests.rigs.runs import Run, sharp_run

from mhfd.contract.focus_report import Finding
from mhfd_client.cli import main


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with sharp_run(tmp_path, sections=8) as made:
        made.image(8, density=1500.0, ratio=0.01)
        made.image(9, finding=Finding.INCOMPLETE, detail="the file ends early")
        yield made


def focus_map(run: Run, *args: object) -> Result:
    words = ["focus-map", str(run.root), "--state", str(run.state), *map(str, args)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def maps(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_those_to_be_imaged_again_each_at_its_own_path(run: Run, tmp_path: Path) -> None:
    told = focus_map(run, "--retake", "--to", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert maps(tmp_path / "out") == ["S_008/tile_r1-c1.tif.mhfd.ome.tif"]
    assert f"1 focus map in {tmp_path / 'out'}" in told.stdout
    assert "S_009/tile_r1-c1.tif: there is no focus map: nothing was measured (incomplete)" in told.stderr
    assert tifffile.imread(tmp_path / "out" / "S_008" / "tile_r1-c1.tif.mhfd.ome.tif").shape == (4, 4, 4)
    assert not any(run.root.iterdir())


def test_all_and_named_ones(run: Run, tmp_path: Path) -> None:
    assert "9 focus maps" in focus_map(run, "--all", "--to", tmp_path / "all").stdout
    assert len(maps(tmp_path / "all")) == 9
    told = focus_map(run, "S_003/tile_r1-c1.tif", "S_009/tile_r1-c1.tif", "--to", tmp_path / "two")
    assert told.exit_code == 1
    assert maps(tmp_path / "two") == ["S_003/tile_r1-c1.tif.mhfd.ome.tif"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "name the images, or give --retake or --all"),
        (["--all", "--retake"], "name the images, or give --retake or --all"),
        (["S_003/tile_r1-c1.tif", "--all"], "choose one"),
        (["S_77.tif"], "S_77.tif is not in the journal"),
    ],
    ids=["none", "two", "both", "unknown"],
)
def test_wrong_usage_is_named(run: Run, tmp_path: Path, args: list[str], words: str) -> None:
    told = focus_map(run, *args, "--to", tmp_path / "out")
    assert told.exit_code == 2
    assert words in " ".join(told.output.split())
    assert not (tmp_path / "out").exists()


def test_the_watched_folder_is_never_written(run: Run) -> None:
    told = focus_map(run, "--all", "--to", run.root / "maps")
    assert told.exit_code == 2
    assert "lies in the watched folder" in " ".join(told.output.split())
    assert not any(run.root.iterdir())
