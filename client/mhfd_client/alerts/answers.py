"""What people say to an alert: that they know, and that it need not ring again for a while.

May be called by any process, beside a running station or without one: the station reads it within a second. An alert
that is acknowledged or snoozed stays open and closes as usual.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd_client.alerts.episodes import Episode
from mhfd_client.alerts.store import Answer, answer
from mhfd_client.files import shown

_NAME: Final = 100  # characters
_LONGEST_S: Final = 30 * 86400.0


def acknowledge(state_dir: Path, number: int, who: str) -> Episode:
    """Somebody knows of this alert; the newest name is kept. UsageError when there is none of this number."""
    return answer(state_dir, number, lambda episode: replace(_kept(episode), acknowledged=_name(who)))


def snooze(state_dir: Path, number: int, until: float, who: str, *, clock: Callable[[], float] = time.time) -> Episode:
    """It does not ring again until then, seconds since the epoch; whoever says so knows of it. UsageError likewise."""

    def said(episode: Episode) -> Answer:
        if episode.closed is not None:
            raise UsageError(f"number: alert {number} is over: there is nothing that could ring")
        if not math.isfinite(until) or not 0 < until - clock() <= _LONGEST_S:
            raise UsageError(f"until: {until!r} is out of range; give a time from now to 30 days from now")
        return Answer(episode.acknowledged or _name(who), until)

    return answer(state_dir, number, said)


def _kept(episode: Episode) -> Answer:
    return Answer(episode.acknowledged, episode.snoozed_until)


def _name(who: str) -> str:
    name = shown(who.strip())[:_NAME]
    if not name:
        raise UsageError("who: is empty; say who you are")
    return name
