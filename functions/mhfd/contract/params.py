"""Every knob of the detector, and the id that stands for all of them."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from mhfd.contract.base import METHOD_VERSION, Wire
from mhfd.errors import UsageError


class Crop(Wire):
    """What is left off at each side of an image before it is measured, in pixels."""

    top: int = Field(0, ge=0, le=1 << 20)
    right: int = Field(0, ge=0, le=1 << 20)
    bottom: int = Field(0, ge=0, le=1 << 20)
    left: int = Field(0, ge=0, le=1 << 20)

    @classmethod
    def of(cls, text: str) -> Crop:
        """From `bottom=77` or `top=10,bottom=77`; `bottom=0` leaves nothing off."""
        sides: dict[str, int] = {}
        for part in text.split(","):
            side, _, count = (word.strip() for word in part.partition("="))
            if side not in cls.model_fields or not count.isascii() or not count.isdigit() or side in sides:
                raise UsageError(f"crop: {text!r} is none: write sides and pixels, as in bottom=77 or top=10,bottom=77")
            sides[side] = int(count)
        try:
            return cls(**sides)
        except ValidationError:
            raise UsageError(f"crop: {text!r} leaves off more than {1 << 20} pixels at a side") from None


class Params(Wire):
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

    # Null says nothing: ids stay what they were, and an endpoint that knows no crop takes the rest.
    crop: Crop | None = Field(
        None,
        exclude_if=lambda crop: crop is None,
        description="left off at each side before anything is measured; null: a data bar, where there is one",
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
        return self.id_by(METHOD_VERSION)

    def version_of(self, params_id: str) -> int | None:
        """The version of the method that made a report with this id; None: not these parameters, or a newer mhfd."""
        return _versions(self).get(params_id)

    def id_by(self, version: int) -> str:
        """The id of what one version of the method gives: see `mhfd.contract.base`."""
        payload = json.dumps([version, self.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(payload.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The preset's name, or `custom`."""
        whole = self.model_copy(update={"crop": None})
        return next((k for k, v in PRESETS.items() if v == whole), "custom")


@lru_cache(64)
def _versions(params: Params) -> dict[str, int]:
    """Asked of each report of a run, and nearly always of the same parameters."""
    return {params.id_by(version): version for version in range(1, METHOD_VERSION + 1)}


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
