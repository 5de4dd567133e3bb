"""What is said of an image: golden cases, and what must hold whatever the numbers are."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.rigs.focus_reports import DENSITY, RATIO, report, settled, sharp

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.decision import judge_report
from mhfd_client.verdicts.history.history import History
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Cause, Verdict

HERE = Place(20, "r1-c1")
SETTINGS = VerdictSettings()
IN, OUT, UNSURE = Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS, Outcome.UNDETERMINED
RANK = {IN: 0, UNSURE: 1, OUT: 2}


@dataclass(frozen=True, slots=True)
class Case:
    """One image after twenty sharp ones, and what must be said of it."""

    name: str
    report: FocusReport
    kind: Outcome
    cause: Cause
    words: tuple[str, ...] = ()
    region: str | None = None


CASES = (
    Case("as the others", report(), IN, Cause.MEASURED, ("is in focus", "above the threshold of 75%")),
    Case("slight defocus", report(0.57 * DENSITY, 0.56 * RATIO), OUT, Cause.MEASURED, ("is out of focus",)),
    Case("strong defocus", report(0.2 * DENSITY, 0.02 * RATIO), OUT, Cause.MEASURED, ("20% of the",)),
    Case("nothing at all", report(0.0, -0.001), OUT, Cause.MEASURED, ("0% of the",)),
    Case("no cross-spectrum", report(0.5 * DENSITY, None), OUT, Cause.MEASURED),
    Case("both a little", report(0.78 * DENSITY, 0.63 * RATIO), OUT, Cause.MEASURED, ("together below",)),
    Case("twice the dose hides it", report(0.84 * DENSITY, 0.5 * RATIO), OUT, Cause.MEASURED),
    Case("a third of the dose", report(0.7 * DENSITY, 1.0 * RATIO), UNSURE, Cause.CONTRADICTION, ("dose",)),
    Case("wrinkles", report(0.95 * DENSITY, 0.45 * RATIO), IN, Cause.MEASURED),
    Case("coarse artefact", report(0.98 * DENSITY, 0.2 * RATIO), UNSURE, Cause.CONTRADICTION, ("artefact",)),
    Case(
        "tilted",
        report(sides={"left": 0.55}),
        OUT,
        Cause.MEASURED,
        ("on its left side (tilted?)",),
        region="left",
    ),
    Case("tilted up", report(sides={"top": 0.55}), OUT, Cause.MEASURED, ("its upper side",), region="top"),
    Case("uneven tissue", report(sides={"right": 0.75}), IN, Cause.MEASURED),
    Case("half empty", report(tissue=0.5, empty_cells=8), IN, Cause.MEASURED),
    Case("a corner of tissue", report(tissue=0.015, empty_cells=15), UNSURE, Cause.LITTLE_TISSUE, ("tissue",)),
    Case(
        "truncated",
        report(finding=Finding.INCOMPLETE, detail="the file ends at byte 90 of 120"),
        Outcome.INCOMPLETE,
        Cause.FINDING,
        ("is incomplete: the file ends at byte 90 of 120.",),
    ),
    Case(
        "no beam",
        report(finding=Finding.BLANK, detail="blank: every pixel is 0; was the beam on?"),
        UNSURE,
        Cause.FINDING,
        ("is blank: every pixel is 0; was the beam on? Whether it is in focus cannot be told.",),
    ),
    *(
        Case(
            f"not looked at: {code.value}",
            report(finding=Finding.UNREADABLE, detail="a.tif could not be scored").model_copy(update={"code": code}),
            UNSURE,
            Cause.NOT_LOOKED_AT,
            (f"was not looked at: {said}: a.tif could not be scored.",),
        )
        for code, said in ((Code.REFUSED_PATH, "refused"), (Code.UNAVAILABLE, "not there"), (Code.NO_SITE, "no_site"))
    ),
    Case("no image", report(finding=Finding.UNREADABLE), Outcome.INCOMPLETE, Cause.FINDING, ("cannot be read",)),
    *(
        Case(f.value, report(finding=f), UNSURE, Cause.FINDING, ("cannot be told",))
        for f in (Finding.BLANK, Finding.NO_TISSUE, Finding.SATURATED, Finding.INVALID, Finding.TOO_SMALL)
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases(case: Case) -> None:
    verdict = judge_report(case.report, HERE, settled().history, SETTINGS)
    assert (verdict.kind, verdict.cause, verdict.region) == (case.kind, case.cause, case.region)
    assert verdict.provisional == (case.cause is Cause.CONTRADICTION)
    assert verdict.sentence.startswith("Section 20, tile r1-c1 ")
    for words in case.words:
        assert words in verdict.sentence
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_the_sentence_carries_the_numbers() -> None:
    verdict = judge_report(report(0.38 * DENSITY, 0.3 * RATIO), HERE, settled().history, SETTINGS)
    level = next(v for v in verdict.levels if (v.measure, v.region) == ("density", "whole"))
    assert verdict.sentence == (
        f"Section 20, tile r1-c1 is out of focus: 1,520 features per megapixel, {level.value / level.expected:.0%} "
        f"of the {level.expected:,.0f} expected from the 15 sharp images near it (sections 5 to 19); "
        "below the threshold of 75%."
    )
    assert level.value == pytest.approx(1520)
    assert level.threshold == pytest.approx(0.75 * level.expected, rel=1e-4)
    assert verdict.origin == "confirmed"
    assert verdict.neighbours == 15


@pytest.mark.parametrize("finding", [f for f in Finding if f is not Finding.OK])
def test_a_finding_is_never_called_a_matter_of_focus(finding: Finding) -> None:
    for history in (History(), settled().history):
        verdict = judge_report(report(finding=finding), HERE, history, SETTINGS)
        assert verdict.kind in (Outcome.INCOMPLETE, UNSURE)
        assert not verdict.provisional


def test_without_a_baseline_nothing_is_judged() -> None:
    verdict = judge_report(report(), Place(1), History(), SETTINGS)
    assert (verdict.kind, verdict.cause, verdict.provisional) == (UNSURE, Cause.NO_BASELINE, True)
    assert "(0 others to compare with, 6 needed)" in verdict.sentence


def test_images_of_other_parameters_or_magnification_are_not_compared() -> None:
    history = settled().history
    for other in (report(params=Params(n=20)), report(pixel_nm=32.0)):
        assert judge_report(other, HERE, history, SETTINGS).cause is Cause.NO_BASELINE


def test_judging_is_pure() -> None:
    run = settled()
    levels, states, size = run.history.levels.copy(), run.history.state.copy(), len(run.history)
    first = judge_report(report(0.6 * DENSITY), HERE, run.history, SETTINGS)
    assert judge_report(report(0.6 * DENSITY), HERE, run.history, SETTINGS) == first
    assert len(run.history) == size
    assert np.array_equal(run.history.levels, levels, equal_nan=True)
    assert (run.history.state == states).all()


FACTOR = st.floats(0.01, 1.5)


@settings(max_examples=100, deadline=None)
@given(density=FACTOR, ratio=st.none() | FACTOR, left=FACTOR, less=st.floats(0.01, 1.0))
def test_fewer_features_never_make_an_image_sharper(
    density: float, ratio: float | None, left: float, less: float
) -> None:
    # Counts are whole numbers: where sides differ by just 1.3, a rounding decides whether it is a tilt.
    assume(min(abs(left - 1.3), abs(left - 1 / 1.3)) > 0.01)
    ratio = None if ratio is None else ratio * RATIO
    before = judge_report(report(density * MANY, ratio, sides={"left": left}), HERE, DENSE, SETTINGS)
    poorer = report(density * less * MANY, ratio, sides={"left": left})
    assert RANK[judge_report(poorer, HERE, DENSE, SETTINGS).kind] >= RANK[before.kind]


HISTORY = settled().history
MANY = 1e3 * DENSITY  # so that counting in whole features makes no difference
DENSE = settled(density=MANY).history


@settings(max_examples=12, deadline=None)
@given(constant=st.integers(2, 200), factors=st.lists(FACTOR, min_size=10, max_size=16))
def test_a_constant_factor_changes_nothing(constant: int, factors: list[float]) -> None:
    """Another magnification or another tissue: only relations count. (Few features in all are another matter.)"""

    def kinds(times: float) -> list[Outcome]:
        run = RunJudge()
        for i, factor in enumerate(factors):
            run.see(i, report(50_000 * times * factor, RATIO * factor), Place(i))
        run.hear(0, True)
        return [
            judge_report(report(50_000 * times * f, RATIO * f), Place(99), run.history, SETTINGS).kind for f in factors
        ]

    assert kinds(1) == kinds(constant)


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(range(4)), factors=st.lists(st.floats(0.4, 1.1), min_size=4, max_size=4))
def test_the_order_of_tiles_does_not_matter(order: list[int], factors: list[float]) -> None:
    """Tiles of one section come in any order; each has its own stream."""

    def run(tiles: list[int]) -> dict[object, Outcome]:
        judge = RunJudge()
        for section in range(7):
            for tile in tiles:
                judge.see((section, tile), sharp(section, density=DENSITY * (1 + tile / 4)), Place(section, str(tile)))
        for tile in range(4):
            judge.hear((0, tile), True)
        kinds: dict[object, Outcome] = {}
        for tile in tiles:
            last = report(factors[tile] * DENSITY * (1 + tile / 4), factors[tile] * RATIO)
            kinds |= {j.key: j.verdict.kind for j in judge.see((8, tile), last, Place(8, str(tile)))}
        return kinds

    assert run(list(range(4))) == run(order)


@dataclass(frozen=True)
class Seen:
    """An image was scored."""

    key: object
    report: FocusReport
    place: Place


@dataclass(frozen=True)
class Heard:
    """A person said whether an image is sharp."""

    key: object
    sharp: bool


def rejudge(events: Iterable[Seen | Heard], settings: VerdictSettings) -> dict[object, Verdict]:
    """The current verdict on every image, from stored reports and what people said, in the order it happened."""
    judge = RunJudge(settings)
    verdicts: dict[object, Verdict] = {}
    for event in events:
        if isinstance(event, Seen):
            judged = judge.see(event.key, event.report, event.place)
        else:
            judged = judge.hear(event.key, event.sharp)
        verdicts |= {one.key: one.verdict for one in judged}
    return verdicts


EVENTS: tuple[Seen | Heard, ...] = (
    *(Seen(i, sharp(i), Place(i)) for i in range(10)),
    Heard(2, True),
    *(Seen(i, report(0.7 * DENSITY * (i % 2 + 1) / 1.4, 0.65 * RATIO), Place(i)) for i in range(10, 16)),
    Heard(4, True),
    Heard(3, False),
    *(Seen(i, sharp(i), Place(i)) for i in range(16, 20)),
    Seen(20, report(finding=Finding.BLANK), Place(20)),
)


def test_judging_again_gives_the_same() -> None:
    live = RunJudge()
    current: dict[object, Verdict] = {}
    for event in EVENTS:
        done = (
            live.see(event.key, event.report, event.place)
            if isinstance(event, Seen)
            else live.hear(event.key, event.sharp)
        )
        current |= {j.key: j.verdict for j in done}
    assert rejudge(EVENTS, SETTINGS) == current
    assert {v.kind for v in current.values()} == set(Outcome) - {Outcome.INCOMPLETE}


def test_judging_again_with_another_threshold() -> None:
    """A threshold of half of it lets through what three quarters did not; no image is needed for that."""
    lenient = SETTINGS.model_copy(update={"threshold": 0.3, "side_threshold": 0.3, "cross_spectrum_threshold": 0.3})
    mild = (*EVENTS[:11], Seen("mild", report(0.6 * DENSITY, None), Place(30)))
    assert rejudge(mild, SETTINGS)["mild"].kind is OUT
    assert rejudge(mild, lenient)["mild"].kind is IN


def test_a_restored_judge_goes_on_as_if_nothing_had_happened() -> None:
    for cut in range(1, len(EVENTS)):
        live, seen = RunJudge(), []
        current: dict[object, Verdict] = {}
        said: dict[object, bool | None] = {}
        for event in EVENTS[:cut]:
            if isinstance(event, Seen):
                seen.append(event)
                done = live.see(event.key, event.report, event.place)
            else:
                said[event.key] = event.sharp
                done = live.hear(event.key, event.sharp)
            current |= {j.key: j.verdict for j in done}
        again = RunJudge()
        for event in seen:
            again.restore(event.key, event.report, event.place, current[event.key], said.get(event.key))
        assert again.question() == live.question()
        assert again.drifts == live.drifts
        probe = report(0.74 * DENSITY, 0.8 * RATIO)
        assert again.see("probe", probe, Place(99))[0] == live.see("probe", probe, Place(99))[0]


def test_all_numbers_are_finite() -> None:
    for density, ratio in itertools.product((0.0, 1e-9, 1e9), (None, -1.0, 0.0, 1e9)):
        for level in judge_report(report(density, ratio), HERE, HISTORY, SETTINGS).levels:
            assert all(math.isfinite(v) for v in (level.value, level.expected, level.threshold))


def test_judging_loads_no_kernel() -> None:
    code = (
        "import sys, mhfd_client.verdicts.judge\n"
        "bad = {'cupy', 'torch', 'mhfd.native', 'mhfd.detector.cpu', 'mhfd.simulate'} & set(sys.modules)\n"
        "print(*sorted(bad)); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("finding", [Finding.INCOMPLETE, Finding.BLANK, Finding.SATURATED, Finding.NO_TISSUE])
@pytest.mark.parametrize("sharp_", [True, False])
def test_no_word_makes_an_image_sharp_or_blurred_that_shows_nothing(finding: Finding, sharp_: bool) -> None:
    """Said before it came (of the bytes before), after, or kept from another version: it says what it is, and teaches
    nothing.
    """
    judge = RunJudge(SETTINGS)
    for section in range(20):
        judge.see(section, sharp(section), Place(section, "r1-c1"))
    nothing = report(None, None, finding=finding, detail="so it is")
    said = judge.see("said before", nothing, Place(20, "r1-c1"), sharp=sharp_)[0].verdict
    plain = judge.see("said after", nothing, Place(21, "r1-c1"))[0].verdict
    assert said.kind is plain.kind not in (IN, OUT)
    assert "so it is" in said.sentence
    assert judge.would_change("said after", sharp=sharp_).total == 0
    assert judge.hear("said after", sharp_) == []
    restored = RunJudge(SETTINGS)
    restored.restore("kept", nothing, Place(22, "r1-c1"), said, sharp_)
    assert restored.hear("kept", sharp_) == []
    later = judge.see(23, sharp(23), Place(23, "r1-c1"))[0].verdict
    assert later.kind is IN
    assert later.provisional, "nobody has confirmed anything"
