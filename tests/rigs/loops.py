"""A coroutine, run to its end by a test that has no loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def alone(coroutine: Coroutine[object, object, T]) -> T:
    """In a thread of its own: the browser of a test before may have left a loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result()
