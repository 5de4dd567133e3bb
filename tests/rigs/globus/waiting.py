"""Wait on a condition, for as long as a loaded machine may need; never on time alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 200.0
"""Far beyond what anything here takes: it is reached only when it never comes."""


def until(condition: Callable[[], T], never: str | Callable[[], str], *, deadline_s: float = DEADLINE_S) -> T:
    """The first value of `condition` that is true; AssertionError saying `never` when there is none.

    What takes long is looked for less often: a look costs what others could compute with.
    """
    began = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - began
        if waited > deadline_s:
            raise AssertionError(never if isinstance(never, str) else never())
        time.sleep(min(0.2, max(0.02, waited / 20)))
    return value
