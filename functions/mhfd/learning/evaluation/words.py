"""A benchmark as lines for people; the last one is the decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mhfd.learning.evaluation.benchmark import Benchmark, Duel, Placing, Range, RatesAt

_GROUPS: Final = 30
"""Rows of the table by group."""
_WORST: Final = 3


def lines(found: Benchmark) -> Iterator[str]:
    """The tables, what they rest on, and the decision."""
    where = "" if found.instrument is None else f" at {found.instrument}"
    yield (
        f"{found.images} images{where} of {len(found.groups)} {found.unit}, {found.bad} bad; a miss costs "
        f"{found.miss_cost:g} false alarms, in a run with {_part(found.prevalence)} of bad images"
    )
    yield ""
    yield from _entries(found)
    yield ""
    yield from _precision(found)
    yield ""
    yield from _splits(found)
    yield from _groups(found)
    for duel in found.duels:
        yield _duel(duel)
    if found.duels:
        yield ""
    told = [*(one.words for one in found.agreement)]
    if found.curve is not None:
        told.append(found.curve.words)
    if found.control is not None:
        told.append(found.control.words)
    told += [f"{one.name} cannot be promoted: {'; '.join(one.barred)}" for one in found.entries if one.barred]
    told += [f"note: {remark}" for remark in found.remarks]
    yield from told
    yield from _worst(found)
    if told or found.worst:
        yield ""
    yield found.line


def _entries(found: Benchmark) -> Iterator[str]:
    header = ("entry", "AUC", "95%", "cost", "recall", "false alarms", "precision", "F", "error", "abstains", "CPU s")
    yield from _table(header, [_entry(one) for one in found.entries])


def _entry(one: Placing) -> tuple[str, ...]:
    rates = one.rates[0] if one.rates else RatesAt(prevalence=0.5)
    name = one.name + {"champion": " (champion)", "beside": " (beside)"}.get(one.role, "")
    took = "" if one.train_s is None else f"{one.train_s:.2f} + {one.predict_s or 0:.3f}"
    return (
        name,
        _short(one.auc),
        _range(one.auc_range),
        _short(rates.cost),
        _short(rates.recall),
        _short(rates.false_alarms),
        _short(rates.precision),
        _short(rates.f),
        _short(rates.total_error),
        str(one.abstained),
        took,
    )


def _precision(found: Benchmark) -> Iterator[str]:
    """Of the images that are named, the part that is bad: what a person meets who follows the alarms."""
    parts = list(found.precision_at)
    header = ("precision", *(f"at {_part(float(part))} bad" for part in parts))
    yield from _table(
        header,
        [(one.name, *(_short(found.precision_at[part].get(one.name)) for part in parts)) for one in found.entries],
    )


def _splits(found: Benchmark) -> Iterator[str]:
    if not found.splits:
        return
    names = [table.name for table in found.splits]
    yield from _table(
        ("AUC by split", *names),
        [(one.name, *(_short(table.auc.get(one.name)) for table in found.splits)) for one in found.entries],
    )
    for table in found.splits:
        yield f"  {table.name}: {table.words}{' (decides)' if table.decides else ''}"
    yield ""


def _groups(found: Benchmark) -> Iterator[str]:
    shown = [one for one in found.entries if one.role in ("mhfd", "champion")]
    best = max(found.duels, key=lambda duel: duel.saved, default=None)
    if best is not None:
        shown.append(found.placing(best.challenger))
    rows = {one.name: {row.group: row for row in one.groups} for one in shown}
    header = (
        found.unit.removesuffix("s"),
        "images",
        "bad",
        *(f"{what} {one.name}" for one in shown for what in ("AUC", "missed", "alarms")),
    )
    table = []
    known = [group for group in found.groups if all(group in of for of in rows.values())]
    for group in known[:_GROUPS]:
        first = rows[shown[0].name][group]
        cells = [group, str(first.images), str(first.bad)]
        for one in shown:
            row = rows[one.name][group]
            cells += [_short(row.auc), f"{row.missed or 0:.1f}", f"{row.false_alarms or 0:.1f}"]
        table.append(tuple(cells))
    yield from _table(header, table)
    if len(found.groups) > _GROUPS:
        yield f"  and {len(found.groups) - _GROUPS} more in report.json"
    yield ""


def _duel(duel: Duel) -> str:
    of_auc = "" if duel.auc is None else f"; AUC {duel.auc:+.3f}, 95% {_range(duel.auc_range, signed=True)}"
    return (
        f"{duel.challenger} against {duel.against}: saves {duel.saved:+.3f} an image, "
        f"95% {_range(duel.range, signed=True)}, p {duel.p:.2g}{of_auc}"
    )


def _worst(found: Benchmark) -> Iterator[str]:
    for entry in dict.fromkeys(one.entry for one in found.worst):
        for bad, words in ((True, "bad, and found sharp"), (False, "sharp, and found bad")):
            for one in [each for each in found.worst if each.entry == entry and each.bad is bad][:_WORST]:
                yield f"worst of {entry}: {one.path} is {words} (above {one.rank:.0%} of the images)"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        first, *others = row
        cells = [f"{first:{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(found: Range | None, *, signed: bool = False) -> str:
    if found is None:
        return "-"
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in (found.low, found.high))
    return f"[{low}, {high}]"


def _part(value: float) -> str:
    return f"{100 * value:.3g}%"
