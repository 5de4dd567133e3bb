"""Can what was done be kept, and what a user may have in a day be counted? Reads only.

Where the log is written at all is `access`'s.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from mhfd.remote import linefile, quota
from mhfd.remote.worker import IDENTITY
from mhfd_endpoint import render, usage
from mhfd_endpoint.access import is_mapped, site_of
from mhfd_endpoint.finding import Check, fail, ok, warn
from mhfd_endpoint.rights import all_can_add, others_can_write


def quotas(folder: Path) -> Iterator[Check]:
    """What a user may have in a day, and whether the workers can count it."""
    site = site_of(folder)
    most = quota.limits(site)
    if site.state is None or not most:
        yield ok("quotas", "none: nothing bounds what a user may have in a day")
        return
    state, mapped = site.state, is_mapped(folder)
    if not state.is_dir():
        do = f"mkdir {state}" + (f"; chmod 1733 {state}" if mapped else "")
        yield fail("quotas", f"{state} is no folder here: nothing can be counted, so nothing is done", do)
    elif mapped and not all_can_add(state):
        what = f"{state} is no folder that each account can put its own file into: their requests are refused"
        yield fail("quotas", what, f"chmod 1733 {state}")
    elif not mapped and not os.access(state, os.W_OK | os.X_OK):
        yield fail("quotas", f"{state} cannot be written: nothing can be counted, so nothing is done", "ask its owner")
    elif (weak := others_can_write(state)) is not None and not (mapped and weak == state.resolve()):
        yield fail("quotas", f"{weak} can be changed by others, who could then begin anew", f"chmod go-w {weak}")
    elif not _locks(state):
        what = f"{state} lies on a file system without locks: nothing can be counted, so nothing is done"
        yield fail("quotas", what, "choose another folder for `state`, or mount it with locks (Lustre: -o flock)")
    else:
        yield ok("quotas", f"each user may have {usage.limit_words(site)} in a day of UTC, counted in {state}")
        for used in usage.quotas(site):
            if used.used is None:
                do = f"delete {state / used.user}: it begins at 0, as it will on the next day"
                yield warn("quotas", f"the count {used.user} is damaged: its user's requests are refused today", do)


def asking(folder: Path) -> Iterator[Check]:
    """Whether the workers are told which Globus identity asks, where there is more than one."""
    if not is_mapped(folder):
        return
    worker_init = render.loaded(render.render(folder, {}), here=False).engine.provider.worker_init
    if f"export {IDENTITY}=" in worker_init:
        yield ok("who asks", "the log and the quotas know each user by their Globus identity")
    else:
        what = f"{render.TEMPLATE} does not tell the workers who asks: the log and the quotas know accounts only"
        yield warn("who asks", what, "make it again with `mhfd endpoint init --force`")


def log(folder: Path) -> Iterator[Check]:
    """Whether a full log file can be put aside."""
    site = site_of(folder)
    if site.log is None:
        return
    where = site.log if site.log.is_dir() else site.log.parent
    if not where.is_dir():
        return  # it cannot be written at all, which is said
    most = site.log_bytes * (site.log_files + 1) / 1e9
    if not site.log.is_dir() and not os.access(where, os.W_OK | os.X_OK):
        what = f"{where} cannot be written: {site.log.name} grows without bound"
        yield warn("log files", what, f"let {where} belong to the account that tasks run as")
    elif not _locks(where):
        what = f"{where} lies on a file system without locks: no file is put aside, and lines may mix"
        yield warn("log files", what, "choose another folder for `log`, or mount it with locks (Lustre: -o flock)")
    else:
        of = " of each account" if site.log.is_dir() else ""
        yield ok("log files", f"files{of} are put aside at {site.log_bytes / 1e6:,.0f} MB: {most:,.1f} GB at most")


def _locks(folder: Path) -> bool:
    """Whether the file system of a folder has locks. Where it cannot be looked at, they are not denied."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as e:
        return e.errno not in linefile.LOCKLESS
    finally:
        os.close(fd)
    return True
