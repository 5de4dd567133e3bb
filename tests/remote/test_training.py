"""`mhfd_train` through the function's way in, on a real folder, with one who counts instead of training."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import packages
from tests.rigs.facility import Facility
from tests.rigs.labelled import row
from tests.rigs.packages import answered_here
from tests.rigs.remote.counting import STEPS, CountedCost, Counter

from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import ExtraMissing, TrainingFailed, UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.packages import read_package
from mhfd.remote import training
from mhfd.remote.long import running
from mhfd.remote.long.machine import HostMachine

PLAN = {"lesson": "focus", "learner": "small", "epochs": 3}


class Training(Facility):
    """A facility that lets networks be trained, with a dataset of eight images."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
        self.let({})
        self.labelled = self.data / "labelled"
        self.build()
        self.counter = Counter()

    def let(self, table: dict[str, Any], **site: Any) -> None:
        self.allow(functions={"mhfd_train": table}, **site)

    def build(self, *, folder: Path | None = None, content: str = "") -> Dataset:
        images = folder or self.labelled
        rows = [
            row(images, f"{group}{n}.tif", bad=n % 2 == 0, group=group, content=f"{content}{group}{n}".encode())
            for group in ("a", "b")
            for n in range(4)
        ]
        made = Dataset(tuple(rows), {"a": Side.TRAIN, "b": Side.TEST})
        made.write(self.labelled)
        for path in images.glob("b*.tif"):
            path.unlink()  # of the test: nobody may want it
        return made

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.labelled.glob("a*.tif"))

    def ask(self, **fields: Any) -> WorkAnswer:
        """As the service would carry it: JSON both ways."""
        usual = {"key": "a", "into": str(self.out), "dataset": str(self.labelled), "plan": PLAN}
        asked = json.loads(json.dumps(usual | fields))
        said = running.answer(training.verb_of(self.counter), asked)
        return WorkAnswer.model_validate(json.loads(json.dumps(said)))

    def each_step(self, do: Callable[[int], object]) -> None:
        self.counter.before = do


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    return Training(tmp_path, monkeypatch)


def codes(said: WorkAnswer) -> list[str]:
    return [one.code for one in said.errors]


def digest(said: WorkAnswer) -> str:
    assert said.result is not None, said
    return str(said.result["network"]["digest"])


def test_a_network_is_trained_and_its_package_named(facility: Training) -> None:
    said = facility.ask(layout={"workers": 2}, title="mine", licence="CC-BY-4.0")
    assert (said.state, said.ok) == (WorkState.DONE, True)
    assert said.result is not None
    assert said.result["cost"] == {"seconds": 7200, "node_hours": 2, "gpu_hours": 0, "words": CountedCost().words}
    assert said.result["promoted"] is False
    assert "folder" not in said.result, "which nobody could find"
    (folder,) = {Path(one.path).parent for one in said.artefacts}
    package = read_package(folder)
    assert (package.name, package.card.title) == (said.result["package"], digest(said)[:12])
    assert {Path(one.path).name for one in said.artefacts} == {path.name for path in folder.iterdir()}
    assert said.progress is not None
    assert (said.progress.done, said.progress.total, said.progress.unit) == (STEPS, STEPS, "steps")
    assert said.progress.note == "epoch 3 of 3: loss 0.167, validated 0.5, top-1 75.0%"
    (given,) = facility.counter.given
    assert (given["layout"].workers, given["title"], given["licence"]) == (2, "mine", "CC-BY-4.0")
    (line,) = facility.lines()
    assert line["work"]["state"] == "done"
    assert line["bytes_read"] == 3 * facility.size, "once an epoch, and of the training groups alone"


def test_a_turn_ends_at_a_checkpoint_and_the_next_goes_on(facility: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(HostMachine):
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(running, "MACHINE", clock)

    def a_minute(_step: int) -> None:
        clock.now += 60

    facility.each_step(a_minute)
    said = [facility.ask(turn_s=120) for _ in range(4)]
    assert [one.state for one in said] == [WorkState.MORE] * 3 + [WorkState.DONE]
    assert [one.progress.done for one in said if one.progress] == [2, 4, 6, 6]
    assert facility.counter.counted == list(range(1, STEPS + 1)), "nothing was done twice"
    assert [given["costs"] is None for given in facility.counter.given] == [False, True, True, True]
    assert said[-1].result is not None
    assert said[-1].result["cost"]["node_hours"] == 2
    assert digest(facility.ask(key="b", turn_s=86_400)) == digest(said[-1])


def test_a_cancel_ends_the_workers_and_another_key_goes_on(facility: Training) -> None:
    def cancelled(step: int) -> None:
        if step == 4:
            assert facility.ask(cancel=True).state is WorkState.ELSEWHERE

    facility.each_step(cancelled)
    said = facility.ask()
    assert (said.state, facility.counter.running) == (WorkState.CANCELLED, 0)
    assert facility.counter.counted == [1, 2, 3, 4]
    facility.each_step(lambda _step: None)
    went_on = facility.ask(key="b", after="a")
    assert went_on.state is WorkState.DONE
    assert facility.counter.counted == [1, 2, 3, 4, 5, 6]
    assert digest(went_on) == digest(facility.ask(key="undisturbed"))
    assert codes(facility.ask(key="c", after="a", plan=PLAN | {"seed": 1})) == [Code.BAD_REQUEST]
    (error,) = facility.ask(key="d", after="never-was").errors
    assert error.code in (Code.CANNOT_WRITE, Code.BAD_REQUEST)


def test_what_costs_more_than_it_may_is_refused_before_it_begins(facility: Training) -> None:
    facility.let({"max_node_hours": 1.0})
    said = facility.ask()
    assert (said.state, codes(said), facility.counter.counted) == (None, [Code.TOO_DEAR], [])
    assert "node-hours" in said.errors[0].why
    facility.let({"max_node_hours": 3.0})
    assert facility.ask().state is WorkState.DONE, "the same key, once it may"


def test_what_was_asked_for_with_so_many_hours_takes_no_more(facility: Training) -> None:
    said = facility.ask(at_most_hours=1.5)
    assert codes(said) == [Code.TOO_DEAR]
    assert said.errors[0].why.startswith("it would take 2 hours (about 2 h")


def test_a_training_that_takes_longer_than_it_seemed_is_ended(facility: Training) -> None:
    """Two node-hours were thought to be two seconds; each step took one."""
    facility.let({"max_node_hours": 3.0})
    facility.counter.cost = CountedCost(seconds=2.0)
    said = facility.ask()
    assert (said.state, codes(said), facility.counter.counted) == (None, [Code.TOO_DEAR], [1, 2, 3, 4])
    assert "so far" in said.errors[0].why
    facility.let({"max_node_hours": 30.0})
    assert facility.ask().state is WorkState.DONE


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (ExtraMissing("training needs torch: pip install 'mhfd[train]'"), None, Code.NO_EXTRA),
        (UsageError("dataset: all 4 labelled images are bad"), None, Code.BAD_REQUEST),
        (TrainingFailed("the loss is no number; try a smaller rate", "not_finite"), "failed", Code.TRAINING_STOPPED),
        (TrainingFailed("the disk is full", "full_disk"), None, Code.TRAINING_STOPPED),
    ],
)
def test_what_goes_wrong_is_said_and_ends_for_good_only_what_would_happen_again(
    facility: Training, error: Exception, state: str | None, code: Code
) -> None:
    def wrong(step: int) -> None:
        if step == 3:
            raise error

    facility.each_step(wrong)
    said = facility.ask()
    assert (said.state, codes(said), said.errors[0].why) == (state, [code], str(error))
    facility.each_step(lambda _step: None)
    again = facility.ask()
    assert again.state is (WorkState.FAILED if state else WorkState.DONE)
    if state is None:
        assert facility.counter.counted == [1, 2, 3, 4, 5, 6]


# -- what it begins with


@pytest.fixture
def library(facility: Training) -> Path:
    return facility.data / "library"


@pytest.fixture
def parent(library: Path) -> str:
    """The name of a package of a library there."""
    return packages.written(library / "packages").name


def test_it_begins_with_a_package_of_a_library(facility: Training, library: Path, parent: str) -> None:
    asked = {"parent": parent, "library": str(library)}
    assert facility.ask(**asked).state is WorkState.DONE
    (given,) = facility.counter.given
    assert (given["plan"].parent, given["parent"].name) == (parent, parent)
    assert given["parent"].folder.parents[1] == given["dataset"].parent, "a copy in the work's own folder"
    assert facility.ask(key="b").state is WorkState.DONE
    assert facility.counter.given[1]["plan"].parent is facility.counter.given[1]["parent"] is None


def test_whatever_becomes_of_the_library_it_goes_on(facility: Training, library: Path, parent: str) -> None:
    def full(step: int) -> None:
        if step == 3:
            raise TrainingFailed("the disk is full", "full_disk")

    facility.each_step(full)
    asked = {"parent": parent, "library": str(library)}
    assert codes(facility.ask(**asked)) == [Code.TRAINING_STOPPED]
    library.rename(facility.data / "away")
    facility.each_step(lambda _step: None)
    assert facility.ask(**asked).state is WorkState.DONE
    assert facility.counter.counted == [1, 2, 3, 4, 5, 6]


def test_after_is_of_the_same_parent(facility: Training, library: Path, parent: str) -> None:
    def cancelled(step: int) -> None:
        if step == 4:
            facility.ask(cancel=True, **asked)

    asked = {"parent": parent, "library": str(library)}
    facility.each_step(cancelled)
    assert facility.ask(**asked).state is WorkState.CANCELLED
    facility.each_step(lambda _step: None)
    assert codes(facility.ask(key="b", after="a")) == [Code.BAD_REQUEST], "of drawn numbers"
    assert facility.ask(key="c", after="a", **asked).state is WorkState.DONE
    assert facility.counter.counted == [1, 2, 3, 4, 5, 6]


def test_a_parent_that_cannot_be_is_refused_in_words(facility: Training, library: Path, parent: str) -> None:
    def refused(field: str, words: str, **asked: Any) -> None:
        (error,) = facility.ask(key=f"a{next(number)}", **asked).errors
        assert (error.code, error.field) == (Code.BAD_REQUEST, field)
        assert words in error.why
        assert not facility.counter.given

    number, there, both = count(), str(library), "names it as `parent`, and as `library` the folder of the library"
    refused("library", both, parent=parent)
    refused("parent", both, library=there)
    refused("parent", both, plan=PLAN | {"parent": "b" * 64}, parent=parent, library=there)
    refused("library", both, plan=PLAN | {"parent": parent})
    refused("parent", f"the library has no package {'b' * 64}", parent="b" * 64, library=there)
    (library / "packages" / parent / "README.md").write_text("other")
    refused("parent", "README.md: has changed", parent=parent, library=there)
    away = packages.written(facility.secret / "library" / "packages").name
    said = facility.ask(parent=away, library=str(facility.secret / "library"))
    assert codes(said) == [Code.REFUSED_PATH]


# -- what may be read


def test_no_image_is_read_that_lies_outside(facility: Training) -> None:
    outside = facility.secret / "x.tif"
    outside.write_bytes(b"secret")
    facility.build(folder=facility.secret)
    said = facility.ask()
    assert (said.state, set(codes(said)), facility.counter.given) == (None, {Code.REFUSED_PATH}, [])
    facility.build()
    image = facility.labelled / "a0.tif"
    image.unlink()
    image.symlink_to(outside)
    assert codes(facility.ask()) == [Code.REFUSED_PATH]
    image.unlink()
    os.mkfifo(image)
    assert codes(facility.ask()) == [Code.BAD_REQUEST]


def test_no_manifest_is_read_that_lies_outside(facility: Training) -> None:
    (facility.secret / "manifest.jsonl").write_text('"a secret"\n')
    assert codes(facility.ask(dataset=str(facility.secret))) == [Code.REFUSED_PATH]
    manifest = facility.labelled / "manifest.jsonl"
    manifest.unlink()
    manifest.symlink_to(facility.secret / "manifest.jsonl")
    (error,) = facility.ask(key="b").errors
    assert error.code == Code.REFUSED_PATH
    assert "a secret" not in error.why


def test_a_manifest_that_is_exchanged_meanwhile_changes_nothing(facility: Training) -> None:
    (facility.secret / "x.tif").write_bytes(b"secret")
    facility.each_step(lambda step: facility.build(folder=facility.secret) if step == 2 else None)
    assert facility.ask().state is WorkState.DONE
    read = Dataset.read(facility.out / "mhfd-work-a" / "files-1" / "dataset", images=False)
    assert all(Path(one.path).is_relative_to(facility.data.resolve()) for one in read.on(Side.TRAIN).rows)
    assert not any("secret" in one.path for one in read.rows)


def test_what_is_wrong_with_a_dataset_names_its_own_file(facility: Training) -> None:
    manifest = facility.labelled / "manifest.jsonl"
    manifest.write_text("no manifest\n")
    (error,) = facility.ask().errors
    assert (error.code, error.field) == (Code.BAD_REQUEST, "dataset")
    assert error.why.startswith(f"{manifest}, line 1: ")
    manifest.unlink()
    assert codes(facility.ask()) == [Code.UNAVAILABLE]


def test_another_dataset_is_no_way_to_go_on(facility: Training) -> None:
    def full(step: int) -> None:
        if step == 3:
            raise TrainingFailed("the disk is full", "full_disk")

    facility.each_step(full)
    facility.ask()
    facility.each_step(lambda _step: None)
    facility.build(content="other ")
    assert codes(facility.ask()) == [Code.CHANGED]
    facility.build()
    assert facility.ask().state is WorkState.DONE


def test_an_image_that_is_larger_than_it_may_be(facility: Training) -> None:
    facility.let({}, max_bytes=1)
    said = facility.ask()
    assert set(codes(said)) == {Code.BAD_REQUEST}
    assert "(1)" in said.errors[0].why


def test_a_quota_of_a_day_ends_a_turn_and_nothing_is_lost(facility: Training, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    facility.let({}, state=state, max_bytes_read_a_day=2 * facility.size)
    said = facility.ask()
    assert (said.state, codes(said)) == (None, [Code.QUOTA])
    assert said.progress is not None
    assert said.progress.done == 2, "after the first of three epochs there was no more"
    facility.let({})
    assert facility.ask().state is WorkState.DONE


@pytest.mark.parametrize(
    "fields",
    [
        {"plan": {"lesson": "focus"}},
        {"plan": PLAN | {"batch": 4096}},
        {"dataset": 7},
        {"layout": {"workers": 0}},
        {"title": ""},
        {"after": "../b"},
        {"more": 1},
    ],
)
def test_a_wrong_request_is_not_taken(facility: Training, fields: dict[str, Any]) -> None:
    said = facility.ask(**fields)
    assert (said.state, set(codes(said))) == (None, {Code.BAD_REQUEST})
    assert not (facility.out / "mhfd-work-a").exists()
