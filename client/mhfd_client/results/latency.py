"""Where the time of an image goes: the moments on its road, and the spans between them.

Moments are the journal's, on this machine's clock. A moment that an image's road does not have is left out, and the
span goes on to the next one: locally nothing is moved and nothing comes back. Spans never overlap and are never
negative, whatever a clock did, so that they add up to the whole. It reads rows; it knows nothing of journal or page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mhfd_client.journal.rows import ImageRow

MOMENTS: Final = (
    "arrived",
    "whole",
    "submitted",
    "transferred",
    "started",
    "scored",
    "returned",
    "judged",
    "recorded",
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the road: the moment that ends it, what it is in words, a colour that the colour-blind tell apart."""

    ends: str
    words: str
    colour: str


SPANS: Final = {
    "wait": Span("submitted", "waiting for a free place", "#8c96a3"),
    "move": Span("transferred", "on its way to the scorer", "#56b4e9"),
    "queue": Span("started", "waiting at the scorer", "#e69f00"),
    "score": Span("scored", "being scored", "#0072b2"),
    "return": Span("returned", "its report on the way back", "#cc79a7"),
    "judge": Span("judged", "waiting to be judged", "#009e73"),
}
"""From whole to verdict, in this order."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the moment a file is whole to its first verdict, or of one span of that."""

    count: int
    p50_ms: float | None
    p95_ms: float | None

    def __str__(self) -> str:
        if self.p50_ms is None or self.p95_ms is None:
            return "whole-to-verdict: nothing judged yet"
        return f"whole-to-verdict p50 {self.p50_ms:.0f} ms, p95 {self.p95_ms:.0f} ms"


@dataclass(frozen=True, slots=True)
class WaitingTimes:
    """What many images waited for. `late`: how many waited longer than the operator's target."""

    target_s: float
    total: Latency
    late: int
    spans: dict[str, Latency]
    """Those that any image had."""


def spans(row: ImageRow) -> dict[str, float]:
    """Milliseconds of each span, as far as the image has come."""
    found: dict[str, float] = {}
    at = row.whole_ns
    for name, span in SPANS.items():
        end: int | None = getattr(row, f"{span.ends}_ns")
        if end is not None:
            found[name] = round(max(0, end - at) / 1e6, 3)
            at = max(at, end)
    return found


def waiting_times(rows: Iterable[ImageRow], *, target_s: float) -> WaitingTimes:
    """The spans of all judged images together."""
    rows = [row for row in rows if row.judged_ns is not None]
    totals = _totals(rows)
    every = [spans(row) for row in rows]
    each = {name: [one[name] for one in every if name in one] for name in SPANS}
    return WaitingTimes(
        target_s,
        _percentiles(totals),
        sum(total > 1000 * target_s for total in totals),
        {name: _percentiles(values) for name, values in each.items() if values},
    )


def latency(rows: Iterable[ImageRow]) -> Latency:
    """How long people waited for first verdicts."""
    return _percentiles(_totals(rows))


def _totals(rows: Iterable[ImageRow]) -> list[float]:
    return [(row.judged_ns - row.whole_ns) / 1e6 for row in rows if row.judged_ns is not None]


def _percentiles(values: Sequence[float]) -> Latency:
    if not values:
        return Latency(0, None, None)
    p50, p95 = np.percentile(values, [50, 95])
    return Latency(len(values), round(float(p50), 3), round(float(p95), 3))
