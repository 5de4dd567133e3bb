"""How much more an image is blurred than sharp images, and by what: defocus, one side of it, or blur in one direction.

Blur is reckoned as a square, px^2 of a disc: squares of blurs that follow each other add up, and noise moves them by
as much at any size. It compares profiles only; what follows from it for a verdict is decided elsewhere.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import HALF_EDGES, HALVES, WAY_EDGES, WAYS
from mhfd_client.verdicts.blur import transfer
from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.blur.fit import Difference, Fit, doubt, finest, fit
from mhfd_client.verdicts.blur.sharp import Sharp, lines_above, usual_variance
from mhfd_client.verdicts.blur.spectrum import HALF, WAY, WHOLE, Spectrum

_LEAST_RINGS: Final = 4  # of the whole image that must be seen
_SQUARE_SD: Final = 0.22  # px^2: how well the blur of any image is known
_PART_SD: Final = 0.03  # ... and as a part of the blur
_READ_AS_NOISE: Final = 0.3  # px^2: the finest detail of sharp images is read as noise, so that a blur may be more
_ONE_WAY_PART_SD: Final = 0.08  # the same of blur in one direction, whose shape is less known
_SURE: Final = 1.96  # standard deviations of the interval
_ONE_WAY: Final = 1.2  # px^2: directions of sharp images and of discs differ by less (half the range)
_ONE_WAY_PART: Final = 0.5  # ... and by less than this part of the blur
_ON_AXIS_DEG: Final = 10.0  # a motion lies no further from its axis
_NEAR_AXIS_DEG: Final = 30.0  # ... nor vibration, whose lines tell
_RATHER_ELLIPSE: Final = 4.0  # an ellipse fits so much better in chi squared than a motion: it has two sizes more
_BETWEEN_LINES: Final = 0.35  # logarithm: lines that are displaced scatter more than this across them
_SIDE_PX: Final = 1.6  # a side is blurred by more
_SPARED: Final = 0.5  # ... and the one across from it by less than this part of that
_FITS: Final = 8.0  # chi squared a degree of freedom, beyond which no blur explains the spectrum
_CLEARLY: Final = 1.0  # ... and below which nothing but a blur does
_OPPOSITE: Final = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


@dataclass(frozen=True, slots=True, eq=False)
class Excess:
    """What was found. `blur.kind` is None where it is within the tolerance."""

    blur: Blur
    side: str | None
    """The side that is blurred, where another is spared."""
    fits: bool
    """The spectrum is what some blur leaves of the sharp images'."""

    @property
    def blurred(self) -> bool:
        """By more than the tolerance, and a blur explains it."""
        return self.fits and self.blur.kind is not None


def square(px: float) -> float:
    """Of a blur that may be negative."""
    return px * abs(px)


def root(square_px: float) -> float:
    """The blur of such a square."""
    return math.copysign(math.sqrt(abs(square_px)), square_px)


def excess(own: Spectrum, others: Sharp, *, tolerance_px: float) -> Excess | None:
    """How much more blurred one image is than others; None where too little is seen to tell."""
    difference = Difference.of(own.levels - others.levels, own.sd**2 + others.variance)
    discs = transfer.discs()
    whole = fit(difference.part(WHOLE), discs.whole)
    if whole is None or whole.rings < _LEAST_RINGS:
        return None
    one_way = _one_way(difference.part(WAY), lines_above(own, others), others)
    if one_way is not None:
        return one_way
    size = finest(whole, discs.sizes)
    side = _side(difference.part(HALF), discs.halves)
    if side is not None and side[1] > square(_SIDE_PX):
        name, side_size, found = side
        return Excess(
            _blur(side_size, doubt(found, discs.sizes), found, others, BlurKind.TILT), name, found.reduced < _FITS
        )
    kind = BlurKind.DEFOCUS if size > square(tolerance_px) else None
    return Excess(_blur(size, doubt(whole, discs.sizes), whole, others, kind), None, whole.reduced < _FITS)


def more_square(images: Sharp, others: Sharp) -> tuple[float, float] | None:
    """How much more the middle of some images is blurred than that of others, px^2, and its standard deviation."""
    variance = images.variance / images.count + others.variance / others.count
    discs = transfer.discs()
    found = fit(Difference.of(images.levels - others.levels, variance).part(WHOLE), discs.whole)
    if found is None or found.rings < _LEAST_RINGS:
        return None
    return finest(found, discs.sizes), doubt(found, discs.sizes)


def only_blur(poor: Spectrum, rich: Spectrum) -> bool:
    """Whether a disc is all that one image, or the middle of several, differs by from another. False: not known."""
    difference = Difference.of(poor.levels - rich.levels, poor.sd**2 + rich.sd**2 + usual_variance())
    found = fit(difference.part(WHOLE), transfer.discs().whole)
    return found is not None and found.rings >= _LEAST_RINGS and found.reduced < _CLEARLY


def _blur(size: float, sd: float, found: Fit, others: Sharp, kind: BlurKind | None) -> Blur:
    sd = math.hypot(sd, _SQUARE_SD, _PART_SD * size)
    px, low, high = (round(root(at), 2) for at in (size, size - _SURE * sd, size + _SURE * sd + _READ_AS_NOISE))
    return Blur(px=px, low=low, high=high, neighbours=others.count, chi2=round(found.reduced, 2), kind=kind)


def _side(halves: Difference, models: NDArray[np.float64]) -> tuple[str, float, Fit] | None:
    """The most blurred side, its blur and fit, where the one across from it is spared."""
    rings = len(HALF_EDGES) - 1
    found = {n: fit(halves.part(slice(rings * i, rings * (i + 1))), models) for i, n in enumerate(HALVES)}
    sizes = {name: finest(one, transfer.discs().sizes) for name, one in found.items() if one is not None}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        across = sizes.get(_OPPOSITE[name])
        fitted = found[name]
        if fitted is not None and across is not None and across < _SPARED * sizes[name]:
            return name, sizes[name], fitted
    return None


def _one_way(ways: Difference, between_lines: float, others: Sharp) -> Excess | None:
    """Blur in one direction; None where it is alike in all, or too few directions are seen."""
    discs, rings = transfer.discs(), len(WAY_EDGES) - 1
    parts = [slice(rings * way, rings * (way + 1)) for way in range(WAYS)]
    fits = [fit(ways.part(part), discs.ways[:, part]) for part in parts]
    sizes = np.array([np.nan if one is None else finest(one, discs.sizes) for one in fits])
    seen = np.isfinite(sizes)
    if seen.sum() < WAYS - 2:
        return None
    turn = np.arange(WAYS) * np.radians(transfer.WAY_DEG)
    design = np.stack([np.ones(WAYS), np.cos(2 * turn), np.sin(2 * turn)], axis=1)
    (mean, cosine, sine), *_ = np.linalg.lstsq(design[seen], sizes[seen], rcond=None)
    swing = float(np.hypot(cosine, sine))
    if swing < max(_ONE_WAY, _ONE_WAY_PART * mean):
        return None
    angle = float(np.degrees(np.arctan2(sine, cosine)) / 2 % 180)
    ellipses = transfer.ellipses()
    ellipse = fit(ways, ellipses.ways)
    assert ellipse is not None  # noqa: S101  as six directions have been seen
    motion = _motion(ways, angle, between_lines, others, ellipse)
    if motion is not None:
        return motion
    sd = _doubt_of_axis(ellipse, ellipses.sizes)
    long = float(ellipses.sizes[ellipse.best, 0])
    blur = _plain(long, sd, ellipse, others, BlurKind.ASTIGMATISM)
    return Excess(blur.model_copy(update={"angle_deg": round(angle, 1)}), None, ellipse.reduced < _FITS)


def _motion(ways: Difference, angle: float, between_lines: float, others: Sharp, ellipse: Fit) -> Excess | None:
    """Motion or vibration, where the direction is theirs and an ellipse fits no better."""
    off_lines, off_rows = min(angle, 180 - angle), abs(angle - 90)
    if off_lines < _NEAR_AXIS_DEG and between_lines > _BETWEEN_LINES + others.lines_sd:
        kind, models = BlurKind.VIBRATION, transfer.vibrations()
    elif min(off_lines, off_rows) < _ON_AXIS_DEG:
        along = off_lines < off_rows
        kind = BlurKind.MOTION_ALONG if along else BlurKind.MOTION_ACROSS
        models = transfer.motions(along=along)
    else:
        return None
    found = fit(ways, models.ways)
    if found is None or (kind is not BlurKind.VIBRATION and found.misfit > ellipse.misfit + _RATHER_ELLIPSE):
        return None
    size = finest(found, models.sizes)
    return Excess(_plain(size, doubt(found, models.sizes), found, others, kind), None, found.reduced < _FITS)


def _plain(px: float, sd: float, found: Fit, others: Sharp, kind: BlurKind) -> Blur:
    """A size that is fitted as it is and not as a square."""
    sd = math.hypot(sd, _SQUARE_SD / (2 * px), _ONE_WAY_PART_SD * px)
    low, high = round(max(px - _SURE * sd, 0), 2), round(px + _SURE * sd, 2)
    chi2 = round(found.reduced, 2)
    return Blur(px=round(px, 2), low=low, high=high, neighbours=others.count, chi2=chi2, kind=kind)


def _doubt_of_axis(found: Fit, sizes: NDArray[np.float64]) -> float:
    """Half the range of the longer half-axes of ellipses that fit nearly as well."""
    near = sizes[found.curve <= found.misfit + 1, 0]
    return float(np.ptp(near)) / 2
