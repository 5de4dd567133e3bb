"""What a learned package says of a pair of images: where the focus lies, seen from the middle between them.

And what a known move showed of one instrument, by which a package that has a unit of its own speaks of um.

A pair is one field twice: `A` at a working distance that is longer by the perturbation, `B` at one that is shorter by
it. Unknown is null, never 0; who does not know says in `refusal` by a code, and in `why` in words, why.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from mhfd.contract.base import Wire
from mhfd.contract.estimate import DIGEST, LONGEST, SHORT


class ProposalRefusal(StrEnum):
    """Why a pair says nothing about the focus."""

    NO_STRUCTURE = "no_structure"  # nothing stands out of the noise: blank, resin, no beam
    TOO_FAR = "too_far"  # so far out of focus that the sign may be right and the size is not
    UNLIKE = "unlike"  # unlike all that the package was taught with
    OTHER_PIXEL = "other_pixel"  # a pixel size that it was not taught with, or another in A than in B
    PAIR_TOO_OLD = "pair_too_old"  # the lens may have moved since
    TWO_FIELDS = "two_fields"  # the two images do not show the same
    DRIFT = "drift"  # they show the same, too far apart
    SAME_IMAGE = "same_image"  # one image twice
    SIZES_DIFFER = "sizes_differ"
    UNREADABLE = "unreadable"  # one of them is no image that can be scored: its finding is in `why`
    DISAGREES = "disagrees"  # the files say another perturbation, or that A and B are exchanged
    UNSURE = "unsure"  # the sign could be either


class PairCalibration(Wire):
    """What a known move showed: how far a package's own unit moves the focus, on one instrument as it stood then.

    It holds for that package, instrument, pixel, dwell time and beam; None: not known, and not compared.
    """

    schema_version: Literal[1] = 1
    package: str = Field(pattern=DIGEST, description="sha256 of the package's sorted manifest")
    um_a_unit: float = Field(gt=0, description="how many um are to be added for one of the package's own units")
    sd_part: float = Field(ge=0, description="how far `um_a_unit` may be off, as a part of it")
    perturbation_um: float = Field(gt=0, description="of the pairs that were taken before and after the move")
    instrument: str | None = Field(None, max_length=100)
    pixel_nm: float | None = Field(None, gt=0)
    dwell_ns: float | None = Field(None, gt=0)
    beam_kv: float | None = Field(None, gt=0)
    beam_pa: float | None = Field(None, gt=0)


class Proposal(Wire):
    """What is to be added to the working distance of the middle between the two images, or why that is not known.

    `sign` may be known where `move_um` is not: a size is known only where a known move has shown it (a calibration).
    """

    schema_version: Literal[1] = 1
    sign: Literal[-1, 1] | None
    move_um: float | None = None
    sd_um: float | None = Field(None, ge=0, description="how far the truth may be from `move_um`")
    stig_x: float | None = Field(None, description="what is to be added to the stigmator, where pairs taught it")
    stig_y: float | None = None
    refusal: ProposalRefusal | None = None
    why: str | None = Field(None, max_length=LONGEST, description="the refusal, or why there is no size, in words")
    package: str = Field(pattern=DIGEST, description="sha256 of the package's sorted manifest")
    title: str = Field(max_length=100, description="what people call the package")

    @model_validator(mode="after")
    def _says_or_refuses(self) -> "Proposal":
        if self.refusal is not None and not (self.sign is None and self.move_um is None):
            raise ValueError("a proposal that refuses has no sign and no size")
        if self.refusal is None and self.sign is None:
            raise ValueError("a proposal that has no sign says why: give its refusal")
        if self.move_um is not None and (self.sd_um is None or self.move_um * (self.sign or 0) < 0):
            raise ValueError("move_um: needs sd_um, and has the sign that `sign` says")
        return self

    @property
    def speaker(self) -> str:
        """Which package spoke, for a person."""
        return f"{self.title} {self.package[:SHORT]}"
