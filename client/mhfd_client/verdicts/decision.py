"""A report -> what we say of the image, in one sentence a person understands, with the numbers it rests on.

`judge_report` is pure. First its profile is asked by how much it is more blurred than the sharp images near it
(`blur`). Where that cannot be told (no profile, too few neighbours that have one, nothing that fits), density and
cross-spectrum, for the whole image and for each side, are compared with what those show (`baseline`); the two are
never added up. It reads no file and scores nothing: judging again with another threshold needs stored reports only.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd_client import naming
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import anchor, baseline, rejected, wording
from mhfd_client.verdicts.baseline import Expectation
from mhfd_client.verdicts.blur import words
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.blur.calibration import in_um
from mhfd_client.verdicts.blur.excess import Excess, excess
from mhfd_client.verdicts.blur.spectrum import Spectrum
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.measured import BEST, DENSITY, MEASURES, RATIO, REGIONS, SIDES, WHOLE, Levels, Measured
from mhfd_client.verdicts.verdict import Cause, Comparison, Verdict

_INCOMPLETE: Final = (Finding.INCOMPLETE, Finding.UNREADABLE)
_STATES: Final = {Outcome.IN_FOCUS: Standing.IN_FOCUS, Outcome.OUT_OF_FOCUS: Standing.OUT_OF_FOCUS}

_SHARP: Final = math.log(0.9)  # a cross-spectrum above this part of the expected is as good as ever
_BLUR: Final = math.log(0.6)  # what the least defocus that matters (a disc of radius 2 px) leaves of it
_SURE: Final = 3.0  # standard deviations between the two
_USUAL: Final = math.log(0.85)  # a density above this part of the expected: nothing has happened to the features
_BOTH: Final = np.log([0.88, 0.7])  # density and cross-spectrum below these: each vouches for the other's smaller fall
_BOTH_SIGMA: Final = np.array([1.5, 2.0])
_SPARED: Final = math.log(0.72)  # the best cells keep more than this: a part of the image is as sharp as ever
_UNHARMED: Final = math.log(0.8)  # ... and with more than this, fewer features are no defocus of the whole image
_WIDEST: Final = math.log(0.5)  # however much the tissue varies, no threshold is lowered beyond this
_TILTED: Final = math.log(1.3)  # of a tilted image one side has lost so much more than the one across from it
_OPPOSITE: Final = {1: 2, 2: 1, 3: 4, 4: 3}  # left and right, top and bottom, as in `SIDES`
_RULED_OUT_PX: Final = 1.5  # a blur that is surely less is none that takes features
_COUNTED: Final = 25  # features expected in the tissue of an image that can be judged


def judge_report(
    report: FocusReport, place: Place, history: History, settings: VerdictSettings, *, order: int | None = None
) -> Verdict:
    """The verdict on an image that is not yet in the history. `order`: its place there, if it has no section."""
    if report.code is not None:
        said = wording.not_looked_at(report.code, report.finding_detail, place)
        return Verdict(kind=Outcome.UNDETERMINED, cause=Cause.NOT_LOOKED_AT, provisional=False, sentence=said)
    if report.finding is not Finding.OK:
        return of_finding(report.finding, report.finding_detail, place)
    measured = Measured.of(report, place, history.calibration)
    if not measured.scored:
        said = "cannot be judged: its report has no density of features"
        return _verdict(place, Outcome.UNDETERMINED, Cause.FINDING, said)
    return decide(measured, history, settings, order=order)


def of_finding(finding: Finding, detail: str | None, place: Place) -> Verdict:
    """What a finding other than `ok` means."""
    kind = Outcome.INCOMPLETE if finding in _INCOMPLETE else Outcome.UNDETERMINED
    end = "" if kind is Outcome.INCOMPLETE else " Whether it is in focus cannot be told."
    sentence = wording.finding_words(finding, detail, place) + end
    return Verdict(kind=kind, cause=Cause.FINDING, provisional=False, sentence=sentence)


def standing_of(kind: Outcome) -> Standing:
    """What a verdict makes of an image as a neighbour of others."""
    return _STATES.get(kind, Standing.OPEN)


def decide(
    measured: Measured, history: History, settings: VerdictSettings, *, row: int | None = None, order: int | None = None
) -> Verdict:
    """The verdict on a scored image. `row`: its own in the history, if it is there; its own state has no say."""
    return weigh(measured, history, settings, row=row, order=order)[0]


def weigh(
    measured: Measured, history: History, settings: VerdictSettings, *, row: int | None = None, order: int | None = None
) -> tuple[Verdict, bool]:
    """As `decide`; and whether it depends on what is thought of images behind this one."""
    place = measured.place
    if row is not None and history.label[row] != Label.NONE:
        label = Label(history.label[row])
        return by_label(place, label, blur_of(history, row, settings)), False
    like = history.kind(measured) if row is None else int(history.like[row])
    tile = history.number(("tile", place.tile))
    poorest = rejected.covering(measured, history, settings, like, tile)
    if poorest is not None:
        compared = wording.no_better(measured, history, poorest)
        kind, said = Outcome.UNDETERMINED, f"cannot be judged: {compared}; yet {wording.NOT_CLEAR}"
        if poorest.blurred:
            kind, said = Outcome.OUT_OF_FOCUS, f"is out of focus: {compared}"
        return _verdict(place, kind, Cause.REJECTED, said, provisional=True), False
    expected = baseline.expect(measured, history, settings, like, row=row, order=order)
    if expected is None:
        others = anchor.to_compare(history, like)
        others -= row is not None and row in anchor.scored(history, like)
        said = wording.no_baseline(measured, others, history.unlike(measured, like), settings.young)
        return _verdict(place, Outcome.UNDETERMINED, Cause.NO_BASELINE, said, provisional=True), False
    return _compare(measured, expected, settings), expected.behind


@dataclass(frozen=True, slots=True)
class _Told:
    """What one region says."""

    kind: Outcome
    measure: int
    both: bool = False
    """Neither measure says so alone."""
    contrary: int = WHOLE
    """The region whose other measure disagrees, if it is undetermined."""


def _compare(measured: Measured, expected: Expectation, settings: VerdictSettings) -> Verdict:
    place = measured.place
    could = math.exp(expected.levels[DENSITY, WHOLE]) * measured.tissue_mpx
    spread = expected.spread.copy()
    spread[DENSITY, WHOLE] = math.hypot(spread[DENSITY, WHOLE], 1 / math.sqrt(max(could, 1.0)))  # counting
    strict = _allowed(settings)
    allowed = np.minimum(strict, np.maximum(-settings.k_sigma * spread, _WIDEST))
    threshold = expected.levels + allowed
    if settings.follow:  # however much the neighbours vary: together the two limits are the least
        least = math.log((1 - settings.max_below_anchor) * settings.threshold)
        threshold[DENSITY, WHOLE] = np.fmax(threshold[DENSITY, WHOLE], expected.anchor.levels[DENSITY, WHOLE] + least)
        allowed = threshold - expected.levels
    away = measured.levels - expected.levels
    near = expected.neighbours > 0 and expected.drift is None
    whole = _whole(away, allowed, spread, near=near)
    sudden = ~(measured.levels[DENSITY] - expected.close[DENSITY] >= allowed[DENSITY])
    tilted = [r for r in SIDES if sudden[r] and _differs(away[DENSITY], r)]
    told = {r: _side(away[:, r], allowed[:, r], spread[:, r]) for r in tilted}
    side = _worst_side(told, measured.levels - threshold)
    doubt = wording.doubt(expected)
    compared: dict[str, Any] = {
        "levels": _levels(measured.levels, expected.levels, threshold),
        "origin": expected.anchor.origin,
        "based_on": wording.based_on(expected),
        "neighbours": expected.neighbours,
        "drift": expected.drift,
    }
    found = _found(measured, expected, settings)
    if found is not None:
        compared["blur"] = found.blur if found.fits else found.blur.model_copy(update={"kind": None})
    by = partial(wording.figures, measured, expected, threshold)
    say = partial(_verdict, place, doubt=doubt, provisional=doubt is not None, compared=compared)
    if could < _COUNTED:
        said = f"has too little tissue to be judged: {could:.0f} features are expected, {_COUNTED} are needed"
        return say(Outcome.UNDETERMINED, Cause.LITTLE_TISSUE, said)
    if found is not None and found.fits:
        fell = by(whole.measure, WHOLE) if whole.kind is Outcome.OUT_OF_FOCUS else None
        return _by_blur(found, expected, fell, say)
    if whole.kind is Outcome.OUT_OF_FOCUS or side is not None:
        where, fell = "", by(whole.measure, WHOLE)
        if whole.both:
            fell = wording.together(measured, expected, _both(spread[:, WHOLE]))
        elif whole.kind is not Outcome.OUT_OF_FOCUS and side is not None:
            where, fell = f" on {wording.SIDES[REGIONS[side]]}", by(told[side].measure, side)
        if expected.across:
            said = f"cannot be judged{where}: {fell}; yet {wording.OTHER_TILES}"
            return say(Outcome.UNDETERMINED, Cause.OTHER_TILES, said, provisional=True)
        region = REGIONS[side] if where and side is not None else None
        said = f"is out of focus{where} (tilted?): there {fell}" if where else f"is out of focus: {fell}"
        return say(Outcome.OUT_OF_FOCUS, Cause.MEASURED, said, region=region)
    if whole.kind is Outcome.UNDETERMINED:
        contrary = wording.yet(measured, expected, whole.measure, whole.contrary)
        said = f"cannot be judged: {by(whole.measure, WHOLE)}; yet {contrary}"
        return say(Outcome.UNDETERMINED, Cause.CONTRADICTION, said, provisional=True)
    if found is not None and found.blur.kind is not None:
        said = f"cannot be judged: {words.no_fit(found.blur, wording.beside(expected))}"
        return say(Outcome.UNDETERMINED, Cause.MISFIT, said, provisional=True)
    return say(Outcome.IN_FOCUS, Cause.MEASURED, f"is in focus: {by(DENSITY, WHOLE)}")


def blur_of(history: History, row: int, settings: VerdictSettings) -> Blur | None:
    """How much more blurred an image is than the sharp ones near it, whatever anybody said of it; None: not known."""
    measured = history.measured(row)
    expected = baseline.expect(measured, history, settings, int(history.like[row]), row=row)
    found = None if expected is None else _found(measured, expected, settings)
    return None if found is None else found.blur


def _found(measured: Measured, expected: Expectation, settings: VerdictSettings) -> Excess | None:
    if measured.profile is None or expected.profiles.sharp is None:
        return None
    found = excess(Spectrum.of(measured.profile), expected.profiles.sharp, tolerance_px=settings.blur_px)
    if found is None or measured.calibration is None:
        return found
    return replace(found, blur=in_um(found.blur, measured.calibration))


def _by_blur(found: Excess, expected: Expectation, fell: str | None, say: Callable[..., Verdict]) -> Verdict:
    """What its blur says. The features are the second witness: where they `fell`, a blur must be ruled out for sure."""
    blur, others = found.blur, wording.beside(expected)
    if blur.kind is not None:
        side = None if found.side is None else wording.SIDES[found.side]
        said = words.blurred(blur, blur.kind, side, others)
        if expected.across:
            said = f"cannot be judged: it {said}; yet {wording.OTHER_TILES}"
            return say(Outcome.UNDETERMINED, Cause.OTHER_TILES, said, provisional=True)
        return say(Outcome.OUT_OF_FOCUS, Cause.MEASURED, said, region=found.side)
    said = words.as_sharp(blur, others)
    if fell is not None and blur.high > _RULED_OUT_PX:
        said = f"cannot be judged: {fell}; yet it is {said}"
        return say(Outcome.UNDETERMINED, Cause.CONTRADICTION, said, provisional=True)
    return say(Outcome.IN_FOCUS, Cause.MEASURED, f"is in focus: {said}")


def _allowed(settings: VerdictSettings) -> Levels:
    """How far below the expected each measure may be, as logarithms."""
    allowed = np.full((len(MEASURES), len(REGIONS)), math.log(settings.side_threshold))
    allowed[DENSITY, WHOLE] = math.log(settings.threshold)
    allowed[RATIO] = math.log(settings.cross_spectrum_threshold)
    return allowed


def _as_sharp(away: float, spread: float, least: float) -> bool:
    """Whether a cross-spectrum is what it should be, and not by chance. Unknown (NaN): no."""
    return bool(away > max(least, _BLUR + _SURE * spread))


def _whole(away: Levels, allowed: Levels, spread: Levels, *, near: bool) -> _Told:
    """What the whole image says. NaN compares as false: what was not measured accuses nobody and clears nobody."""
    density, ratio = float(away[DENSITY, WHOLE]), float(away[RATIO, WHOLE])
    if density < allowed[DENSITY, WHOLE]:
        # Dose and contrast change the number of features and not the cross-spectrum; defocus changes both, everywhere.
        # What harms a part of the image spares the best cells, and a side.
        harmed = (away[DENSITY, SIDES] < allowed[DENSITY, WHOLE]).all()
        for region, least in ((WHOLE, _SHARP), *(() if harmed else ((BEST, _UNHARMED),))):
            if _as_sharp(float(away[RATIO, region]), spread[RATIO, region], least):
                return _Told(Outcome.UNDETERMINED, DENSITY, contrary=region)
        return _Told(Outcome.OUT_OF_FOCUS, DENSITY)
    spared = bool(away[RATIO, BEST] > _SPARED)
    if ratio < allowed[RATIO, WHOLE] and not density > _USUAL and not spared:
        return _Told(Outcome.OUT_OF_FOCUS, RATIO)
    if near and not spared and (away[:, WHOLE] < _both(spread[:, WHOLE])).all():
        return _Told(Outcome.OUT_OF_FOCUS, DENSITY, both=True)
    # The cross-spectrum alone also falls with wrinkles and charging, which add coarse structure.
    return _Told(Outcome.UNDETERMINED if ratio < 2 * allowed[RATIO, WHOLE] else Outcome.IN_FOCUS, RATIO)


def _side(away: Levels, allowed: Levels, spread: Levels) -> _Told:
    """What one side says: by its features; the cross-spectrum of a few cells strays too far to accuse anybody."""
    fell = away[DENSITY] < allowed[DENSITY] and not _as_sharp(float(away[RATIO]), float(spread[RATIO]), _SHARP)
    return _Told(Outcome.OUT_OF_FOCUS if fell else Outcome.IN_FOCUS, DENSITY)


def _differs(away: NDArray[np.float64], side: int) -> bool:
    """Whether a side has lost more than the one across from it: a tilt spares that one; what spares none is no tilt."""
    return not away[_OPPOSITE[side]] - away[side] < _TILTED


def _both(spread: Levels) -> Levels:
    """Falls of the two measures that count when they come together."""
    least: Levels = np.minimum(_BOTH, -_BOTH_SIGMA * spread)
    return least


def _worst_side(told: dict[int, _Told], margin: Levels) -> int | None:
    sides = [r for r, one in told.items() if one.kind is Outcome.OUT_OF_FOCUS]
    return min(sides, key=lambda r: float(margin[told[r].measure, r])) if sides else None


def _levels(value: Levels, expected: Levels, threshold: Levels) -> tuple[Comparison, ...]:
    known = np.isfinite(value) & np.isfinite(expected)
    return tuple(
        Comparison.model_construct(
            measure=MEASURES[m],
            region=REGIONS[r],
            value=float(f"{math.exp(value[m, r]):.6g}"),
            expected=float(f"{math.exp(expected[m, r]):.6g}"),
            threshold=float(f"{math.exp(threshold[m, r]):.6g}"),
        )
        for m, r in np.argwhere(known).tolist()
    )


def by_label(place: Place, label: Label, blur: Blur | None = None) -> Verdict:
    """What a person said, whatever the numbers say."""
    if label is Label.SHARP:
        measured = {"blur": blur and blur.model_copy(update={"kind": None})}
        return _verdict(place, Outcome.IN_FOCUS, Cause.OPERATOR, "is in focus: you confirmed it", compared=measured)
    said = "is out of focus: you rejected it"
    return _verdict(place, Outcome.OUT_OF_FOCUS, Cause.OPERATOR, said, compared={"blur": blur})


def _verdict(
    place: Place,
    kind: Outcome,
    cause: Cause,
    said: str,
    *,
    provisional: bool = False,
    region: str | None = None,
    doubt: str | None = None,
    compared: Mapping[str, Any] = MappingProxyType({}),
) -> Verdict:
    """`compared`: what the verdict keeps of the comparison that it rests on, if there was any."""
    why = doubt or (wording.UNSURE if compared.get("levels") else wording.UNCONFIRMED)
    end = f" Provisional: {why}" if provisional else ""
    sentence = f"{naming.subject(place)} {said}.{end}"
    return Verdict(kind=kind, cause=cause, provisional=provisional, sentence=sentence, region=region, **compared)
