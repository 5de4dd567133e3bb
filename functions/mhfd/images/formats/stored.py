"""What every format's reader gives: an image whose header was read and checked, and how its samples are decoded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mhfd.contract.focus_report import Box
from mhfd.images import grey
from mhfd.images.formats.ifd import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the format itself says of the image. Unknown is None."""

    origin: str
    """Where it says so, as in `MRC cell`."""
    pixel_nm: float | None = None
    focus_m: float | None = None
    dwell_ns: float | None = None
    stage_um: tuple[float, float] | None = None
    box: Box | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StoredImage:
    """An image in its file. Nothing of its pixels was decoded yet; what its header claims was held to the limits."""

    kind: str
    """What people call the format."""
    height: int
    width: int
    decode: Callable[[], grey.Planes]
    """Begins to; what is not had row by row is then in memory whole."""
    dtype: str | None = None
    """Of a sample, by its header; None: as decoded."""
    inverted: bool = False
    """Zero is white."""
    bottom_up: bool = False
    """Its last row was written first."""
    tile: tuple[int, int] | None = None
    """Rows and columns of a tile, where it is stored in tiles."""
    fields: Fields | None = None
    """The tags of a TIFF."""
    known: Known | None = None
    images: int = 1
    """At full resolution: more than one is a stack."""
    about: Mapping[str, str | float | int] = field(default_factory=dict)
    """What else is worth noting: compression, pages, samples."""
