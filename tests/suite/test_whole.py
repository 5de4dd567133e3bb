"""A file that is written whole is the old one or the new one, whoever fails, and of two writers none is half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mhfd.whole import whole, write_whole


def test_it_is_there_once_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    with whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_writers_the_last_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    with whole(path) as one:
        one.write(b"1" * 100)
        with whole(path) as other:
            other.write(b"2" * 10)
        assert path.read_bytes() == b"2" * 10
    assert path.read_bytes() == b"1" * 100


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")

    def refused(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else Path, call, refused)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_its_folder_is_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b.json", b"new")
    assert (tmp_path / "a" / "b.json").read_bytes() == b"new"


def test_once_it_is_there_nothing_more_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object, **_options: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "unlink", refused)
    write_whole(tmp_path / "kept.json", b"new")
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(tmp_path / "kept.json", b"newer")
    assert (tmp_path / "kept.json").read_bytes() == b"new"
