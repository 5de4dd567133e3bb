"""`mhfd` as a user types it: lines, exit codes, and no traceback whatever it is given."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image
from tests.rigs.typed import every

from mhfd import simulate
from mhfd.contract.focus_report import FocusReport
from mhfd_client import commands
from mhfd_client.cli import GROUPS, main


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for z in range(3):
        tifffile.imwrite(folder / f"S_{z:03d}.tif", simulate.section((256, 256), seed=1, z=z))
    (folder / "empty.tif").write_bytes(b"")
    (folder / "notes.tif").write_text("not an image at all, but long enough to be looked at")
    return folder


def test_one_line_an_image(run: Path) -> None:
    result = mhfd("score", run / "S_000.tif")
    assert result.exit_code == 0
    assert result.output.count("\n") == 1
    assert "dof" in result.output
    assert "256x256 uint8" in result.output


def test_a_pattern_that_nothing_fits_is_called_so(tmp_path: Path) -> None:
    said = mhfd("score", tmp_path / "*.tif", tmp_path / "gone.tif")
    assert said.exit_code == 1
    assert [line.rpartition("; ")[0].partition("  ")[2] for line in said.stdout.splitlines()] == [
        "not looked at: unavailable: no file fits this pattern",
        "not looked at: unavailable: no such file (moved or deleted?)",
    ]


def test_json_has_one_report_a_path_in_order_also_for_rubbish(run: Path) -> None:
    result = mhfd("score", run / "*.tif", "--json", "--jobs", 2)
    assert result.exit_code == 1
    assert result.stderr == "5 images: 3 scored; 2 could not be scored (2 unreadable)\n"
    reports = [FocusReport.model_validate_json(line) for line in result.stdout.splitlines()]
    assert [Path(r.image.path or "").name for r in reports] == sorted(p.name for p in run.glob("*.tif"))
    assert [r.finding.value for r in reports] == ["ok", "ok", "ok", "unreadable", "unreadable"]
    assert reports[3].dof is None


def test_an_overlay_is_a_picture(run: Path, tmp_path: Path) -> None:
    assert mhfd("score", run / "S_000.tif", "--overlay", tmp_path / "one.png").exit_code == 0
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.mode == "RGB"
        assert picture.width > 2 * picture.height * 0.9
        assert len(picture.getcolors(2**24) or []) > 100
    assert mhfd("score", run / "S_00*.tif", "--overlay", tmp_path / "many").exit_code == 0
    assert len(list((tmp_path / "many").iterdir())) == 3


def test_focus_maps_are_written_where_asked(run: Path, tmp_path: Path) -> None:
    """One image's into a file; of many into a folder, in which those of two folders do not meet."""
    assert mhfd("score", run / "S_000.tif", "--focus-map", tmp_path / "one.ome.tif").exit_code == 0
    assert tifffile.imread(tmp_path / "one.ome.tif").shape == (4, 2, 2)
    for folder in ("a", "b"):
        (tmp_path / "run" / folder).mkdir(parents=True)
        shutil.copy(run / "S_000.tif", tmp_path / "run" / folder / "tile.tif")
    (tmp_path / "run" / "a" / "broken.tif").write_bytes(b"II*\0")
    assert mhfd("score", tmp_path / "run" / "*" / "*.tif", "--focus-map", tmp_path / "many").exit_code == 1
    found = sorted(str(path.relative_to(tmp_path / "many")) for path in (tmp_path / "many").rglob("*.tif"))
    assert found == ["a/tile.tif.mhfd.ome.tif", "b/tile.tif.mhfd.ome.tif"]
    told = mhfd("score", run / "*.tif", "--focus-map", tmp_path / "one.tif")
    assert told.exit_code == 2
    assert "name a folder" in told.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--params", "fast"], "no preset 'fast'"),
        (["--n", "0"], "n: Input should be greater than or equal to 1 (got 0)"),
        (["--min-t", "9", "--max-t", "3"], "max_t (3) must exceed min_t (9)"),
        (["--device", "tpu"], "'tpu' is not one of"),
        (["--jobs", "0"], "--jobs"),
        (["--nonsense"], "--nonsense"),
    ],
    ids=lambda v: "-".join(v) if isinstance(v, list) else "",
)
def test_wrong_usage_is_exit_code_2_and_names_the_field(run: Path, args: list[str], words: str) -> None:
    result = mhfd("score", run / "S_000.tif", *args)
    assert result.exit_code == 2
    assert words in result.output


def test_what_cannot_be_read_is_a_line_and_the_rest_is_scored(run: Path, tmp_path: Path) -> None:
    result = mhfd("score", tmp_path, tmp_path / "gone.tif", tmp_path / "no*.tif", run / "S_000.tif")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert result.stderr == "4 images: 1 scored; 3 not looked at (3 unavailable)\n"
    assert len(lines) == 4
    assert "directory" in lines[0] or "folder" in lines[0]
    assert "gone.tif" in lines[1]
    assert "no*.tif" in lines[2]
    assert "dof" in lines[3]


def test_file_names_cannot_move_the_cursor(tmp_path: Path) -> None:
    hostile = tmp_path / "a\x1b[2J\nb.tif"
    tifffile.imwrite(hostile, np.zeros((64, 64), np.uint8))
    result = mhfd("score", hostile)
    assert result.output.count("\n") == 1
    assert "\x1b" not in result.output
    assert json.loads(mhfd("score", hostile, "--json").output)["image"]["path"] == str(hostile)


def test_paper_presets_run(run: Path) -> None:
    for preset in ("paper_text", "paper_code"):
        result = mhfd("score", run / "S_000.tif", "--params", preset, "--json")
        assert json.loads(result.output)["method"]["id"] == f"mhfd-{preset}"


def test_every_command_has_help() -> None:
    for names, command in every():
        assert command.help, names
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{' '.join(names)}: {parameter.name}"
        assert mhfd(*names, "--help").exit_code == 0


def test_every_command_is_in_one_group_of_the_help() -> None:
    """Also one that a module of `commands` has and nobody put into a group."""
    grouped = [command for group in GROUPS.values() for command in group]
    assert len(grouped) == len({command.name for command in grouped}), "in two groups"
    assert [command.name for command in grouped] == list(main.commands)
    made: list[click.Command] = []
    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        found = vars(importlib.import_module(module.name)).values()
        made += [one for one in found if isinstance(one, click.Command)]
    inner = [one for command in made if isinstance(command, click.Group) for one in command.commands.values()]
    forgotten = [one.name for one in made if one not in grouped and one not in inner]
    assert forgotten == [], "put it under the place where it is typed: mhfd_client.cli.GROUPS"


def test_the_help_shows_every_command_under_its_place() -> None:
    lines = mhfd("--help").output.splitlines()
    assert max(map(len, lines)) <= 80
    heading, shown = "", []
    for line in lines:
        if re.fullmatch(r"\S.*:", line):
            heading = line[:-1]
        elif (word := re.match(r"  ([a-z-]+)\s", line)) and heading in GROUPS:
            shown.append((heading, word[1]))
    assert shown == [(heading, command.name) for heading, group in GROUPS.items() for command in group]


def test_the_installed_command_ends_quietly_when_its_reader_leaves(run: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from mhfd_client.cli import main; main()",
        "score",
        *[str(run / "S_000.tif")] * 40,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
