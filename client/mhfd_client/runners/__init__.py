"""The seam between a station and whoever scores: `local`, `compute` or `flow`.

A runner is handed batches and gives events back, one image at a time. It owns no state that matters: what must not be
forgotten is in the journal, before the runner hears of it. For every image of a batch it gives exactly one `Scored` or
one `Returned`, unless it is closed first or its process dies; then `reattach` says whether the work goes on somewhere.

Who scores far away does other work there as well (`runners.work`): for each it gives exactly one `Ended` or one
`Returned`, and any number of `Going` before.

Scoring and its libraries are never imported here, nor by any runner in the station's own process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Final, Protocol

import mhfd
from mhfd.contract.estimate import EstimateMade
from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
from mhfd.contract.params import Params
from mhfd_client.files import text_of
from mhfd_client.runners.work import Ended, Going, Work

__all__ = [
    "SET_ASIDE",
    "UNSEEN",
    "Batch",
    "Event",
    "Health",
    "Job",
    "Returned",
    "Runner",
    "Scored",
    "SeatsTaken",
    "Started",
    "Trouble",
    "set_aside",
]


UNSEEN: Final = -1
SET_ASIDE: Final = "set-aside"
"""Of an image that could not be scored, in commands."""


class Trouble(StrEnum):
    """What is wrong with a runner, in the words of the journal."""

    FAILING = "runner"  # it tries, and nothing comes of it
    OFFLINE = "offline"  # whoever scores far away is not there
    QUEUED = "queued"  # ... is there, and has not begun
    REFUSED = "refused"  # ... does not let us
    LEFTOVER = "leftover"  # it works, and something of it is left for a person to delete
    PICTURES = "pictures"  # it works, and the small pictures it makes cannot be kept
    MODELS = "models"  # it works, and a learned package says nothing
    MEANWHILE = "meanwhile"  # ... is not there, and this machine scores in its place


@dataclass(frozen=True, slots=True)
class Job:
    """One image to score: the file at `path` as long as it has this size and mtime."""

    id: int
    path: str  # absolute
    size: int  # UNSEEN: only whoever scores can see the file
    mtime_ns: int
    params: Params
    baselines: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """What learned packages are shown of the sharp images near it, by package; where it is scored here."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is handed over at once. The token is a UUID, and is in the journal already."""

    token: str
    jobs: tuple[Job | Work, ...]

    @property
    def images(self) -> tuple[Job, ...]:
        return tuple(one for one in self.jobs if isinstance(one, Job))

    @property
    def works(self) -> tuple[Work, ...]:
        return tuple(one for one in self.jobs if isinstance(one, Work))

    def unserved(self, who: str) -> list["Event"]:
        """Its works come back from who does none."""
        why = f"the {who} runner does no work of a function: give an endpoint (runner.kind compute)"
        return [Returned(self.token, (one.id,), why, blame=True) for one in self.works]


@dataclass(frozen=True, slots=True)
class Started:
    """Work on an image has begun; far away: the service has taken it. Times are UTC nanoseconds."""

    token: str
    id: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Scored:
    """An image has its report, made at `at_ns`. A runner far away also says, on this machine's clock, when the image
    was sent for if that was later than it was handed over, when it lay over there, when work on it began, and when its
    report was back here. `estimates`: what learned packages say beside it; only a runner on this machine asks them.
    """

    token: str
    id: int
    report: FocusReport
    at_ns: int
    started_ns: int | None = None
    transferred_ns: int | None = None
    returned_ns: int | None = None
    submitted_ns: int | None = None
    estimates: tuple[EstimateMade, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """Images or works come back undone. `blame`: for a fault of their own, not of the runner's. `code`: why, as an
    endpoint says it, where one of its codes fits.
    """

    token: str
    ids: tuple[int, ...]
    why: str
    blame: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The runner is well again, or not. `detail`: what a person should know and do."""

    ok: bool
    detail: str
    kind: Trouble = Trouble.FAILING
    error: Exception | None = field(default=None, compare=False)
    """What went wrong, for who would rather raise it than wait."""


@dataclass(frozen=True, slots=True)
class SeatsTaken:
    """Who is champion and challenger of those who are asked, from the next image on.

    `champion`: of focus, its name (None is mhfd) and what people call it; None: champions are not asked. `words`: what
    else has changed since it was said last, a line each.
    """

    champion: tuple[str | None, str] | None
    words: tuple[str, ...] = ()


Event = Started | Scored | Returned | Health | SeatsTaken | Going | Ended


class Runner(Protocol):
    """Who scores."""

    @property
    def name(self) -> str: ...

    @property
    def capacity(self) -> int:
        """How many images it takes at once, in work and waiting. May change."""

    @property
    def outlives(self) -> bool:
        """Does its work go on when this process dies? Then the intent must be on the disk before `submit`."""

    def submit(self, batch: Batch) -> None:
        """Take a batch. Never waits. RunnerError when it exceeds what is free of `capacity`."""

    def events(self, timeout: float) -> Sequence[Event]:
        """What happened since the last call; waits up to `timeout` seconds for something to happen.

        RunnerError when the runner cannot work at all and a person must act.
        """

    def wake(self) -> None:
        """Make a waiting `events` return. The only method other threads and signal handlers may call."""

    def cancel(self, token: str) -> None:
        """Stop working on a batch: images that are not scored yet come back as `Returned`, and so does work that nobody
        can have begun; the rest is `Ended` once the endpoint has ended it.
        """

    def reattach(self, batch: Batch) -> bool:
        """After a restart: is this batch, of which these jobs are unanswered, still being worked on? True: its events
        will come. False: it is gone; submit it again under a new token. Works are asked for again in any case.
        """

    def close(self) -> None:
        """Stop. Leaves no process behind on this machine. May be repeated."""


def set_aside(path: str, params: Params, why: str, *, code: str | None = None) -> FocusReport:
    """The report on an image that could not be scored for a fault of its own, so that it is named and not lost.

    `code`: of an image that was not looked at, by whoever did not.
    """
    return FocusReport(
        method=Method(id="set_aside"),
        image=ImageInfo(path=text_of(path)),
        finding=Finding.UNREADABLE,
        finding_detail=f"{text_of(PurePath(path).name)} {why}",
        code=code,
        params=params,
        params_id=params.id,
        provenance=Provenance(version=mhfd.__version__, backend="none", device="none", threads=0),
    )
