"""What we use of Globus' packages that they do not publish: the one list of it, and the one place that looks for it.

A release that is made differently lacks the name, or has another thing of that name. What goes on without it goes on,
and one line in a process says what is then otherwise; what must not go on without is a `ReleaseUnknown`. Nothing here
imports a package of Globus.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from mhfd import documentation
from mhfd_client.errors import ReleaseUnknown

log = logging.getLogger("mhfd.globus")

_COMPUTE: Final = "globus-compute-sdk"
_SDK: Final = "globus-sdk"
KNOWN: Final = {_COMPUTE: "4.19", _SDK: "4.10"}
"""Releases that have all of it."""


@dataclass(frozen=True, slots=True)
class PrivateName:
    """Something of a package that may be gone in its next release.

    Args:
        package: As it is installed.
        owner: Whose it is.
        path: From there, with dots.
        without: What is then, in words; a sentence without its full stop.
    """

    package: str
    owner: str
    path: str
    without: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.path}"


_SLOW: Final = "results are looked at every 0.5 s instead"
WATCHER: Final = PrivateName(_COMPUTE, "Executor", "_get_result_watcher", _SLOW)
POLL: Final = PrivateName(_COMPUTE, "_ResultWatcher", "poll_period_s", _SLOW)
CLOSED: Final = PrivateName(
    _COMPUTE, "_ResultWatcher", "_closed", "a listener that is ending may be asked to listen; it is tried again"
)
LOOP: Final = PrivateName(
    _COMPUTE, "_ResultWatcher", "_connection", "what a connection leaves open stays open until the process ends"
)
TAKEN: Final = PrivateName(
    _COMPUTE,
    "Executor",
    "_submit_tasks",
    "it is not seen when the service takes a task; after a crash what is out is looked for by its group",
)
RETRIES: Final = PrivateName(
    _COMPUTE,
    "Client",
    "_compute_web_client.v3.retry_config.max_retries",
    "it would repeat a submission that got no answer, and images would be scored twice",
)
PATIENCE: Final = tuple(
    PrivateName(package, owner, path, "a service that is silent is given up after minutes instead of seconds")
    for package, owner, path in (
        (_COMPUTE, "Client", "_compute_web_client.v2"),
        (_COMPUTE, "Client", "_compute_web_client.v3"),
        (_SDK, "GlobusApp", "_login_client"),
    )
)
CONNECTIONS: Final = tuple(
    PrivateName(_COMPUTE, "Client", f"_compute_web_client.{part}.close", "its connections stay open until the end")
    for part in ("v2", "v3")
)
MISMATCH: Final = PrivateName(
    _COMPUTE, "Client", "_log_version_mismatch", "it warns that the endpoint has another Python, which does no harm"
)
APPLICATION: Final = PrivateName(
    _COMPUTE,
    "globus_compute_sdk.sdk.auth.globus_app",
    "DEFAULT_CLIENT_ID",
    "there is no public application to log in with; register one and set globus.client_id "
    f"({documentation.page('how-to/login')})",
)
ALL: Final = (WATCHER, POLL, CLOSED, LOOP, TAKEN, RETRIES, *PATIENCE, *CONNECTIONS, MISMATCH, APPLICATION)


def is_there(owner: Any, name: PrivateName, fits: Callable[[Any], bool] = callable) -> bool:
    """Whether the owner has it, and it is what we know by that name; a line says so where it is not."""
    found = owner
    for part in name.path.split("."):
        if not hasattr(found, part):
            _say(name)
            return False
        found = getattr(found, part)
    if fits(found):
        return True
    _say(name)
    return False


def must_be_there(owner: Any, name: PrivateName, fits: Callable[[Any], bool] = callable) -> None:
    """ReleaseUnknown where it is not."""
    found = owner
    with suppress(AttributeError):
        for part in name.path.split("."):
            found = getattr(found, part)
        if fits(found):
            return
    raise ReleaseUnknown(f"{missing(name)}. Install the one that we know: pip install '{_known(name.package)}'")


def missing(name: PrivateName) -> str:
    """What a release lacks, and what is then."""
    return f"{name.package} {_installed(name.package)} has no {name} as we know it: {name.without}"


def is_bool(found: Any) -> bool:
    """Whether it is true or false."""
    return isinstance(found, bool)


def is_number(found: Any) -> bool:
    """For `fits`: a number, and no truth value."""
    return isinstance(found, int | float) and not isinstance(found, bool)


def anything(found: Any) -> bool:
    """For `fits`: it is only that it is there."""
    return True


def _known(package: str) -> str:
    return f"{package}=={KNOWN[package]}.*"


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(of no known release)"


@cache
def _say(name: PrivateName) -> None:
    """Once in a process."""
    log.warning("%s", missing(name))
