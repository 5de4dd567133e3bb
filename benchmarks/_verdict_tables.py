"""Tables of what was found, what was missed, who was alarmed for nothing, and how far the intervals can be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from benchmarks._first_verdicts import Said, of_kind
from benchmarks._simulated_runs import FAULTS
from benchmarks._table import markdown
from benchmarks._taken import CLASSICAL
from scipy.special import betaincinv

from mhfd_client.journal.rows import Outcome

WAFER: Final = 4000
DOSES: Final = ((40, 60), (60, 120), (120, 200), (200, 500))
_DISCS: Final = ("r = 1.5", "r = 2", "r = 3")
Both = tuple[Sequence[Said], Sequence[Said]]


def upper(count: int, of: int) -> float:
    """Clopper and Pearson's bound: the part is less, 95 times of a hundred."""
    return float(betaincinv(count + 1, of - count, 0.95)) if count < of else 1.0


def rules(told: dict[str, Both]) -> str:
    """False alarms and what is found: by mhfd, and by classical measures with the same images."""
    rows = [_row(f"mhfd, {how}", both, lambda one: one.found) for how, both in told.items()]
    both = next(iter(told.values()))
    for measure in CLASSICAL:
        rows.append(_row(f"{measure} < .75 of its running median", both, partial(_below, measure, 0.75)))
        ratios = [one.ratio[measure] for one in both[0]]
        fair = float(np.nanquantile(ratios, 0.005)) if ratios else float("nan")
        name = f"{measure} < {fair:.2f}, for .5% false alarms"
        rows.append(_row(name, both, partial(_below, measure, fair)))
    return markdown(["rule", "false alarms", f"a wafer of {WAFER:,}", *FAULTS], rows)


def _below(measure: str, part: float, one: Said) -> bool:
    return one.ratio[measure] < part


def _row(name: str, both: Both, rings: Callable[[Said], bool]) -> list[object]:
    good, bad = both
    false = sum(map(rings, good))
    most = upper(false, len(good)) if good else 1.0
    part = false / max(len(good), 1)
    cells: list[object] = [f"{false} of {len(good)} (<= {most:.2%})", f"{WAFER * part:.1f} (<= {WAFER * most:.0f})"]
    return [name, *cells, *(_part([rings(one) for one in of_kind(bad, kind)]) for kind in FAULTS)]


def kinds(both: Both) -> str:
    """By kind: found, named, not told, the interval."""
    rows = []
    for kind in FAULTS:
        said = list(of_kind(both[1], kind))
        blurs = [(one.verdict.blur, one.taken.size) for one in said]
        known = [(blur, size) for blur, size in blurs if blur is not None]
        named = [one.verdict.blur.kind for one in said if one.verdict.blur is not None and not one.named]
        wrong = max(set(named), key=named.count) if named else None
        rows.append([
            kind,
            len(said),
            _part([one.found for one in said]),
            _part([one.named for one in said]),
            "" if wrong is None else f"{wrong} ({named.count(wrong)})",
            sum(one.verdict.kind is Outcome.UNDETERMINED for one in said),
            _median([blur.px - size for blur, size in known], "+.2f"),
            _part([blur.low <= size <= blur.high for blur, size in known]),
            _median([(blur.high - blur.low) / 2 for blur, _ in known], ".2f"),
        ])  # fmt: skip
    header = ["kind", "images", "found", "found and named", "most often named instead", "can't tell"]
    header += ["px - planted (median)", "interval holds it", "half-width (median)"]
    return markdown(header, rows)


def doses(both: Both) -> str:
    """By dose: what is found, and the interval."""
    rows = []
    for low, high in DOSES:
        bad = [one for one in both[1] if low <= one.taken.dose < high]
        good = [one for one in both[0] if low <= one.taken.dose < high]
        false = sum(one.found for one in good)
        cells: list[object] = [f"{low} to {high}", f"{false} of {len(good)}"]
        for kind in _DISCS:
            cells.append(_part([one.found for one in of_kind(bad, kind)]))
        for kind in _DISCS:
            known = [(one.verdict.blur, one.taken.size) for one in of_kind(bad, kind)]
            cells.append(_part([b.low <= size <= b.high for b, size in known if b is not None]))
        wide = [one.verdict.blur for one in of_kind(bad, "r = 2")]
        cells.append(_median([(b.high - b.low) / 2 for b in wide if b is not None], ".2f"))
        rows.append(cells)
    header = ["dose, electrons a pixel", "false alarms", *(f"found {k}" for k in _DISCS)]
    return markdown([*header, *(f"held {k}" for k in _DISCS), "half-width at r = 2 (median), px"], rows)


def wrong(both: Both, most: int = 12) -> str:
    """False alarms, word by word."""
    lines = [
        f"- {one.run}, section {one.number} ({one.taken.kind}, dose {one.taken.dose:.0f}): {one.verdict.sentence}"
        for one in both[0]
        if one.found
    ]
    more = [f"- and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])


def missed(both: Both) -> str:
    """What was not found, or not named right, word by word."""
    return "\n".join(
        f"- {one.run}, section {one.number}, {one.taken.kind}, {one.taken.size:.2f} px, dose {one.taken.dose:.0f}: "
        f"{one.verdict.blur and one.verdict.blur.kind}: {one.verdict.sentence}"
        for one in both[1]
        if not one.named and one.taken.kind != "r = 1"
    )


def _part(true: Sequence[bool]) -> str:
    return f"{np.mean(true):.0%} of {len(true)}" if true else ""


def _median(values: Sequence[float], form: str) -> str:
    return format(float(np.median(values)), form) if values else ""
