"""MHFD: know, while the sample is still in the microscope, whether the image it just took is in focus.

Names are imported when first used: `import mhfd` costs nothing, and the kernels below run where pydantic is not
installed (a bare GPU machine).
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhfd.api import score
    from mhfd.contract.focus_report import Finding, FocusReport
    from mhfd.contract.params import Params
    from mhfd.errors import DeviceUnavailable, MhfdError, UsageError
    from mhfd.focus_map import FocusMap

__version__ = "0.8.0"
__all__ = [
    "DeviceUnavailable",
    "Finding",
    "FocusMap",
    "FocusReport",
    "MhfdError",
    "Params",
    "UsageError",
    "__version__",
    "score",
]

_HOMES = {
    "score": "mhfd.api",
    "FocusMap": "mhfd.focus_map",
    **dict.fromkeys(("Finding", "FocusReport", "Params"), "mhfd.contract"),
    **dict.fromkeys(("DeviceUnavailable", "MhfdError", "UsageError"), "mhfd.errors"),
}


if not TYPE_CHECKING:  # a checker would take every submodule for an object

    def __getattr__(name: str) -> object:
        try:
            home = _HOMES[name]
        except KeyError:
            raise AttributeError(f"module 'mhfd' has no attribute {name!r}") from None
        return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
