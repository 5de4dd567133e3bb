"""`mhfd train --endpoint`: the key that follows from what is asked, what is gone on with, and the package brought home.

The endpoint is the real function in this process, with one who counts instead of training.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import packages
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.labelled import row
from tests.rigs.packages import answered_here
from tests.rigs.remote.counting import STEPS, Counter
from tests.rigs.typed import typed_here
from tests.rigs.works_here import WorksHere

import mhfd_client
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.remote import training
from mhfd.remote.long import running
from mhfd_client.errors import PackageElsewhere, WorkNotDone
from mhfd_client.runners import far
from mhfd_client.works.kept_work import known


class FarTraining:
    """A facility that trains, reached from here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, here: WorksHere) -> None:
        self.facility, self.counter, self.here = Facility(folder, monkeypatch), Counter(), here
        self.facility.allow(functions={"mhfd_train": {"purpose": "train"}})
        self.out = folder / "packages"
        self.dataset = self.facility.data / "labelled"
        rows = tuple(row(self.dataset, f"{one}{n}.tif", group=one) for one in "ab" for n in range(2))
        Dataset(rows, {"a": Side.TRAIN, "b": Side.TEST}).write(self.dataset)
        here.answers["mhfd_train"] = self._train

    def _train(self, **request: Any) -> dict[str, Any]:
        return running.answer(training.verb_of(self.counter), request)

    def train(self, dataset: Path | None = None, **options: Any) -> Any:
        usual: dict[str, Any] = {"epochs": 3, "out": self.out, "endpoint": ID, "into": str(self.facility.out)}
        return mhfd_client.train("focus", dataset or self.dataset, **(usual | options))

    def requests(self) -> list[dict[str, Any]]:
        return self.here.of("mhfd_train")

    def keys(self) -> list[str]:
        """In the order in which they were asked for first."""
        return list(dict.fromkeys(one["key"] for one in self.requests()))

    def cancelled_at(self, step: int) -> None:
        """Somebody cancels it in the middle."""

        def before(one: int) -> None:
            if one == step:
                self._train(**self.requests()[0] | {"key": self.keys()[-1], "cancel": True} | self._after())

        self.counter.before = before

    def _after(self) -> dict[str, Any]:
        return {name: value for name, value in self.requests()[-1].items() if name == "after"}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarTraining]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MHFD_PURPOSE", "train")
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr(far, "_PAUSE_S", 0.01)
    with closing(WorksHere(monkeypatch)) as here:
        yield FarTraining(tmp_path, monkeypatch, here)


def test_the_package_comes_home(trained: FarTraining) -> None:
    found = trained.train(title="mine", licence="CC0-1.0", workers=2)
    assert found.package.folder.parent == trained.out
    assert found.network.digest.startswith(found.package.card.title)
    assert found.words == ("counted", "cost: about 2 h on 1 worker: 2 node-hours")
    request = trained.requests()[0]
    assert request["plan"] == {
        "lesson": "focus",
        "learner": "small",
        "seed": 0,
        "epochs": 3,
        "batch": 32,
        "rate": None,
        "warmup_epochs": 2.0,
        "copies": "turns",
        "until": None,
        "validation": 0.2,
        "parent": None,
    }
    assert (request["layout"]["workers"], request["title"], request["licence"]) == (2, "mine", "CC0-1.0")
    assert trained.here.options[0] == {"purpose": "train"}
    assert trained.counter.counted == list(range(1, STEPS + 1))


def test_a_package_of_a_library_there_is_trained_further(trained: FarTraining, tmp_path: Path) -> None:
    library = trained.facility.data / "library"
    name = packages.written(library / "packages").name
    first = trained.train(parent=name, library=str(library))
    request = trained.requests()[0]
    assert (request["parent"], request["library"]) == (name, str(library))
    assert trained.counter.given[0]["parent"].name == name
    assert (first.network.untrained, first.package.folder.parent) == ({"validation_loss": 0.9}, trained.out)
    trained.train()
    assert len(trained.keys()) == 2, "with drawn numbers it is another training"
    with pytest.raises(WorkNotDone, match=f"the library has no package {'b' * 64}"):
        trained.train(parent="b" * 64, library=str(library))


def test_the_same_words_are_the_same_training(trained: FarTraining) -> None:
    first = trained.train()
    asked = len(trained.requests())
    assert trained.train().package == first.package
    assert len(trained.requests()) == asked, "it was known"
    assert trained.train(seed=1).network.digest != first.network.digest
    assert len(trained.keys()) == 2
    trained.train(afresh=True)
    assert trained.keys()[2] == f"{trained.keys()[0]}-2"
    assert len(trained.counter.counted) == 3 * STEPS


def test_what_was_cancelled_goes_on_under_another_key(trained: FarTraining) -> None:
    trained.cancelled_at(3)
    with pytest.raises(WorkNotDone, match=r"cancelled: 3 of 6 steps.*the same again goes on from its last checkpoint"):
        trained.train()
    trained.counter.before = lambda _step: None
    (key,) = trained.keys()
    with pytest.raises(UsageError, match=f"key: {key} was cancelled"):
        trained.train(key=key)
    said: list[str] = []
    found = trained.train(said=said.append)
    assert f"goes on where {key} was" in said[0]
    assert trained.counter.counted == [1, 2, 3, 4, 5, 6], "no step was done twice"
    assert trained.keys() == [key, f"{key}-2"]
    assert trained.train().network == found.network, "and again it is known"
    assert len(trained.counter.counted) == STEPS


def test_ctrl_c_says_how_it_goes_on(trained: FarTraining) -> None:
    def pressed(_words: str) -> None:
        if trained.requests():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        trained.train(said=pressed)
    (kept,) = known()
    assert f"mhfd work follow {kept.key}" in caught.value.__notes__[0]
    assert trained.train().network.step == STEPS


def test_a_package_that_is_not_seen_here_is_named_with_its_place(trained: FarTraining, tmp_path: Path) -> None:
    """The endpoint's folders have other names here; then they are mounted, and it is brought."""
    away = tmp_path / "mnt"
    maps = {str(away): str(trained.facility.data.parent)}
    with pytest.raises(PackageElsewhere) as caught:
        trained.train(dataset=away / "data" / "labelled", map=maps)
    assert f"copy that folder into {trained.out}" in str(caught.value)
    assert str(trained.facility.out) in str(caught.value)
    assert trained.requests()[0]["dataset"] == str(trained.dataset)
    away.symlink_to(trained.facility.data.parent)
    assert trained.train(dataset=away / "data" / "labelled", map=maps).package.folder.parent == trained.out


def test_a_package_that_was_changed_there_is_not_taken(trained: FarTraining) -> None:
    trained.train()
    (readme,) = trained.facility.out.glob("mhfd-work-*/files-*/packages/*/README.md")
    readme.write_text("# other\n")
    for left in trained.out.glob("*"):
        left.rename(trained.out.parent / "away")
    with pytest.raises(PackageElsewhere, match=r"README\.md"):
        trained.train()
    assert not list(trained.out.glob("*"))


def test_what_is_refused_there_is_said_here(trained: FarTraining) -> None:
    trained.facility.allow(functions={"mhfd_train": {"max_node_hours": 1.0}})
    with pytest.raises(WorkNotDone, match=r"not taken: .*it would take 2 node-hours"):
        trained.train()
    trained.facility.allow(functions={"mhfd_train": {}})
    assert trained.train().network.step == STEPS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"learner": "trees"}, "learner: no network 'trees' can be taught focus; choose from small, mcnn"),
        ({"balance": "none"}, "balance: small is a network"),
        ({"device": "gpu"}, "device: far away it goes with --workers"),
        ({"endpoint": "nowhere"}, "endpoint = .nowhere."),
        ({"endpoint": None, "key": "a"}, "key: it belongs to a training on an endpoint"),
        ({"dataset": "labels.csv"}, "dataset: .*labels.csv is a file"),
        ({"map": {"/elsewhere": "/there"}}, "compute.map: no pair covers"),
        ({"epochs": 0}, "epochs: "),
        ({"key": "a b"}, "key = 'a b'"),
        ({"into": "here"}, "into: 'here' is no folder of an endpoint"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(
    trained: FarTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("path,label,group\n")
    given = options.pop("dataset", trained.dataset)
    with pytest.raises(UsageError, match=said):
        trained.train(Path(given), **options)
    assert not trained.here.asked


def test_the_command_prints_what_it_prints_of_a_training_here(trained: FarTraining) -> None:
    words = ["train", "focus", str(trained.dataset), "--endpoint", str(ID), "--into", str(trained.facility.out)]
    code, told = typed_here([*words, "--out", str(trained.out), "--option", "nodes=2", "--json"])
    assert code == 0, told
    said = json.loads(told[told.index("{\n") :])
    assert (said["folder"], said["network"]["step"]) == (str(trained.out / said["package"]), STEPS)
    assert trained.here.options[0] == {"purpose": "train", "nodes": 2}
