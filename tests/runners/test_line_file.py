"""What a runner has noted survives its process, whatever became of the last line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from mhfd_client.runners.line_file import Notes


def read(file: Path, of: str = "mine") -> list[Any]:
    found: list[Any] = []
    Notes(file, {"of": of}, lambda line: found.append(line["a"]), lambda: [{"a": one} for one in found]).close()
    return found


def test_what_is_noted_is_there_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    notes = Notes(file, {"of": "mine"}, lambda line: None, list)
    notes.write({"a": 1})
    notes.say({"a": "ü"})
    notes.close()
    notes.say({"a": "after the end"})
    assert read(file) == read(file) == [1, "ü"]


def test_lines_that_are_torn_or_none_of_ours_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_bytes(b'{"of": "mine"}\n{"a": 1}\n{"b": 2}\n[3]\n\xff\n{"a": 4}\n{"a": ')
    with caplog.at_level(logging.WARNING):
        assert read(file) == [1, 4]
    assert caplog.text.count("cannot be read") == 4


@pytest.mark.parametrize("head", ['{"of": "mine"}', '{"schema_version": 1, "of": "mine"}'])
def test_a_file_from_before_there_were_versions_is_read(tmp_path: Path, head: str) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text(f'{head}\n{{"a": 1}}\n')
    assert read(file) == [1]


LATER = b'{"schema_version": 2, "of": "mine"}\n{"a": 1}\n'


@pytest.mark.parametrize("text", [b"", b'{"of": "others"}\n{"a": 1}\n', b"\xff\x00", b"[1]\n", LATER])
def test_what_is_not_ours_is_forgotten(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_bytes(text)
    assert read(file) == []
    assert file.read_text() == '{"schema_version": 1, "of": "mine"}\n'


def test_without_a_file_nothing_is_kept() -> None:
    notes = Notes(None, {"of": "mine"}, lambda line: None, list)
    notes.write({"a": 1})
    notes.close()


def test_a_full_disk_is_an_error_only_where_it_matters(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes(tmp_path / "notes.jsonl", {"of": "mine"}, lambda line: None, list)
    notes.close()
    notes._stream = open("/dev/full", "w")  # noqa: PTH123, SIM115 - every write to it fails, and its end
    with pytest.raises(OSError, match="No space"):
        notes.write({"a": 1})
    with caplog.at_level(logging.WARNING):
        notes.say({"a": 2})
        notes.close()
    assert caplog.text.count("cannot be written") == 2
