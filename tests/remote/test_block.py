"""In a training's process one work has its turn at a time, whoever asks for another hears so, and no answer waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rigs.remote.hashing import NAME, hash_folder

from mhfd.remote.long import block
from mhfd.site import VARIABLE, Site


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request, at a site that allows it, in a training's process."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "file").write_bytes(b"x")
    roots = {"read_roots": [tmp_path / "in"], "write_roots": [tmp_path / "out"]}
    (tmp_path / "site.toml").write_text(Site.of({**roots, "functions": {NAME: {"purpose": "train"}}}).to_toml())
    monkeypatch.setenv(VARIABLE, str(tmp_path / "site.toml"))
    monkeypatch.setenv("MHFD_PURPOSE", "train")
    return {"key": "a", "into": str(tmp_path / "out"), "folder": str(tmp_path / "in")}


def test_one_has_the_turn() -> None:
    with block.turn() as first, block.turn() as second:
        assert (first, second) == (True, True), "for images there is none"


def test_of_a_training_one_has_the_turn(asked: dict[str, Any]) -> None:
    with block.turn() as first, block.turn() as second:
        assert (first, second) == (True, False)
    with block.turn() as later:
        assert later


def test_another_work_waits_and_is_told(asked: dict[str, Any]) -> None:
    with block.turn():
        waits = hash_folder(**asked)
        assert (waits["ok"], waits["state"], waits["taken_up"]) == (True, "elsewhere", 0)
        assert [note["code"] for note in waits["notes"]] == ["busy"]
        assert hash_folder(**asked | {"key": "b", "cancel": True})["state"] == "cancelled", "to end it needs no turn"
    assert hash_folder(**asked)["state"] == "done"
    with block.turn():
        assert hash_folder(**asked)["state"] == "done", "what has ended is told at any time"


def test_a_training_is_refused_where_images_are_scored(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MHFD_PURPOSE")
    refused = hash_folder(**asked)
    assert [one["code"] for one in refused["errors"]] == ["not_allowed"]
    assert "purpose" in refused["errors"][0]["remedy"]
