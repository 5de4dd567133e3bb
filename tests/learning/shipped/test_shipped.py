"""The packages that ship: small, whole, of this mhfd's features, and right about specimens that they have not seen."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mhfd
from mhfd import simulate
from mhfd.contract.base import METHOD_VERSION
from mhfd.learning import features
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.learners import baseline_of
from mhfd.learning.learners.export import said_by
from mhfd.learning.packages import Package, verify
from mhfd.learning.shipped import shipped
from mhfd.learning.shipped.asked import cause_rows, radius_rows
from mhfd.learning.shipped.drawing import radius_images
from mhfd.learning.shipped.making import MOST_BYTES, cause_lesson, cause_made, radius_lesson, radius_made
from mhfd.learning.shipped.pair_making import adjust_lesson, adjust_made

SPECIMEN = 991_117


@cache
def package(title: str) -> Package:
    return {one.card.title: one for one in map(verify, shipped())}[title]


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_three_packages_ship_and_each_is_whole_and_small() -> None:
    found = [verify(folder) for folder in shipped()]
    assert sorted(one.card.title for one in found) == ["mhfd-adjust", "mhfd-cause", "mhfd-radius"]
    assert [one.folder.name for one in found] == [one.name for one in found]
    assert max(bytes_of(one.folder) for one in found) <= MOST_BYTES


@pytest.mark.parametrize("title", ["mhfd-radius", "mhfd-cause"])
def test_it_was_made_with_the_features_of_this_mhfd(title: str) -> None:
    recipe = package(title).card.recipe
    assert recipe.names == features.names(recipe.families)
    assert recipe.features_version == features.VERSION
    assert recipe.method_version == METHOD_VERSION


@pytest.mark.parametrize("title", ["mhfd-radius", "mhfd-cause"])
def test_its_card_says_what_was_measured_on_specimens_not_seen(title: str) -> None:
    card = package(title).card
    assert len(card.groups_seen) > 20
    assert {row.condition for row in card.table} >= {"simulated specimens never seen"}
    assert card.reach is not None
    assert card.data_licence.startswith("MIT")


def seen(recipe_of: str, pixels: NDArray[Any]) -> NDArray[np.float32]:
    report = mhfd.score(pixels, threads=1, device="cpu")
    return features.features_of(pixels, report, package(recipe_of).card.recipe.families)


def section(z: int, radius: float = 0.0, **artefacts: Any) -> NDArray[Any]:
    return simulate.Specimen(seed=SPECIMEN).section(
        (512, 512),
        z=z,
        optics=simulate.Optics(blur_px=radius),
        exposure=simulate.Exposure(dose=150),
        artefacts=simulate.Artefacts(**artefacts),
    )


def test_the_radius_follows_the_truth_beyond_ten_pixels() -> None:
    one = package("mhfd-radius")
    near = baseline_of(np.array([seen(one.card.title, section(z)) for z in range(3)]))
    truth = np.array([0.0, 2.0, 5.0, 9.0, 14.0, 20.0])
    rows = np.array([seen(one.card.title, section(3 + n, radius)) - near for n, radius in enumerate(truth)], np.float32)
    radius, spread = said_by(one.weights(), rows).T
    assert (np.diff(radius) > 0).all()
    assert (np.abs(radius - truth) < 0.5 + 0.25 * truth).all()
    assert (spread > 0).all()


def test_the_cause_of_what_is_plain_is_named_and_nothing_of_what_is_in_focus() -> None:
    one = package("mhfd-cause")
    near = baseline_of(np.array([seen(one.card.title, section(z)) for z in (5, 6, 7)]))
    shown = {
        ImageCause.BANDING: section(1, banding=0.08),
        ImageCause.JITTER: section(2, jitter=3.0),
        ImageCause.IN_FOCUS: section(3),
    }
    rows = np.array([seen(one.card.title, pixels) - near for pixels in shown.values()], np.float32)
    said = said_by(one.weights(), rows)
    assert [one.card.recipe.says[number] for number in said.argmax(axis=1)] == [cause.value for cause in shown]
    assert np.abs(said.sum(axis=1) - 1).max() < 1e-4


def test_drawn_images_are_the_same_again_and_others_for_another_specimen() -> None:
    one, again, other = (next(iter(radius_images(range(n, n + 1)))) for n in (3, 3, 4))
    assert one.pixels.tobytes() == again.pixels.tobytes()
    assert one.pixels.tobytes() != other.pixels.tobytes()


def test_rows_of_a_card_say_how_often_the_truth_lies_within_the_spread() -> None:
    said = np.array([[0.1, 0.2], [3.0, 0.5], [3.0, 0.5], [12.0, 1.0], [np.nan, np.nan]])
    rows = radius_rows(said, np.array([0.0, 3.4, 4.8, 15.0, 2.0]), ["a", "a", "b", "b", "b"], "here")
    found = {row.what: row.value for row in rows}
    assert found["radius: part within 1 sd (68% of a normal error)"] == 0.5
    assert found["radius, 2 to 5 px: median error, px"] == pytest.approx(1.1)
    assert found["radius, in focus: median said, px"] == pytest.approx(0.1)


def test_rows_of_a_card_count_who_is_not_sure() -> None:
    said = np.full((3, len(ImageCause)), 0.01)
    said[0, 0], said[1, 1], said[2, 2] = 0.9, 0.9, 0.3
    rows = cause_rows(said, np.array([0, 2, 2]), 0.5, ["a", "b", "c"], "here")
    found = {row.what: row.value for row in rows}
    assert found["cause: part that is named (p is enough)"] == pytest.approx(0.667)
    assert found["cause: of the named, part named rightly"] == 0.5
    assert found["cause: in_focus, most likely one right"] == 1.0
    assert found["cause: tilt, most likely one right"] is None


@pytest.mark.soak
def test_all_are_made_again_byte_by_byte(tmp_path: Path) -> None:
    models = (radius_made(radius_lesson()), cause_made(cause_lesson()), adjust_made(*adjust_lesson()))
    made = [model.write(tmp_path) for model in models]
    assert {one.name for one in made} == {folder.name for folder in shipped()}
