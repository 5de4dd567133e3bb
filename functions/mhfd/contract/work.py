"""Long work on an endpoint: what is asked, how far it is, and what is too large for JSON.

Long work is done in turns. A request names its work by a key; the worker that takes it up goes on from the last
checkpoint, and answers when the work is over or its turn is. Whoever wants more asks again, with the same key: a lost
answer, a killed worker and a client that comes back tomorrow are all the same question.
"""

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from mhfd.contract.answer import Answer
from mhfd.contract.base import SCHEMA_VERSION, Wire
from mhfd.contract.focus_report import Provenance
from mhfd.contract.request import Name

KEY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a work may be called."""


class Artefact(Wire):
    """Something that is too large for JSON: a file, on the endpoint's side."""

    path: Name
    sha256: str
    bytes: int = Field(ge=0)
    kind: str


class Progress(Wire):
    """How far work is. `total`: null where nobody knows."""

    done: float = Field(ge=0)
    total: float | None = None
    unit: str
    note: str = ""
    at_ns: int


class WorkRequest(Wire):
    """What every request for long work has; a function's own request adds what is to be done."""

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str = Field(
        pattern=KEY,
        description="the work's name, which whoever asks has made: the same key is the same work",
    )
    into: Name = Field(description="folder below one of the endpoint's write roots, in which the work has its own")
    turn_s: float = Field(
        300.0, ge=1.0, le=86_400.0, description="after so long it answers, though there is more to do"
    )
    cancel: bool = Field(False, description="end this work, whoever has it")
    client: str | None = Field(None, max_length=100, description="who asks, for the endpoint's log: `mhfd 1.0`")


class WorkState(StrEnum):
    """How work is."""

    DONE = "done"
    MORE = "more"  # its turn is over: ask again, and it goes on
    ELSEWHERE = "elsewhere"  # another worker has it now: ask again, to hear of it
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDS: Final = frozenset({WorkState.DONE, WorkState.CANCELLED, WorkState.FAILED})
"""Work that is so stays so; in the other states it goes on when it is asked for."""


class WorkAnswer(Answer):
    """What became of a request for long work. A request that could not be taken at all has no state."""

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str | None = None
    state: WorkState | None = None
    progress: Progress | None = None
    taken_up: int = Field(0, description="how often the work has been taken up, the first time included")
    result: dict[str, Any] | None = Field(None, description="the function's own, once it is done")
    artefacts: tuple[Artefact, ...] = ()
    provenance: Provenance
    began_ns: int | None = None
    ended_ns: int | None = None
