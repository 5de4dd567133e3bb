"""How many um out of focus a pixel of blur is, and for which images that was measured. Reads and writes nothing.

A series at known focus gives it (`mhfd calibrate`). It holds for the instrument, pixel size, dwell and parameters of
that series: elsewhere it is refused by name, never converted.
"""

import math
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mhfd.contract.focus_report import ImageInfo
from mhfd.contract.params import Params
from mhfd_client.verdicts.blur.blur import Blur, BlurKind

_ALIKE: Final = 0.01
"""Pixel sizes and dwells that differ by no more than this part are the same."""
_OUT_OF_FOCUS: Final = (None, BlurKind.DEFOCUS, BlurKind.TILT)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Interval(_Part):
    """A number that was found, and the interval that holds the true one 95 times of a hundred."""

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> "Interval":
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value: {self.value:g} does not lie between {self.low:g} and {self.high:g}")
        return self


class LawFit(_Part):
    """A line through a function of the degree of focus against the distance from focus."""

    r: Interval
    """Pearson's, of the points and the distance."""
    at_focus: float
    """Of the line, where the distance is 0."""
    slope_a_um: Interval
    error: float
    """How far it is from an image that it has not seen: root mean square, as a natural logarithm of the count."""


class FocusLaw(_Part):
    """How the degree of focus falls with the distance from focus: figure 2 of the MHFD paper, both of its readings."""

    images: int
    log_linear: LawFit
    """Of the natural logarithm of the count."""
    quadratic: LawFit
    """Of the square root of the count, which falls in a line where the count falls with the square."""
    better: Literal["log_linear", "quadratic"]


class Calibration(_Part):
    """What a focus series says of its instrument, and what it is bound to."""

    schema_version: Literal[1] = 1
    made: str
    version: str
    """Of mhfd."""
    instrument: str | None
    """As far as the files say."""
    pixel_nm: float | None
    dwell_ns: float | None
    params: Params
    images: int = Field(ge=1)
    um_a_px: Interval
    """How far out of focus a blur with a radius of 1 px is."""
    half_angle_mrad: Interval | None
    """Of the probe, where the pixel size is known."""
    focus_um: Interval
    """f' of the paper: where the series would be sharpest."""
    chi2: float
    foretold: float
    """The part of the images' differences that the fit to the others foretells: 1 is all."""
    law: FocusLaw | None

    @model_validator(mode="after")
    def _positive(self) -> "Calibration":
        if self.um_a_px.low <= 0:
            raise ValueError(f"um_a_px: must be above 0, not {self.um_a_px.low:g}")
        return self

    def why_not(self, image: ImageInfo, params_id: str) -> str | None:
        """Why it says nothing of an image; None where it does."""
        pairs = (
            (self.pixel_nm, image.pixel_nm, "{:g} nm a pixel", "no pixel size"),
            (self.dwell_ns, image.dwell_ns, "a dwell of {:g} ns", "no dwell"),
        )
        for made, here, words, unknown in pairs:
            if not _alike(made, here):
                of, has = (unknown if value is None else words.format(value) for value in (made, here))
                return f"the calibration was made with {of}, this image has {has}"
        instrument = instrument_of(image)
        if instrument != self.instrument:
            of, has = (name or "images that name no instrument" for name in (self.instrument, instrument))
            return f"the calibration was made with {of}, this image is of {has}"
        if self.params.version_of(params_id) is None:
            return f"the calibration was made with the parameters {self.params.id}, this image has {params_id}"
        return None


def instrument_of(image: ImageInfo) -> str | None:
    """Whose instrument took it, as far as its file says; None where it does not."""
    named = [str(image.tags[key]) for key in ("maker", "model", "serial") if key in image.tags]
    if named:
        return " ".join(named)
    sources = (image.tags.get(f"{what}_from") for what in ("focus", "dwell", "pixel", "stage"))
    return next((_maker(str(source)) for source in sources if source), None)


def in_um(blur: Blur, calibration: Calibration) -> Blur:
    """The same blur with how far out of focus that is; unchanged where it is of another kind, or none."""
    if blur.kind not in _OUT_OF_FOCUS or blur.px <= 0:
        return blur
    scale = calibration.um_a_px
    um = blur.px * scale.value
    below = math.hypot((blur.px - blur.low) * scale.value, blur.px * (scale.value - scale.low))
    above = math.hypot((blur.high - blur.px) * scale.value, blur.px * (scale.high - scale.value))
    return blur.model_copy(update={"um": um, "um_low": max(um - below, 0.0), "um_high": um + above})


def um_words(blur: Blur) -> str | None:
    """'out of focus by about 3 um (2.6 to 3.5)'; None where that is not known."""
    if blur.um is None or blur.um_low is None or blur.um_high is None:
        return None
    half = max(blur.um_high - blur.um_low, 1e-9) / 2
    digits = max(0, -math.floor(math.log10(half)))  # the first that the interval leaves open
    low, high = (f"{value:.{digits}f}" for value in (blur.um_low, blur.um_high))
    return f"out of focus by about {blur.um:.2g} um ({low} to {high})"


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _ALIKE * max(abs(one), abs(other))


def _maker(source: str) -> str:
    """'FEI Scan.PixelWidth' -> 'FEI'; 'JEOL SightX XResolution' -> 'JEOL'."""
    return source.split(" ", 1)[0].rstrip(",")
