"""Figure 4 of the paper: where the time goes when the scales are divided over processors, phase by phase.

Its chain gathers every filtered image on one processor. Beside that stands a reduction, which sends a maximum and its
index instead, and the division into bands of rows, which sends features.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median as middle
from typing import Final

from benchmarks import _figure_ranks as ranks
from benchmarks._figure import COLOURS, NOT_THERE, Drawn, Scope, median, picture, shown
from benchmarks._table import markdown
from benchmarks.speed import picture as image_of

PHASES: Final = ("stretch", "broadcast", "filter", "reduce", "gather", "maxima")
COUNTS: Final = (4, 8)
RANKS: Final = 2
"""As in the paper's figure."""


def figure4(scope: Scope, *, side: int = 1024, counts: Sequence[int] = COUNTS) -> Drawn:
    """Phases of two ranks, over scales."""
    counts = (*counts, 16, 32, 64) if scope.full else counts
    pixels = image_of(side)
    found = {
        (n, way): ranks.over_ranks(pixels, n, way, ranks=RANKS, runs=scope.runs)
        for n in counts
        for way in (ranks.GATHER, ranks.REDUCE)
    }
    bands = {n: ranks.over_ranks(pixels, n, ranks.BANDS, ranks=RANKS, runs=scope.runs) for n in counts}
    rows = []
    for (n, way), over in found.items():
        phases = [f"{middle(over.phases[phase]):.3g}" if phase in over.phases else "-" for phase in PHASES]
        rows.append([n, ranks.WAYS[way], *phases, *summary(over, side)])
    rows += [[n, ranks.WAYS[ranks.BANDS], *("-" for _ in PHASES), *summary(over, side)] for n, over in bands.items()]
    drawn = ""
    if any(over.phases for over in found.values()):
        draw(found)
        drawn = f"{shown('figure4', 'Time in each phase, gather beside reduction')}\n\n"
    body = (
        f"{drawn}{RANKS} ranks on one machine, {side}x{side}, 8 bit, scales 1 to n px; milliseconds of the first rank "
        "(median), which waits in *gather* or *reduce* for what the others have not finished. *Filter*: transforms, "
        "and with a reduction the running maximum. Bands have other phases: their whole is a score of the file. "
        "*Sent*: bytes a pixel from all ranks to others.\n\n"
        + markdown(["n", "split", *PHASES, "whole", "sent, bytes a pixel"], rows)
        + "\n\n"
        + markdown(
            ["what the paper says of its figure, without printed values", "its hardware"],
            [
                [
                    "the gathering costs much, also with CUDA IPC: Amdahl's law; four major phases, 1024x1024",
                    "two A100 (ThetaGPU), CUDA-aware OpenMPI",
                ]
            ],
        )
    )
    return Drawn("figure4", "Figure 4: time in each phase over two processors", body)


def summary(over: ranks.OverRanks, side: int) -> tuple[str, str]:
    """The whole, and what was sent."""
    if not over.taken.wall:
        return NOT_THERE, "-"
    return median(over.taken.wall), f"{over.sent / side**2:.3g}"


def draw(found: dict[tuple[int, str], ranks.OverRanks]) -> None:
    """A bar for each number of scales and way."""
    with picture("figure4", width=7.2) as axis:
        labels = []
        for at, ((n, way), over) in enumerate(found.items()):
            labels.append(f"n = {n}\n{'gather' if way == ranks.GATHER else 'reduction'}")
            bottom = 0.0
            for phase, colour in zip(PHASES, COLOURS, strict=False):
                if phase in over.phases:
                    value = middle(over.phases[phase])
                    axis.bar(at, value, bottom=bottom, color=colour, label=phase, width=0.7)
                    bottom += value
        axis.set_xticks(range(len(labels)), labels, fontsize=7)
        handles, names = axis.get_legend_handles_labels()
        unique = dict(zip(names, handles, strict=True))
        axis.legend(unique.values(), unique.keys(), fontsize=7)
        axis.set(ylabel="ms of the first rank, median")
