"""The figures of the house: `python -m tests.house.figures [CHECKOUT]`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.code import PACKAGES, ROOT, House


def figures(house: House) -> Iterator[tuple[str, str]]:
    """What is measured, and how much it is."""
    modules = list(house.modules.values())
    for name in PACKAGES:
        mine = [m for m in modules if m.name.split(".")[0] == name]
        yield f"lines of {name}", f"{sum(m.lines for m in mine):,} (code {sum(m.code for m in mine):,})"
    yield "lines", f"{sum(m.lines for m in modules):,} (code {sum(m.code for m in modules):,})"
    sizes = sorted(m.lines for m in modules)
    yield "modules", f"{len(sizes)}, median {statistics.median(sizes):.0f} lines"
    for module in sorted(modules, key=lambda m: -m.lines)[:3]:
        yield "largest modules", f"{module.lines} {module.path}"
    folder, most = max(house.folders().items(), key=lambda item: item[1])
    yield "biggest folder", f"{most} modules in {folder}"
    circles = house.circles()
    yield "circles of files", f"{len(circles)}{''.join('; ' + ', '.join(c) for c in circles)}"
    yield "imports back up", str(len(house.climbs()))
    names, twice = house.class_names(), house.twice()
    yield (
        "class names twice",
        f"{len(twice)} of {len(names)} ({len(twice) / len(names):.1%}): {', '.join(sorted(twice))}",
    )
    have, lack = house.documented()
    yield "docstrings", f"{len(have)} of {len(have) + len(lack)} ({len(have) / (len(have) + len(lack)):.1%})"


if __name__ == "__main__":
    for what, how_much in figures(House(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)):
        sys.stdout.write(f"{what:24} {how_much}\n")
