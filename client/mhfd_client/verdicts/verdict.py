"""What is said of an image: the form of it, for all who show, store or count verdicts. How it is found: `decision`."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mhfd_client.journal.rows import Outcome
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.drift import Drift


class Cause(StrEnum):
    """Why it says so."""

    MEASURED = "measured"  # compared with the baseline
    OPERATOR = "operator"  # a person looked at it
    REJECTED = "rejected"  # no better than an image that a person rejected
    FINDING = "finding"  # the file or the picture does not allow a judgement
    NOT_LOOKED_AT = "not_looked_at"  # refused, not there, out of time: nothing is known of the image
    NO_BASELINE = "no_baseline"  # too few images to compare with
    LITTLE_TISSUE = "little_tissue"  # too few features could be there to count
    CONTRADICTION = "contradiction"  # the two measures disagree
    MISFIT = "misfit"  # its spectrum is not what any blur leaves of a sharp one
    OTHER_TILES = "other_tiles"  # poorer than other tiles, which may show other tissue


class Comparison(BaseModel):
    """One number that was compared: all in the measure's own unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    measure: Literal["density", "cross_spectrum"]
    region: Literal["whole", "left", "right", "top", "bottom", "best"]
    value: float
    expected: float
    threshold: float


class Verdict(BaseModel):
    """What is said of one image, once. A history of these is kept; one is current."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1, 2, 3] = 3
    kind: Outcome
    cause: Cause
    provisional: bool
    sentence: str
    region: str | None = None
    """The side that is out of focus, when the image as a whole is not."""
    levels: tuple[Comparison, ...] = ()
    origin: Literal["confirmed", "provisional"] | None = None
    """Where the threshold came from: images that a person confirmed, or the sharpest of the run."""
    based_on: str | None = None
    neighbours: int = 0
    blur: Blur | None = None
    drift: Drift | None = None
    reason: str | None = None
    """Why the image was judged again; None for the first verdict."""
