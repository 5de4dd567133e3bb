"""Wait on a condition, for as long as a loaded machine may need; never on time alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 200.0
"""Far beyond what anything here takes: it is reached only when it never comes."""


def until(condition: Callable[[], T], never: str | Callable[[], str], *, deadline_s: float = DEADLINE_S) -> T:
    """The first value of `condition` that is true; AssertionError saying `never` when there is none."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(never if isinstance(never, str) else never())
        time.sleep(0.02)
    return value
