"""Images of a person, scored by worker processes of this machine: jobs of paths, and answers as they come.

For the notebook, and for `mhfd score` where learned packages are asked. Keeps no state, and prints nothing.
"""

import glob
import os
import time
import uuid
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Final

from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.errors import UsageError
from mhfd_client.runners import Job, Scored, set_aside
from mhfd_client.runners.driver import Driver
from mhfd_client.runners.estimates.packages import AskedPackages
from mhfd_client.runners.local import LocalRunner

_NOBODY: Final = str(uuid.UUID(int=0))  # the token of batches that nobody will ask after


def checked(asked: AskedPackages | None) -> AskedPackages | None:
    """The same, once its packages were found. UsageError where one is not there, is damaged, or none is meant."""
    if asked is not None:
        from mhfd_client.runners.estimates.found_packages import found

        packages = [package for name in asked.names for package in found(name, asked.library, asked.instrument)]
        if not packages:
            raise UsageError(f"models: {', '.join(asked.names)} means no package here; see `mhfd models list`")
    return asked


def scored(
    runner: LocalRunner, files: Sequence[str], params: Params, said: MutableMapping[int, tuple[Estimate, ...]]
) -> Iterator[tuple[int, FocusReport]]:
    """Reports as they come, each with the number of its path; no file is looked at before the runner has room.

    `said`: takes what learned packages say of each, by the same number.
    """
    work = (_job(index, path, params) for index, path in enumerate(files))
    for answers in Driver(runner, _NOBODY).results(work):
        for answer in answers:
            said[answer.id] = tuple(made.estimate for made in answer.estimates)
            yield answer.id, answer.report


def _job(index: int, path: str, params: Params) -> Job | Scored:
    try:
        found = os.stat(path)  # noqa: PTH116 - names that are no UTF-8
    except OSError:
        why = "no file fits this pattern" if glob.has_magic(path) else "there is no such file"
        report = set_aside(path, params, f"cannot be opened: {why}", code=Code.UNAVAILABLE)
        return Scored(_NOBODY, index, report, time.time_ns())
    return Job(index, os.path.abspath(path), found.st_size, found.st_mtime_ns, params)  # noqa: PTH100 - as above
