"""What crosses the wire: requests, reports and their parts.

Frozen, versioned pydantic models that refuse unknown fields; plain JSON in and out. This module
knows nothing of images, kernels or files: it must import nothing of mhfd but `errors`.
Unknown is null, never 0.
"""

from __future__ import annotations

import hashlib
import json
import re
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mhfd.errors import UsageError

__all__ = [
    "PRESETS",
    "SCHEMA_VERSION",
    "Box",
    "Cells",
    "Code",
    "Examination",
    "ExamineRequest",
    "Expected",
    "FileSeen",
    "Finding",
    "FocusReport",
    "ImageInfo",
    "Method",
    "Model",
    "Noise",
    "Params",
    "Problem",
    "Provenance",
    "RootSeen",
    "ScaleCount",
    "ScoreRequest",
    "ScoreResponse",
    "fitted",
    "report_file",
]

SCHEMA_VERSION: Final = 1
METHOD_VERSION: Final = 1
"""Part of every `params_id`: raised when the same parameters give other numbers."""


SUMMARY_BYTES: Final = 600
PATH_BYTES: Final = 180
DETAIL_BYTES: Final = 90
"""What is kept free for the detail when a summary is filled."""


class Model(BaseModel):
    """Frozen, strict about unknown fields, NaN-free."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


class Params(Model):
    """Every knob of the detector. `Params()` is `robust`, the default.

    The presets `paper_text` (as printed) and `paper_code` (as the authors' public script does it)
    are reached by `Params.preset(name)`.
    """

    n: int = Field(16, ge=1, le=255, description="number of DoG scales")
    min_t: float = Field(1.0, ge=0.5, le=256, description="smallest Gaussian, pixels")
    max_t: float = Field(16.0, ge=0.5, le=256, description="largest scale, pixels")
    ladder: Literal["code", "text"] = Field(
        "code",
        description="`code`: t_n = max_t, dt = (max-min)/(n-1); `text`: dt = (max-min)/n, t_(n+1) = max_t",
    )
    polarity: Literal["bright", "dark"] = Field(
        "bright", description="`bright`: t_i(L_i - L_i+1), as the code; `dark`: the sign of the paper's eq. 2"
    )
    border: Literal["reflect", "wrap"] = Field("reflect", description="half-sample reflect, or circular")
    truncate: float | None = Field(None, ge=1, le=12, description="Gaussian cut off at this many sigma; null: not")
    low_percent: float = Field(0.175, ge=0, lt=50, description="saturated at the low end by the stretch")
    high_percent: float = Field(0.175, ge=0, lt=50, description="saturated at the high end by the stretch")
    resize: tuple[int, int] | None = Field(None, description="bilinear resize to (rows, columns) first; null: not")
    gate: Literal["none", "absolute", "noise"] = Field("noise", description="what a maximum must exceed")
    threshold: float = Field(
        4.0,
        ge=0,
        le=1e6,
        description="gate `absolute`: DoG/dt of the stretched image; `noise`: standard deviations of the noise",
    )
    contrast: float = Field(
        1.0,
        ge=0,
        le=1e3,
        description="gate `noise`: DoG/dt must also exceed this part of the tissue's own contrast; other gates: unused",
    )

    @field_validator("resize")
    @classmethod
    def _bounded(cls, v: tuple[int, int] | None) -> tuple[int, int] | None:
        if v is not None and not all(16 <= side <= 16384 for side in v):
            raise ValueError("each side must be 16 to 16384")
        return v

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.n > 1 and self.max_t <= self.min_t:
            raise ValueError(f"max_t ({self.max_t:g}) must exceed min_t ({self.min_t:g})")
        if self.n == 1 and self.ladder == "code":
            raise ValueError("n must be at least 2 with ladder 'code': it divides by n-1")
        if self.gate == "none" and self.threshold != 0:
            raise ValueError("gate 'none' takes no threshold: set threshold=0")
        return self

    @classmethod
    def preset(cls, name: str) -> Params:
        """The parameters called `robust`, `paper_text` or `paper_code`."""
        try:
            return PRESETS[name]
        except KeyError:
            raise UsageError(f"params: no preset {name!r}; choose one of {', '.join(sorted(PRESETS))}") from None

    @classmethod
    def of(cls, value: Params | str | None) -> Params:
        """Parameters from what a caller may hand over: themselves, a preset's name, or nothing."""
        if value is None:
            return PRESETS["robust"]
        if isinstance(value, str):
            return cls.preset(value)
        if not isinstance(value, Params):
            raise UsageError(f"params: expected Params or a preset's name, got {type(value).__name__}")
        return value

    @classmethod
    def checked(cls, **fields: Any) -> Params:
        """`Params(**fields)`, with one readable line instead of pydantic's page."""
        try:
            return cls(**fields)
        except ValidationError as e:
            parts = []
            for err in e.errors():
                where = ".".join(str(p) for p in err["loc"])
                got = f" (got {err['input']!r})" if where else ""
                parts.append(f"{where or 'params'}: {err['msg'].removeprefix('Value error, ')}{got}")
            raise UsageError("; ".join(parts)) from None

    @property
    def id(self) -> str:
        """Short hash of every parameter and of the method's version."""
        payload = json.dumps([METHOD_VERSION, self.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(payload.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The preset's name, or `custom`."""
        return next((k for k, v in PRESETS.items() if v == self), "custom")


# The authors' threshold is 1e-4 on FFTs with norm="ortho", i.e. 1e-4*sqrt(H*W) on honest responses: 0.1024 at
# 1024x1024, with dt = 29/28. Divided by dt it depends on neither n nor size (docs/decisions/0003).
_CODE_THRESHOLD: Final = 1e-4 * 1024 / (29 / 28)

PRESETS: Final[dict[str, Params]] = {
    "robust": Params(),
    "paper_text": Params(
        n=29, min_t=1, max_t=30, ladder="text", polarity="dark", border="wrap", gate="none", threshold=0, contrast=0
    ),
    "paper_code": Params(
        n=29,
        min_t=1,
        max_t=30,
        ladder="code",
        polarity="bright",
        border="wrap",
        truncate=4,
        low_percent=0,
        high_percent=0.35,
        resize=(1024, 1024),
        gate="absolute",
        threshold=_CODE_THRESHOLD,
        contrast=0,
    ),
}


class Box(Model):
    """A part of the array as stored, rows [top, bottom) and columns [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


class ImageInfo(Model):
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


class Method(Model):
    """Which way of measuring focus made the report."""

    kind: str = "mhfd"
    id: str


class Noise(Model):
    """The noise model of the image, in grey values: variance = read_var + gain * grey value."""

    sigma: float
    read_var: float
    gain: float


class ScaleCount(Model):
    """How many features have their maximum at scale t (pixels)."""

    t: float
    count: int


class Cells(Model):
    """The focus map: one value a cell, row by row. Null where a cell has nothing to measure."""

    rows: int
    cols: int
    dof: tuple[int | None, ...]
    cross_spectrum: tuple[float | None, ...]
    tissue: tuple[float, ...]
    saturated: tuple[float, ...]


class Provenance(Model):
    """Who made the numbers: versions, backend, device, threads."""

    version: str
    backend: str
    device: str
    threads: int
    versions: dict[str, str] = Field(default_factory=dict)
    endpoint: str | None = Field(None, description="of Globus Compute, where one scored; null: the client's machine")


class FocusReport(Model):
    """What scoring says of one image. It judges nothing: verdicts are made elsewhere."""

    schema_version: Literal[1] = SCHEMA_VERSION
    method: Method
    image: ImageInfo
    finding: Finding
    finding_detail: str | None = None
    dof: int | None = None
    density: float | None = None
    cross_spectrum: float | None = None
    noise: Noise | None = None
    tissue: float | None = None
    scales: tuple[ScaleCount, ...] | None = None
    cells: Cells | None = None
    params: Params
    params_id: str
    timing_ms: dict[str, float] = Field(default_factory=dict)
    provenance: Provenance

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


class Code(StrEnum):
    """What kind of problem: what a program decides by. On the wire it is text, so that new ones break no old client."""

    BAD_REQUEST = "bad_request"
    NO_SITE = "no_site"
    NO_MHFD = "no_mhfd"
    NO_DEVICE = "no_device"
    TOO_MANY = "too_many"
    REFUSED_PATH = "refused_path"
    REFUSED_WRITE = "refused_write"
    UNAVAILABLE = "unavailable"
    CHANGED = "changed"
    CANNOT_WRITE = "cannot_write"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_TIME = "out_of_time"
    INTERNAL = "internal"
    LEFT_OUT = "left_out"
    DETAIL_LEFT_OUT = "detail_left_out"
    CELLS_LEFT_OUT = "cells_left_out"
    LOG_NOT_WRITTEN = "log_not_written"


class Problem(Model):
    """Why a request, or a part of it, was not done, and what to do. Never why an image is not good: that is a finding.

    `index` is the place in the request's `paths`; with `through` the problem is that of every path up to that place.
    """

    code: str
    why: str
    remedy: str
    index: int | None = None
    through: int | None = None
    path: str | None = None
    field: str | None = None


class Expected(Model):
    """What a client saw of a file: a file that differs is not scored but comes back as `changed`."""

    size: int = Field(ge=0)
    mtime_ns: int | None = None


def _is_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {type(value).__name__}")
    return value


Name = Annotated[str, PlainValidator(_is_text), WithJsonSchema({"type": "string"})]
"""A path. Bytes that are no UTF-8 stay in it as Python writes them (PEP 383), which pydantic's own text refuses."""


class ScoreRequest(Model):
    """Score these paths."""

    schema_version: Literal[1] = SCHEMA_VERSION
    paths: tuple[Name, ...] = Field(min_length=1)
    params: Params = Params()
    detail: Literal["summary", "full"] = "full"
    write_to: Name | None = None
    expect: tuple[Expected | None, ...] | None = None

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if self.expect is not None and len(self.expect) != len(self.paths):
            raise ValueError(f"expect has {len(self.expect)} entries for {len(self.paths)} paths: give one a path")
        return self


class ScoreResponse(Model):
    """What became of a request.

    `reports[i]` belongs to `paths[i]`: a FocusReport or its summary, or null where `errors` says why there is none.
    A request that could not be taken at all has no reports. `notes` are problems that kept nothing from being done.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    ok: bool
    reports: tuple[dict[str, Any] | None, ...]
    errors: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    provenance: Provenance
    began_ns: int | None = Field(None, description="when work on the request began, on the worker's clock")
    ended_ns: int | None = None


class ExamineRequest(Model):
    """How is this endpoint, and what does it see of these files?"""

    schema_version: Literal[1] = SCHEMA_VERSION
    paths: tuple[Name, ...] = Field((), max_length=100)
    hash: bool = False
    echo: str | None = Field(None, max_length=10_000, description="comes back as it is: for measuring the way")
    only_echo: bool = Field(False, description="do nothing else")


class RootSeen(Model):
    """One of the administrator's folders, and whether tasks can use it as it is meant."""

    path: str
    use: str
    usable: bool
    why: str | None = None


class FileSeen(Model):
    """A file as the worker sees it. `writable`: by the account that tasks run as."""

    size: int
    mtime_ns: int
    owner: str
    mode: str
    writable: bool
    sha256: str | None = None


class Examination(Model):
    """What an endpoint says of itself. `files[i]` belongs to `paths[i]`; null where `errors` says why."""

    schema_version: Literal[1] = SCHEMA_VERSION
    ok: bool
    errors: tuple[Problem, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    site: str | None = None
    user: str | None = None
    host: str | None = None
    pid: int | None = None
    since_ns: int | None = None
    tasks_before: int | None = Field(None, description="tasks this process has had before: 0 means it was not warm")
    now_ns: int | None = None
    backend: str | None = None
    device: str | None = None
    chosen: str | None = Field(None, description="`device` of the site file: auto, cpu or gpu")
    gpus: str | None = Field(None, description="CUDA_VISIBLE_DEVICES of the worker")
    roots: tuple[RootSeen, ...] = ()
    files: tuple[FileSeen | None, ...] = ()
    echo: str | None = None


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
