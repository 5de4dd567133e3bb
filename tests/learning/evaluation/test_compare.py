"""A comparison keeps mhfd unless there is a reason not to, and says which."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.scored import Scored

from mhfd.errors import UsageError
from mhfd.learning.evaluation import Benchmark, Entry, Terms, compare
from mhfd.learning.evaluation.benchmark import REPORT_BYTES
from mhfd.learning.evaluation.bounded import bounded
from mhfd.learning.evaluation.words import lines


def test_a_better_one_is_promoted_and_says_by_how_much() -> None:
    made = Scored(specimens=30, images=20, seed=1)
    found = compare([made.mhfd(1.8), made.challenger(3.2)], made.bad, made.groups, prevalence=0.03)
    assert found.decision == "promoted"
    assert found.line == f"promoted: challenger ({found.reason})"
    assert found.reason.startswith("difference +")
    assert found.reason.endswith("30 groups")
    (duel,) = found.duels
    assert 0 < duel.range.low < duel.saved < duel.range.high
    assert duel.p < 0.025


@pytest.mark.parametrize("strength", [0.6, 1.8])
def test_a_worse_or_an_equal_one_is_kept_out(strength: float) -> None:
    made = Scored(specimens=30, images=20, seed=2)
    found = compare([made.mhfd(1.8), made.challenger(strength)], made.bad, made.groups, prevalence=0.03)
    assert found.decision == "kept"
    assert found.line.startswith("kept: mhfd (difference ")
    assert ("holds 0" in found.reason) is (found.duels[0].range.high >= 0)


def test_five_groups_are_too_few_however_good_it_is() -> None:
    made = Scored(specimens=5, images=40, seed=3)
    found = compare([made.mhfd(1.0), made.challenger(9.0)], made.bad, made.groups, prevalence=0.03)
    assert found.line == "kept: mhfd (too few groups: 5, at least 6 that no entry has seen)"


def test_six_groups_are_enough_where_all_say_so() -> None:
    made = Scored(specimens=6, images=60, seed=3)
    found = compare([made.mhfd(0.5), made.challenger(9.0)], made.bad, made.groups, prevalence=0.03)
    assert found.decision == "promoted"


def test_bad_images_of_one_group_are_too_few_groups() -> None:
    made = Scored(specimens=8, images=20, seed=3)
    bad = np.array(
        [group == made.groups[0] and bool(is_bad) for group, is_bad in zip(made.groups, made.bad, strict=True)]
    )
    found = compare([made.mhfd(1.0), made.challenger(9.0)], bad, made.groups, prevalence=0.03)
    assert found.reason == "too few groups with bad images: 1, at least 6"


def test_who_has_seen_a_group_is_refused_by_name() -> None:
    made = Scored(specimens=10, images=20, seed=4)
    seen = frozenset({f"lab b/{made.groups[0]}/tuesday"})
    found = compare([made.mhfd(1.0), made.challenger(9.0, groups_seen=seen)], made.bad, made.groups, prevalence=0.03)
    assert found.line == f"kept: mhfd (refused: challenger has seen {made.groups[0]})"
    assert found.placing("challenger").barred == (f"has seen {made.groups[0]}",)


def test_a_champion_that_has_seen_a_group_decides_nothing() -> None:
    made = Scored(specimens=10, images=20, seed=4)
    champion = made.entry("old", 2.0, champion=True, groups_seen=frozenset({made.groups[3]}))
    found = compare([made.mhfd(1.0), champion, made.challenger(9.0)], made.bad, made.groups, prevalence=0.03)
    assert found.line == f"kept: old (refused: old has seen {made.groups[3]}; leave them out)"


def test_scores_that_are_the_labels_are_refused_by_name() -> None:
    made = Scored(specimens=10, images=20, seed=4)
    found = compare([made.mhfd(1.0), Entry("leak", made.bad.astype(float))], made.bad, made.groups, prevalence=0.03)
    assert found.reason == "refused: leak has the labels as its scores"


def test_it_has_to_beat_the_champion_too() -> None:
    made = Scored(specimens=30, images=20, seed=5)
    entries = [made.mhfd(1.0), made.entry("old", 3.0, champion=True), made.challenger(3.0)]
    found = compare(entries, made.bad, made.groups, prevalence=0.03)
    assert (found.decision, found.kept) == ("kept", "old")
    assert {duel.against: duel.range.low > 0 for duel in found.duels} == {"mhfd": True, "old": False}


def test_what_is_barred_or_beside_is_compared_and_never_promoted() -> None:
    made = Scored(specimens=30, images=20, seed=6)
    barred = made.challenger(9.0, barred=("cannot be exported",))
    found = compare(
        [made.mhfd(1.0), barred, made.entry("beside", 9.0, beside=True)], made.bad, made.groups, prevalence=0.1
    )
    assert found.line == "kept: mhfd (refused: challenger cannot be exported)"
    assert found.placing("challenger").auc is not None
    assert [duel.challenger for duel in found.duels] == ["challenger"]


def test_several_challengers_share_the_doubt() -> None:
    made = Scored(specimens=8, images=30, seed=7)
    one = compare([made.mhfd(1.0), made.challenger(2.2)], made.bad, made.groups, prevalence=0.03)
    crowd = [made.entry(f"other {number}", 0.3) for number in range(9)]
    many = compare([made.mhfd(1.0), made.challenger(2.2), *crowd], made.bad, made.groups, prevalence=0.03)
    assert (one.decision, many.decision) == ("promoted", "kept")
    assert "is not sure enough" in many.reason
    assert "10 challengers ask for .003" in many.reason


def test_a_later_test_asks_for_more() -> None:
    made = Scored(specimens=8, images=30, seed=7)
    late = Terms(alpha=0.006, test=2)
    found = compare([made.mhfd(1.0), made.challenger(2.2)], made.bad, made.groups, prevalence=0.03, settings=late)
    assert "test 2 of this library ask" in found.reason


def test_who_abstains_makes_a_person_look() -> None:
    made = Scored(specimens=8, images=20, seed=8)
    silent = Entry("silent", np.full(len(made.bad), np.nan))
    found = compare([made.mhfd(1.5), silent], made.bad, made.groups, prevalence=0.03)
    rates = found.placing("silent").rates[0]
    assert (rates.recall, rates.false_alarms) == (1.0, 1.0)
    assert found.placing("silent").abstained == len(made.bad)
    assert found.decision == "kept"


def test_precision_follows_from_recall_and_prevalence() -> None:
    made = Scored(specimens=20, images=20, seed=9)
    found = compare([made.mhfd(1.8)], made.bad, made.groups, prevalence=0.05)
    assert found.reason == "no challenger"
    assert list(found.precision_at) == ["0.05", "0.01", "0.03", "0.1"]
    for rates in found.placing("mhfd").rates:
        assert rates.recall is not None
        assert rates.false_alarms is not None
        named = rates.prevalence * rates.recall + (1 - rates.prevalence) * rates.false_alarms
        assert rates.precision == pytest.approx(rates.prevalence * rates.recall / named)
    rising = [found.precision_at[key]["mhfd"] or 0 for key in ("0.01", "0.03", "0.1")]
    assert rising == sorted(rising)


def test_the_table_by_group_adds_up_to_the_cost() -> None:
    made = Scored(specimens=9, images=20, seed=10)
    found = compare([made.mhfd(1.2)], made.bad, made.groups, prevalence=0.03).placing("mhfd")
    assert np.mean([row.cost or 0 for row in found.groups]) == pytest.approx(found.rates[0].cost, abs=1e-4)
    assert found.confusion is not None
    assert sum(row.missed or 0 for row in found.groups) == pytest.approx(found.confusion.missed, abs=0.6)


def test_the_same_seed_gives_the_same_document_and_it_reads_back() -> None:
    made = Scored(specimens=9, images=20, seed=10)
    entries = [made.mhfd(1.2), made.challenger(1.4)]
    twice = [compare(entries, made.bad, made.groups, prevalence=0.03, seed=5).model_dump_json() for _ in range(2)]
    assert twice[0] == twice[1]
    assert Benchmark.model_validate(json.loads(twice[0])).model_dump_json() == twice[0]


def test_a_report_of_very_many_groups_fits_and_says_what_it_left_out() -> None:
    made = Scored(specimens=400, images=2, seed=1)
    entries = [made.mhfd(1.0), *(made.entry(f"other {number}", 1.0, beside=True) for number in range(2))]
    found = bounded(compare(entries, made.bad, made.groups, prevalence=0.03), most=120_000)
    assert len(found.model_dump_json()) <= 120_000 < REPORT_BYTES
    assert "all but the 200 groups that cost most" in found.remarks[-1]
    assert len(found.placing("mhfd").groups) == 200
    assert len(found.groups) == 400
    assert list(lines(found))[-1] == found.line


def scores(*values: float) -> NDArray[np.float64]:
    return np.asarray(values, float)


@pytest.mark.parametrize(
    ("entries", "bad", "groups", "said"),
    [
        ([Entry("other", scores(0, 1))], [True, False], ["a", "b"], "`mhfd` has to stand"),
        ([Entry("mhfd", scores(0, 1))] * 2, [True, False], ["a", "b"], "mhfd stands twice"),
        ([Entry("mhfd", scores(0))], [True, False], ["a", "b"], "1 scores for 2 labels"),
        ([Entry("mhfd", scores(0, 1))], [True, False], ["a"], "groups: 1 for 2 labels"),
        ([Entry("mhfd", scores(0, 1))], [True, True], ["a", "b"], "all 2 images are bad"),
        ([Entry("mhfd", scores(0, 1))], [False, False], ["a", "b"], "all 2 images are good"),
        ([Entry("mhfd", scores(0, np.nan))], [True, False], ["a", "b"], "one kind of image only"),
    ],
)
def test_what_cannot_be_compared_says_why(entries: list[Entry], bad: list[bool], groups: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compare(entries, bad, groups, prevalence=0.03)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, float("nan")])
def test_a_prevalence_is_a_part(prevalence: float) -> None:
    with pytest.raises(UsageError, match="prevalence: "):
        compare([Entry("mhfd", scores(0, 1))], [True, False], ["a", "b"], prevalence=prevalence)
