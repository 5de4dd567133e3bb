"""The functions that are registered with Globus Compute. They travel as source and run in a bare namespace.

So each is complete in itself: no names of this module, imports inside, annotations of builtins only, no decorators.
They run on any Python of an endpoint's worker, which need not be the client's: only JSON goes in and out. What does
the work is the `mhfd` that is installed there; where there is none that runs, the answer says so instead of raising.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any


def mhfd_focus(**request: object) -> object:
    """Score images: the fields of a ScoreRequest in, those of a ScoreResponse out (docs/reference of mhfd)."""
    try:
        from mhfd.remote import run

        return run(**request)
    except Exception as e:
        import sys

        python = ".".join(str(part) for part in sys.version_info[:3])
        why = "mhfd cannot be used on this worker (Python " + python + "): " + type(e).__name__ + ": " + str(e)[:300]
        remedy = "the endpoint's administrator installs mhfd[endpoint] in the environment of the workers"
        if sys.version_info < (3, 11):  # noqa: UP036 - a worker may have any
            remedy = "mhfd needs Python 3.11 or later: " + remedy + ", with such a Python"
        nothing = {"version": "none", "backend": "none", "device": "none", "threads": 0, "versions": {"python": python}}
        error = {"code": "no_mhfd", "why": why, "remedy": remedy}
        return {"schema_version": 1, "ok": False, "reports": [], "errors": [error], "provenance": nothing}


def mhfd_examine(**request: object) -> object:
    """Say how the endpoint is: the fields of an ExamineRequest in, those of an Examination out."""
    try:
        from mhfd.remote import examine

        return examine(**request)
    except Exception as e:
        import sys

        python = ".".join(str(part) for part in sys.version_info[:3])
        why = "mhfd cannot be used on this worker (Python " + python + "): " + type(e).__name__ + ": " + str(e)[:300]
        remedy = "the endpoint's administrator installs mhfd[endpoint] in the environment of the workers"
        if sys.version_info < (3, 11):  # noqa: UP036 - a worker may have any
            remedy = "mhfd needs Python 3.11 or later: " + remedy + ", with such a Python"
        error = {"code": "no_mhfd", "why": why, "remedy": remedy}
        return {"schema_version": 1, "ok": False, "errors": [error], "versions": {"python": python}}


FUNCTIONS: dict[str, Callable[..., object]] = {"mhfd_focus": mhfd_focus, "mhfd_examine": mhfd_examine}
"""What can be registered, by name."""


def digest(function: Callable[..., Any]) -> str:
    """The hash of what travels: a registration with another one is obsolete."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
