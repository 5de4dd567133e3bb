"""A calibrated series for a person: what was found, on which images it rests, and what it is bound to."""

from collections.abc import Iterator

from mhfd_client.calibration.series import CalibratedSeries, metric
from mhfd_client.files import shown
from mhfd_client.verdicts.blur.calibration import Calibration, FocusLaw, Interval, LawFit

_WIDEST = 60


def table(found: CalibratedSeries) -> Iterator[str]:
    """A row an image: what was asked for, and what was seen."""
    names = [shown(image.path) for image in found.images]
    names = [name if len(name) <= _WIDEST else f"...{name[3 - _WIDEST :]}" for name in names]
    width = max(map(len, names))
    yield f"{'image':{width}}  {'focus':>12}  {'from focus':>12}  {'blur':>8}  {'by the fit':>10}  {'features':>8}"
    for name, image in zip(names, found.images, strict=True):
        counted = "" if image.features is None else f"{image.features:,}"
        yield (
            f"{name:{width}}  {metric(image.focus_um):>12}  {image.distance_um:>+9.2f} um  {image.px:>5.1f} px  "
            f"{image.expected_px:>7.1f} px  {counted:>8}"
        )
    for left in found.left_out:
        yield f"left out: {shown(left.path)}: {left.why}"


def findings(found: CalibratedSeries) -> Iterator[str]:
    """What was found, with its intervals."""
    calibration = found.calibration
    scale = calibration.um_a_px
    yield f"f': {metric(calibration.focus_um.value)} ({_in_unit(calibration.focus_um)})"
    yield f"a blur of 1 px is {scale.value:.3g} um out of focus ({scale.low:.3g} to {scale.high:.3g})"
    angle = calibration.half_angle_mrad
    if angle is None:
        yield "half-angle: not known without a pixel size; give --pixel-nm"
    else:
        yield f"half-angle of the probe: {angle.value:.3g} mrad ({angle.low:.3g} to {angle.high:.3g})"
    if calibration.law is None:
        yield "figure 2's law: not fitted, the counts do not differ"
    else:
        yield from law_words(calibration.law)
    yield (
        f"from {calibration.images} images; a fit to the others foretells {calibration.foretold:.0%} of how an image "
        "differs"
    )
    if found.one_sided:
        yield "hardly any image lies beyond f' on one side: take some there, and the intervals become narrower"
    yield f"it holds for {bound_to(calibration)}, and is refused elsewhere"


def law_words(law: FocusLaw) -> Iterator[str]:
    """Both readings of figure 2, and which is the better."""
    for name, fit, what in (
        ("log-linear", law.log_linear, "ln(count)"),
        ("quadratic", law.quadratic, "root of the count"),
    ):
        yield f"figure 2's law, {name}: {_line(fit, what)}"
    better, other = law.log_linear, law.quadratic
    if law.better == "quadratic":
        better, other = other, better
    yield (
        f"the better is {law.better.replace('_', '-')}: it misses an image that it has not seen by "
        f"{better.error:.3f} in ln(count), the other by {other.error:.3f}"
    )


def bound_to(calibration: Calibration) -> str:
    """The images that it is for."""
    parts = [
        calibration.instrument or "images that name no instrument",
        "no pixel size" if calibration.pixel_nm is None else f"{calibration.pixel_nm:g} nm a pixel",
        "no dwell" if calibration.dwell_ns is None else f"a dwell of {calibration.dwell_ns:g} ns",
        f"the parameters {calibration.params.name} ({calibration.params.id})",
    ]
    return ", ".join(parts)


def _line(fit: LawFit, what: str) -> str:
    return (
        f"r = {fit.r.value:.4f} ({fit.r.low:.4f} to {fit.r.high:.4f}), {what} changes by {fit.slope_a_um.value:.3g} a "
        f"um ({fit.slope_a_um.low:.3g} to {fit.slope_a_um.high:.3g})"
    )


def _in_unit(interval: Interval) -> str:
    return f"{metric(interval.low)} to {metric(interval.high)}"
