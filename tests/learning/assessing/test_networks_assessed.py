"""Networks of a library, asked about images for real: who can be trained further, and who is not worth it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.first_images import first_images
from tests.rigs.networks import begun, network_card, network_written

from mhfd.contract.assessing import Assessment
from mhfd.learning.assessing import assess
from mhfd.learning.dataset import Dataset
from mhfd.learning.packages import Library


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return first_images(tmp_path_factory.mktemp("first"), specimens=4)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of networks that have learned nothing and find sharp images bad, as if at three microscopes."""
    folder = tmp_path_factory.mktemp("library")
    for seed, at in ((5, "south"), (6, "east"), (7, "west")):
        card = network_card(title=f"of {at}", groups_seen=(f"{at}/rat/day",))
        network_written(folder / "packages", begun(seed=seed), card)
    return folder


def assessed(home: Path, images: Dataset, **asked: object) -> Assessment:
    listed = [one for one in Library(home).list() if not one.shipped]
    return assess(images, listed, instrument="north", cache=home / "measured", **asked)  # type: ignore[arg-type]


def test_networks_that_have_learned_nothing_are_to_be_trained(home: Path, images: Dataset) -> None:
    found = assessed(home, images, learner="small", train_at_most=2)
    assert {one.instruments for one in found.packages} == {("south",), ("east",), ("west",)}
    assert [one.rank for one in found.packages] == [1, 2, 3]
    assert {one.images for one in found.packages} == {24}
    assert found.bar_score is not None
    assert found.packages[0].high is not None
    assert found.packages[0].high < found.bar_score
    assert found.train[0] == found.best
    assert [one.package for one in found.packages if one.train] == list(found.train)
    assert [one.reason.endswith("to be trained") for one in found.packages[:1]] == [True]


def test_another_network_is_not_trained_in_their_place(home: Path, images: Dataset) -> None:
    found = assessed(home, images, learner="mcnn")
    assert (found.train, found.words.split(":")[0]) == (
        (),
        "train none, no network that could be trained further is among them",
    )
    assert found.packages[0].reason.endswith("; is of the network small, and mcnn was asked for")
