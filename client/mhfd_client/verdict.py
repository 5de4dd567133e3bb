"""A report -> what we say of the image, in one sentence a person understands, with the numbers it rests on.

`judge` is pure. Density and cross-spectrum stay apart: they are never added up. Each of them, for the whole image and
for each side, is compared with what the sharp images near it show (`baseline`). It reads no file and scores nothing:
judging again with another threshold needs the stored reports only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from mhfd.contract import Finding, FocusReport
from mhfd_client import baseline
from mhfd_client.baseline import Drift, Expected
from mhfd_client.history import DENSITY, MEASURES, RATIO, REGIONS, WHOLE, History, Levels, Measured, State, Word
from mhfd_client.naming import Place
from mhfd_client.options import VerdictSettings

__all__ = ["Cause", "Kind", "Level", "Verdict", "decide", "judge", "of_finding", "state_of"]


class Kind(StrEnum):
    """What a verdict says."""

    IN_FOCUS = "in_focus"
    OUT_OF_FOCUS = "out_of_focus"
    UNDETERMINED = "undetermined"
    INCOMPLETE = "incomplete"


class Cause(StrEnum):
    """Why it says so."""

    MEASURED = "measured"  # compared with the baseline
    OPERATOR = "operator"  # a person looked at it
    REJECTED = "rejected"  # no better than an image that a person rejected
    FINDING = "finding"  # the file or the picture does not allow a judgement
    NO_BASELINE = "no_baseline"  # too few images to compare with
    LITTLE_TISSUE = "little_tissue"  # too few features could be there to count
    CONTRADICTION = "contradiction"  # the two measures disagree


class Level(BaseModel):
    """One number that was compared: all in the measure's own unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    measure: Literal["density", "cross_spectrum"]
    region: Literal["whole", "left", "right", "top", "bottom"]
    value: float
    expected: float
    threshold: float

    @property
    def ratio(self) -> float:
        """The value as a part of the expected."""
        return self.value / self.expected


class Verdict(BaseModel):
    """What is said of one image, once. A history of these is kept; one is current."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    kind: Kind
    cause: Cause
    provisional: bool
    sentence: str
    region: str | None = None
    """The side that is out of focus, when the image as a whole is not."""
    levels: tuple[Level, ...] = ()
    origin: Literal["confirmed", "provisional"] | None = None
    """Where the threshold came from: images that a person confirmed, or the sharpest of the run."""
    based_on: str | None = None
    neighbours: int = 0
    drift: Drift | None = None
    reason: str | None = None
    """Why the image was judged again; None for the first verdict."""


_TITLE: Final = {
    Finding.INCOMPLETE: "is incomplete",
    Finding.UNREADABLE: "cannot be read",
    Finding.INVALID: "holds no valid grey values",
    Finding.BLANK: "is blank",
    Finding.NO_TISSUE: "shows no tissue",
    Finding.SATURATED: "is saturated",
    Finding.TOO_SMALL: "is too small",
}
_INCOMPLETE: Final = (Finding.INCOMPLETE, Finding.UNREADABLE)
_SIDE: Final = {"left": "its left side", "right": "its right side", "top": "its upper side", "bottom": "its lower side"}
_STATES: Final = {Kind.IN_FOCUS: State.IN_FOCUS, Kind.OUT_OF_FOCUS: State.OUT_OF_FOCUS}

_SHARP: Final = math.log(0.9)  # a cross-spectrum above this part of the expected is as good as ever
_BLUR: Final = math.log(0.6)  # what the least defocus that matters (a disc of radius 2 px) leaves of it
_SURE: Final = 3.0  # standard deviations between the two
_USUAL: Final = math.log(0.85)  # a density above this part of the expected: nothing has happened to the features
_BOTH: Final = np.log([0.82, 0.72])  # density and cross-spectrum below these: each vouches for the other's smaller fall
_BOTH_SIGMA: Final = np.array([3.0, 2.0])
_WIDEST: Final = math.log(0.5)  # however much the tissue varies, no threshold is lowered beyond this
_COUNTED: Final = 25  # features expected in the tissue of an image that can be judged


def judge(report: FocusReport, place: Place, history: History, settings: VerdictSettings) -> Verdict:
    """The verdict on an image that is not yet in the history."""
    if report.finding is not Finding.OK:
        return of_finding(report.finding, report.finding_detail, place)
    measured = Measured.of(report, place)
    if not measured.scored:
        return _undetermined(Cause.FINDING, place, "cannot be judged: its report has no density of features")
    return decide(measured, history, settings)


def of_finding(finding: Finding, detail: str | None, place: Place) -> Verdict:
    """What a finding other than `ok` means."""
    kind = Kind.INCOMPLETE if finding in _INCOMPLETE else Kind.UNDETERMINED
    tail = f": {detail}" if detail else ""
    end = "" if kind is Kind.INCOMPLETE else "; whether it is in focus cannot be told"
    sentence = f"{_name(place)} {_TITLE[finding]}{tail}{end}."
    return Verdict(kind=kind, cause=Cause.FINDING, provisional=False, sentence=sentence)


def state_of(kind: Kind) -> State:
    """What a verdict makes of an image as a neighbour of others."""
    return _STATES.get(kind, State.OPEN)


def decide(measured: Measured, history: History, settings: VerdictSettings, *, row: int | None = None) -> Verdict:
    """The verdict on a scored image. `row`: its own in the history, if it is there; its own state has no say."""
    place = measured.place
    if row is not None and history.word[row] != Word.NONE:
        return _by_word(measured, Word(history.word[row]))
    kind = history.like == history.number(("like", measured.like))
    rejected = baseline.find_rejected(history, kind)
    if rejected is not None and bool(rejected.covers(measured.levels)):
        other = baseline.describe(history.place(rejected.row))
        said = f"is out of focus: {_density(measured)}, no more than {other}, which you rejected"
        return _verdict(Kind.OUT_OF_FOCUS, Cause.REJECTED, place, said, provisional=True)
    expected = baseline.expect(measured, history, settings, row=row)
    if expected is None:
        so_far = int((kind & (history.state != State.UNSCORED)).sum()) + (row is None)
        said = f"cannot be judged yet: there is no baseline ({so_far} scored so far, {settings.young} needed)"
        return _undetermined(Cause.NO_BASELINE, place, said, provisional=True)
    return _compare(measured, expected, settings)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one region says."""

    kind: Kind
    measure: int


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a verdict keeps of the comparison it rests on."""

    levels: tuple[Level, ...] = ()
    origin: Literal["confirmed", "provisional"] | None = None
    based_on: str | None = None
    neighbours: int = 0
    drift: Drift | None = None


def _compare(measured: Measured, expected: Expected, settings: VerdictSettings) -> Verdict:
    place, origin = measured.place, expected.anchor.origin
    could = math.exp(expected.levels[DENSITY, WHOLE]) * measured.tissue_mpx
    spread = expected.spread.copy()
    spread[DENSITY, WHOLE] = math.hypot(spread[DENSITY, WHOLE], 1 / math.sqrt(max(could, 1.0)))  # counting
    strict = _allowed(settings)
    allowed = np.minimum(strict, np.maximum(-settings.k_sigma * spread, _WIDEST))
    threshold = expected.levels + allowed
    away = measured.levels - expected.levels
    near = expected.neighbours > 0 and expected.drift is None
    told = [_region(away[:, r], allowed[:, r], spread[:, r], whole=r == WHOLE, near=near) for r in range(len(REGIONS))]
    whole = told[WHOLE]
    side = _worst_side(told, measured.levels - threshold)
    compared = _Compared(
        levels=_levels(measured.levels, expected.levels, threshold),
        origin=origin,
        based_on=_based_on(expected),
        neighbours=expected.neighbours,
        drift=expected.drift,
    )
    provisional = origin == "provisional" or expected.drift is not None
    by = _by(measured, expected, threshold)
    if could < _COUNTED:
        said = f"has too little tissue to be judged: {could:.0f} features are expected, {_COUNTED} are needed"
        return _verdict(Kind.UNDETERMINED, Cause.LITTLE_TISSUE, place, said, provisional=provisional, compared=compared)
    if whole.kind is Kind.OUT_OF_FOCUS:
        said = f"is out of focus: {by(whole.measure, WHOLE)}"
        return _verdict(Kind.OUT_OF_FOCUS, Cause.MEASURED, place, said, provisional=provisional, compared=compared)
    if side is not None:
        said = f"is out of focus on {_SIDE[REGIONS[side]]} (tilted?): there {by(told[side].measure, side)}"
        where = REGIONS[side]
        return _verdict(
            Kind.OUT_OF_FOCUS, Cause.MEASURED, place, said, provisional=provisional, region=where, compared=compared
        )
    if whole.kind is Kind.UNDETERMINED:
        said = f"cannot be judged: {by(whole.measure, WHOLE)}; yet {_yet(measured, expected, whole.measure)}"
        return _verdict(Kind.UNDETERMINED, Cause.CONTRADICTION, place, said, provisional=provisional, compared=compared)
    said = f"is in focus: {by(DENSITY, WHOLE)}"
    return _verdict(Kind.IN_FOCUS, Cause.MEASURED, place, said, provisional=provisional, compared=compared)


def _allowed(settings: VerdictSettings) -> Levels:
    """How far below the expected each measure may be, as logarithms."""
    allowed = np.full((len(MEASURES), len(REGIONS)), math.log(settings.side_threshold))
    allowed[DENSITY, WHOLE] = math.log(settings.threshold)
    allowed[RATIO] = math.log(settings.cross_spectrum_threshold)
    return allowed


def _region(away: Levels, allowed: Levels, spread: Levels, *, whole: bool, near: bool) -> _Told:
    """The two measures of one region. NaN compares as false: what was not measured accuses nobody and clears nobody."""
    fell = away < allowed
    as_sharp = away[RATIO] > max(_SHARP, _BLUR + _SURE * spread[RATIO])
    if fell[DENSITY]:
        # Dose and contrast change the number of features and not the cross-spectrum; defocus changes both.
        return _Told(Kind.UNDETERMINED if as_sharp else Kind.OUT_OF_FOCUS, DENSITY)
    if not whole:  # the cross-spectrum of a few cells strays too far to accuse anybody
        return _Told(Kind.IN_FOCUS, DENSITY)
    if fell[RATIO] and not away[DENSITY] > _USUAL:
        return _Told(Kind.OUT_OF_FOCUS, RATIO)
    if near and (away < np.minimum(_BOTH, -_BOTH_SIGMA * spread)).all():
        return _Told(Kind.OUT_OF_FOCUS, RATIO)
    # The cross-spectrum alone also falls with wrinkles and charging, which add coarse structure.
    return _Told(Kind.UNDETERMINED if away[RATIO] < 2 * allowed[RATIO] else Kind.IN_FOCUS, RATIO)


def _worst_side(told: list[_Told], margin: Levels) -> int | None:
    sides = [r for r in range(1, len(REGIONS)) if told[r].kind is Kind.OUT_OF_FOCUS]
    return min(sides, key=lambda r: float(margin[told[r].measure, r])) if sides else None


def _levels(value: Levels, expected: Levels, threshold: Levels) -> tuple[Level, ...]:
    known = np.isfinite(value) & np.isfinite(expected)
    return tuple(
        Level.model_construct(
            measure=MEASURES[m],
            region=REGIONS[r],
            value=float(f"{math.exp(value[m, r]):.6g}"),
            expected=float(f"{math.exp(expected[m, r]):.6g}"),
            threshold=float(f"{math.exp(threshold[m, r]):.6g}"),
        )
        for m, r in np.argwhere(known).tolist()
    )


def _by(measured: Measured, expected: Expected, threshold: Levels) -> Callable[[int, int], str]:
    """Words for one number: value, expected, where that came from, threshold."""

    def words(measure: int, region: int) -> str:
        value, norm = math.exp(measured.levels[measure, region]), math.exp(expected.levels[measure, region])
        limit = math.exp(threshold[measure, region]) / norm
        if measure == DENSITY:
            figures = f"{value:,.0f} features per megapixel, {value / norm:.0%} of the {norm:,.0f}"
        else:
            figures = f"a cross-spectrum of {value:.3g}, {value / norm:.0%} of the {norm:.3g}"
        side = "below" if value < norm * limit else "above"
        return f"{figures} expected from {_based_on(expected)}; {side} the threshold of {limit:.0%}"

    return words


def _based_on(expected: Expected) -> str:
    """Where the expected, and with it the threshold, came from."""
    anchor = expected.anchor
    one = anchor.count == 1
    if anchor.origin == "confirmed":
        best = "the image that you confirmed" if one else f"the {anchor.count} images that you confirmed"
    else:
        best = f"the {anchor.count} sharpest images so far"
    if not expected.neighbours:
        return best
    near = f"the {expected.neighbours} sharp images near it"
    if expected.sections is not None:
        first, last = expected.sections
        near += f" (section {first})" if first == last else f" (sections {first} to {last})"
    return f"{near}, held up by {best}" if expected.held else near


def _yet(measured: Measured, expected: Expected, measure: int) -> str:
    """The measure that disagrees."""
    other = RATIO if measure == DENSITY else DENSITY
    part = math.exp(measured.levels[other, WHOLE] - expected.levels[other, WHOLE])
    if other == RATIO:
        return f"the cross-spectrum is {part:.0%} of the expected, so that dose, contrast or tissue may have changed"
    return f"the features are {part:.0%} of the expected, so that it may be an artefact"


def _density(measured: Measured) -> str:
    return f"{math.exp(measured.levels[DENSITY, WHOLE]):,.0f} features per megapixel"


def _by_word(measured: Measured, word: Word) -> Verdict:
    if word is Word.SHARP:
        return _verdict(
            Kind.IN_FOCUS, Cause.OPERATOR, measured.place, "is in focus: you confirmed it", provisional=False
        )
    said = "is out of focus: you rejected it"
    return _verdict(Kind.OUT_OF_FOCUS, Cause.OPERATOR, measured.place, said, provisional=False)


def _undetermined(cause: Cause, place: Place, said: str, *, provisional: bool = False) -> Verdict:
    return _verdict(Kind.UNDETERMINED, cause, place, said, provisional=provisional)


def _verdict(
    kind: Kind,
    cause: Cause,
    place: Place,
    said: str,
    *,
    provisional: bool,
    region: str | None = None,
    compared: _Compared | None = None,
) -> Verdict:
    compared = compared or _Compared()
    end = " Provisional: nobody has confirmed a sharp image yet." if provisional and compared.drift is None else ""
    end += f" Provisional: {compared.drift.sentence}" if compared.drift else ""
    return Verdict(
        kind=kind,
        cause=cause,
        provisional=provisional,
        sentence=f"{_name(place)} {said}.{end}",
        region=region,
        levels=compared.levels,
        origin=compared.origin,
        based_on=compared.based_on,
        neighbours=compared.neighbours,
        drift=compared.drift,
    )


def _name(place: Place) -> str:
    words = baseline.describe(place)
    return words[0].upper() + words[1:]
