"""`mhfd adjust learn` finds what it is given: a dataset, a state folder, a watched folder; and says what is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.rigs.labelled import dataset

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.manifold import learning
from mhfd_client.adjustment import learned, places
from mhfd_client.cli import main
from mhfd_client.settings.load import load


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """What was recorded in the state folder, which holds a record."""
    made = dataset(tmp_path / "images")
    state = tmp_path / "state"
    places.moves(state).parent.mkdir(parents=True)
    places.moves(state).write_text("")
    monkeypatch.setattr(learned, "as_dataset", {state: made}.__getitem__)
    return made


def test_a_dataset_is_read(tmp_path: Path) -> None:
    made = dataset(tmp_path / "images")
    made.write(tmp_path / "set")
    assert learned.moves_of(tmp_path / "set", load().settings) == made


def test_a_state_folder_is_what_was_recorded_in_it(tmp_path: Path, recorded: Dataset) -> None:
    assert learned.moves_of(tmp_path / "state", load().settings) is recorded


def test_a_watched_folder_leads_to_its_state(
    tmp_path: Path, recorded: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "watched").mkdir()
    monkeypatch.setattr(learned, "state_dir", lambda *_, **__: tmp_path / "state")
    assert learned.moves_of(tmp_path / "watched", load().settings) is recorded


@pytest.mark.parametrize(("name", "said"), [("nothing", "there is no such folder"), ("", "no move was recorded of it")])
def test_what_is_none_is_said(name: str, said: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["adjust", "learn", str(tmp_path / name)])
    assert found.exit_code == 2
    assert said in found.output


def test_several_sources_and_all_options_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    for name in ("one", "two"):
        dataset(tmp_path / name / "images").write(tmp_path / name)

    def told(given: Sequence[Dataset], **options: Any) -> Any:
        asked.update(options, given=len(given))
        raise UsageError("enough")

    monkeypatch.setattr(learning, "learn", told)
    words = ["--learner", "lle", "--out", str(tmp_path / "out"), "--seed", "3", "--licence", "CC0-1.0", "--title", "t"]
    found = CliRunner().invoke(main, ["adjust", "learn", str(tmp_path / "one"), str(tmp_path / "two"), *words])
    assert found.exit_code == 2
    assert "enough" in found.output
    del asked["library"], asked["cache"], asked["told"], asked["said"]
    assert json.loads(json.dumps(asked, default=str)) == {
        "given": 2,
        "learner": "lle",
        "out": str(tmp_path / "out"),
        "seed": 3,
        "licence": "CC0-1.0",
        "title": "t",
    }
