"""Who ran what on how much data at what cost, from the lines that tasks leave in the site's log.

Reads only. A line that is none is counted, not guessed.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mhfd_endpoint.errors import EndpointError


@dataclass(slots=True)
class Used:
    """What one account ran on one day with one version."""

    day: str
    user: str
    version: str
    tasks: int = 0
    images: int = 0
    bytes: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def lines(log: Path) -> Iterator[str]:
    """The lines of a log: a file, or a folder with a file of each account."""
    try:
        for path in sorted(log.glob("*.jsonl")) if log.is_dir() else [log]:
            yield from path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        raise EndpointError(f"{log}: there is no such file: no task has run yet, or `log` names another") from None
    except OSError as e:
        raise EndpointError(f"{log}: cannot be read: {e.strerror}; ask its owner") from None


def usage(found: Iterable[str]) -> tuple[list[Used], int]:
    """The sums by day, account and version, and how many lines were none of a task."""
    sums: dict[tuple[str, str, str], Used] = {}
    strange = 0
    for line in found:
        try:
            task = json.loads(line)
            key = (str(task["at"])[:10], str(task["user"]), f"{task['version']} {task['code']}")
            numbers = {name: task[name] for name in ("images", "bytes", "wall_s", "cpu_s", "gpu_s")}
            if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers.values()):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            strange += 1
            continue
        used = sums.setdefault(key, Used(*key))
        used.tasks += 1
        for name, value in numbers.items():
            setattr(used, name, getattr(used, name) + value)
    return [sums[key] for key in sorted(sums)], strange
