"""A library that is asked about the first images of a microscope: who stands where, why, and what is to be trained."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.first_images import first_images, suited
from tests.rigs.labelled import row
from tests.rigs.packages import answered_here

from mhfd.contract.assessing import Assessment
from mhfd.errors import UsageError
from mhfd.learning.assessing import assess
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.packages import Library, Package, read_package


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was measured, for all of these tests."""
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of north, four specimens to train with and one for the test; every other image is bad."""
    return first_images(tmp_path_factory.mktemp("first"))


@dataclass
class Lib:
    """A library of packages that were taught at other microscopes."""

    home: Path
    dataset: Dataset
    cache: Path
    asked: list[str] = field(default_factory=list)

    def add(self, title: str, suits: float, instrument: str = "south", **changed: Any) -> Package:
        return suited(self.home / "packages", title, suits, instrument=instrument, **changed)

    def assess(self, dataset: Dataset | None = None, **asked: Any) -> Assessment:
        listed = [one for one in Library(self.home).list() if not one.shipped]
        usual: dict[str, Any] = {
            "instrument": "north",
            "cache": self.cache,
            "told": lambda *said: self.asked.append(said[2]),
        }
        return assess(dataset or self.dataset, listed, **(usual | asked))


@pytest.fixture
def lib(tmp_path: Path, images: Dataset, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Lib:
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    return Lib(tmp_path / "library", images, kept)


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if packages of features were networks that can be trained further: these are quick."""
    monkeypatch.setattr("mhfd.learning.assessing.asking._Asking._untrainable", lambda _self, _package: None)


def rows_of(found: Assessment) -> dict[str, Any]:
    return {one.title: one for one in found.packages}


def test_packages_stand_in_the_order_in_which_they_suit_the_microscope(lib: Lib) -> None:
    good, middle, contrary = lib.add("good", 1.0), lib.add("middle", 0.4, "east"), lib.add("contrary", -1.0, "west")
    found = lib.assess()
    assert [(one.rank, one.package, one.instruments) for one in found.packages] == [
        (1, good.name, ("south",)),
        (2, middle.name, ("east",)),
        (3, contrary.name, ("west",)),
    ]
    scores = [one.score for one in found.packages if one.score is not None]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1 - scores[2]), "it says the contrary"
    for one in found.packages:
        assert one.low is not None
        assert one.score is not None
        assert one.high is not None
        assert one.low <= one.score <= one.high
        assert one.images == 24
    assert (found.images, found.groups, found.bar, found.best) == (24, 4, "mhfd", good.name)
    assert found.packages[0].reason.startswith("the best of 3: AUC less that of mhfd ")
    assert found.packages[1].reason.startswith("AUC less that of the best -")
    assert sorted(lib.asked) == ["contrary", "good", "middle"]


def test_only_training_groups_of_the_microscope_count(lib: Lib, tmp_path: Path) -> None:
    """South's images, and those of the test groups, are not even there."""
    lib.add("good", 1.0)
    south = [row(tmp_path, f"south{n}.tif", bad=n % 2 == 0, group="south/rat/day") for n in range(4)]
    split = dict(lib.dataset.split) | {"south/rat/day": Side.TRAIN}
    tested = [one.model_copy(update={"path": "/not/there"}) for one in lib.dataset.on(Side.TEST).rows]
    both = Dataset((*lib.dataset.on(Side.TRAIN).rows, *tested, *south), split)
    for path in tmp_path.glob("south*.tif"):
        path.unlink()
    found = lib.assess(both)
    assert (found.images, found.packages) == (24, lib.assess().packages)


def test_a_library_that_is_not_surely_below_is_not_trained(lib: Lib, networks: None) -> None:
    lib.add("good", 1.0)
    found = lib.assess()
    assert (found.train, found.packages[0].train) == ((), False)
    assert found.words.startswith("train none: AUC of the best, good, less that of mhfd is ")
    assert found.words.endswith("over 4 specimens, and so not surely below")


def test_the_best_is_trained_where_the_library_is_surely_below(lib: Lib, networks: None) -> None:
    contrary, worse = lib.add("contrary", -1.0), lib.add("worse", -0.9, "east")
    best, other = sorted((contrary, worse), key=lambda one: -(rows_of(lib.assess())[one.card.title].score or 0))
    found = lib.assess()
    assert found.train == (best.name,)
    assert [one.train for one in found.packages] == [True, False]
    assert found.packages[0].reason.endswith("; to be trained")
    assert found.words.startswith(
        f"train {best.card.title}: AUC of the best, {best.card.title}, less that of mhfd is -"
    )
    two = lib.assess(train_at_most=2)
    assert two.train == (best.name, other.name), "nobody can say which of the two is the better one"
    none = lib.assess(train_at_most=0)
    assert (none.train, none.words.split(":")[0]) == ((), "train none, as was asked for")


def test_the_second_is_not_trained_where_it_is_surely_worse(lib: Lib, networks: None) -> None:
    champion = lib.add("good", 1.0)
    middle, contrary = lib.add("guesses", 0.0, "east"), lib.add("contrary", -1.0, "west")
    listed = [one for one in Library(lib.home).list() if one.package and one.package.name != champion.name]
    found = assess(
        lib.dataset,
        [one for one in listed if not one.shipped],
        instrument="north",
        champion=champion,
        train_at_most=2,
        cache=lib.cache,
    )
    first, second = (one.package for one in found.packages)
    assert found.bar == "good"
    assert found.train[0] == first
    assert {first, second} == {middle.name, contrary.name}
    apart = found.packages[1].reason
    assert (second in found.train) == ("+" in apart.split("[")[1]), apart


def test_only_networks_of_the_kind_that_was_asked_for_are_trained(lib: Lib) -> None:
    lib.add("contrary", -1.0)
    found = lib.assess(learner="small")
    assert found.train == ()
    assert found.words.startswith("train none, no network that could be trained further is among them: ")


def test_a_champion_of_the_library_is_within_its_own_interval(lib: Lib, networks: None) -> None:
    champion = lib.add("contrary", -1.0)
    found = lib.assess(champion=champion)
    assert (found.bar, found.bar_score, found.train) == ("contrary", found.packages[0].score, ())
    assert "+.000 [+.000, +.000]" in found.words


def test_who_was_taught_with_these_images_flatters_and_nothing_rests_on_it(lib: Lib, networks: None) -> None:
    seen = lib.add("knows them", 1.0, groups_seen=("north/mouse 1/other day", "north/mouse 2/day"))
    contrary = lib.add("contrary", -1.0, "west")
    found = lib.assess()
    assert [one.title for one in found.packages] == ["contrary", "knows them"]
    assert found.best == contrary.name
    assert found.train == (contrary.name,), "though the other one seems to be as good as mhfd"
    assert "was taught with mouse 1 and 1 more: its score flatters" in found.packages[1].reason
    barred = lib.assess(champion=seen)
    assert barred.bar == "mhfd"
    assert "and not of the champion knows them, which was taught with mouse 1" in barred.words
    shutil.rmtree(contrary.folder)
    alone = lib.assess()
    assert alone.train == ()
    assert alone.words.endswith("and it flatters: the package was taught with mouse 1")


def test_what_cannot_be_asked_stands_in_the_list_with_its_reason(lib: Lib) -> None:
    lib.add("good", 1.0)
    damaged = lib.add("to be damaged", 0.9)
    weights = damaged.folder / "weights.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    (lib.home / "packages" / "rubbish").mkdir()
    lib.add("of causes", 0.8, task="cause")
    far = read_package(lib.add("of large pixels", 0.7, pixel_nm=(400.0, 800.0)).folder)
    dataset = Dataset(tuple(one.model_copy(update={"pixel_nm": 8.0}) for one in lib.dataset.rows), lib.dataset.split)
    found = lib.assess(dataset)
    rows = rows_of(found)
    assert [one.rank for one in found.packages] == [1, None, None, None, None]
    assert rows[damaged.name].reason.startswith("damaged: weights.onnx: has changed")
    assert rows["rubbish"].package is None
    assert rows["rubbish"].reason.startswith("damaged: ")
    assert rows["of causes"].reason == "is for cause, and this is for focus"
    assert (rows["of large pixels"].package, rows["of large pixels"].images) == (far.name, 0)
    assert rows["of large pixels"].reason.startswith("it says nothing of these images")


def test_a_model_that_does_not_answer_as_it_says_is_not_asked(lib: Lib, monkeypatch: pytest.MonkeyPatch) -> None:
    package = lib.add("liar", 0.33)
    monkeypatch.setattr("mhfd.learning.packages.package.tried", lambda *_a: {"said": np.full((8, 1), 0.5, np.float32)})
    (one,) = lib.assess().packages
    assert (one.rank, one.package) == (None, package.name)
    assert one.reason.startswith("could not be asked: ")
    assert str(lib.home) not in one.reason


def test_an_empty_library_is_said(lib: Lib) -> None:
    found = lib.assess()
    assert (found.packages, found.train, found.best, found.words) == ((), (), None, "train none: the library is empty")
    assert found.bar_score is not None


@pytest.mark.parametrize(
    ("instrument", "group", "words"),
    [
        ("south", None, "the images of its training groups are of north, and this is for south"),
        ("north", "mouse", "its groups name no microscope, and this is for north"),
    ],
)
def test_images_of_another_microscope_are_refused_by_name(
    lib: Lib, tmp_path: Path, instrument: str, group: str | None, words: str
) -> None:
    dataset = lib.dataset
    if group is not None:
        dataset = Dataset((row(tmp_path, "a.tif", group=group),), {group: Side.TRAIN})
    with pytest.raises(UsageError, match=words):
        lib.assess(dataset, instrument=instrument)


def test_labels_of_one_kind_are_refused_before_an_image_is_opened(lib: Lib) -> None:
    good = tuple(one.model_copy(update={"path": "/not/there"}) for one in lib.dataset.rows if one.target.bad is False)
    with pytest.raises(UsageError, match="of 12 images of the training groups all are good; both kinds are needed"):
        lib.assess(Dataset(good, lib.dataset.split))


def test_of_fewer_than_three_specimens_images_are_drawn_and_that_is_said(lib: Lib) -> None:
    lib.add("good", 1.0)
    two = [one for one in lib.dataset.rows if "mouse 0" in one.group.key or "mouse 1" in one.group.key]
    found = lib.assess(Dataset(tuple(two), lib.dataset.split))
    assert (found.images, found.groups) == (12, 2)
    assert "over 12 images: they are of 2 specimens, too few to draw from" in found.words


def test_what_a_package_said_is_not_asked_again(lib: Lib, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the first of two, it goes on with the second; and says the same as one who was not."""
    lib.add("good", 1.0)
    lib.add("middle", 0.4)
    undisturbed = lib.assess()
    lib.asked.clear()
    mine = tmp_path / "measured"

    class Killed(BaseException):
        pass

    def killed(_done: int, _all: int, title: str) -> None:
        lib.asked.append(title)
        raise Killed

    with pytest.raises(Killed):
        lib.assess(cache=mine, told=killed)
    (first,) = lib.asked
    verified: list[str] = []

    def verify(folder: Path) -> Package:
        verified.append(folder.name)
        return read_package(folder)

    monkeypatch.setattr("mhfd.learning.assessing.asking.verify", verify)
    assert lib.assess(cache=mine) == undisturbed
    assert verified == [one.package for one in undisturbed.packages if one.title != first]
