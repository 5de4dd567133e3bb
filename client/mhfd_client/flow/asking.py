"""One run that moves nothing: does the endpoint take what the flow sends it?

The flow's own Compute action asks the function for an image that is not there, so that all that a batch needs on its
way is tried: the flow, its consent, the action provider, the function, and the folder. Scores nothing.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mhfd_client.flow.folders import Folders
from mhfd_client.flow.run_words import consent
from mhfd_client.flow.service import FlowService, Run
from mhfd_client.flow.steps import steps

STATE: Final = "AskEndpoint"
"""Where a run asks."""
_LABEL: Final = "mhfd: does the endpoint answer?"
_POLL_S: Final = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class ThroughFlow:
    """What came of it. `output`: what the function answered; None when it did not, and `why` says so."""

    run: str
    took_s: float
    output: Mapping[str, Any] | None = None
    why: str = ""
    do: str = ""
    codes: tuple[str, ...] = field(default=())

    @property
    def serializer_refused(self) -> bool:
        """The endpoint got the task, and may not unpack it."""
        return self.output is None and "serializ" in self.why.lower()


def ask(
    service: FlowService,
    folders: Folders,
    *,
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> ThroughFlow:
    """Start the run, and wait for its end. FlowError when it cannot be started.

    Args:
        service: The flow, as somebody who may start it.
        folders: Where everything is.
        wait_s: When it takes longer it is cancelled.
        sleep: How time passes.
    """
    began = time.monotonic()
    key = uuid.uuid4().hex
    start = service.start(key, folders.question(key), _LABEL)
    if start.run is None:
        return ThroughFlow("", time.monotonic() - began, why=start.why, do="ask again in a minute")
    run, pause = service.look(start.run), _POLL_S[0]
    while not run.over and run.status != "INACTIVE" and time.monotonic() - began < wait_s:
        sleep(pause)
        run, pause = service.look(start.run), min(_POLL_S[1], pause * 1.5)
    took = time.monotonic() - began
    if run.status == "SUCCEEDED":
        return _answered(run, took)
    if run.status == "INACTIVE":
        service.cancel(run.id)
        told = consent(run, folders.surroundings)
        return ThroughFlow(run.id, took, why=f"the run {told.what}", do=told.do)
    if not run.over:
        service.cancel(run.id)
        why = f"no answer within {wait_s:g} s: the run is in {run.state or 'its first step'}, and was cancelled"
        return ThroughFlow(run.id, took, why=why, do="give the cluster's queue time: ask again, with a longer --wait")
    failed = next((one.failed for one in reversed(steps(service.log(run.id))) if one.failed), "")
    return ThroughFlow(run.id, took, why=failed or run.why or run.error)


def _answered(run: Run, took: float) -> ThroughFlow:
    try:
        output = run.output["asked"]["details"]["results"][0]["output"]
        codes = tuple(str(error["code"]) for error in output["errors"])
    except (KeyError, IndexError, TypeError) as error:
        why = f"the answer has another form than this mhfd knows ({type(error).__name__}: {error})"
        return ThroughFlow(run.id, took, why=why, do="install the same mhfd on both sides")
    return ThroughFlow(run.id, took, output, codes=codes)
