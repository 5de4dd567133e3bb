"""Globus Flows as the flow runner needs it: start a run once, find it, look at it, cancel and resume it.

The SDK repeats what fails, and each repetition of a start would be one more run: so a start is one request, and its
answer may be unknown. Knows nothing of images. Every method takes the time the network takes; none is for the station's
loop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mhfd.contract.request import Code
from mhfd_client.errors import FlowError, FlowRefused, InputRefused
from mhfd_client.flow.deployments import asked
from mhfd_client.runners.answers import Reason

if TYPE_CHECKING:
    from globus_sdk import FlowsClient, GlobusApp, SpecificFlowClient

TAG: Final = "mhfd:"
FOLDER_TAG: Final = "mhfd-in:"
"""Of a run whose own folder is called otherwise than the run."""
OVER: Final = frozenset({"SUCCEEDED", "FAILED", "ENDED"})
BUSY_S: Final = 10.0
PAGES: Final = 20  # of a list of runs: far more than can be out


@dataclass(frozen=True, slots=True)
class Start:
    """What became of a start: the run's id; or how long to wait, as nothing was made; or neither, as nobody knows."""

    run: str | None = None
    wait_s: float | None = None
    why: str = ""
    clock_s: float | None = None
    """The service's clock at the start, in seconds since 1970."""


_HELD: Final = {Code.QUOTA, Code.NO_SITE, Code.NO_DEVICE, Code.NO_MHFD, Code.NO_FUNCTION, Code.NOT_ALLOWED}
"""What a function says that does nothing, whatever it is asked for."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run stands."""

    id: str
    status: str
    state: str = ""
    """The state of the definition that it is in, or ended in."""
    error: str = ""
    why: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    began_s: float | None = None
    moments: Mapping[str, float] = field(default_factory=dict)
    """When steps began and ended, on the service's clock: `StepStarted`, `StepCompleted`."""
    held: Reason | None = None
    """Why the endpoint does nothing for us now, if it said so: that is nothing of what the run carried."""
    answers: tuple[Mapping[str, Any], ...] = ()
    """What functions answered, where that was looked for."""
    folder: str = ""
    """What its own in the staging area is called; empty: as the run."""

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in OVER


class FlowService:
    """One flow, as somebody who may start it.

    Args:
        app: Whose leave; closed with this.
        flow: The flow's id.
    """

    def __init__(self, app: GlobusApp, flow: str) -> None:
        from globus_sdk import FlowsClient, SpecificFlowClient

        self._app, self._flow = app, flow
        self._flows: FlowsClient = FlowsClient(app=app)
        self._runs: SpecificFlowClient = SpecificFlowClient(flow, app=app)

    def start(self, key: str, body: Mapping[str, Any], label: str, tags: Collection[str] = ()) -> Start:
        """Ask for one run, once. FlowRefused when there is none and will be none; LoginError likewise.

        `tags`: beside the key's.
        """
        from globus_sdk import GlobusAPIError, GlobusError, NetworkError

        refused: FlowError
        for again in (False, True):
            try:
                with self._runs.retry_config.tune(max_retries=0):
                    made = self._runs.run_flow(dict(body), label=label[:64], tags=[TAG + key, *tags])
                return Start(str(made["run_id"]), clock_s=seconds(made.get("start_time")))
            except GlobusAPIError as e:
                if e.http_status == 401 and not again and self._renewed():
                    continue  # the token was over: nothing was made
                if e.http_status == 429:
                    return Start(wait_s=_wait(e.headers), why="Globus Flows asks us to wait")
                if e.http_status >= 500 or e.http_status == 408:
                    return Start(why=f"Globus Flows answered {e.http_status}")
                kind = InputRefused if e.http_status in (400, 422) else FlowRefused
                refused = kind(f"Globus Flows does not start it ({e.http_status}): {str(e.message)[:500]}")
            except NetworkError as e:
                return Start(why=f"Globus Flows gave no answer ({type(e).__name__})")
            except GlobusError as e:
                refused = FlowRefused(f"{type(e).__name__}: {str(e)[:500]}; `mhfd login --for flow` may help")
            break
        raise refused

    def document(self) -> Mapping[str, Any]:
        """The flow as the service has it. FlowMissing; FlowRefused when it may be started, but not seen."""
        return dict(asked(lambda: self._flows.get_flow(self._flow).data))

    def find(self, keys: Collection[str]) -> dict[str, str]:
        """The runs that have these keys."""
        wanted = {TAG + key: key for key in keys}
        found: dict[str, str] = {}
        for number, page in enumerate(self._listed()):
            for run in page["runs"]:
                found.update({wanted[tag]: str(run["run_id"]) for tag in run.get("tags") or () if tag in wanted})
            if len(found) == len(wanted) or number + 1 >= PAGES:
                break
        return found

    def listed(self, limit: int = 100) -> list[dict[str, Any]]:
        """The latest runs, as the service describes them."""
        found: list[dict[str, Any]] = []
        for page in self._listed():
            found += page["runs"]
            if len(found) >= limit:
                break
        return found[:limit]

    def look(self, run: str, *, answers: bool = False) -> Run:
        """How it stands; of one that is over, also when its steps were done, and whether the endpoint does nothing.

        `answers`: and what functions have answered, of one that goes on the latest.
        """
        found = run_of(self.plain(run))
        if not (found.over or answers):
            return found
        entries: list[dict[str, Any]] = []
        with suppress(FlowError):
            entries = self.log(run) if found.over else self._latest(run)
        said = tuple(answers_in(entries))
        return replace(found, moments=moments_in(entries), held=held_by(entries), answers=said)

    def plain(self, run: str) -> dict[str, Any]:
        """A run as the service describes it."""
        return dict(asked(lambda: self._flows.get_run(run).data))

    def log(self, run: str) -> list[dict[str, Any]]:
        """What happened in it, the earliest first."""
        pages = asked(lambda: list(self._flows.paginated.get_run_logs(run, limit=100)))
        return [entry for page in pages for entry in page["entries"]]

    def _latest(self, run: str) -> list[dict[str, Any]]:
        """What happened in it last: one page, however long it goes on."""
        page = asked(lambda: self._flows.get_run_logs(run, limit=100, reverse_order=True))
        return list(reversed(page["entries"]))

    def cancel(self, run: str) -> None:
        """End a run that is under way."""
        asked(lambda: self._flows.cancel_run(run))

    def resume(self, run: str) -> None:
        """A run that waits for a consent goes on, or waits again."""
        asked(lambda: self._runs.resume_run(run))

    def close(self) -> None:
        """Let go of the connections."""
        self._runs.close()
        self._flows.close()
        self._app.close()

    def _listed(self) -> Iterator[Any]:
        pages = iter(self._flows.paginated.list_runs(filter_flow_id=self._flow))
        while (page := asked(lambda: next(pages, None))) is not None:
            yield page

    def _renewed(self) -> bool:
        from globus_sdk import GlobusError

        with suppress(GlobusError):
            return bool(self._app.get_authorizer(self._flow).handle_missing_authorization())
        return False


def run_of(told: Mapping[str, Any]) -> Run:
    """How a run stands, by what the service says of it."""
    tags = (str(tag) for tag in told.get("tags") or ())
    folder = next((tag.removeprefix(FOLDER_TAG) for tag in tags if tag.startswith(FOLDER_TAG)), "")
    return replace(_standing(told), folder=folder)


def _standing(told: Mapping[str, Any]) -> Run:
    run, status, details = str(told["run_id"]), str(told["status"]), told.get("details") or {}
    inner = details.get("details")
    inner = inner if isinstance(inner, dict) else {}
    names = [details.get("state_name"), inner.get("state_name")]
    state = str(next(filter(None, reversed(names) if status in OVER else names), ""))
    began = seconds(told.get("start_time"))
    if status == "SUCCEEDED":
        return Run(run, status, output=details.get("output") or {}, began_s=began)
    why = str(details.get("description") or "")
    if status in OVER:
        return Run(run, status, state, str(inner.get("error") or ""), str(inner.get("cause") or why), {}, began)
    return Run(run, status, state, str(details.get("code") or ""), why, details, began)


def moments_in(entries: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """When actions began and ended, by the log of a run."""
    found: dict[str, float] = {}
    with suppress(KeyError, TypeError):
        for entry in entries:
            at, state = seconds(entry.get("time")), (entry.get("details") or {}).get("state_name")
            if at is not None and state and entry["code"] in ("ActionStarted", "ActionCompleted"):
                found[f"{state}{entry['code'].removeprefix('Action')}"] = at
    return found


def answers_in(entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What functions answered, by the log of a run: what a failed run leaves behind does not have it."""
    for entry in entries:
        with suppress(KeyError, TypeError):
            for result in entry["details"]["output"]["details"]["results"]:
                if isinstance(result["output"], Mapping):
                    yield result["output"]


def held_by(entries: Iterable[Mapping[str, Any]]) -> Reason | None:
    """Why nothing is done there, whatever is asked for, as a function said it by the log of a run."""
    for answer in answers_in(entries):
        with suppress(KeyError, TypeError):
            for error in answer["errors"]:
                if error["code"] in _HELD:
                    return Reason(error["code"], error["why"], error["remedy"])
    return None


def leftover_of(staging: str, run: Run) -> str:
    """The folder of a run in the staging area."""
    return f"{staging.rstrip('/')}/mhfd-{run.folder or run.id}/"


def _wait(headers: Mapping[str, str] | None) -> float:
    try:
        return max(0.0, float((headers or {}).get("Retry-After", BUSY_S)))
    except ValueError:
        return BUSY_S


def seconds(text: object) -> float | None:
    """A time as the service writes it, in seconds since 1970."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
