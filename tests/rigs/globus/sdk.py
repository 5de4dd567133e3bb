"""How the SDK finds the stand-in: the environment of a process, and the same for this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.rigs import REPOSITORY
from tests.rigs.globus.auth import CLIENT_ID, CLIENT_SECRET
from tests.rigs.globus.waiting import until

REDIRECT: Final = Path(__file__).with_name("redirect")


def code_path() -> str:
    """PYTHONPATH with which a process imports this project, its tests, and what this process can."""
    known = dict.fromkeys(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).is_dir())
    ours = [str(REDIRECT), str(REPOSITORY)]
    standard = os.path.normpath(os.path.dirname(os.__file__))  # noqa: PTH120
    return os.pathsep.join([*ours, *(e for e in known if e not in ours and not e.startswith(standard))])


def variables(url: str, home: Path) -> dict[str, str]:
    """What the SDK reads. `home`: where it keeps tokens, and an endpoint its folders."""
    return {
        "GLOBUS_COMPUTE_CLIENT_ID": CLIENT_ID,
        "GLOBUS_COMPUTE_CLIENT_SECRET": CLIENT_SECRET,
        "GLOBUS_COMPUTE_USER_DIR": str(home),
        **{f"GLOBUS_SDK_SERVICE_URL_{name}": f"{url}/" for name in ("AUTH", "FLOWS", "TIMER", "TRANSFER")},
        "GLOBUS_SDK_SERVICE_URL_COMPUTE": url,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def environment(url: str, home: Path) -> dict[str, str]:
    """The whole environment of a process that is to reach the stand-in: the unmodified SDK, on its free port."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **variables(url, home), "PYTHONPATH": code_path(), "PATH": path, "PYTHONUNBUFFERED": "1"}


def redirect(patch: pytest.MonkeyPatch, url: str, home: Path) -> None:
    """This process reaches the stand-in, as others do by `environment`. `patch`: undoes it."""
    import globus_compute_sdk.sdk.client as sdk_client

    for name, value in variables(url, home).items():
        patch.setenv(name, value)
    patch.setattr(sdk_client, "get_web_service_url", lambda envname=None: url)


@contextmanager
def redirected(url: str, home: Path) -> Iterator[None]:
    """For a while."""
    with pytest.MonkeyPatch.context() as patch:
        redirect(patch, url, home)
        yield


def forget_executors() -> None:
    """End what the SDK keeps for a whole process: threads that wait for results, and the default task group."""
    from globus_compute_sdk import Executor
    from globus_compute_sdk.sdk import executor

    Executor._default_task_group_id = None
    for watcher in list(executor._RESULT_WATCHERS.values()):
        watcher.shutdown(wait=False, cancel_futures=True)
        until(lambda one=watcher: not one.is_alive(), "a thread that waits for results does not end")  # type: ignore[misc]
