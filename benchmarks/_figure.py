"""What the figures of the paper share: how times are taken, how a picture is drawn, what a section of the page is.

As the paper did it: each configuration runs 21 times, the first is discarded, the median is told. Knows no figure.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks._table import DOCS, cpu_name

RUNS: Final = 21
"""Of each configuration, the discarded one included."""
PICTURES: Final = DOCS.parent / "images" / "figures"
NOT_MEASURED: Final = "not yet measured"
NOT_THERE: Final = "not there yet"
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Of lines, in order; told apart by the colour-blind too (Okabe and Ito)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of each run but the first."""

    wall: list[float]
    cpu: list[float]
    """Of the processor, all threads: what a busy machine changes less. Empty where it was not looked at."""


Times = dict[str, Taken]


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is measured: the quick defaults end in minutes on two cores, `full` takes an hour and more."""

    full: bool = False
    runs: int = RUNS


@dataclass(frozen=True, slots=True)
class Drawn:
    """One figure: its section of the page. Its pictures are written already."""

    name: str
    title: str
    body: str


def in_turn(functions: Mapping[str, Callable[[], Any]], runs: int = RUNS) -> Times:
    """The functions one after the other, again and again, so that all meet the same machine."""
    times: Times = {name: Taken([], []) for name in functions}
    for run in range(runs):
        for name, function in functions.items():
            start, busy = time.perf_counter(), time.process_time()
            function()
            wall, cpu = 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - busy)
            if run:
                times[name].wall.append(wall)
                times[name].cpu.append(cpu)
    return times


def median(times: Sequence[float]) -> str:
    """The median with the least and the greatest, as a cell."""
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def mean_and_sd(times: Sequence[float]) -> str:
    """Mean and standard deviation, as the paper gives them for its service."""
    deviation = float(f"{statistics.stdev(times):.2g}")
    return f"{statistics.fmean(times):.3g} +- {deviation:g}"


def pyplot() -> Any:
    """Matplotlib for files. It takes a second to load, and most of what is imported from here draws nothing."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


@contextmanager
def picture(
    name: str, *, panels: int = 1, width: float = 5.2, height: float = 3.6, folder: Path | None = None
) -> Iterator[Any]:
    """Axes to draw on; written as docs/images/figures/NAME.svg, or into another folder. The same values give the same
    file.
    """
    plt, folder = pyplot(), folder or PICTURES
    with plt.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9, "lines.markersize": 4}):
        figure, axes = plt.subplots(1, panels, figsize=(width * panels, height), layout="constrained", squeeze=False)
        yield axes[0, 0] if panels == 1 else axes[0]
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
    path = folder / f"{name}.svg"
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def shown(name: str, words: str, kind: str = "svg") -> str:
    """The picture in the page."""
    return f"![{words}](../images/figures/{name}.{kind})"


def load_average() -> str:
    """How busy the machine was before a figure was measured."""
    return f"{os.getloadavg()[0]:.1f}"


def section(drawn: Drawn, *, full: bool, load: str) -> str:
    """A figure as it stands in the page, with what repeats it and where it was measured."""
    command = f"python -m benchmarks.figures {drawn.name}{' --full' if full else ''}"
    return (
        f"## {drawn.title}\n\n{drawn.body}\n\nRepeat with `{command}`. Measured {datetime.now(UTC):%Y-%m-%d} on "
        f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, load average {load} before.\n"
    )


def sections_of(page: Path) -> dict[str, str]:
    """The sections that a page has, by title: what is not measured again stays as it is."""
    if not page.exists():
        return {}
    parts = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.strip() + "\n" for part in parts}
