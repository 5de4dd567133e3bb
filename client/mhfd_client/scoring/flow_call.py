"""Many images scored by runs of a flow for somebody who waits: for files of this machine that no endpoint sees.

The flow brings them to the endpoint and their reports back. What is out is in a file before it is asked for, so that a
call that died or was interrupted is found again by its token, and no run is made twice.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.errors import UsageError
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.errors import FlowRefused
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.from_settings import flow_service, folders_of, runner_of
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.runners import Job, Scored, Trouble, set_aside
from mhfd_client.scoring.call import Results, answered
from mhfd_client.scoring.items import Item
from mhfd_client.scoring.kept_call import Stored
from mhfd_client.scoring.lines import expand
from mhfd_client.settings.load import dotted, load
from mhfd_client.settings.options import Settings

_PATIENCE_S: Final = {
    Trouble.REFUSED: 0.0,  # a login or a consent: a person has to act, and then goes on by the token
    Trouble.FAILING: 900.0,  # some runs: each moves files, and the one to blame is looked for
    Trouble.OFFLINE: 120.0,
    Trouble.QUEUED: 3600.0,
}
_WAIT_S: Final = 0.2  # all images are known at the start: few of them need not wait for more


def begin(
    paths: Sequence[str],
    params: Params,
    *,
    given: Mapping[str, Any],
    endpoint: str | UUID | None,
    reattach: str | None,
) -> Stored:
    """The call of these images. `given`: settings by their dotted names. SettingsError; NotLoggedIn; FlowMissing."""
    args = dict(given) | ({} if endpoint is None else {"compute.endpoint": str(endpoint_of(endpoint))})
    settings = load(args=args).settings
    items = [Item(path, os.path.abspath(path)) for path in expand(paths)]  # noqa: PTH100 - links in it stay
    if not items:
        raise UsageError("paths: there are none; give a path, a pattern or a list of them")
    _folders(settings, items)
    _look(settings)
    where = UUID(str(settings.compute.endpoint))
    if reattach is not None:
        return Stored.open(reattach).of(where, params, items, via="flow")
    return Stored.new(where, params, items, via="flow", options=dotted(settings, "flow", "compute"))


def scored_by_flow(stored: Stored, *, say: Callable[[str], object], left: Callable[[str], object]) -> Results:
    """Each image's report with its place in the call, in the order of completion. FlowError, LoginError, RunnerError.

    Closing it early leaves the runs that are out; they are found by the token.

    Args:
        stored: What is asked, and what of it is known already.
        say: Told in words what is being waited for, when that takes long.
        left: Told what a person has to put away.
    """

    def runner() -> FlowRunner:
        settings = load(args=stored.options).settings
        folders = _folders(settings, stored.items)
        return runner_of(settings, folders, runs_file=stored.tasks_file, wait_s=_WAIT_S)

    return answered(stored, list(_work(stored)), runner, patience_s=_PATIENCE_S, say=say, left=left)


def _work(stored: Stored) -> Iterator[Job | Scored]:
    """What has no report yet; the answer at once where there is no file."""
    for index, item in enumerate(stored.items):
        if index in stored.reports:
            continue
        try:
            found = os.stat(item.there)  # noqa: PTH116 - names that are no UTF-8
        except OSError as error:
            why = f"cannot be opened: {error.strerror or error}"
            report = set_aside(item.path, stored.params, why, code=Code.UNAVAILABLE)
            yield Scored(stored.token, index, report, time.time_ns())
        else:
            yield Job(index, item.there, found.st_size, found.st_mtime_ns, stored.params)


def _folders(settings: Settings, items: Sequence[Item]) -> Folders:
    return folders_of(settings, os.path.commonpath([str(Path(item.there).parent) for item in items]), watched=False)


def _look(settings: Settings) -> None:
    """Who is not logged in, or has named a flow that is not there, hears of it before anything is asked."""
    with closing(flow_service(settings)) as service:
        try:
            service.document()
        except FlowRefused:  # it may be started, perhaps, by somebody who may not see it
            return
