"""The baseline: it follows the tissue, the anchor holds it, and what it said too early is said again."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from tests.rigs.focus_reports import DENSITY, RATIO, report, settled, sharp, wobble

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import baseline
from mhfd_client.verdicts import judge as judging
from mhfd_client.verdicts.decision import decide
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.judge import Judged, RunJudge
from mhfd_client.verdicts.measured import MEASURES, REGIONS, Measured
from mhfd_client.verdicts.verdict import Cause, Verdict

IN, OUT, UNSURE = Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS, Outcome.UNDETERMINED
BLUR = 0.57  # what a disc of radius 2 px leaves of both numbers


class Run:
    """A judge and the record of what it said."""

    def __init__(self, settings: VerdictSettings | None = None) -> None:
        self.judge = RunJudge(settings)
        self.first: dict[object, Verdict] = {}
        self.current: dict[object, Verdict] = {}
        self.history: Counter[object] = Counter()
        self.seen: dict[object, tuple[FocusReport, Place]] = {}
        self.labels: dict[object, bool | None] = {}

    def see(self, section: int, density: float = 1.0, ratio: float = 1.0, tile: str = "r1-c1") -> None:
        image = report(density * DENSITY * wobble(section), ratio * RATIO * wobble(section + 7, 0.06))
        key = (section, tile) if tile != "r1-c1" else section
        self.seen[key] = image, Place(section, tile)
        self._take([*self.judge.see(key, *self.seen[key]), *self.judge.go_on(1000)])

    def hear(self, key: object, sharp: bool | None) -> None:
        self.labels[key] = sharp
        self._take([*self.judge.hear(key, sharp), *self.judge.go_on(1000)])

    def _take(self, judged: list[Judged]) -> None:
        for j in judged:
            assert (j.verdict.reason is None) == (j.key not in self.first)
            self.first.setdefault(j.key, j.verdict)
            self.current[j.key] = j.verdict
            self.history[j.key] += 1

    def restart(self) -> None:
        """Another judge, which is told what was said."""
        judge = RunJudge(self.judge.settings)
        for key, (image, place) in self.seen.items():
            judge.restore(key, image, place, self.current[key], self.labels.get(key))
        self.judge = judge

    def kinds(self, keys: object) -> set[Outcome]:
        return {self.current[k].kind for k in keys}  # type: ignore[attr-defined]  # a range or a list


def test_the_first_images_are_judged_once_there_is_a_baseline() -> None:
    run = Run()
    for i in range(5):
        run.see(i, density=BLUR if i == 2 else 1, ratio=BLUR if i == 2 else 1)
    assert {v.cause for v in run.current.values()} == {Cause.NO_BASELINE}
    run.see(5)
    assert {k: v.kind for k, v in run.current.items()} == {i: OUT if i == 2 else IN for i in range(6)}
    assert all(v.provisional for v in run.current.values())
    assert run.current[2].reason == "judged again: there is a baseline now, from 6 images"
    assert run.first[2].kind is UNSURE


def test_a_restart_before_there_is_a_baseline_loses_nothing() -> None:
    judge, after = RunJudge(), RunJudge()
    for i in range(4):
        for j in judge.see(i, sharp(i), Place(i)):
            after.restore(j.key, sharp(i), Place(i), j.verdict, None)
    assert len(after.see(4, sharp(4), Place(4))) == 1
    judged = after.see(5, sharp(5), Place(5))
    assert {j.key: j.verdict.kind for j in judged} == dict.fromkeys(range(6), IN)


def test_confirmed_images_make_verdicts_final() -> None:
    run = Run()
    for i in range(12):
        run.see(i)
    question = run.judge.question()
    assert question is not None
    assert len(question.keys) == 3
    assert all(
        f"section {place.section}, tile r1-c1" in question.sentence
        for place in (run.seen[key][1] for key in question.keys)
    )
    for key in question.keys:
        run.hear(key, True)
    assert run.judge.question() is None
    assert not any(v.provisional for v in run.current.values())
    assert {run.current[k].cause for k in question.keys} == {Cause.OPERATOR}
    assert run.current[question.keys[0]].reason == "you confirmed it"
    run.see(12)
    assert (run.current[12].origin, run.current[12].provisional) == ("confirmed", False)


def test_a_word_can_be_taken_back() -> None:
    run = Run()
    for i in range(12):
        run.see(i)
    run.hear(3, False)
    assert run.current[3].kind is OUT
    run.hear(3, None)
    assert (run.current[3].kind, run.current[3].provisional) == (IN, True)
    assert run.judge.hear(3, None) == []  # said before
    with pytest.raises(UsageError, match="no image 'nobody'"):
        run.hear("nobody", True)


def test_an_image_close_to_confirmed_ones_is_in_no_doubt() -> None:
    """Only those as near as they are compared with it: that these are few says nothing about the tile."""
    run = Run()
    for i in (0, 1, *range(3, 12)):
        run.see(i)
    for key in (3, 4, 5):
        run.hear(key, True)
    run.see(2)
    assert run.current[2].neighbours < VerdictSettings().young
    assert not any(v.provisional for v in run.current.values())


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_judged_while_a_tile_was_young_is_settled_by_those_that_follow(restarted: bool) -> None:
    """Each of the first six has five others. The first final verdict is on a blurred image, which is none of them."""
    run = Run()
    for i in range(6):
        run.see(i)
    for key in (1, 2, 3):
        run.hear(key, True)
    run.see(6, BLUR, BLUR)
    assert (run.current[6].kind, run.current[6].provisional) == (OUT, False)
    assert [i for i in range(6) if run.current[i].provisional] == [0, 4, 5]
    if restarted:
        run.restart()
    run.see(7)
    assert not any(v.provisional for v in run.current.values())


def test_no_verdict_says_that_nobody_has_confirmed_any_once_somebody_has() -> None:
    run = Run()
    for i in range(6):
        run.see(i)
    run.hear(2, True)
    doubts = {v.sentence.partition("Provisional: ")[2] for v in run.current.values() if v.provisional}
    assert doubts == {"there are few sharp images of this tile yet."}


def test_a_long_doubt_costs_little_with_each_image_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()
    for i in range(10):
        run.see(i)
    for key in (2, 5, 8):
        run.hear(key, True)
    for i in range(10, 110):
        run.see(i, 0.55)  # the features are fewer and as sharp as ever: a person would have to say what that is
    doubtful = {i for i, v in run.current.items() if v.provisional}
    assert len(doubtful) == 100
    tried: list[int | None] = []

    def decided(*args: object, row: int | None = None) -> Verdict:
        tried.append(row)
        return decide(*args, row=row)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(judging, "decide", decided)
    for i in range(1000, 1020):
        tried.clear()
        run.see(i)
        assert not run.current[i].provisional
        assert len(tried) <= 16
        doubtful -= set(tried)
    assert not doubtful  # each had its turn


@pytest.mark.parametrize("operator", [True, False])
def test_a_run_that_starts_blurred(operator: bool) -> None:
    """Twenty blurred sections must not become the norm: an operator says so, or the sharper ones that come later."""
    run = Run()
    for i in range(20):
        run.see(i, BLUR, BLUR)
        assert run.current[i].provisional
        question = run.judge.question()
        if operator and question is not None:
            for key in question.keys:
                run.hear(key, False)
    if operator:  # the numbers cannot tell: the rejected ones are as sharp as the others
        assert run.kinds(range(20)) == {OUT, UNSURE}
        assert {run.current[k].cause for k in range(20)} >= {Cause.OPERATOR, Cause.REJECTED}
    for i in range(20, 40):
        run.see(i)
    assert run.kinds(range(20)) == {OUT}
    assert run.kinds(range(20, 40)) == {IN}
    if not operator:
        assert "sharper images came later" in str(run.current[4].reason)
    for key in (25, 30, 35):
        run.hear(key, True)
    assert not any(v.provisional for v in run.current.values())
    assert run.kinds(range(20)) == {OUT}
    assert all(run.history[i] >= 2 for i in range(20))  # nothing was overwritten: each verdict is one more


@pytest.mark.parametrize("operator", [True, False])
def test_a_focus_that_drifts_slowly(operator: bool) -> None:
    """Over 300 sections to a third of the features. Each image is as sharp as its neighbours: only the anchor knows."""
    run = Run()
    falls = [math.exp(-1.1 * i / 300) for i in range(300)]
    alarmed: float | None = None
    for i, fall in enumerate(falls):
        run.see(i, fall, fall**1.1)
        if operator and i == 10:
            for key in (2, 5, 8):
                run.hear(key, True)
        if run.judge.drifts and alarmed is None:
            alarmed = fall
    assert alarmed is not None
    assert alarmed > 0.6
    drift = run.judge.drifts["r1-c1"]  # it stays while nothing gets better
    assert drift.kind == "sharpness"
    assert "the focus is drifting" in drift.sentence
    assert run.kinds(i for i, fall in enumerate(falls) if fall < BLUR) == {OUT}
    assert run.kinds(i for i, fall in enumerate(falls) if fall > 0.85) == {IN}


def test_tissue_that_grows_poor_is_followed_and_reported() -> None:
    """The cross-spectrum stays: the tissue changes. The baseline follows, but not beyond its limit."""
    run = Run()
    for i in range(10):
        run.see(i)
    for key in (2, 5, 8):
        run.hear(key, True)
    falls = [math.exp(-0.6 * i / 200) for i in range(200)]
    for i, fall in enumerate(falls):
        run.see(10 + i, fall)
    assert run.kinds(10 + i for i, fall in enumerate(falls) if fall > 0.62) == {IN}
    drift = run.judge.drifts["r1-c1"]
    assert drift.kind == "density"
    assert drift.density < 0.75
    late = run.current[209]
    assert late.provisional
    assert "held up by the 3 images that you confirmed" in late.sentence
    run.hear(205, True)
    run.hear(200, True)
    run.hear(195, True)
    run.hear(190, True)
    run.see(210, falls[-1])
    assert not run.judge.drifts  # newer images were confirmed


def test_without_following_the_anchor_alone_counts() -> None:
    fixed = VerdictSettings(follow=False)
    histories = [(settled(settings=s).history, s) for s in (fixed, VerdictSettings())]
    levels = [baseline.expect(_measured(1.0), h, s, h.kind(_measured(1.0))) for h, s in histories]
    assert levels[0] is not None
    assert levels[1] is not None
    confirmed = math.log(sorted(DENSITY * wobble(i) for i in range(3))[1])
    assert levels[0].levels[0, 0] == pytest.approx(confirmed)
    assert levels[1].levels[0, 0] != pytest.approx(confirmed)


def test_a_tile_that_is_always_blurred_is_found_by_the_others() -> None:
    run = Run()
    for i in range(12):
        for tile in ("a", "b", "c"):
            run.see(i, tile=tile)
        run.see(i, BLUR, BLUR, tile="corner")
    for tile in ("a", "b", "c"):
        run.hear((4, tile), True)
    corner = [(i, "corner") for i in range(12)]
    assert run.kinds(corner) == {OUT}
    assert run.kinds([(i, t) for i in range(12) for t in "abc"]) == {IN}
    question = run.judge.question()
    assert question is not None
    for key in question.keys:
        run.hear(key, False)
    assert run.kinds(corner) == {OUT}
    assert not any(run.current[key].provisional for key in corner)
    assert run.judge.question() is None


def test_a_tile_of_other_tissue_is_asked_about_and_then_left_alone() -> None:
    """Half the features, and coarser: by what the other tiles show it is blurred. A person knows better."""
    run = Run()
    for i in range(12):
        for tile in ("a", "b", "c"):
            run.see(i, tile=tile)
        run.see(i, 0.5, 0.5, tile="white matter")
    for tile in ("a", "b", "c"):
        run.hear((4, tile), True)
    odd = [(i, "white matter") for i in range(12)]
    assert run.kinds(odd) == {OUT}
    assert all(run.current[key].provisional for key in odd)
    question = run.judge.question()
    assert question is not None
    assert {run.seen[key][1].tile for key in question.keys} == {"white matter"}
    assert question.sentence.startswith("The newest images of tile white matter differ from those that you confirmed")
    for key in question.keys:
        run.hear(key, True)
    assert run.kinds(odd) == {IN}
    assert run.kinds([(i, t) for i in range(12) for t in "abc"]) == {IN}
    assert run.judge.question() is None
    run.see(12, 0.5 * BLUR, 0.5 * BLUR, tile="white matter")
    assert run.current[12, "white matter"].kind is OUT
    assert not run.current[12, "white matter"].provisional


@pytest.mark.parametrize(("density", "ratio"), [(0.68, 1.0), (0.5, 0.5)], ids=["less dose", "other tissue"])
def test_a_change_that_a_person_calls_sharp_is_the_norm_from_then_on(density: float, ratio: float) -> None:
    run = Run()
    for i in range(30):
        run.see(i)
        if question := run.judge.question():
            for key in question.keys:
                run.hear(key, True)
    assert run.kinds(range(30)) == {IN}
    asked = 0
    for i in range(30, 60):
        run.see(i, density, ratio)
        if question := run.judge.question():
            asked += 1
            for key in question.keys:
                run.hear(key, True)
    assert 1 <= asked <= 2
    assert run.kinds(range(30)) == {IN}
    assert run.kinds(range(50, 60)) == {IN}
    assert not any(run.current[i].provisional for i in range(50, 60))
    run.see(60, density * BLUR, ratio * BLUR)
    assert run.current[60].kind is OUT


def test_other_tiles_help_while_a_tile_is_young() -> None:
    run = settled()
    verdict = run.see("new", sharp(30), Place(30, "r9-c9"))[0].verdict
    assert (verdict.kind, verdict.neighbours) == (IN, 15)
    assert run.see("bad", report(BLUR * DENSITY, BLUR * RATIO), Place(31, "r9-c9"))[0].verdict.kind is OUT


def test_variable_tissue_lowers_the_threshold_within_bounds() -> None:
    spread = {}
    for size in (0.02, 0.09, 0.9):
        judge = RunJudge()
        for i in range(30):
            judge.see(i, report(DENSITY * wobble(i, size), RATIO), Place(i))
        judge.hear(0, True)
        level = judge.see(30, report(), Place(30))[0].verdict.levels[0]
        spread[size] = level.threshold / level.expected
    assert spread[0.02] == pytest.approx(0.75, abs=1e-4)
    assert 0.5 < spread[0.09] < 0.74
    assert spread[0.9] == pytest.approx(0.5, abs=1e-4)


def test_a_retake_is_judged_by_the_others_and_not_by_what_it_replaces() -> None:
    run = settled()
    run.see("bad", report(BLUR * DENSITY, BLUR * RATIO), Place(20, "r1-c1"))
    run.retire("bad")
    assert run.history.state[run.history.row("bad")] == Standing.UNSCORED
    assert run.see("again", sharp(20), Place(20, "r1-c1"))[0].verdict.kind is IN


def test_images_without_a_section_are_compared_with_those_taken_before() -> None:
    judge = RunJudge()
    for i in range(12):
        judge.see(i, sharp(i), Place())
    judge.hear(0, True)
    verdict = judge.see("next", report(BLUR * DENSITY, BLUR * RATIO), Place())[0].verdict
    assert verdict.kind is OUT
    assert verdict.sentence.startswith("An image without a section number is out of focus: ")


def test_nothing_is_asked_before_there_is_something_to_ask() -> None:
    judge = RunJudge()
    assert judge.question() is None
    for i in range(5):
        judge.see(i, sharp(i), Place(i))
        assert judge.question() is None
    judge.see(5, sharp(5), Place(5))
    question = judge.question()
    assert question is not None
    assert len(set(question.keys)) == 3


def test_every_measure_and_region_has_what_is_usual() -> None:
    assert baseline._PRIOR.shape == (len(MEASURES), len(REGIONS))


def test_history_keeps_what_it_is_told() -> None:
    history = History()
    for i in range(200):  # more than it has room for at first
        history.add(i, _measured(1 + i / 100), Standing.IN_FOCUS, Label.SHARP if i == 150 else Label.NONE)
    assert len(history) == 200
    assert history.key(150) == 150
    assert history.label[150] == Label.SHARP
    assert history.measured(99).levels[0, 0] == pytest.approx(math.log(1.99 * DENSITY))
    assert history.measured(99).place == Place(40, "r1-c1")
    with pytest.raises(UsageError, match="already known"):
        history.add(5, _measured(1.0))


def _measured(factor: float) -> Measured:
    return Measured.of(report(factor * DENSITY), Place(40, "r1-c1"))
