"""What is said of an image's blur: how much, how sure, of which kind. How it is found is in the rest of this folder."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class BlurKind(StrEnum):
    """What blurs it. `Blur.px` is of what stands behind each."""

    DEFOCUS = "defocus"  # radius of the disc
    MOTION_ALONG = "motion_along"  # length of the way, along the scan lines
    MOTION_ACROSS = "motion_across"  # length of the way, across them
    VIBRATION = "vibration"  # standard deviation of the lines' displacement along themselves
    ASTIGMATISM = "astigmatism"  # half of the longer axis of the ellipse
    TILT = "tilt"  # radius of the disc, on the worst side


class Blur(BaseModel):
    """How much more an image is blurred than the sharp images near it. Negative: it is sharper."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    px: float
    low: float
    high: float
    """Of the interval that holds the true one 95 times of a hundred."""
    neighbours: int
    """So many sharp images it was compared with."""
    chi2: float
    """How far the spectrum is from what any such blur leaves, a degree of freedom: about 1 where it fits."""
    kind: BlurKind | None = None
    """None where it is not blurred by more than the tolerance, or cannot be told."""
    angle_deg: float | None = Field(None, description="of an ellipse's longer axis, from the lines towards the rows")
    um: float | None = Field(None, description="how far out of focus that is, where a calibration is bound to it")
    um_low: float | None = None
    um_high: float | None = None
