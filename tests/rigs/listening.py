"""What a runner says, for tests of runners."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mhfd_client.runners import Event, Returned, Runner, Scored
from mhfd_client.runners.work import Ended

PATIENCE_S: Final = 120.0
"""A test that waits this long has failed."""


def listen(runner: Runner, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """Events until there are enough."""
    heard: list[Event] = []
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        heard += runner.events(0.5)
        if enough(heard):
            return heard
    raise AssertionError(f"nothing came of it: {heard[-6:]}\n{vars(runner)}")


def answers(events: list[Event]) -> list[int]:
    """Which images and works were answered."""
    ids: list[int] = []
    for event in events:
        match event:
            case Scored() | Ended():
                ids.append(event.id)
            case Returned():
                ids.extend(event.ids)
    return ids


def until_answered(runner: Runner, count: int) -> list[Event]:
    return listen(runner, lambda events: len(answers(events)) >= count)
