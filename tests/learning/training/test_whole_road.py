"""The whole road of a network, with torch and real workers: a dataset, two epochs, a package that a session asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.little_training import taught
from tests.rigs.typed import typed_here

import mhfd_client
from mhfd.contract.training import TrainingPlan, WorkerLayout
from mhfd.errors import TrainingFailed, UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.inference.distance import RINGS
from mhfd.learning.packages import Package, verify
from mhfd.learning.trained import Training
from mhfd.learning.training import place
from mhfd.learning.training.making import train_net
from mhfd.learning.training.nets import net_of, weights_in
from mhfd.learning.training.told import CheckpointSaved, Told

pytestmark = pytest.mark.learn

PLAN = TrainingPlan(lesson="focus", learner="small", epochs=2, batch=16)
ONE, TWO = WorkerLayout(device="cpu"), WorkerLayout(workers=2, device="cpu")


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six specimens of the simulator, one of which is for the test."""
    folder = tmp_path_factory.mktemp("labels") / "labels"
    mhfd_client.dataset(out=folder, simulate=60, size=64)
    return folder


@pytest.fixture(scope="module")
def trained(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, Path, list[Told]]:
    """By two workers, undisturbed."""
    home, told = tmp_path_factory.mktemp("trained"), list[Told]()
    training = train_net(labels, PLAN, folder=home / "one", out=home / "packages", layout=TWO, told=told.append)
    return training, home, told


def test_two_workers_make_a_package_that_answers_its_test(
    labels: Path, trained: tuple[Training, Path, list[Told]]
) -> None:
    training, home, told = trained
    package = verify(training.package.folder)
    card = package.card
    network = card.recipe.network
    assert network is not None
    assert card.rings is not None
    assert len(card.rings.center) == len(RINGS)
    assert training.network is not None
    assert training.network.workers == 2
    assert training.network.parameters == network.parameters
    assert card.dataset == Dataset.read(labels).digest
    assert card.groups_seen == Dataset.read(labels).on(Side.TRAIN).groups
    assert network.images_seen == training.network.images
    assert network.steps == training.network.step
    assert [row["epoch"] for row in training.network.epochs] == [1, 2]
    assert {one.kind for one in told} >= {"begun", "untrained", "step", "epoch", "saved", "ended"}
    untrained = training.network.untrained
    assert untrained is not None
    gained = min(row["validation_loss"] for row in training.network.epochs) < untrained["validation_loss"]
    assert gained is not any("gained nothing" in words for words in training.warnings)
    assert [path.name for path in (home / "one" / "checkpoints").iterdir()] == [f"step-{network.steps:06}.ckpt"]
    table = {row.what: row for row in card.table}
    assert table["AUC, validation groups"].groups is not None
    assert "top-1 after epoch 2" in table
    assert table["loss before the first step, validation groups"].value == round(untrained["validation_loss"], 4)
    said = "\n".join(training.words)
    assert "trained focus by small" in said
    assert "not promoted" in said
    readme = (package.folder / "README.md").read_text()
    assert "## By epoch" in readme
    assert f"| 0 | | {untrained['validation_loss']:.4f} |" in readme
    assert str(home) not in readme


def test_what_was_finished_answers_at_once(labels: Path, trained: tuple[Training, Path, list[Told]]) -> None:
    training, home, _ = trained
    told: list[Told] = []
    answered = train_net(labels, PLAN, folder=home / "one", out=home / "packages", layout=TWO, told=told.append)
    assert answered.package.name == training.package.name
    assert (answered.words, answered.network) == (training.words, training.network)
    assert told == []


@pytest.mark.soak
def test_the_same_again_is_the_same_package(
    labels: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    again = train_net(labels, PLAN, folder=tmp_path / "two", out=tmp_path / "packages", layout=TWO)
    assert again.package.name == trained[0].package.name


def test_another_title_packs_the_same_network_anew(
    labels: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    training, home, _ = trained
    told: list[Told] = []
    titled = train_net(
        labels, PLAN, folder=home / "one", out=tmp_path, title="mine", licence="CC0-1.0", told=told.append
    )
    assert told == []
    assert (titled.package.card.title, titled.package.card.data_licence) == ("mine", "CC0-1.0")
    assert titled.package.weights_digest == training.package.weights_digest


def test_a_session_asks_it_of_an_image(
    labels: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    training, _, _ = trained
    row = Dataset.read(labels).rows[0]
    code, told = typed_here(["score", row.path, "--model", str(training.package.folder), "--json"])
    assert code == 0, told
    assert training.package.name[:8] in told


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of another microscope."""
    return taught(tmp_path_factory.mktemp("other") / "data")


def further(other: Path, folder: Path, parent: Package, layout: WorkerLayout, **plan: Any) -> Training:
    """Of a package, with these images."""
    asked = PLAN.model_copy(update={"parent": parent.name, "batch": 8, **plan})
    return train_net(other, asked, parent=parent, folder=folder, out=folder / "packages", layout=layout)


def test_a_package_is_trained_further_by_one_worker_or_two(
    other: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    parent = trained[0].package
    one, two = further(other, tmp_path / "one", parent, ONE), further(other, tmp_path / "two", parent, TWO)
    card, seen = one.package.card, set(Dataset.read(other).on(Side.TRAIN).groups)
    assert card.parent == parent.name == two.package.card.parent
    assert set(card.groups_seen) == seen | set(parent.card.groups_seen)
    assert any(words.startswith(f"begins with package {parent.short}") for words in one.words)
    assert one.network is not None
    assert two.network is not None
    assert one.network.untrained == pytest.approx(two.network.untrained, rel=1e-5)
    size = {"channels": 1, "outputs": 3}
    weights, before, shared = (
        weights_in(package.weights(), net_of("focus", "small"), **size)
        for package in (one.package, parent, two.package)
    )
    assert max(float(np.abs(weights[name] - shared[name]).max()) for name in weights) <= 1e-6
    assert any((weights[name] != before[name]).any() for name in weights)
    again = further(other, tmp_path / "one", parent, ONE)
    assert (again.package, again.network) == (one.package, one.network)


def test_a_training_that_gains_nothing_says_so(
    other: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    """So slow a training that nothing changes; of groups that the parent has seen."""
    first = further(other, tmp_path / "first", trained[0].package, ONE)
    warned = further(other, tmp_path / "second", first.package, ONE, rate=1e-12, epochs=1).warnings
    assert any(words.startswith("the training gained nothing: validated ") for words in warned)
    assert any("groups that it is validated on: these figures flatter" in words for words in warned)


class Left(BaseException):
    """Somebody ended it."""


@pytest.mark.soak
def test_left_at_a_checkpoint_it_goes_on_to_the_same_network(
    labels: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path
) -> None:
    training, _, _ = trained

    def leave(saved: CheckpointSaved) -> None:
        raise Left

    where: dict[str, Any] = {"folder": tmp_path / "one", "out": tmp_path / "packages"}
    with pytest.raises(Left):
        train_net(labels, PLAN, layout=TWO, saved=leave, **where)
    assert place.begun(tmp_path / "one") is not None
    said: list[str] = []
    on = train_net(labels, PLAN, said=said.append, **where)  # with the layout that it was begun with
    assert any(words.startswith("going on from step") for words in said)
    assert on.package.name == training.package.name


@pytest.fixture
def typed(tmp_path: Path) -> dict[str, str]:
    """Where a person's command keeps what it has."""
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_ctrl_c_ends_all_workers_says_so_and_the_same_command_goes_on(
    labels: Path, trained: tuple[Training, Path, list[Told]], tmp_path: Path, typed: dict[str, str]
) -> None:
    training, _, _ = trained
    words = f"train focus {labels} --learner small --epochs 2 --batch 16 --workers 2 --device cpu --json --out"
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()", *words.split(), str(tmp_path / "out")]
    seen = []
    with subprocess.Popen(command, env=typed, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as begun:
        assert begun.stderr is not None
        for line in begun.stderr:
            seen.append(line)
            if line.startswith("epoch 1"):
                begun.send_signal(signal.SIGINT)
    assert begun.returncode == 130, seen
    assert seen[-1].startswith(("ended; step", "ended before anything was saved"))
    done = subprocess.run(command, env=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["package"] == training.package.name
    assert document["network"]["digest"] == (training.network and training.network.digest)
    assert document["promoted"] is False


@pytest.mark.soak
def test_a_training_that_would_take_too_long_is_refused_after_its_first_steps(labels: Path, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"epochs": 100_000})
    with pytest.raises(TrainingFailed, match="would take") as failed:
        train_net(labels, plan, folder=tmp_path / "one", out=tmp_path, layout=ONE, at_most_hours=0.001)
    assert failed.value.code == "too_long"


@pytest.mark.soak
def test_a_disk_that_is_full_ends_it_in_words(labels: Path, tmp_path: Path) -> None:
    """The folder of checkpoints is one that no file fits into."""
    folder = tmp_path / "one"
    (folder).mkdir()
    (folder / "checkpoints").symlink_to("/dev/full")
    with pytest.raises((TrainingFailed, UsageError), match=str(folder)):
        train_net(labels, PLAN, folder=folder, out=tmp_path, layout=ONE)


def test_what_cannot_teach_is_refused_before_anything_is_started(labels: Path, tmp_path: Path) -> None:
    whole = Dataset.read(labels)
    where: dict[str, Any] = {"folder": tmp_path / "one", "out": tmp_path, "layout": ONE}
    sharp = tuple(row for row in whole.rows if row.target.bad is False)
    with pytest.raises(UsageError, match="are good: there is nothing to tell apart"):
        train_net(Dataset(sharp, whole.split), PLAN, **where)
    with pytest.raises(UsageError, match="no dataset here"):
        train_net(tmp_path / "nowhere", PLAN, **where)
    large = tmp_path / "large.tif"
    tifffile.imwrite(large, np.zeros((128, 192), np.uint8) + np.arange(192, dtype=np.uint8))
    taught = [at for at, row in enumerate(whole.rows) if whole.side(row) is Side.TRAIN]
    rows = list(whole.rows)
    rows[taught[0]] = rows[taught[0]].model_copy(update={"path": str(large)})
    with pytest.raises(UsageError, match="images of 2 sizes"):
        train_net(Dataset(tuple(rows), whole.split), PLAN, **where)
    assert not (tmp_path / "one" / "job.json").exists()
