"""One turn of a knob that somebody made, with what was seen before and after: a line of `moves.jsonl`.

Only the value: it reads and writes nothing, and judges nothing.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from mhfd.contract.base import Wire
from mhfd.contract.estimate import Estimate
from mhfd_client.adjustment.typed import words_of
from mhfd_client.instruments.protocol import DeviceReading, Knob

RESOLVED: Final[dict[Knob, float]] = {Knob.WORKING_DISTANCE: 0.1, Knob.STIG_X: 1e-3, Knob.STIG_Y: 1e-3}
"""A knob that was turned by less was not turned: um; of stigmators in the instrument's own unit."""


class ImageWords(Wire):
    """What mhfd and learned packages said of an image when the move was recorded. None: it had no verdict yet."""

    outcome: str | None = None
    sentence: str | None = None
    blur_px: float | None = None
    blur_um: float | None = None
    estimates: tuple[Estimate, ...] = ()


class RecordedImage(Wire):
    """An image, how the instrument stood when it was taken, and what was said of it. Unknown is None."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    path: str
    """Where it lay: it may be another one by now. Its copy is found by `sha256`."""
    bytes: int = Field(ge=0)
    kept: bool
    """Whether it was copied into the state folder."""
    at: float
    """When it was written: seconds since 1970."""
    working_distance_um: float | None = None
    stig_x: float | None = None
    stig_y: float | None = None
    pixel_nm: float | None = Field(None, gt=0)
    dwell_ns: float | None = None
    magnification: float | None = None
    stage_um: tuple[float, float] | None = None
    section: int | None = None
    tile: str | None = None
    said: ImageWords | None = None

    @property
    def place(self) -> tuple[int | None, str | None]:
        """Section and tile."""
        return self.section, self.tile


class PairAtMove(Wire):
    """Two images that were taken on purpose before a move: A at a longer working distance, B at a shorter one."""

    a: RecordedImage
    b: RecordedImage
    perturbation_um: float = Field(gt=0)
    centre_um: float | None = None
    """The working distance of the middle. None: it is where the move began."""


class RecordedMove(Wire):
    """What somebody turned, from where to where, and what was seen."""

    schema_version: Literal[1] = 1
    id: str = Field(min_length=1, max_length=64)
    """A later line with the same id takes an earlier one's place."""
    at: float
    """When it was turned, or typed: seconds since 1970."""
    knob: Knob
    by: float
    """um of working distance; of stigmators the instrument's own unit."""
    before: float | None = None
    after: float | None = None
    """Where the knob stood. None: only by how much it was turned is known."""
    source: Literal["device", "typed"]
    actor: str | None = Field(None, max_length=200)
    instrument: str | None = Field(None, max_length=200)
    specimen: str | None = Field(None, max_length=200)
    note: str | None = Field(None, max_length=500)
    reading_before: DeviceReading | None = None
    reading_after: DeviceReading | None = None
    image_before: RecordedImage | None = None
    image_after: RecordedImage | None = None
    pair: PairAtMove | None = None

    @model_validator(mode="after")
    def _one_move(self) -> Self:
        if (self.before is None) != (self.after is None):
            raise ValueError("before, after: give both, or by how much alone")
        if self.before is not None and self.after is not None and abs(self.after - self.before - self.by) > 1e-6:
            raise ValueError(f"by: {self.by:g} does not lead from {self.before:g} to {self.after:g}")
        return self

    @property
    def resolved(self) -> bool:
        """Whether the knob was turned by as much as makes a difference."""
        return abs(self.by) >= RESOLVED[self.knob]

    @property
    def words(self) -> str:
        """What was turned, for a person."""
        return words_of(self.knob, self.by)

    @property
    def images(self) -> tuple[RecordedImage, ...]:
        """All that belong to it, those of the pair first."""
        of_pair = () if self.pair is None else (self.pair.a, self.pair.b)
        return (*of_pair, *(one for one in (self.image_before, self.image_after) if one is not None))
