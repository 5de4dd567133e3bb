"""Order of arrival is no gap, and a real gap is one whatever the order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhfd_client import expected
from mhfd_client.alerts import rules
from mhfd_client.alerts.gaps import Gaps
from mhfd_client.alerts.message import Rule
from mhfd_client.alerts.situation import Situation
from mhfd_client.naming import Place
from mhfd_client.settings.options import AlertSettings

SETTINGS = AlertSettings(disk_gb=0)
TILES = ("r1-c1", "r1-c2", "r2-c1", "r2-c2")


def rung(
    places: Iterable[Place], *, every_s: float, wanted: Sequence[Place] | None = None, at_once: int = 1
) -> set[int]:
    """The sections that are said to be missing at any time, while these come one after the other."""
    gaps, seen, now, told, new = Gaps(lambda stamp: stamp), set[Place](), 0.0, set[int](), dict[Place, int]()

    def look(now: float) -> None:
        sections = [place.section for place in seen if place.section is not None]
        absent = tuple(expected.overdue(expected.missing(wanted, seen), max(sections)))
        numbers = tuple(sorted({place.section for place in absent if place.section is not None}))
        found = gaps.take(dict(new), absent, now)
        new.clear()
        situation = Situation(
            now, 0.0, sections=tuple(sorted(set(sections))), missing=numbers, gaps=found, late=gaps.late
        )
        reading = next(one for one in rules.readings(situation, SETTINGS) if one.rule is Rule.MISSING)
        if reading.wrong:
            told.update(map(int, reading.keys))

    for number, place in enumerate(places, 1):
        now += every_s
        new[place] = int(now * 1e9)
        seen.add(place)
        if number % at_once == 0:
            look(now)
    if seen:
        look(now + 100.0)
    return told


def sections(*numbers: int) -> list[Place]:
    return [Place(number, "r1-c1") for number in numbers]


UP = [n for n in range(1, 60) if n != 30]


@pytest.mark.parametrize("at_once", [1, 7, 100], ids=["one_by_one", "some_at_once", "all_at_once"])
@pytest.mark.parametrize("wanted", [None, [Place(n) for n in range(1, 60)]], ids=["gaps", "expected"])
@pytest.mark.parametrize("order", [UP, UP[::-1]], ids=["up", "down"])
def test_a_gap_rings(order: list[int], wanted: list[Place] | None, at_once: int) -> None:
    cut = order[: order.index(29 if order[0] == 1 else 31) + 12]
    if wanted is None or order[0] == 1:
        wanted_now = None if wanted is None else [place for place in wanted if (place.section or 0) <= max(cut)]
    else:
        wanted_now = wanted
    assert rung(sections(*cut), every_s=30.0, wanted=wanted_now, at_once=at_once) == {30}


def test_two_later_ones_make_a_gap_and_one_does_not() -> None:
    assert rung(sections(1, 2, 3, 5), every_s=100.0) == set()
    assert rung(sections(1, 2, 3, 5, 6), every_s=100.0) == {4}
    assert rung(sections(1, 2, 3, 6, 7), every_s=100.0) == {4, 5}


def test_the_first_sections_of_a_list_are_missing() -> None:
    assert rung(sections(5, 6, 7, 8), every_s=100.0, wanted=[Place(n) for n in range(1, 9)]) == {1, 2, 3, 4}


def test_a_file_that_becomes_whole_late_is_no_gap() -> None:
    """As in a fast run: section 7 has to rest for 2 seconds, and 36 others come meanwhile."""
    order = [n for n in range(1, 60) if n != 7]
    order.insert(42, 7)
    assert rung(sections(*order), every_s=0.055) == set()


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(1, 25)), st.sampled_from([0.1, 5.0]))
def test_workers_that_finish_in_any_order_make_no_gap(order: list[int], every_s: float) -> None:
    """Eight at a time: no section is more than seven places away from its own; faster than files become whole."""
    shuffled = [n for at in range(0, 24, 8) for n in sorted(range(1, 25))[at : at + 8]]
    blocks = [sorted(shuffled[at : at + 8], key=order.index) for at in range(0, 24, 8)]
    assert rung(sections(*(n for block in blocks for n in block)), every_s=every_s) == set()


@pytest.mark.parametrize("seed", range(20))
def test_sections_may_be_imaged_in_any_order(seed: int) -> None:
    """At a microscope's pace: a run without a stride of its own has no gaps before its end."""
    order = list(range(1, 40))
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    assert rung(sections(*order), every_s=90.0) == set()


@pytest.mark.parametrize("order", [list(range(1, 40)), list(range(39, 0, -1))], ids=["up", "down"])
def test_a_run_that_goes_one_way_rings_nothing(order: list[int]) -> None:
    assert rung(sections(*order), every_s=90.0) == set()
    assert rung(sections(*order), every_s=90.0, wanted=[Place(n) for n in range(1, 40)]) == set()


BACK_AND_FORTH = [n for at in range(0, 40, 10) for n in sorted(range(at + 1, at + 11), reverse=at % 20 > 0)]


@pytest.mark.parametrize(
    "order",
    [[*range(1, 40, 2), *range(2, 40, 2)], [*range(1, 40, 2), *range(38, 0, -2)], BACK_AND_FORTH],
    ids=["every_second", "there_and_back", "in_rows"],
)
def test_a_stride_is_no_gap_and_what_breaks_it_is(order: list[int]) -> None:
    assert rung(sections(*order), every_s=90.0) == set()
    broken = rung(sections(*(n for n in order if n != 15)), every_s=90.0)
    assert 15 in broken
    assert len(broken) == 1


def test_tile_by_tile_through_all_sections_is_no_gap() -> None:
    """Expected are all tiles; the microscope takes one of every section, then the next."""
    every = [Place(section, tile) for tile in TILES for section in range(1, 20)]
    assert rung(every, every_s=20.0, wanted=every) == set()
    assert rung([p for p in every if p != Place(7, "r1-c2")], every_s=20.0, wanted=every) == {7}


def test_a_tile_that_never_came_is_missing_once_later_sections_have_it() -> None:
    every = [Place(section, tile) for section in range(1, 12) for tile in TILES]
    assert rung(every, every_s=20.0, wanted=every) == set()
    assert rung([p for p in every if p != Place(7, "r2-c1")], every_s=20.0, wanted=every) == {7}
    upto = [p for p in every if p != Place(7, "r2-c1") and (p.section or 0) <= 8]
    assert rung(upto, every_s=20.0, wanted=every) == set()
