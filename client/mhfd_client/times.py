"""Moments and lengths of time in words: UTC for programs and for what is kept, this machine's clock for people here."""

import time
from datetime import UTC, datetime
from typing import Final

DAY: Final = "%Y-%m-%d"
MINUTE: Final = "%Y-%m-%d %H:%M"
SECOND: Final = "%Y-%m-%d %H:%M:%S"
CLOCK: Final = "%H:%M:%S"


def iso(seconds: float, *, to: str = "milliseconds") -> str:
    """UTC as ISO 8601, for programs."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=to)


def iso_ns(ns: int) -> str:
    """The same of the journal's nanoseconds, with microseconds."""
    return iso(ns / 1e9, to="microseconds")


def iso_z(seconds: float) -> str:
    """The same as alerts write it, for programs and people: Z for UTC."""
    return iso(seconds).replace("+00:00", "Z")


def utc(seconds: float, form: str = MINUTE) -> str:
    """UTC for people elsewhere, or later."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def local(seconds: float, form: str = SECOND) -> str:
    """On this machine's clock: the operator's."""
    return datetime.fromtimestamp(seconds).astimezone().strftime(form)


def lately(seconds: float) -> str:
    """On the operator's clock: today without its date."""
    today = local(time.time(), DAY) == local(seconds, DAY)
    return local(seconds, CLOCK if today else MINUTE)


def took(seconds: float) -> str:
    """How long a step took."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def took_ms(ms: float) -> str:
    """How long an image waited."""
    return f"{ms:,.0f} ms" if ms < 1000 else f"{ms / 1000:,.1f} s"


def roughly(seconds: float) -> str:
    """How long, as people say it."""
    seconds = max(0.0, seconds)
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}s"
    count = round(seconds)
    return f"{count} second{'' if count == 1 else 's'}"


def elapsed(seconds: float) -> str:
    """Hours, minutes and seconds since a beginning."""
    whole = int(seconds)
    return f"{whole // 3600:4}:{whole // 60 % 60:02}:{whole % 60:02}"
