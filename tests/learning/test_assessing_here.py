"""`mhfd models assess`, as it is typed: this user's library about the first images of a microscope."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.rigs.first_images import first_images, suited
from tests.rigs.packages import answered_here

from mhfd.contract.assessing import Assessment
from mhfd_client.cli import main


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    first_images(folder, specimens=3, each=4)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a user with a library of two packages."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MHFD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    models = tmp_path / "state" / "mhfd" / "models"
    suited(models / "packages", "good", 1.0)
    suited(models / "packages", "contrary", -1.0, instrument="east")
    return models


def typed(*words: object) -> Result:
    return CliRunner().invoke(main, ["models", "assess", *map(str, words)])


def test_a_table_the_best_first_and_what_is_to_become_of_it(dataset: Path) -> None:
    said = typed(dataset, "--instrument", "north")
    assert said.exit_code == 0, said.output
    first, measure, good, contrary, last = said.stdout.splitlines()
    assert first.startswith("12 images of north, 3 specimens; mhfd: ")
    assert measure.startswith("score: AUC of bad images against good ones")
    assert good.startswith(" 1 good (learned from south) ")
    assert contrary.startswith(" 2 contrary (learned from east) ")
    assert last.startswith("train none: AUC of the best, good, less that of mhfd is ")
    document = json.loads(typed(dataset, "--instrument", "north", "--best", "2", "--json").stdout)
    found = Assessment.model_validate(document)
    assert [one.title for one in found.packages] == ["good", "contrary"], "and not what ships with mhfd"
    assert found.words == last
    assert typed(dataset, "--set", "models.instrument=north").stdout.splitlines()[-1] == last
    assert "name it, or set models.instrument" in typed(dataset).stderr


def test_another_microscope_is_refused_by_name(dataset: Path) -> None:
    said = typed(dataset, "--instrument", "south")
    assert said.exit_code == 2
    assert "the images of its training groups are of north, and this is for south" in said.stderr


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    said = typed(tmp_path, "--instrument", "north")
    assert said.exit_code == 2
    assert "no dataset here" in said.stderr
