"""A focus series -> a `Calibration`, or why it gives none. The reports are made elsewhere; no file is read or written.

What is wrong with one image leaves that image out, by name. What is wrong with the series refuses it: a calibration
that says something wrong costs more than none.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import mhfd
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd_client.calibration.defocus import Rings, SeriesFit, fitted
from mhfd_client.calibration.law import focus_law
from mhfd_client.errors import SeriesRefused
from mhfd_client.files import shown
from mhfd_client.verdicts.blur.calibration import Calibration, Interval, instrument_of

FEWEST: Final = 5
"""Usable images of a series."""
_PLACES: Final = 3  # different focus values: two would lie on any curve
_RINGS: Final = 4  # that must stand out of an image's noise
_FORETOLD: Final = 0.2
_WIDEST: Final = math.log(2)  # how well um a px must be known: a factor of two
_FLANK: Final = 2  # images that a side of focus must have
_ONE_FLANK: Final = 2.0  # slope and f' move together there: what no model knows moves both (the benchmark)
_LEAST_PX: Final = 0.8  # of blur at the far end: less is hardly seen


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image of the series that says nothing, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class SeriesImage:
    """An image that counts."""

    path: str
    focus_um: float
    distance_um: float
    """From f'."""
    px: float
    """Its blur by itself, given what the field shows in focus."""
    expected_px: float
    """The same by its distance."""
    features: int | None


@dataclass(frozen=True, slots=True)
class CalibratedSeries:
    """What a series gave, with the images it rests on."""

    calibration: Calibration
    images: tuple[SeriesImage, ...]
    left_out: tuple[LeftOut, ...]
    one_sided: bool
    """No image lies beyond f' on one side: it is where the series begins or ends."""


def calibrated(
    reports: Sequence[FocusReport], focus_of: Callable[[Sequence[FocusReport]], Sequence[float]], *, made: str
) -> CalibratedSeries:
    """The calibration. SeriesRefused says why there is none.

    Args:
        reports: One an image, of one field.
        focus_of: The focus of those that are usable, in um.
        made: The time.
    """
    usable, left_out = _usable(reports)
    _one_kind(usable, left_out)
    focus = np.array([float(um) for um in focus_of(usable)])
    places = len(set(focus.tolist()))
    if places < _PLACES:
        at = "all images were taken at the same focus" if places == 1 else f"there are only {places} focus settings"
        raise SeriesRefused(f"{at}: at least {_PLACES} different ones are needed, some of them on each side of focus")
    fit = fitted(_rings(usable, focus))
    first, last = float(focus.min()), float(focus.max())
    one_sided = min((focus > fit.focus).sum(), (focus < fit.focus).sum()) < _FLANK
    sure = fit.quantile * (_ONE_FLANK if one_sided else 1.0)
    spread, half = sure * fit.log_slope_sd, sure * fit.focus_sd
    far = fit.slope * float(np.abs(focus - fit.focus).max())
    _fits(fit, spread, half, far, last - first)
    _inside(fit.focus, half, first, last)
    scale = Interval(value=1 / fit.slope, low=math.exp(-spread) / fit.slope, high=math.exp(spread) / fit.slope)
    image = usable[0].image
    pixel = image.pixel_nm
    counts = np.array([float(report.dof or 0) for report in usable])
    calibration = Calibration(
        made=made,
        version=mhfd.__version__,
        instrument=instrument_of(image),
        pixel_nm=pixel,
        dwell_ns=image.dwell_ns,
        params=usable[0].params,
        images=len(usable),
        um_a_px=scale,
        half_angle_mrad=None
        if pixel is None
        else Interval(value=pixel / scale.value, low=pixel / scale.high, high=pixel / scale.low),
        focus_um=Interval(value=fit.focus, low=fit.focus - half, high=fit.focus + half),
        chi2=fit.chi2,
        foretold=fit.foretold,
        law=focus_law(counts, focus, fit.focus, fit.focus_sd),
    )
    images = tuple(
        SeriesImage(
            path=_name(report),
            focus_um=float(at),
            distance_um=float(at - fit.focus),
            px=float(px),
            expected_px=fit.slope * abs(float(at - fit.focus)),
            features=report.dof,
        )
        for report, at, px in sorted(zip(usable, focus, fit.radii, strict=True), key=lambda image: float(image[1]))
    )
    return CalibratedSeries(calibration, images, tuple(left_out), bool(one_sided))


def _usable(reports: Sequence[FocusReport]) -> tuple[list[FocusReport], list[LeftOut]]:
    usable, left_out = [], []
    for report in reports:
        why = _useless(report)
        if why is None:
            usable.append(report)
        else:
            left_out.append(LeftOut(_name(report), why))
    if len(usable) < FEWEST:
        said = f"{len(usable)} of {len(reports)} images are usable, at least {FEWEST} are needed"
        if left_out:
            said += "; left out: " + "; ".join(f"{shown(image.path)}: {image.why}" for image in left_out[:5])
            said += f"; and {len(left_out) - 5} more" * (len(left_out) > 5)
        raise SeriesRefused(said)
    return usable, left_out


def _useless(report: FocusReport) -> str | None:
    if report.finding is not Finding.OK:
        return report.finding_detail or report.finding.value.replace("_", " ")
    if report.profile is None:
        return "its report has no profile; score it with this version"
    known = sum(level is not None for level in report.profile.whole)
    return None if known >= _RINGS else "noise hides its detail"


def _one_kind(usable: Sequence[FocusReport], left_out: Sequence[LeftOut]) -> None:
    """A series is of one field: images of one kind."""
    kinds: tuple[tuple[str, Callable[[FocusReport], Any], str], ...] = (
        ("pixel sizes", lambda report: _rounded(report.image.pixel_nm), "{} nm"),
        ("shapes", lambda report: report.image.part_shape, "{}"),
        ("dwells", lambda report: _rounded(report.image.dwell_ns), "{} ns"),
        ("instruments", lambda report: instrument_of(report.image), "{}"),
    )
    for name, of, words in kinds:
        found = Counter(of(report) for report in usable)
        if len(found) > 1:
            told = []
            for value, count in found.most_common(3):
                one = next(report for report in usable if of(report) == value)
                text = "not known" if value is None else words.format(_plain(value))
                told.append(f"{text} ({count} images, such as {shown(_name(one))})")
            raise SeriesRefused(
                f"the images have different {name}: {'; '.join(told)}; a series is one field with one setting of all "
                "but the focus: leave the others out"
            )


def _fits(fit: SeriesFit, spread: float, half: float, far: float, span: float) -> None:
    if far < _LEAST_PX and fit.foretold < _FORETOLD:
        raise SeriesRefused(
            f"the images hardly differ in blur: {far:.1f} px at the far end; take some further out of focus"
        )
    if not fit.foretold >= _FORETOLD or not math.isfinite(spread):
        raise SeriesRefused(
            "the images' blur does not follow the focus: a fit to the others foretells "
            f"{max(fit.foretold, 0.0):.0%} of how an image differs, {_FORETOLD:.0%} are needed; is it one field, and "
            "do the focus settings belong to these images?"
        )
    if spread > _WIDEST or half > span:
        raise SeriesRefused(
            "what a pixel of blur is cannot be told from these images within a factor of two; take more of them, on "
            "both sides of focus"
        )


def _inside(focus: float, half: float, first: float, last: float) -> None:
    """f' must lie in the series, or may by its interval."""
    if first <= focus + half and focus - half <= last:
        return
    side, end = ("below its first", first) if focus < first else ("above its last", last)
    raise SeriesRefused(
        f"the focus is not inside the series: it would be sharpest at {metric(focus)} "
        f"({metric(focus - half)} to {metric(focus + half)}), {side} image at {metric(end)}; take "
        "images on that side"
    )


def _rings(usable: Sequence[FocusReport], focus: Any) -> Rings:
    profiles = [report.profile for report in usable if report.profile is not None]
    levels = np.array([[_number(level) for level in profile.whole] for profile in profiles]) / 100
    sd = np.array([[_number(level) for level in profile.whole_sd] for profile in profiles]) / 100
    return Rings(focus, levels, sd**2)


def metric(um: float) -> str:
    """A length in the unit that suits it: working distances in mm, to a tenth of a um; the rest in um."""
    return f"{um / 1e3:.4f} mm" if abs(um) >= 500 else f"{um:.3g} um"


def _number(value: int | None) -> float:
    return math.nan if value is None else float(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _plain(value: Any) -> str:
    return " x ".join(str(side) for side in value) if isinstance(value, tuple) else f"{value}"


def _name(report: FocusReport) -> str:
    return report.image.path or "an image"
