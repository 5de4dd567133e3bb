"""What scoring says of one image, and how it is made small enough for a summary."""

import hashlib
import json
import re
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.contract.params import Params
from mhfd.contract.profile import Profile

SUMMARY_BYTES: Final = 600
PATH_BYTES: Final = 180
DETAIL_BYTES: Final = 90
"""What is kept free for the detail when a summary is filled."""


class Finding(StrEnum):
    """What was found when looking at a file, before any judgement of focus."""

    OK = "ok"
    INCOMPLETE = "incomplete"
    UNREADABLE = "unreadable"
    INVALID = "invalid"
    BLANK = "blank"
    NO_TISSUE = "no_tissue"
    SATURATED = "saturated"
    TOO_SMALL = "too_small"


class Box(Wire):
    """A part of the array as stored, rows [top, bottom) and columns [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


class ImageInfo(Wire):
    """The file, and what the instrument wrote about it. Lengths carry their unit in the name."""

    path: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    shape: tuple[int, int] | None = None
    dtype: str | None = None
    box: Box | None = None
    pixel_nm: float | None = None
    focus_m: float | None = None
    dwell_ns: float | None = None
    stage_um: tuple[float, float] | None = None
    tags: dict[str, str | float | int] = Field(default_factory=dict)

    @property
    def part_shape(self) -> tuple[int, int] | None:
        """Rows and columns of the part that is image."""
        return self.shape if self.box is None else (self.box.bottom - self.box.top, self.box.right - self.box.left)


class Method(Wire):
    """Which way of measuring focus made the report."""

    kind: str = "mhfd"
    id: str


class Noise(Wire):
    """The noise model of the image, in grey values: variance = read_var + gain * grey value."""

    sigma: float
    read_var: float
    gain: float


class ScaleCount(Wire):
    """How many features have their maximum at scale t (pixels)."""

    t: float
    count: int


class Cells(Wire):
    """The focus map: one value a cell, row by row. Null where a cell has nothing to measure."""

    rows: int
    cols: int
    dof: tuple[int | None, ...]
    cross_spectrum: tuple[float | None, ...]
    tissue: tuple[float, ...]
    saturated: tuple[float, ...]


class Texture(Wire):
    """How the tissue's contrast is spread from coarse to fine: natural logarithms of power, noise taken off."""

    levels: tuple[float, ...] = Field(
        min_length=8,
        max_length=8,
        description="in half-octaves from .022 to .352 cycles a pixel; the first three have a mean of 0",
    )
    directions: tuple[float, ...] = Field(
        min_length=4,
        max_length=4,
        description="at .062 to .176 cycles a pixel, with the changes along x, down right, along y, up right; mean 0",
    )
    floor: float = Field(description="the level below which noise hides everything")
    uneven: float = Field(description="standard deviation, over blocks, of how much the sixth level is below the fifth")


class Provenance(Wire):
    """Who made the numbers: versions, backend, device, threads."""

    version: str
    backend: str
    device: str
    threads: int
    versions: dict[str, str] = Field(default_factory=dict)
    endpoint: str | None = Field(None, description="of Globus Compute, where one scored; null: the client's machine")


class FocusReport(Wire):
    """What scoring says of one image. It judges nothing: verdicts are made elsewhere."""

    schema_version: Literal[1, 2, 3] = 3
    method: Method
    image: ImageInfo
    finding: Finding
    finding_detail: str | None = None
    code: str | None = Field(
        None, description="why the image was not looked at, as an endpoint says it (`Code`); null: it was"
    )
    dof: int | None = None
    density: float | None = None
    cross_spectrum: float | None = None
    noise: Noise | None = None
    tissue: float | None = None
    scales: tuple[ScaleCount, ...] | None = None
    cells: Cells | None = None
    texture: Texture | None = None
    profile: Profile | None = None
    params: Params
    params_id: str
    timing_ms: dict[str, float] = Field(default_factory=dict)
    provenance: Provenance

    def sized(self, pixel_nm: float | None) -> "FocusReport":
        """The same; where its file does not say how large a pixel is, with what a person says."""
        if pixel_nm is None or self.image.pixel_nm is not None:
            return self
        return self.model_copy(update={"image": self.image.model_copy(update={"pixel_nm": pixel_nm})})

    def summary(self, *, report_file: str | None = None) -> dict[str, Any]:
        """At most 600 bytes of JSON, whatever the names in it: what a flow's state or a table's row needs.

        A path keeps its end, a detail its beginning. `report_file` names the file that holds the whole report.
        """
        image = self.image
        said = {
            "path": None,
            "sha256": image.sha256,
            "finding": self.finding.value,
            "finding_detail": None,
            "dof": self.dof,
            "density": _round(self.density),
            "cross_spectrum": _round(self.cross_spectrum),
            "noise": _round(self.noise.sigma) if self.noise else None,
            "tissue": _round(self.tissue),
            "params_id": self.params_id,
        }
        if report_file is not None:
            said["report"] = report_file
        room = SUMMARY_BYTES - len(json.dumps(said))
        if image.path is not None:
            said["path"] = fitted(image.path, min(PATH_BYTES, room - DETAIL_BYTES), keep_end=True)
            room -= len(json.dumps(said["path"]))
        if self.finding_detail is not None:
            said["finding_detail"] = fitted(self.finding_detail, room)
        return said


def report_file(path: str, params_id: str) -> str:
    """The name of the file, in the request's `write_to`, that holds the whole report of an image.

    The image's own name, where it is plain, and a hash of its path and the parameters: any two differ.
    """
    name = re.split(r"[/\\]", path)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[-60:] or "image"
    digest = hashlib.sha256(f"{path}\0{params_id}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain}.{digest}.mhfd.json"


def fitted(text: str, room: int, *, keep_end: bool = False) -> str:
    """As much of a text as takes at most `room` bytes of JSON, its quotes included; "..." stands for the rest."""
    if len(text) <= room and len(json.dumps(text)) <= room:
        return text
    low, high = 0, min(len(text), max(room, 0))
    while low < high:  # the longest part that fits
        middle = (low + high + 1) // 2
        part = text[-middle:] if keep_end else text[:middle]
        low, high = (middle, high) if len(json.dumps(part)) + 3 <= room else (low, middle - 1)
    if not low:
        return ""
    return "..." + text[-low:] if keep_end else text[:low] + "..."


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
