"""A worker takes up who is champion and challenger now, image by image, as it would have at its start."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs import networks, packages
from tests.rigs.estimates import tissue
from tests.rigs.promoted import report_of

import mhfd
from mhfd.contract.estimate import Estimate
from mhfd.learning.inference.distance import RINGS
from mhfd.learning.packages import Library, Package, Reach
from mhfd_client.runners.estimates.estimating import Estimator

RECIPE = packages.recipe_now()


class Following:
    """A worker's packages at north, one image that it is asked about again and again, and the library."""

    def __init__(self, folder: Path, *wanted: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.library = folder, Library(folder / "kept")
        self.file = folder / "a.tif"
        tifffile.imwrite(self.file, tissue())
        self.estimator = Estimator(wanted or ("champion", "challenger"), self.library.home, "north")
        self.told: list[dict[str, Any]] = []

    def package(self, title: str, weight: float, **changed: Any) -> Package:
        weights = np.full((len(packages.NAMES), 1), weight, np.float32)
        usual = {"recipe": RECIPE, "reach": None, "pixel_nm": None, "groups_seen": ("north/mouse/a",)}
        return packages.written(self.folder / "made", weights=weights, title=title, **usual | changed)

    def promote(self, package: Package, champion: str = "mhfd") -> None:
        report = report_of(self.folder / f"r{package.short}", package.name, champion, instrument="north")
        self.library.promote(package, report, instrument="north")

    def asked(self, baselines: dict[str, list[float]] | None = None) -> list[Estimate]:
        """What is said of the image."""
        report = mhfd.score(str(self.file), device="cpu", threads=1, look=self.estimator.look)
        self.told, said = [], []
        for kind, payload in self.estimator.says(report, {"aside": {}, "baselines": baselines or {}}):
            if kind == "speakers":
                self.told.append(json.loads(payload))
            elif kind == "said":
                said.append(Estimate.model_validate(json.loads(payload)["estimate"]))
        return said

    def titles(self) -> list[str]:
        return [one.title for one in self.asked()]


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Following:
    monkeypatch.setattr("mhfd.learning.packages.package.tried", packages.answered_here)
    return Following(tmp_path)


def test_promoted_challenged_and_rolled_back_between_two_images(following: Following) -> None:
    one, two = following.package("one", 0.1), following.package("two", 0.2)
    assert following.titles() == []
    (told,) = following.told
    assert [seat["package"] for seat in told["seats"]] == [None] * 4
    following.promote(one)
    assert following.titles() == ["one"]
    (told,) = following.told
    assert told["seats"][0] == {"role": "champion", "task": "focus", "package": one.name, "title": "one"}
    assert following.titles() == ["one"]
    assert following.told == [], "nothing has changed"
    following.library.challenge(two, instrument="north")
    assert following.titles() == ["one", "two"]
    following.promote(two, one.name)
    assert following.titles() == ["two"], "the challenge has ended with it"
    following.library.rollback("focus", instrument="north")
    assert following.titles() == ["one"]


def test_a_change_is_told_as_the_later_one_after_the_computer_s_clock_was_set_back(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.asked()
    (before,) = following.told
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    following.promote(following.package("one", 0.1))
    following.asked()
    (after,) = following.told
    assert after["looked_ns"] > before["looked_ns"]


def test_another_microscope_s_champion_changes_nothing(following: Following) -> None:
    following.promote(following.package("one", 0.1))
    assert following.titles() == ["one"]
    other = following.package("two", 0.2, groups_seen=("south/mouse/a",))
    following.library.promote(
        other, report_of(following.folder / "s", other.name, instrument="south"), instrument="south"
    )
    assert following.titles() == ["one"]
    assert following.told == []


def test_a_damaged_champion_is_left_out_with_the_one_before_until_it_is_mended(following: Following) -> None:
    """As at a start."""
    one, two = following.package("one", 0.1), following.package("two", 0.2)
    following.promote(one)
    assert following.titles() == ["one"]
    following.promote(two, one.name)
    here = following.library.folder / two.name
    good = (here / "README.md").read_bytes()
    (here / "README.md").write_bytes(good + b"!")
    assert following.titles() == []
    (told,) = following.told
    assert told["refused"][0].startswith("champion: ")
    assert told["seats"][0]["package"] == two.name
    following.library.add(two)  # mended: a copy in the place of the damaged one
    assert following.titles() == ["two"]
    assert following.told[0]["refused"] == []


def test_a_library_that_is_gone_or_whose_alias_is_damaged_is_said_and_comes_back(following: Following) -> None:
    one = following.package("one", 0.1)
    following.promote(one)
    assert following.titles() == ["one"]
    alias = following.library.home / "champions" / "north" / "focus.json"
    good = alias.read_bytes()
    alias.write_bytes(b"{")
    assert following.titles() == []
    assert "does not say who is champion" in following.told[0]["refused"][0]
    assert ("champion", "focus") not in {(seat["role"], seat["task"]) for seat in following.told[0]["seats"]}
    alias.write_bytes(good)
    assert following.titles() == ["one"]
    shutil.move(following.library.folder / one.name, following.folder / "away")  # while it is put there anew
    assert following.titles() == []
    assert "is gone" in following.told[0]["refused"][0]
    shutil.move(following.folder / "away", following.library.folder / one.name)
    assert following.titles() == ["one"]


def test_the_baseline_of_the_new_one_is_asked_for_as_at_a_start(following: Following) -> None:
    plain = following.package("plain", 0.1)
    compares = following.package("compares", 0.2, recipe=RECIPE.model_copy(update={"baseline": True}))
    following.promote(plain)
    assert following.titles() == ["plain"]
    following.promote(compares, plain.name)
    (said,) = following.asked()
    assert "there are none yet" in (said.refusal or "")
    (said,) = following.asked({compares.name: [0.0] * len(RECIPE.names)})
    assert said.p is not None


def test_a_network_that_becomes_champion_is_shown_as_much_of_an_image_as_after_a_start(following: Following) -> None:
    """Of which a package of features kept the middle alone."""
    following.promote(following.package("one", 0.1))
    following.titles()
    assert following.estimator._largest == Estimator(("champion",), following.library.home)._largest
    only = Following(following.folder / "only", str(following.package("two", 0.2).folder))
    only.asked()
    assert only.estimator._largest < following.estimator._largest


# -- how far an image lies


def test_each_estimate_says_how_far_the_rings_lie_whatever_the_package_takes(tmp_path: Path) -> None:
    """One of features that takes no rings, a network, and one of before, which kept none."""
    near = Reach(center=(0.0,) * len(RINGS), spread=(100.0,) * len(RINGS), far=1.0)
    far = Reach(center=(0.0,) * len(RINGS), spread=(0.01,) * len(RINGS), far=1.0)
    writer = Following(tmp_path)
    card = networks.network_card(title="network", rings=far, groups_seen=("north/mouse/a",))
    made = [
        writer.package("near", 0.1, rings=near),
        writer.package("before", 0.2),
        networks.network_written(tmp_path / "made", card=card),
    ]
    asked = Following(tmp_path / "asked", *(str(one.folder) for one in made))
    by_title = {one.title: one for one in asked.asked()}
    assert {title: one.refusal for title, one in by_title.items()} == dict.fromkeys(("near", "before", "network"))
    assert by_title["before"].far is None
    first, second = by_title["near"].far, by_title["network"].far
    assert first is not None
    assert second is not None
    assert 0 < first < 1 < second
    assert second == pytest.approx(1e4 * first, rel=1e-4), "the same rings"
    tifffile.imwrite(asked.file, np.full((256, 256), 7, np.uint8))
    assert [one.far for one in asked.asked()] == [None] * 3, "nothing was measured"
