"""What is said of a day in virtual time: one table, what it assumes beside it, and what only the service can show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks._table import markdown
from benchmarks._virtual_centre import REQUESTS
from benchmarks._virtual_flows import ACTIVE

if TYPE_CHECKING:
    from benchmarks.virtual_day import Came

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "flow.md"
HEAD: Final = "## A day in virtual time"
SETTLED_S: Final = 900.0
"""Before an outage and after it is caught up: what comes in this time is not counted as undisturbed."""
_NAMES: Final = {"compute": "by Compute", "flow": "by the flow"}


def section(came: Sequence[Came]) -> str:
    """The whole section, with its heading."""
    first = came[0]
    hours, down = first.day.seconds / 3600, first.day.down
    away = "the centre is always there" if down is None else f"the centre is away for {(down[1] - down[0]) / 3600:g} h"
    terabytes = len(first.fates.seen_s) * first.day.assumed.image_bytes / 1e12
    given = first.day.assumed
    columns = [column(one) for one in came]
    rows = [[label, *(one[label] for one in columns)] for label in columns[0]]
    return "\n\n".join(
        [
            HEAD,
            f"{hours:g} hours, {terabytes:.3g} TB in images of 8.5 MB, {first.day.rate:g} a second; {away}, and "
            f"{given.failing:.0%} of what is asked of a service fails: refused, failed halfway, or the answer lost. "
            "The runners, batching and pacing are the real ones, and the shipped definition runs in the interpreter of "
            "the dry run. The services are models with the limits that are documented: 20 requests of Compute in 10 s, "
            "10 MB a result, 3 active transfers of a person, 200 KB of state, looks at an action after 2, 4, 8 s and "
            "so on to 10 minutes.",
            markdown(["", *(_NAMES[one.day.road] for one in came)], rows),
            f"**Assumed**: {given.workers} workers that take {given.image_s:g} s an image, reading included (a node "
            f"with four GPUs; `compute.tasks = {2 * given.workers}`, two a worker); transfers of "
            f"{given.transfer_bytes_s / 1e6:.0f} MB/s together, a third each, and {given.transfer_least_s[0]:g} to "
            f"{given.transfer_least_s[1]:g} s besides; {given.web_s:g} s a request; {given.state_s:g} s of Flows' own "
            f"with each look; images that the endpoint sees by itself (Compute). From the file to its report in the "
            "journal; a verdict follows in milliseconds. While the centre is away its collection is, too, what is "
            "being scored there is lost, and its tasks are never answered.",
            "**Only the real service can show** what is assumed above, how long a state takes, whether Flows evaluates "
            "an expression over 512 images as fast, and what a person's other transfers leave of the three.",
            f"Repeat with `python -m benchmarks.virtual_day --hours {hours:g} --write`: two cores, two minutes for "
            "each hour; minutes of it run in `make test`, an hour in `make soak`. A seed gives the same day again.",
        ]
    )


def column(came: Came) -> dict[str, str]:
    """What became of one road's images."""
    fates, figures, down = came.fates, came.figures, came.day.down
    took = np.array(fates.took_s)
    flow = came.day.road == "flow"
    found = {
        "**images**": f"{len(took):,}",
        "lost": str(fates.lost),
        "two reports in the journal": str(fates.twice),
        "a second report left aside": str(fates.refused),
    }
    if down is not None:
        caught_up = fates.caught_up_s(*down)
        settled = down[1] + caught_up + SETTLED_S
        quiet = np.concatenate([fates.within(0, down[0] - SETTLED_S), fates.within(settled, np.inf)])
        found |= {
            "file to verdict, p50, p95: undisturbed": both(quiet),
            "... that came while the centre was away": both(fates.within(*down)),
            "... of all": both(took),
            "caught up after": f"{caught_up / 3600:.1f} h",
        }
    else:
        found |= {"file to verdict, p50, p95": both(took)}
    requests = figures["most requests in 10 s"]
    return found | {
        "the longest": duration(float(np.nanmax(took))),
        f"requests of Compute in 10 s, at most (of {REQUESTS})": "-" if flow else str(requests),
        f"active transfers, at most (of {ACTIVE}); share of their time": (
            f"{figures['most transfers']}; {figures['transfers busy']:.0%}" if flow else "-"
        ),
        "runs; images of one": f"{figures['runs']:,}; {len(took) / max(1, figures['runs']):.0f}" if flow else "-",
        "largest state of a run": f"{figures['largest state'] / 1000:.0f} KB" if flow else "-",
        "asked of the services; failed": f"{came.asked:,}; {came.hits:,}",
        "scored there again": f"{came.again:,}",
    }


def both(seconds: np.ndarray) -> str:
    """Half of them, and 95 of a hundred, take no longer."""
    if not len(seconds):
        return "-"
    half, most = np.nanpercentile(seconds, [50, 95])
    return f"{duration(float(half))}, {duration(float(most))}"


def duration(seconds: float) -> str:
    """In the unit that a person would say."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 20 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def written(told: str) -> None:
    """Put it into the page, in the place of what was there."""
    page = PAGE.read_text(encoding="utf-8")
    old = re.search(rf"{HEAD}\n.*?(?=\n## |\Z)", page, re.DOTALL)
    whole = page[: old.start()] + told + "\n" + page[old.end() :] if old else page.rstrip() + "\n\n" + told + "\n"
    PAGE.write_text(whole, encoding="utf-8")
