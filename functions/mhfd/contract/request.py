"""What is asked of an endpoint, and what can go wrong."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from mhfd.contract.base import Wire
from mhfd.contract.params import Params


class Code(StrEnum):
    """What kind of problem: what a program decides by. On the wire it is text, so that new ones break no old client."""

    BAD_REQUEST = "bad_request"
    OLD_STATION = "old_station"
    NO_SITE = "no_site"
    NO_MHFD = "no_mhfd"
    NO_FUNCTION = "no_function"
    NO_EXTRA = "no_extra"
    NOT_ALLOWED = "not_allowed"
    WRONG_KEY = "wrong_key"
    DAMAGED = "damaged"
    BUSY = "busy"
    NO_DEVICE = "no_device"
    TOO_MANY = "too_many"
    REFUSED_PATH = "refused_path"
    REFUSED_WRITE = "refused_write"
    UNAVAILABLE = "unavailable"
    CHANGED = "changed"
    CANNOT_WRITE = "cannot_write"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_TIME = "out_of_time"
    QUOTA = "quota"
    TOO_DEAR = "too_dear"
    TRAINING_STOPPED = "training_stopped"
    INTERNAL = "internal"
    LEFT_OUT = "left_out"
    DETAIL_LEFT_OUT = "detail_left_out"
    CELLS_LEFT_OUT = "cells_left_out"
    NOT_HASHED = "not_hashed"
    LOG_NOT_WRITTEN = "log_not_written"


class Problem(Wire):
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


class Expected(Wire):
    """What a client saw of a file: a file that differs is not scored but comes back as `changed`."""

    size: int = Field(ge=0)
    mtime_ns: int | None = None


def _is_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {type(value).__name__}")
    return value


Name = Annotated[str, PlainValidator(_is_text), WithJsonSchema({"type": "string"})]
"""A path. Bytes that are no UTF-8 stay in it as Python writes them (PEP 383), which pydantic's own text refuses."""


class ScoreRequest(Wire):
    """Score these paths.

    Version 3 reads reports of method 3, and may want nothing back but the files (`detail`). A station always says what
    it saw of the files (`expect`); one that says no version besides is of before.
    """

    schema_version: Literal[1, 2, 3] = 3
    paths: tuple[Name, ...] = Field(min_length=1)
    params: Params = Params()
    detail: Literal["none", "summary", "full"] = "full"
    write_to: Name | None = None
    expect: tuple[Expected | None, ...] | None = None
    client: str | None = Field(None, max_length=100, description="who asks, for the endpoint's log: `mhfd 1.0`")

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if self.expect is not None and len(self.expect) != len(self.paths):
            raise ValueError(f"expect has {len(self.expect)} entries for {len(self.paths)} paths: give one a path")
        return self

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.detail == "none" and self.write_to is None:
            raise ValueError("detail none needs write_to: or the reports would be nowhere")
        return self

    @property
    def of_old_station(self) -> bool:
        """Whether who asks reads reports of an older method only."""
        if "schema_version" in self.model_fields_set:
            return self.schema_version == 2  # 1 is what a flow's definition says, whoever reads its reports
        return self.expect is not None
