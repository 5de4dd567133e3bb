"""Tiles that are missing where nobody said what should come."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhfd_client.expected import Mosaics
from mhfd_client.naming import Place

MOSAIC = ("r1-c1", "r1-c2", "r2-c1", "r2-c2")


def run(sections: Iterable[int], tiles: Iterable[str] = MOSAIC) -> list[Place]:
    """Section after section, tile after tile."""
    return [Place(section, tile) for section in sections for tile in tiles]


def taken(places: Iterable[Place], *, at_once: bool = True) -> Mosaics:
    mosaics = Mosaics()
    looks = [dict.fromkeys(places)] if at_once else [{place: None} for place in places]
    at = 0
    for look in looks:
        mosaics.take({place: (at := at + 1) for place in look})
    return mosaics


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("section", [1, 2, 6, 11])
def test_a_tile_that_one_section_of_a_2_x_2_mosaic_lacks_is_missing(section: int, at_once: bool) -> None:
    lost = Place(section, "r2-c1")
    mosaics = taken([place for place in run(range(1, 13)) if place != lost], at_once=at_once)
    assert mosaics.missing == mosaics.absent == [lost]
    mosaics.take({lost: 1000})
    assert mosaics.absent == []


def test_what_a_section_that_is_being_imaged_lacks_may_still_come() -> None:
    mosaics = taken(run(range(1, 10)) + run([10], MOSAIC[:2]))
    assert mosaics.absent == [Place(10, "r2-c1"), Place(10, "r2-c2")]
    assert mosaics.missing == []
    mosaics.take({Place(11, "r1-c1"): 1000})
    assert mosaics.missing == [], "the next has begun, and has not got there"
    mosaics.take(dict.fromkeys(run([11]), 1001))
    assert mosaics.missing == [Place(10, "r2-c1"), Place(10, "r2-c2")]


def test_down_the_numbers_and_every_second_section_first() -> None:
    lost = Place(6, "r1-c2")
    for sections in (range(12, 0, -1), [*range(1, 13, 2), *range(2, 13, 2)]):
        places = [place for place in run(sections) if place != lost]
        seen: set[Place] = set()
        for known in range(1, len(places)):
            seen |= set(taken(places[:known]).missing)
        assert seen == {lost}


def test_two_sections_or_one_tile_say_nothing() -> None:
    assert taken(run([1, 2, 3], MOSAIC)[:-2]).absent == []
    assert taken([Place(section) for section in (1, 2, 3, 7, 8, 9)]).absent == []
    assert taken([Place(None, "0-0-0"), Place(None, "0-0-1"), Place(None, None)]).absent == []


def test_a_mosaic_that_grows_and_shrinks_lacks_nothing() -> None:
    """Tissue that gets larger, then smaller: rows of tiles begin and end for good."""
    places = [
        Place(section, f"r{row}-c{column}")
        for section in range(1, 61)
        for row in range(1, 7)
        for column in range(1, 7)
        if abs(row - 3.5) <= 0.5 + 2.5 * (1 - abs(section - 30) / 30)
    ]
    assert taken(places).missing == []
    lost = Place(30, "r3-c3")
    assert taken([place for place in places if place != lost]).missing == [lost]


def test_mosaics_that_differ_by_design_make_no_flood() -> None:
    """Each section has an outline of its own: a third of the border is there by chance."""
    chance = random.Random(0)  # noqa: S311 - not for secrets
    inner = run(range(1, 101), ["r2-c2"])
    border = run(range(1, 101), [f"r{r}-c{c}" for r in (1, 3) for c in (1, 2, 3)])
    for share in (0.3, 0.6, 0.9):
        some = [place for place in border if chance.random() < share]
        assert len(taken(inner + some).missing) <= 0.01 * len(border)


@settings(max_examples=50)
@given(st.sets(st.sampled_from(run(range(1, 9))), min_size=1), st.randoms())
def test_the_order_in_which_images_come_makes_no_difference_to_what_is_absent(
    places: set[Place], chance: random.Random
) -> None:
    some = sorted(places, key=lambda place: place.key)
    mixed = list(some)
    chance.shuffle(mixed)
    assert taken(some).absent == taken(mixed, at_once=False).absent
    assert set(taken(mixed).absent).isdisjoint(places)
