"""`mhfd adjust record --move` and `mhfd adjust moves`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs.instruments.pretend import station_with
from tests.rigs.recorded_moves import recorded_here
from tests.rigs.typed import typed_here

from mhfd_client.adjustment.moves import moves
from mhfd_client.instruments.pretend_scope import make_pretend

MOVE = ("--move", "working distance -3.2 um")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def typed(*words: str | Path) -> tuple[int, str]:
    return typed_here(["adjust", *map(str, words)])


def test_a_typed_move_is_of_the_watched_folders_specimen_and_the_stations_instrument(run: Path, tmp_path: Path) -> None:
    scope = make_pretend(tmp_path / "scope", name="SEM 3")
    state = station_with(tmp_path / "state", scope, allow="off")
    code, said = typed("record", run, "--state", state, *MOVE, "--who", "Ada")
    assert code == 0, said
    assert f"mhfd adjust moves {run} --state {state}" in said
    (scope.folder / "scope.json").unlink()  # it does not answer any more
    code, said = typed("record", run, "--state", state, *MOVE)
    assert code == 0
    assert "the move is kept all the same" in said
    told = [(one.by, one.actor, one.specimen, one.instrument) for one in moves(state)]
    assert told == [(-3.2, "Ada", "run", "SEM 3"), (-3.2, None, "run", "SEM 3")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--before", "a.tif"], "--before belongs to --move"),
        ([*MOVE, "--for", "3"], "--for belongs to listening"),
        (["--move", "working distance 3"], "no unit"),
        ([*MOVE, "--before", "a.tif"], "no such image"),
        ([*MOVE, "--pair", "a.tif", "b.tif"], "give both"),
        ([], "instrument.toml: there is none"),
    ],
)
def test_wrong_words_are_named_and_nothing_is_kept(run: Path, tmp_path: Path, words: list[str], said: str) -> None:
    code, told = typed("record", run, "--state", tmp_path / "state", *words)
    assert code == 2
    assert said in told
    assert list(moves(tmp_path / "state")) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    for words in (MOVE, ()):
        code, told = typed("record", tmp_path / "nowhere", "--state", tmp_path / "state", *words)
        assert code == 2
        assert "there is no such folder" in told


def test_what_was_recorded_is_listed_with_what_is_left_out(run: Path, tmp_path: Path) -> None:
    state, out = recorded_here(tmp_path), tmp_path / "out"
    code, said = typed("moves", run, "--state", state, "--out", out)
    assert code == 0, said
    assert "mouse: working distance -3 um by Ada\n" in said
    assert "left out (nothing): turned by 0.01 um" in said
    assert "line 3: no move" in said
    assert "1 of 2 moves teach something, by 1 pair of images" in said
    assert f"next: mhfd adjust learn {out}" in said
    _, said = typed("moves", run, "--state", state)
    assert f"next: mhfd adjust learn {state}" in said
    code, said = typed("moves", run, "--state", state, "--json")
    told = json.loads(said)
    assert (len(told["moves"]), [one["reason"] for one in told["left_out"]], told["pairs"]) == (1, ["nothing"], 1)
    _, said = typed_here(["dataset", "check", str(out)])
    assert "1 row of 2 images: 1 move" in said


def test_where_nothing_teaches_there_is_no_dataset(run: Path, tmp_path: Path) -> None:
    code, said = typed("moves", run, "--state", tmp_path / "state", "--out", tmp_path / "out")
    assert code == 2
    assert "no recorded move teaches anything" in said
