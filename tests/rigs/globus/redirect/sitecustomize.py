"""On PYTHONPATH, this makes the Compute SDK honour GLOBUS_SDK_SERVICE_URL_COMPUTE, as the Globus SDK does for others.

Python imports a module of this name at start. It changes one function of the SDK, in the moment the SDK is imported.
With MHFD_TEST_IMPATIENT the process asks again sooner: a person has minutes, a test has seconds (`PATIENCE`).
With MHFD_TEST_MODULES it writes, whenever it gets SIGUSR2, the names of its modules into that file.
"""

import importlib.abc
import importlib.machinery
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

HASTE = 10.0
PATIENCE = {
    "mhfd_client.compute.endpoint_health": {"LOOK_S": 1 / HASTE, "HOLD_S": 1 / HASTE, "QUEUED_S": 1 / HASTE},
    "mhfd_client.compute.pace": {"PER_S": HASTE},
    "mhfd_client.flow.standing": {"HOLD_S": 1 / HASTE},
}
"""By what it is multiplied, how long is waited and how often may be asked, in the modules where that is written."""


class _Changed(importlib.abc.MetaPathFinder):
    """What is changed in a module once it has run."""

    def __init__(self, changes: "dict[str, Callable[[Any], None]]") -> None:
        self._changes = changes

    def find_spec(self, name, path, target=None):  # type: ignore[no-untyped-def]
        change = self._changes.get(name)
        if change is None:
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def exec_module(module):  # type: ignore[no-untyped-def]
            run(module)
            change(module)

        spec.loader.exec_module = exec_module
        return spec


def _redirect(module: Any) -> None:
    module.get_web_service_url = lambda envname=None: os.environ["GLOBUS_SDK_SERVICE_URL_COMPUTE"]


def _impatient(module: Any) -> None:
    for name, factor in PATIENCE[module.__name__].items():
        setattr(module, name, getattr(module, name) * factor)


_changes: "dict[str, Callable[[Any], None]]" = {}
if os.environ.get("GLOBUS_SDK_SERVICE_URL_COMPUTE"):
    _changes["globus_compute_sdk.sdk._environments"] = _redirect
if os.environ.get("MHFD_TEST_IMPATIENT"):
    _changes |= dict.fromkeys(PATIENCE, _impatient)
if _changes:
    sys.meta_path.insert(0, _Changed(_changes))

if told := os.environ.get("MHFD_TEST_MODULES"):

    def _tell(*_: object) -> None:
        with open(f"{told}.part", "w") as part:  # noqa: PTH123 - whoever starts pays for what is imported here
            part.write("\n".join(sorted(sys.modules)))
        os.replace(part.name, str(told))  # noqa: PTH105

    signal.signal(signal.SIGUSR2, _tell)
