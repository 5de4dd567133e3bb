"""What every function on an endpoint answers, and what `mhfd_focus` does."""

from typing import Any, Literal

from pydantic import Field

from mhfd.contract.base import SCHEMA_VERSION, Wire
from mhfd.contract.focus_report import Provenance
from mhfd.contract.request import Problem


class Answer(Wire):
    """What became of a request: what of it was not done, and what to do; `notes` kept nothing from being done."""

    schema_version: int
    ok: bool
    errors: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


class ScoreResponse(Answer):
    """What became of a request to score.

    `reports[i]` belongs to `paths[i]`: a FocusReport or its summary, {} where only a file has it, or null where
    `errors` says why there is none. A request that could not be taken at all has no reports.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    reports: tuple[dict[str, Any] | None, ...]
    provenance: Provenance
    began_ns: int | None = Field(None, description="when work on the request began, on the worker's clock")
    ended_ns: int | None = None
