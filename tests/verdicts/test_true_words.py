"""Every sentence is true of the numbers that it was said with, whatever came and whatever people said."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.focus_reports import DENSITY, RATIO, report, wobble

from mhfd.contract.focus_report import FocusReport
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import Judged, RunJudge
from mhfd_client.verdicts.verdict import Cause, Comparison, Verdict

SIDES = {"left side": "left", "right side": "right", "upper side": "top", "lower side": "bottom"}
FIGURES = re.compile(
    r"(?:on its (?P<side>\w+ side)(?: \(tilted\?\): there|:) )?(?:a cross-spectrum of )?(?P<value>[\d,.e-]+)"
    r"(?P<density> features per megapixel)?, (?P<part>\d+)% of the (?P<expected>[\d,.e-]+) expected from "
    r"[^;]*; (?P<where>below|above) the threshold of (?P<limit>\d+)%"
)
TOGETHER = re.compile(r", (\d+)% and (\d+)% of what is expected [^;]*; together below (\d+)% and (\d+)%")
NO_MORE = re.compile(
    r"(?P<own>[\d,]+) features per megapixel(?: and a cross-spectrum of (?P<ratio>[\d.e-]+))?, no more than the "
    r"(?P<other>[\d,]+)(?: and (?P<other_ratio>[\d.e-]+))? of section (?P<section>\d+), tile (?P<tile>\d+), which you"
)
YET = re.compile(r"yet the (features|cross-spectrum)( of its finest quarter)? (?:is|are) (\d+)% of the expected")
OTHERS = re.compile(r"\((\d+) others to compare with, (\d+) needed\)")


def _level(verdict: Verdict, measure: str, region: str = "whole") -> Comparison:
    (found,) = [v for v in verdict.levels if (v.measure, v.region) == (measure, region)]
    return found


def _near(said: str, value: float) -> bool:
    """As far as it was written out."""
    number = float(said.replace(",", ""))
    return abs(number - value) <= max(0.51, 0.006 * abs(value)) or abs(number - value) <= 0.006 * abs(value)


def _check(verdict: Verdict, own: FocusReport, seen: dict[tuple[int, str], FocusReport], rejected: set[object]) -> None:
    words = verdict.sentence
    if found := FIGURES.search(words):
        measure = "density" if found["density"] else "cross_spectrum"
        level = _level(verdict, measure, SIDES[found["side"]] if found["side"] else "whole")
        assert _near(found["value"], level.value), words
        assert _near(found["expected"], level.expected), words
        assert abs(float(found["part"]) - 100 * level.value / level.expected) <= 0.6, words
        assert abs(float(found["limit"]) - 100 * level.threshold / level.expected) <= 0.6, words
        assert (found["where"] == "below") == (level.value < level.threshold * (1 + 1e-5)), words
        if "is in focus" in words:
            assert found["where"] == "above", words
        if "is out of focus" in words:
            assert found["where"] == "below", words
    if found := TOGETHER.search(words):
        density, ratio, first, second = map(float, found.groups())
        assert density <= first, words
        assert ratio <= second, words
    if found := NO_MORE.search(words):
        place = int(found["section"]), found["tile"]
        other = seen[place]
        assert place in rejected, words
        assert own.density is not None
        assert other.density is not None
        assert own.density <= other.density * (1 + 1e-9), words
        if found["ratio"]:
            assert own.cross_spectrum is not None
            assert other.cross_spectrum is not None
            assert own.cross_spectrum <= other.cross_spectrum * (1 + 1e-9), words
    if found := YET.search(words):
        measure = "density" if found[1] == "features" else "cross_spectrum"
        level = _level(verdict, measure, "best" if found[2] else "whole")
        assert abs(float(found[3]) - 100 * level.value / level.expected) <= 0.6, words
        if measure == "cross_spectrum":
            assert float(found[3]) >= 80, words  # as good as ever: else it would excuse nothing
    if found := OTHERS.search(words):
        assert int(found[1]) < int(found[2]), words
    told = FIGURES.search(words) or TOGETHER.search(words) or NO_MORE.search(words) or OTHERS.search(words)
    assert told or verdict.cause in (Cause.OPERATOR, Cause.LITTLE_TISSUE), words


FACTOR = st.sampled_from([1.0, 1.0, 1.0, 1.05, 0.9, 0.8, 0.7, 0.55, 0.3])


@settings(max_examples=25, deadline=None)
@given(data=st.data(), tiles=st.integers(1, 3), count=st.integers(3, 14))
def test_every_sentence_is_true_of_its_numbers(data: st.DataObject, tiles: int, count: int) -> None:
    judge = RunJudge()
    seen: dict[tuple[int, str], FocusReport] = {}
    rejected: set[object] = set()

    def check(judged: list[Judged]) -> None:
        for one in judged:
            place = one.key
            assert isinstance(place, tuple)
            _check(one.verdict, seen[place], seen, rejected)

    for section in range(count):
        for number in range(tiles):
            tile = str(number)
            made = report(
                DENSITY * data.draw(FACTOR) * wobble(section) * (1 - 0.3 * number),
                data.draw(st.none() | FACTOR.map(lambda f: f * RATIO)),
                sides={data.draw(st.sampled_from(["left", "top"])): data.draw(FACTOR)},
            )
            seen[section, tile] = made
            check(judge.see((section, tile), made, Place(section, tile)))
        if data.draw(st.integers(0, 3)) == 0:
            key = data.draw(st.sampled_from(sorted(seen)))
            sharp = data.draw(st.sampled_from([False, False, True, None]))
            rejected.discard(key)
            if sharp is False:
                rejected.add(key)
            check(judge.hear(key, sharp))
            check(judge.go_on(100))
    check(judge.finish())
