"""What every benchmark prints and writes: a table with its command, versions and hardware."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
    return "\n".join(lines)


def publish(
    name: str, title: str, body: str, *, packages: Sequence[str] = ("numpy", "scipy"), device: str = ""
) -> None:
    """Print the page and write it to docs/benchmarks/NAME.md."""
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    hardware = device or f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores"
    command = " ".join(
        [
            "python -m benchmarks." + Path(sys.argv[0]).stem,
            *("DIR" if Path(one).is_dir() else one for one in sys.argv[1:]),
        ]
    )
    page = (
        f"# {title}\n\n{body}\n\n"
        f"Repeat with `{command}`. Measured {datetime.now(UTC):%Y-%m-%d} on {hardware}; "
        f"Python {platform.python_version()}, {versions}. The machine is shared: read the ratios, not the times.\n"
    )
    print(page)
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / f"{name}.md").write_text(page)
