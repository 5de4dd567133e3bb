"""`--state` is given once for a folder: afterwards every command finds that state by itself."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.rigs.watched import picture

from mhfd_client.cli import main
from mhfd_client.errors import StateError
from mhfd_client.settings import places, remembered
from mhfd_client.settings.load import load

FAST = ("--no-page", "--until-idle", "0.2", "--set", "arrival.settle_s=0.1", "--set", "arrival.patience_s=0.2")


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty watched folder; what is remembered, only this test knows."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    made = tmp_path / "wafer7"
    made.mkdir()
    return made


def state_said(root: Path, *more: object) -> tuple[str, str]:
    told = json.loads(mhfd("config", root, "--json", *more).stdout)
    return told["state_dir"], told["state_from"]


def test_state_is_given_once(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tifffile

    tifffile.imwrite(root / "S_001.tif", picture(1))
    assert mhfd("status", root).exit_code == 1
    first = mhfd("watch", root, "--state", tmp_path / "mine", *FAST)
    assert first.exit_code == 0, first.output
    assert "without --state from now on" in first.stderr
    for command in ("status", "retake"):
        assert mhfd(command, root).exit_code == 0, command
    assert f"state: {tmp_path / 'mine'} [remembered in " in mhfd("plan", root).stdout
    link = tmp_path / "link"
    link.symlink_to(root)
    monkeypatch.chdir(root)
    for way in (root, link, "."):
        assert state_said(Path(way))[0] == str(tmp_path / "mine"), "whichever way leads to the folder"
    again = mhfd("watch", root, *FAST)
    assert "0 images scored" in again.stderr
    assert "from now on" not in again.stderr
    assert [path.name for path in root.iterdir()] == ["S_001.tif"], "nothing is written into the watched folder"


def test_who_says_it_first(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_said(root) == (str(places.default_state(root)), "default")
    note = places.note_of(root)
    (tmp_path / "kept").mkdir()
    remembered.remember(note, str(root), tmp_path / "kept")
    assert state_said(root) == (str(tmp_path / "kept"), f"remembered in {note}")
    monkeypatch.setenv("MHFD_STATE_DIR", str(tmp_path / "env"))
    assert state_said(root) == (str(tmp_path / "env"), "environment MHFD_STATE_DIR")
    assert state_said(root, "--state", tmp_path / "arg") == (str(tmp_path / "arg"), "argument")
    monkeypatch.delenv("MHFD_STATE_DIR")
    (tmp_path / "other").mkdir()
    assert state_said(tmp_path / "other")[1] == "default", "another folder is not meant"


def test_the_newest_wins_and_says_so(root: Path, tmp_path: Path) -> None:
    assert mhfd("watch", root, *FAST).exit_code == 0
    default = places.default_state(root)
    moved = mhfd("watch", root, "--state", tmp_path / "a", *FAST)
    assert f"until now the state of this folder was in {default}, which stays as it is" in moved.stderr
    moved = mhfd("watch", root, "--state", tmp_path / "b", *FAST)
    assert f"until now the state of this folder was in {tmp_path / 'a'}" in moved.stderr
    assert state_said(root)[0] == str(tmp_path / "b")
    assert mhfd("status", root, "--state", tmp_path / "a").exit_code == 0
    assert state_said(root)[0] == str(tmp_path / "b"), "looking at an old state changes nothing"


def test_a_remembered_folder_that_is_gone_is_named_and_not_replaced(root: Path, tmp_path: Path) -> None:
    assert mhfd("watch", root, "--state", tmp_path / "a", *FAST).exit_code == 0
    shutil.move(tmp_path / "a", tmp_path / "away")
    note = places.note_of(root)
    for command in (("status", root), ("watch", root, *FAST), ("plan", root), ("config", root), ("doctor", root)):
        said = mhfd(*command)
        assert said.exit_code == 1, command
        assert f"{tmp_path / 'a'} is gone, where {note} remembers" in said.output
        assert "--state, or delete this file" in said.output
    assert not places.default_state(root).exists()
    assert mhfd("watch", root, "--state", tmp_path / "away", *FAST).exit_code == 0, "the remedy"
    assert mhfd("status", root).exit_code == 0


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 2, "state_dir": "2f"}', "\x00",
                '{"schema_version": 1, "state_dir": "zz"}', '{"schema_version": 1, "state_dir": "61"}']
)  # fmt: skip
def test_a_damaged_note_is_named(root: Path, content: str) -> None:
    note = places.note_of(root)
    note.parent.mkdir(parents=True)
    note.write_text(content)
    said = mhfd("status", root)
    assert (said.exit_code, str(note) in said.output) == (1, True)
    assert list(remembered.every(note.parent)) == []


def test_many_who_remember_at_once_leave_a_whole_note(root: Path, tmp_path: Path) -> None:
    note = places.note_of(root)
    folders = [tmp_path / f"state {n}" for n in range(8)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: remembered.remember(note, str(root), folders[n % 8]), range(64)))
    assert remembered.recalled(note) in folders
    assert list(remembered.every(note.parent)) == [remembered.recalled(note)]


def test_a_name_of_any_bytes(root: Path, tmp_path: Path) -> None:
    import os

    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff state"))
    odd.mkdir()
    remembered.remember(places.note_of(root), str(root), odd)
    assert places.state_dir(root, settings=load().settings) == odd


def test_a_note_that_cannot_be_written_is_an_error_of_its_own(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(StateError, match="needs --state again"):
        remembered.remember(places.note_of(root), str(root), tmp_path)
    assert remembered.recalled(places.note_of(root)) is None
