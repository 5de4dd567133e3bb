"""What an endpoint answered, taken apart: a report or a reason for each image.

The endpoint may run a newer mhfd than we do: what we do not know in its answer is left out instead of refused, and
only what is missing or has another form is an error. It decides nothing about images.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd_client.runners.versions import UPGRADE_HERE

M = TypeVar("M", bound=BaseModel)

_ROUNDS: Final = 3  # of dropping what is unknown: nested unknowns show once those around them are gone


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was not done, and what to do; as `mhfd.contract` has its problems."""

    code: str
    why: str
    remedy: str = ""
    field: str = ""
    """Of the request, if one is wrong."""

    def __str__(self) -> str:
        return f"{self.why}: {self.remedy}" if self.remedy else self.why


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """By the image's place in the request."""

    reports: Mapping[int, FocusReport]
    reasons: Mapping[int, Reason]
    whole: Reason | None = None
    """Why the request was not done at all."""
    paths: Mapping[int, str] = field(default_factory=dict)
    """What the endpoint called the images: tells whose answer it is."""
    worked: tuple[int, int] | None = None
    """From when to when, on the worker's clock, in nanoseconds."""


def read(plain: Any, count: int | None = None) -> EndpointAnswer:
    """The answer to a request for `count` images. ValueError when it is none."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("errors", []), list):
        raise ValueError(f"the endpoint answered with {type(plain).__name__}, not with reports")
    reports: dict[int, FocusReport] = {}
    reasons: dict[int, Reason] = {}
    paths: dict[int, str] = {}
    whole: Reason | None = None
    given = plain.get("reports") or []
    if not isinstance(given, list) or (count is not None and len(given) > count):
        raise ValueError("the endpoint answered for other images than it was asked")
    for index, report in enumerate(given):
        if isinstance(report, Mapping) and "method" not in report:
            reasons[index] = Reason("left_out", "there was no room for the whole report")
        elif isinstance(report, Mapping) and _is_newer(report.get("schema_version")):
            why = f"the endpoint's reports have version {report['schema_version']}, which this mhfd cannot read"
            whole = Reason("newer", why, UPGRADE_HERE)
        elif report is not None:
            try:
                reports[index] = understood(FocusReport, report)
            except ValidationError as e:
                why = f"gave a report that is not valid: {e.errors()[0]['msg']}"
                reasons[index] = Reason("invalid", why, "install the same mhfd on both sides")
            else:
                paths[index] = reports[index].image.path or ""
    for error in plain.get("errors") or []:
        if not isinstance(error, Mapping):
            raise ValueError("the endpoint's reasons cannot be read")
        said = (str(error.get(name) or "") for name in ("code", "why", "remedy", "field"))
        reason = Reason(*said)
        first, last = error.get("index"), error.get("through")
        if not isinstance(first, int):
            whole = whole or reason
            continue
        for index in range(first, (last if isinstance(last, int) else first) + 1):
            if index not in reports:
                reasons.setdefault(index, reason)
        if error.get("path"):
            paths.setdefault(first, str(error["path"]))
    if whole is None and not given and not reasons:
        whole = Reason("empty", "the endpoint answered without a report and without a reason")
    began, ended = plain.get("began_ns"), plain.get("ended_ns")
    worked = (began, ended) if isinstance(began, int) and isinstance(ended, int) and began <= ended else None
    return EndpointAnswer(reports, reasons, None if reports else whole, paths, worked)


def _is_newer(version: Any) -> bool:
    return isinstance(version, int) and version > max(get_args(FocusReport.model_fields["schema_version"].annotation))


def understood(model: type[M], plain: Any) -> M:
    """What was answered, without what a newer mhfd says beside it. ValidationError."""
    plain = deepcopy(plain)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(plain)
        except ValidationError as e:
            unknown = [error["loc"] for error in e.errors() if error["type"] == "extra_forbidden"]
            if len(unknown) != e.error_count():
                raise
            for *way, key in unknown:
                del reduce(getitem, way, plain)[key]
    return model.model_validate(plain)
