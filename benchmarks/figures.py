"""The paper's figures and tables, measured here: `python -m benchmarks.figures [FIGURE...] [--full]`.

Without a name all are measured. Each writes its section of docs/benchmarks/figures.md and its picture in
docs/images/figures; what is not measured again stays as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks._figure import RUNS, Drawn, Scope, load_average, section, sections_of
from benchmarks._figure_features import figure1, figure2
from benchmarks._figure_memory import memory
from benchmarks._figure_phases import figure4
from benchmarks._figure_reduced import reduced
from benchmarks._figure_runtime import figure3a, figure3b
from benchmarks._figure_service import service, table1
from benchmarks._table import DOCS

PAGE: Final = DOCS / "figures.md"
FIGURES: Final[Mapping[str, Callable[[Scope], Drawn]]] = {
    "figure1": figure1,
    "figure2": figure2,
    "figure3a": figure3a,
    "figure3b": figure3b,
    "memory": memory,
    "figure4": figure4,
    "reduced": reduced,
    "table1": table1,
    "service": service,
}
"""Name -> what measures and draws it, in the order of the page."""
TITLE: Final = "# The paper's figures, measured here"
HEAD: Final = (
    f"{TITLE}\n\nEach figure and table of [the MHFD paper](../explanation/sources.md#source-001-the-mhfd-paper) by one "
    f"command, `make figures` (`make figures FULL=1` for all sizes). Times as the paper took them: {RUNS} runs, the "
    "first discarded, the median of the rest, the least and the greatest in brackets; what is compared ran in turn. "
    "What the paper prints stands in a column of its own with its hardware. **It is never divided by ours**: other "
    "images, another machine, other work. The machine is shared: read the ratios within a table, not the times. "
    "[Why it is done so](../decisions/0057-the-papers-figures.md).\n"
)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("figure", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)} (default: all)")
    parser.add_argument("--full", action="store_true", help="all sizes, scales and calls: an hour and more")
    options = parser.parse_args()
    if unknown := [name for name in options.figure if name not in FIGURES]:
        parser.error(f"no figure {unknown[0]!r}: there are {', '.join(FIGURES)}")
    for name in options.figure or FIGURES:
        load = load_average()
        drawn = FIGURES[name](Scope(full=options.full))
        said = section(drawn, full=options.full, load=load)
        print(said, flush=True)
        write(drawn.name, said)


def write(name: str, said: str) -> None:
    """Put a section into the page; the others stay."""
    kept = {named(part): part for part in sections_of(PAGE).values()}
    kept[name] = said
    PAGE.write_text("\n".join([HEAD, *(kept[one] for one in FIGURES if one in kept)]), encoding="utf-8")


def named(part: str) -> str:
    """Which figure a section is of, by the command that repeats it."""
    return part.rpartition("`python -m benchmarks.figures ")[2].partition("`")[0].partition(" ")[0]


if __name__ == "__main__":
    main()
