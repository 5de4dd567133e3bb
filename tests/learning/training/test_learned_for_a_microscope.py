"""`mhfd learn` with torch: a network of the library trained further, here, and benchmarked before it is anybody's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs.benched import labelled
from tests.rigs.typed import typed_here

from mhfd.learning.packages import Library
from mhfd_client.settings.places import models_home

pytestmark = pytest.mark.learn

PLAN = ("--batch", "4", "--warmup", "1", "--workers", "1", "--device", "cpu")


def test_a_network_of_another_microscope_is_trained_further_and_challenges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    folder = tmp_path / "labelled"
    labelled(folder, specimens=2)
    words = ["train", "focus", str(folder), "--learner", "small", *PLAN, "--epochs", "1", "--title", "first"]
    code, told = typed_here(words)
    assert code == 0, told
    library = Library(models_home())
    (parent,) = (one.name for one in library.folder.iterdir())
    learn = ["learn", str(folder), "--instrument", "north", *PLAN, "--epochs", "2", "--json"]
    code, told = typed_here(learn)
    assert code == 0, told
    said = json.loads(told[told.index("{\n") : told.rindex("}") + 1])
    assert said["benchmark"]["decision"] == "kept", "on two specimens nothing is promoted"
    assert library.champion_name("focus", "north") == "mhfd"
    if said["assessment"]["train"]:
        (training,) = said["trainings"]
        assert (training["parent"], training["workers"]) == (parent, 1)
        assert training["before"] is not None
        assert training["after"] is not None
        assert len(list(library.folder.iterdir())) == 2
    code, again = typed_here(learn)
    assert (code, json.loads(again[again.index("{\n") : again.rindex("}") + 1])) == (0, said)
