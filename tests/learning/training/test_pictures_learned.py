"""`mhfd learn --task denoise|segment` with torch, as it is typed: a champion that is used, and back again.

Here, and on an endpoint in this process. What is classical is made so good where the library is assessed, and so poor
where it decides, that all steps are taken, and whatever reach six images give is not asked: what a network is worth is
`benchmarks.pictures`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.besides import besides_dataset
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.networks import finder, quieter, restoring_written
from tests.rigs.typed import refused, typed_here
from tests.rigs.works_here import WorksHere

from mhfd.learning.dataset import Dataset, DatasetRow, Side, SourceGroup
from mhfd.learning.inference.runtime import NetworkRuntime
from mhfd.learning.packages import Library
from mhfd.learning.pictures.classical import ClassicalWay, PictureTask
from mhfd_client.runners import far as carried
from mhfd_client.settings.places import models_home

pytestmark = pytest.mark.learn

HERE = ("segment", pytest.param("denoise", marks=pytest.mark.soak))
THERE = ("denoise", pytest.param("segment", marks=pytest.mark.soak))
PLAN = ("--batch", "2", "--warmup", "0", "--workers", "1", "--device", "cpu", "--epochs", "1")
TAUGHT, TESTED = 3, 6


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated images with another take and a mask beside each; six specimens are for the test."""
    folder = tmp_path_factory.mktemp("labelled")
    made = besides_dataset(folder, groups=TAUGHT + TESTED, each=2, side=64, takes=True, masks=True)
    rows = tuple(
        row.model_copy(update={"group": SourceGroup.of(f"north/{row.group.specimen}/day")}) for row in made.rows
    )
    keys = dict.fromkeys(row.group.key for row in rows)
    sides = {key: Side.TRAIN if number < TAUGHT else Side.TEST for number, key in enumerate(keys)}
    Dataset(rows, sides).write(folder)
    return folder


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this test, with what is classical as it is said above."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def in_process(weights: bytes, test: Any, *_: Any, **__: Any) -> Any:
        return NetworkRuntime(weights, channels=1, multiple=64, gives=("map",)).answered(test)

    def ways(_task: PictureTask) -> list[ClassicalWay]:
        return [ClassicalWay("a way", "poor", np.invert)]

    def good(rows: Sequence[DatasetRow], **_: Any) -> tuple[str, Any]:
        return "a way, good", np.linspace(0.98, 0.99, len(rows))

    monkeypatch.setattr("mhfd.learning.packages.package.tried", in_process)
    monkeypatch.setattr("mhfd.learning.inference.restoring.why_not_reach", lambda *_: None)
    monkeypatch.setattr("mhfd.learning.pictures.scoring.classical_ways", ways)
    monkeypatch.setattr("mhfd.learning.assessing.picturing.classical_scores", good)


def said(*words: str) -> str:
    code, told = typed_here(words)
    assert code == 0, told
    return told


def begun(task: PictureTask, home: Path) -> str:
    """A library with a package that has learned next to nothing."""
    onnx = finder(tissue=2.0) if task == "segment" else quieter()
    return restoring_written(home / "packages", task, onnx, groups_seen=("south/fly/1",)).name


def learned(*words: str) -> dict[str, Any]:
    told = said("learn", *words, "--json")
    found: dict[str, Any] = json.loads(told[told.index("{\n") : told.rindex("}") + 1])
    return found


def used_and_back(task: str, name: str, labelled: Path, tmp_path: Path) -> None:
    """The champion of the microscope makes a picture; after one command nobody does."""
    image = str(labelled / "images" / Path(Dataset.read(labelled).rows[0].path).name)
    words = ["models", "apply", task, image, str(tmp_path / "picture.tif"), "--instrument", "north"]
    assert f"by package {name[:12]} (" in said(*words)
    assert tifffile.imread(tmp_path / "picture.tif").shape == (64, 64)
    assert "mhfd made this picture" in typed_here(["score", str(tmp_path / "picture.tif")])[1]
    assert said("models", "rollback", task, "--instrument", "north").startswith(f"champion of {task} at north: mhfd")
    words[4] = str(tmp_path / "again.tif")
    assert f"no package is champion of {task} at north" in refused(words)


@pytest.mark.parametrize("task", HERE)
def test_a_library_is_learned_with_here(task: PictureTask, labelled: Path, tmp_path: Path) -> None:
    parent = begun(task, models_home())
    found = learned(str(labelled), "--instrument", "north", "--task", task, *PLAN)
    (training,) = found["trainings"]
    assert training["parent"] == parent
    assert training["before"] is not None
    benchmark = found["benchmark"]
    assert (benchmark["decision"], benchmark["challenger"]) == ("promoted", training["package"]), benchmark["line"]
    assert Library(models_home()).champion_name(task, "north") == training["package"]
    lines = {line.partition(" ")[0]: line for line in found["words"]}
    assert [one for one in lines if one != "mind:"] == ["assessed", "trained", "benchmarked", "package", "champion"]
    assert "; gains " in lines["benchmarked"], "what is saved are sections that are retaken, and here none is"
    used_and_back(task, training["package"], labelled, tmp_path)


@pytest.mark.parametrize("task", THERE)
def test_a_library_of_an_endpoint_is_learned_with_there(
    task: PictureTask, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facility = Facility(tmp_path, monkeypatch)
    there = facility.data / "library"
    parent = begun(task, there)
    names = ("mhfd_assess", "mhfd_train", "mhfd_benchmark")
    facility.allow(
        functions={name: {"purpose": "train"} for name in names},
        read_roots=[facility.data, labelled],
        write_roots=[facility.out, there],
    )
    monkeypatch.setenv("MHFD_PURPOSE", "train")
    monkeypatch.setattr(carried, "_PAUSE_S", 0.01)
    where = ["--endpoint", str(ID), "--library", str(there), "--into", str(facility.out)]
    with closing(WorksHere(monkeypatch)) as here:
        found = learned(str(labelled), "--instrument", "north", "--task", task, *PLAN, *where)
        assert [one["parent"] for one in here.of("mhfd_train")[:1]] == [parent]
    assert found["benchmark"]["decision"] == "promoted", found["benchmark"]["line"]
    (training,) = found["trainings"]
    assert found["change"]["after"] == training["package"]
    used_and_back(task, training["package"], labelled, tmp_path)
