"""The package that a training begins with, without torch: what it gives to the new one, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import networks, packages
from tests.rigs.little_training import taught

from mhfd.contract.training import TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.packages import Card, Package, Recipe
from mhfd.learning.training.examples import Examples, open_examples
from mhfd.learning.training.nets import begin, digest_of, net_of
from mhfd.learning.training.parents import joined_groups, joined_licence, parent_of

SMALL = net_of("focus", "small")
CAUSES = ("one", "two")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Of 24 images."""
    return opened(taught(tmp_path_factory.mktemp("little") / "data"))


opened = partial(open_examples, lesson="focus", multiple=64, copies="turns")


def plan(package: Package | None, **changed: Any) -> TrainingPlan:
    name = None if package is None else package.name
    return TrainingPlan(**({"lesson": "focus", "learner": "small", "parent": name} | changed))


def written(folder: Path, onnx: bytes | None = None, **card: Any) -> Package:
    return networks.network_written(folder, onnx, networks.network_card(**card) if card else None)


def test_its_numbers_are_taken_to_the_last_bit(tmp_path: Path, examples: Examples) -> None:
    package = written(tmp_path, networks.begun(seed=7))
    parent = parent_of(plan(package), package, examples)
    assert parent is not None
    assert digest_of(parent.weights) == digest_of(begin(SMALL, channels=1, outputs=3, seed=7))
    assert parent.notes == ()
    groups = len(package.card.groups_seen)
    assert parent.words.startswith(f"begins with package {package.short} (lab-net), which was taught with {groups} g")
    assert parent_of(plan(None), None, examples) is None


def test_of_one_that_says_something_else_all_but_the_last_layer_is_taken(tmp_path: Path, examples: Examples) -> None:
    onnx = networks.begun(seed=7, says=CAUSES, bias=(0.1, 0.9))
    package = written(tmp_path, onnx, says=CAUSES, task="cause")
    parent = parent_of(plan(package, seed=4), package, examples)
    assert parent is not None
    drawn, before = (begin(SMALL, channels=1, outputs=3, seed=seed) for seed in (4, 7))
    head = {name for name in drawn if name.startswith("said.")}
    assert all(np.array_equal(parent.weights[name], drawn[name]) for name in head)
    assert all(np.array_equal(parent.weights[name], before[name]) for name in drawn.keys() - head)
    (note,) = parent.notes
    assert note.endswith("says one, two: of its network all but the last layer is gone on with")


def test_a_package_that_cannot_be_gone_on_with_is_refused_in_words(tmp_path: Path, examples: Examples) -> None:
    def refused(package: Package | None, asked: TrainingPlan, words: str) -> None:
        with pytest.raises(UsageError, match=f"^parent: {words}"):
            parent_of(asked, package, examples)

    package = written(tmp_path / "one")
    called = rf"package {package.short} \(lab-net\) "
    refused(None, plan(package), f"the plan begins with package {package.name}, and none is given")
    refused(package, plan(None), f"the plan begins with package None, and {package.name} is given")
    refused(
        package, plan(package, learner="mcnn"), called + "is a network small, and mcnn is to be trained; say learner"
    )
    table = packages.written(tmp_path / "table")
    refused(table, plan(table), r".* was taught by .*, with features: only networks are trained further")
    dark = written(tmp_path / "dark", network=networks.network_of(normalisation="none"))
    refused(dark, plan(dark), r".* is shown images in another way \(none\)")
    recipe = Recipe(learner="mcnn", says=networks.SAYS, network=networks.network_of())
    strange = written(tmp_path / "strange", recipe=recipe)
    words = r".* is not what mcnn writes: it has 26 convolutions, and mcnn has 24; begin with another"
    refused(strange, plan(strange, learner="mcnn"), words)
    colours = replace(examples, channels=3)  # type: ignore[type-var]
    with pytest.raises(UsageError, match=r"takes 1 channel, and the images of the dataset have 3"):
        parent_of(plan(package), package, colours)


def test_what_it_has_seen_and_whose_it_is_goes_on(tmp_path: Path) -> None:
    package = written(tmp_path, groups_seen=("a", "b"), data_licence="MIT; CC0-1.0")
    assert joined_groups(["c", "b"], package) == ("a", "b", "c")
    assert joined_groups(["c", "c"], None) == ("c",)
    assert joined_licence("MIT", package) == "MIT; CC0-1.0"
    assert joined_licence("unknown, not for sharing", package) == "MIT; CC0-1.0; unknown, not for sharing"
    assert joined_licence("MIT", None) == "MIT"
    with pytest.raises(UsageError, match="the network has seen 4097, and a card has room for 4096"):
        joined_groups([str(number) for number in range(4095)], package)


def test_a_card_names_it() -> None:
    card = networks.network_card(parent="a" * 64)
    assert Card.model_validate_json(card.model_dump_json()).parent == "a" * 64
