"""What is true of a pretend microscope, what goes wrong with it, and how its lens stands. Each is one small file."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.instruments.protocol import Knob, KnobRange
from mhfd_client.microscope.plan import Layout

Numbered = bool | tuple[int, ...]
"""All of them, none of them, or these: 1 is the next after the faults were planted."""

_FIELDS: Final = {Knob.WORKING_DISTANCE: "working_distance_um", Knob.STIG_X: "stig_x", Knob.STIG_Y: "stig_y"}


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PretendTruth(_File):
    """What nobody at a real microscope knows: where the focus lies. And what lies under the beam."""

    name: str = "pretend microscope"
    seed: int = Field(0, ge=0, description="of the block of tissue")
    section: int = Field(1, ge=0, description="the section under the beam")
    tile: str = Field("r1-c1", pattern=r"^r\d+-c\d+$", description="and the tile of its mosaic")
    density: float = 1.0
    blank: bool = Field(False, description="nothing but resin")
    focus_um: float = Field(5000.0, description="the working distance at which section 1 is sharp, at first")
    focus_um_a_section: float = Field(0.0, description="so much is added for each section after it")
    focus_um_extra: dict[int, float] = Field(default_factory=dict, description="and for these sections")
    focus_um_an_image: float = Field(0.0, description="and for each image that was taken")
    astigmatism_um: float = Field(0.4, description="with both stigmators at 0: half the distance of the line foci")
    astigmatism_deg: float = 30.0
    stig_um: float = Field(1.0, description="astigmatism that one unit of a stigmator makes")
    half_angle_mrad: float = 8.0
    probe_nm: float = 4.0
    pixel_nm: float = 8.0
    size: int = Field(512, ge=64, le=8192, description="side of an image in pixels")
    dose: float = Field(150.0, description="electrons a pixel")
    dwell_ns: float = 800.0
    beam_kv: float = 1.5
    beam_pa: float = 300.0
    low_um: float = 1000.0
    high_um: float = 20000.0
    stig_limit: float = Field(10.0, gt=0)
    stuck: tuple[Knob, ...] = Field((), description="knobs whose setting does not reach the hardware")
    drift_px: tuple[float, float] = Field((0.0, 0.0), description="of the specimen from image to image: rows, columns")
    saves: bool = Field(False, description="each image is left as a file too, with what the instrument says of it")
    run: str = Field("run", description="the folder of the run's images; from the scope's own folder, or whole")
    layout: Layout = Field("plain", description="the names in it")

    def limits(self, knob: Knob) -> KnobRange:
        """Where the instrument allows a knob to be."""
        if knob is Knob.WORKING_DISTANCE:
            return KnobRange(self.low_um, self.high_um)
        return KnobRange(-self.stig_limit, self.stig_limit)

    def focus_at(self, section: int, images: int) -> float:
        """Where the focus of a section lies, after so many images."""
        of_section = (section - 1) * self.focus_um_a_section + self.focus_um_extra.get(section, 0.0)
        return self.focus_um + of_section + images * self.focus_um_an_image


class PretendLens(_File):
    """How the lens stands, and who turned it last."""

    working_distance_um: float
    stig_x: float = 0.0
    stig_y: float = 0.0
    actor: str | None = None

    def value(self, knob: Knob) -> float:
        """Of one knob."""
        value: float = getattr(self, _FIELDS[knob])
        return value

    def turned(self, knob: Knob, value: float, actor: str | None) -> PretendLens:
        """One knob elsewhere, by somebody."""
        return self.model_copy(update={_FIELDS[knob]: value, "actor": actor})


class PretendCount(_File):
    """What was asked of the microscope since it was made."""

    calls: int = Field(0, description="of all kinds, also those that failed")
    sets: int = 0
    images: int = Field(0, description="dose: also those that never came back")
    run_images: int = Field(0, description="of these, those that went into the run's folder")


class PretendFaults(_File):
    """What goes wrong from now on."""

    set_does_not_take: Numbered = Field(False, description="sets that say yes; the lens stays")
    falls_short: float = Field(1.0, ge=-1, le=2, description="part of the way that such a set lacks")
    acquire_fails: Numbered = Field(False, description="images that do not come back; the dose is spent")
    connection_cut: Numbered = Field(False, description="calls that reach nothing")
    connection_cut_from: int | None = Field(None, ge=1, description="that call, and all after it")
    silent: bool = Field(False, description="calls end when who asks waits no longer; nothing is done")
    answer_lost: tuple[int, ...] = Field((), description="calls that are carried out, and whose answer is lost")
    another_hand: dict[int, float] = Field(default_factory=dict, description="before that call: um of somebody's turn")
    slow_s: float = Field(0.0, ge=0, description="so long an image takes")
    since: PretendCount = Field(default_factory=PretendCount, description="counted when the faults were planted")

    def hits(self, numbered: Numbered, number: int) -> bool:
        """Whether a fault is of the one with this number."""
        return numbered if isinstance(numbered, bool) else number in numbered
