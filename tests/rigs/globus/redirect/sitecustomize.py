"""On PYTHONPATH, this makes the Compute SDK honour GLOBUS_SDK_SERVICE_URL_COMPUTE, as the Globus SDK does for others.

Python imports a module of this name at start. It changes one function of the SDK, in the moment the SDK is imported.
With MHFD_TEST_MODULES the process writes, whenever it gets SIGUSR2, the names of its modules into that file.
"""

import importlib.abc
import importlib.machinery
import os
import signal
import sys
from typing import Any

TARGET = "globus_compute_sdk.sdk._environments"


class _Redirect(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):  # type: ignore[no-untyped-def]
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def exec_module(module):  # type: ignore[no-untyped-def]
            run(module)
            module.get_web_service_url = lambda envname=None: os.environ["GLOBUS_SDK_SERVICE_URL_COMPUTE"]

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("GLOBUS_SDK_SERVICE_URL_COMPUTE"):
    sys.meta_path.insert(0, _Redirect())

if told := os.environ.get("MHFD_TEST_MODULES"):

    def _tell(*_: object) -> None:
        with open(f"{told}.part", "w") as part:  # noqa: PTH123 - whoever starts pays for what is imported here
            part.write("\n".join(sorted(sys.modules)))
        os.replace(part.name, str(told))  # noqa: PTH105

    signal.signal(signal.SIGUSR2, _tell)
