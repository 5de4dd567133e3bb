"""What `make coverage` prints at its end: lines and branches that ran, for each package and for all of them.

Reads what `coverage json -o -` writes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

KEYS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def figures(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Counter[str]]:
    """The sums for each package, then `total`."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for path, about in sorted(report["files"].items()):
        counts = {key: about["summary"][key] for key in KEYS}
        sums[Path(path).parts[1]].update(counts)
    sums["total"] = sum(sums.values(), Counter[str]())
    return sums


def main() -> None:
    """Print the table."""
    for package, sums in figures(json.load(sys.stdin)).items():
        lines, branches = (
            f"{100 * sums[covered] / sums[of]:5.1f}% of {sums[of]:5} {what}" if sums[of] else f"no {what}"
            for covered, of, what in ((*KEYS[:2], "lines"), (*KEYS[2:], "branches"))
        )
        print(f"{package:14} {lines}, {branches}")  # noqa: T201


if __name__ == "__main__":
    main()
