"""What a replay counts: bounds, and the size that would be found."""

from __future__ import annotations

import pytest

from mhfd.errors import UsageError
from mhfd.simulate.planting import FaultKind
from mhfd_client.replay.faults import ALL, SIZES, FaultPlan
from mhfd_client.replay.outcome import KindOutcome, PlantedVerdict, Share, reach_of


@pytest.mark.parametrize(("count", "of"), [(0, 100), (3, 40), (39, 40), (20, 20)])
def test_bounds_are_clopper_and_pearsons(count: int, of: int) -> None:
    from scipy.stats import beta  # the oracle, which half a second of loading is worth here alone

    share = Share.counted([True] * count + [False] * (of - count))
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
    assert share.low == pytest.approx(low, abs=1e-4)
    assert share.high == pytest.approx(high, abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert Share.counted([]) == Share(0, 0, 0.0, 1.0)
    assert reach_of([]) is None
    assert "planted in no image" in next(iter(KindOutcome.of(FaultKind.TILT, []).lines()))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(1, 0.0), (1.5, 0.9), (2, 1.0), (3, 1.0)], ("about", 1.75)),
        ([(1, 1.0), (2, 1.0)], ("at_most", 1)),
        ([(1, 0.0), (2, 0.9)], ("more_than", 2)),
        ([(1, 0.96), (2, 0.5), (3, 1.0)], ("about", 2.9)),  # what a larger one shows is not hidden by a smaller one
    ],
)
def test_the_size_that_is_found(found: list[tuple[float, float]], expected: tuple[str, float]) -> None:
    assert reach_of(found) == expected


def test_a_kind_says_what_became_of_it() -> None:
    told = [
        PlantedVerdict(f"{n}.tif", FaultKind.DEFOCUS, px, px > 1, px > 2, n > 0) for n in range(10) for px in (1, 3)
    ]
    told.append(PlantedVerdict("x.tif", FaultKind.TILT, 4, True, True, None))
    outcome = KindOutcome.of(FaultKind.DEFOCUS, told)
    assert (outcome.found.count, outcome.named.count, outcome.holds.count, outcome.holds.of) == (10, 10, 18, 20)
    assert [(px, share.count) for px, share in outcome.sizes] == [(1, 0), (3, 10)]
    assert outcome.as_json()["found_95_is"] == "about"
    assert any("3 px: 10 of 10" in line for line in outcome.lines())


def test_each_kind_has_its_own_places() -> None:
    plan = FaultPlan.of(ALL, size=None, every=4, seed=3)
    places = {kind: [n for n in range(40) for p in plan.plantings(n) if p.fault.kind is kind] for kind in FaultKind}
    for kind, numbers in places.items():
        assert len(set(numbers)) == 10
        assert len(numbers) == 10 * len(SIZES[kind])
    assert len({min(numbers) for numbers in places.values()}) > 1
    assert list(plan.plantings(9)) == list(plan.plantings(9))
    assert [
        p.fault.size for n in range(4) for p in FaultPlan.of("defocus", size=1.7, every=4, seed=3).plantings(n)
    ] == [1.7]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "blurr"}, "plant: 'blurr' is no kind of fault; give defocus"),
        ({"kind": "defocus", "size": 0}, "size: 0 is out of range"),
        ({"kind": ALL, "size": 2.0}, "name one kind"),
        ({"kind": "tilt", "every": 0}, "every: 0 is out of range"),
        ({"kind": "tilt", "seed": -1}, "seed: -1 is out of range"),
    ],
)
def test_what_makes_no_sense_is_named(given: dict[str, object], message: str) -> None:
    full: dict[str, object] = {"size": None, "every": 5, "seed": 0, **given}
    with pytest.raises(UsageError, match=message):
        FaultPlan.of(**full)  # type: ignore[arg-type]  # each is of the type it has on the command line
