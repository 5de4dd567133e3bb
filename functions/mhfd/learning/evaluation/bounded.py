"""A benchmark that fits into a report of 1 MB: what says least is left out first, and it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mhfd.learning.evaluation.benchmark import REPORT_BYTES, Benchmark
from mhfd.learning.evaluation.entry import MHFD

_GROUPS: Final = 200
_SEEN: Final = 50


def bounded(found: Benchmark, most: int = REPORT_BYTES) -> Benchmark:
    """The same, or with less beside the decision: covariates by fold, all but the dearest groups, covariates."""
    for words, less in _steps():
        if len(found.model_dump_json()) <= most:
            break
        found = less(found)
        found = found.model_copy(update={"remarks": (*found.remarks, f"left out, for the size of the report: {words}")})
    return found


def _steps() -> Iterator[tuple[str, Callable[[Benchmark], Benchmark]]]:
    yield (
        "covariates by fold",
        lambda found: found.model_copy(
            update={"covariates": tuple(row for row in found.covariates if row.fold is None)}
        ),
    )
    yield (
        f"what packages have seen, but for {_SEEN} groups of each",
        lambda found: found.model_copy(
            update={
                "entries": tuple(
                    one.model_copy(update={"groups_seen": one.groups_seen[:_SEEN]}) for one in found.entries
                )
            }
        ),
    )
    yield f"all but the {_GROUPS} groups that cost most", _dearest
    yield "covariates", lambda found: found.model_copy(update={"covariates": ()})
    yield (
        "groups",
        lambda found: found.model_copy(
            update={"entries": tuple(one.model_copy(update={"groups": ()}) for one in found.entries)}
        ),
    )


def _dearest(found: Benchmark) -> Benchmark:
    """The same groups of every entry: those that cost mhfd most."""
    rows = sorted(found.placing(MHFD).groups, key=lambda row: -(row.cost or 0))
    kept = {row.group for row in rows[:_GROUPS]}
    entries = tuple(
        one.model_copy(update={"groups": tuple(row for row in one.groups if row.group in kept)})
        for one in found.entries
    )
    return found.model_copy(update={"entries": entries})
