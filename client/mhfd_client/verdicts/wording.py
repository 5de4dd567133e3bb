"""Verdicts in words: one sentence that a person understands, with the numbers it rests on. It decides nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mhfd.contract.focus_report import Finding
from mhfd.contract.request import Code
from mhfd_client.naming import Place, describe, subject
from mhfd_client.verdicts.measured import DENSITY, RATIO, WHOLE, Levels, Measured

if TYPE_CHECKING:
    from mhfd_client.verdicts.baseline import Expectation
    from mhfd_client.verdicts.history.history import History, Unlike
    from mhfd_client.verdicts.rejected import Poorest

_TITLES: Final = {
    Finding.INCOMPLETE: "is incomplete",
    Finding.UNREADABLE: "cannot be read",
    Finding.INVALID: "holds no valid grey values",
    Finding.BLANK: "is blank",
    Finding.NO_TISSUE: "shows no tissue",
    Finding.SATURATED: "is saturated",
    Finding.TOO_SMALL: "is too small",
}
NOT_LOOKED_AT: Final[dict[str, str]] = {
    Code.REFUSED_PATH: "refused",
    Code.UNAVAILABLE: "not there",
    Code.CHANGED: "it changed meanwhile",
    Code.OUT_OF_TIME: "out of time",
    Code.OUT_OF_MEMORY: "out of memory",
    Code.INTERNAL: "a defect of who scores",
    Code.LEFT_OUT: "left out",
}
"""What the codes of a report mean, in a word or two."""
SIDES: Final = {"left": "its left side", "right": "its right side", "top": "its upper side", "bottom": "its lower side"}
UNSURE: Final = "a person's word on images near it would tell."
OTHER_TILES: Final = "other tiles may show other tissue, and there are too few images of this one yet"
NOT_CLEAR: Final = "the sharpest images so far are not clearly better than that one"
UNCONFIRMED: Final = "nobody has confirmed a sharp image yet."


def finding_words(finding: Finding, detail: str | None, place: Place) -> str:
    """What was found, with its detail, less the word that the detail repeats."""
    said = f"{subject(place)} {_TITLES[finding]}"
    if detail:
        first, colon, rest = detail.partition(": ")
        said += f": {rest if colon and first == finding.value.replace('_', ' ') else detail}"
    return said if said.endswith(("?", ".")) else f"{said}."


def not_looked_at(code: str, detail: str | None, place: Place) -> str:
    """Why nothing is known of an image: a refusal is none of its faults."""
    said = f"{subject(place)} was not looked at: {NOT_LOOKED_AT.get(code, code)}"
    return f"{said}." if not detail else f"{said}: {detail}" if detail.endswith(("?", ".")) else f"{said}: {detail}."


WRITTEN_AGAIN: Final = "its file was written again"
"""Why a verdict is withdrawn."""


def written_again(place: Place) -> str:
    """Of an image whose bytes are gone, until the new ones are judged."""
    return f"{subject(place)} was written again after it was judged in focus. Its new bytes are judged next."


def no_baseline(measured: Measured, others: int, unlike: Unlike, needed: int) -> str:
    """Why there is nothing to compare an image with, and what would help."""
    said = f"cannot be judged yet: there is no baseline ({others} others to compare with, {needed} needed)"
    if unlike.magnified:
        return (
            f"{said}: its file says no pixel size, and it is as unlike {unlike.magnified} of the others as images of "
            "another magnification are. A pixel size in the files tells which to compare"
        )
    if unlike.sized and not measured.sized:
        return f"{said}: its file says no pixel size, and those of {unlike.sized} others do. See what that one lacks"
    if unlike.unsized and measured.sized:
        return (
            f"{said}: its file says a pixel size, and those of {unlike.unsized} others say none or were scored before "
            "it could be read. `mhfd rescore DIR --method` scores those again; `verdict.pixel_nm` says it for them"
        )
    return said


def figures(measured: Measured, expected: Expectation, threshold: Levels, measure: int, region: int) -> str:
    """Words for one number: value, expected, where that came from, threshold."""
    value, norm = math.exp(measured.levels[measure, region]), math.exp(expected.levels[measure, region])
    limit = math.exp(threshold[measure, region]) / norm
    if measure == DENSITY:
        words = f"{value:,.0f} features per megapixel, {value / norm:.0%} of the {norm:,.0f}"
    else:
        words = f"a cross-spectrum of {value:.3g}, {value / norm:.0%} of the {norm:.3g}"
    side = "below" if value < norm * limit else "above"
    return f"{words} expected from {based_on(expected)}; {side} the threshold of {limit:.0%}"


def together(measured: Measured, expected: Expectation, limits: Levels) -> str:
    """Words for two falls that count because they come together."""
    value, norm = (levels[:, WHOLE] for levels in (measured.levels, expected.levels))
    density, ratio = (math.exp(v) for v in value - norm)
    first, second = (math.exp(v) for v in limits)
    return (
        f"{features(measured)} and a cross-spectrum of {math.exp(value[RATIO]):.3g}, {density:.0%} and {ratio:.0%} of "
        f"what is expected from {based_on(expected)}; together below {first:.0%} and {second:.0%}"
    )


def based_on(expected: Expectation) -> str:
    """Where the expected, and with it the threshold, came from."""
    anchor = expected.anchor
    one = anchor.count == 1
    if anchor.origin == "confirmed":
        best = "the image that you confirmed" if one else f"the {anchor.count} images that you confirmed"
    else:
        best = f"the {anchor.count} sharpest images so far"
        if anchor.own:
            best = f"the {anchor.count} sharpest images of this tile so far"
    if not expected.neighbours:
        return best
    near = f"the {expected.neighbours} sharp images {'near it' if expected.own else 'of other tiles near it'}"
    if expected.sections is not None:
        first, last = expected.sections
        near += f" (section {first})" if first == last else f" (sections {first} to {last})"
    return f"{near}, held up by {best}" if expected.held else near


def beside(expected: Expectation) -> str:
    """The images whose profiles this one's is compared with."""
    anchor, sharp = expected.anchor, expected.profiles.sharp
    count = 0 if sharp is None else sharp.count
    if expected.profiles.of_anchor:
        return (
            f"the {count} images that {'you confirmed' if anchor.origin == 'confirmed' else 'are the sharpest so far'}"
        )
    near = f"the {count} sharp images {'near it' if expected.own else 'of other tiles near it'}"
    if expected.sections is None:
        return near
    first, last = expected.sections
    return f"{near} (section {first})" if first == last else f"{near} (sections {first} to {last})"


def doubt(expected: Expectation) -> str | None:
    """Why a verdict is provisional; None when it is not."""
    if expected.drift is not None:
        return expected.drift.sentence
    if expected.anchor.origin != "confirmed":
        return UNCONFIRMED
    if expected.foreign:
        return "nobody has confirmed a sharp image of this tile yet."
    return "there are few sharp images of this tile yet." if expected.young else None


def yet(measured: Measured, expected: Expectation, measure: int, region: int = WHOLE) -> str:
    """The measure that disagrees, and where."""
    other = RATIO if measure == DENSITY else DENSITY
    part = math.exp(measured.levels[other, region] - expected.levels[other, region])
    if other == RATIO:
        where = "" if region == WHOLE else " of its finest quarter"
        may = "so that dose, contrast or tissue may have changed"
        return f"the cross-spectrum{where} is {part:.0%} of the expected, {may}"
    return f"the features are {part:.0%} of the expected, so that it may be an artefact"


def no_better(measured: Measured, history: History, poorest: Poorest) -> str:
    """Words for an image that is no better than a rejected one: the numbers of both."""
    theirs = history.measured(poorest.row)
    own, other = features(measured), f"{math.exp(theirs.levels[DENSITY, WHOLE]):,.0f}"
    compared = history.levels_for(measured, [poorest.row])[0]
    ratios = [float(levels[RATIO, WHOLE]) for levels in (measured.levels, compared)]
    if not any(math.isnan(ratio) for ratio in ratios):
        own += f" and a cross-spectrum of {math.exp(ratios[0]):.3g}"
        other += f" and {math.exp(ratios[1]):.3g}"
    return f"{own}, no more than the {other} of {describe(theirs.place)}, which you rejected"


def features(measured: Measured) -> str:
    """The density of the whole image."""
    return f"{math.exp(measured.levels[DENSITY, WHOLE]):,.0f} features per megapixel"
