"""Who and what this process is, and what is warm in it. Kept between tasks: the module lives as long as the worker."""

import getpass
import hashlib
import os
import platform
import time
import uuid
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import mhfd
from mhfd.contract.base import METHOD_VERSION

_PACKAGES: Final = (
    "numpy",
    "scipy",
    "tifffile",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "globus-compute-sdk",
    "globus-compute-endpoint",
    "parsl",
)

started_ns: Final = time.time_ns()
"""When this module was loaded: the worker's first task."""

_tasks = 0


def began() -> None:
    """Another task has begun."""
    global _tasks
    _tasks += 1


def tasks_before() -> int:
    """How many tasks this process has had before this one: 0 means that nothing was warm."""
    return max(0, _tasks - 1)


def task_id() -> str | None:
    """The service's name of the task that runs now, as the worker's environment says."""
    return os.environ.get("GC_TASK_UUID")


IDENTITY: Final = "MHFD_IDENTITY"
"""What the administrator's template names the Globus identity by that the endpoint's process was started for."""


def identity() -> str | None:
    """The Globus identity that asks, as the endpoint tells its workers; None where it does not.

    An endpoint with an identity mapping has a process for each identity. Without one only whoever started it may use
    it, and it does not say by which of their identities.
    """
    try:
        found = uuid.UUID(os.environ.get(IDENTITY, ""))
    except ValueError:
        return None
    return str(found) if found.int else None


def purpose() -> str:
    """What the user's process was started for, as the administrator's template says: `focus` or `train`."""
    return os.environ.get("MHFD_PURPOSE") or "focus"


def plain(name: str) -> str:
    """A name as a part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "nobody"


@cache
def user() -> str:
    """The local account that tasks run as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return f"uid {os.getuid()}"


@cache
def versions() -> dict[str, str]:
    """What is installed here that matters."""
    found = {"mhfd": mhfd.__version__, "mhfd_code": code_hash(), "mhfd_method": str(METHOD_VERSION)}
    found["python"] = platform.python_version()
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def code_hash() -> str:
    """A hash of the package's own source: two workers with the same one compute the same."""
    folder = Path(mhfd.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".c", ".h", ".cu"):
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
