"""The tables of docs/benchmarks/flow.md, a line each: what was counted here, and what only the real service can show.

`python -m tests.rigs.globus.demo_flow --markdown` prints them with its figures. A test holds that the page has these
words beside each of these lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks._table import markdown

from mhfd_client.results.latency import WaitingTimes
from tests.rigs.globus.demo_check import Findings

HEAD: Final = "what only the service can show"
NOTHING: Final = "nothing: it is ours alone"

COUNTS: Final = {
    "**images**": NOTHING,
    "**judged once**": "nothing: whatever the service does, the journal holds one first verdict an image",
    "lost, judged twice, scored wrongly": "that Transfer's checksums hold for what it really sends",
    "runs of the flow": "how many images come together while a run takes its minutes",
    "scored by the endpoint": "that its list of runs lags by less than a minute: else images are scored twice there",
    "of them again, as a person cancelled their run": "that a cancelled run's reports stay where they are",
    "of them again for any other reason": "whether the Compute action ever sends a task twice",
    "folders left in the staging area, each named": "how often a deletion fails three times",
    "**faults that hit**": "which of them really come, and how often",
    "429 with Retry-After": "how many starts it takes before it says so, and how long it wants us to wait",
    "answer lost after the run was made": "how soon a new run is in its list",
    "checksum mismatch": "how often one comes; that Transfer sends the file again by itself, as documented",
    "clean failed": "with which codes a deletion fails",
    "compute failed": "whether the Compute action says so, or waits for its time limit",
    "compute failed three times": "the same",
    "run cancelled by a person": "what such a run's status is called (`ENDED` here)",
    "station killed": NOTHING,
    "token expired": "how it refuses one that ends between two requests",
    "transfer stuck": "what it says of one, and when it gives up by itself",
}
"""Of a demo with faults."""

TIMES: Final = {
    "wait": (
        "waiting for a batch, or until a run may start",
        "how long a run takes: at minutes a run, this is most of an image's time",
    ),
    "move": ("on its way to the endpoint", "all of it: a transfer takes seconds at the least"),
    "queue": ("waiting at the endpoint", "how long the Compute action takes to hand a task on"),
    "score": ("being scored, with the looks at it", "the looks, which grow apart to ten minutes"),
    "return": (
        "its report on the way back, with the clean-up and the station's looks",
        "all but the station's looks: one more transfer, and a deletion",
    ),
    "judge": ("waiting to be judged", NOTHING),
}
"""Of a demo without faults: span -> its line, and the words beside it."""


def counted(found: Findings, faults: Mapping[str, int], *, runs: int) -> str:
    """The first table, of one demo."""
    cancelled = sum(count for why, count in found.repeats.items() if "cancelled" in why)
    values: dict[str, object] = {
        "**images**": found.images,
        "**judged once**": found.once,
        "lost, judged twice, scored wrongly": len(found.wrong),
        "runs of the flow": runs,
        "scored by the endpoint": found.scored,
        "of them again, as a person cancelled their run": cancelled,
        "of them again for any other reason": found.repeated - cancelled,
        "folders left in the staging area, each named": len(found.left),
        "**faults that hit**": sum(faults.values()),
        **{name: faults.get(name, 0) for name in list(COUNTS)[list(COUNTS).index("**faults that hit**") + 1 :]},
    }
    rows: Sequence[Sequence[object]] = [[line, values[line], words] for line, words in COUNTS.items()]
    return markdown(["", "", HEAD], rows)


def timed(times: WaitingTimes) -> str:
    """The second table."""
    rows = [
        [line, f"{at.p50_ms or 0:,.0f} ms", f"{at.p95_ms or 0:,.0f} ms", words]
        for name, (line, words) in TIMES.items()
        if (at := times.spans.get(name)) is not None
    ]
    return markdown(["where it goes", "p50", "p95", HEAD], rows)
