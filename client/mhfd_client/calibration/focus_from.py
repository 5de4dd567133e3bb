"""At which focus each image of a series was taken: from its tags, its name, or a list. Nothing is guessed.

Focus is in um here, whatever the unit it was written in; where 0 lies does not matter.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd_client.files import shown

UM: Final = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3, "m": 1e6}
"""um in a unit."""
_NUMBER: Final = r"[+-]?(?:\d+(?:[.]\d+)?|[.]\d+)(?:[eE][+-]?\d+)?"
_IN_NAME: Final = re.compile(
    rf"(?<![\d.])(?<!\dp)(?P<focus>[+-]?\d+p\d+|{_NUMBER})\s?(?P<unit>nm|um|µm|μm|mm|m)(?![a-zA-Zµμ0-9])"
)
"""Names have a p for the point, as in 0p5um."""
_UNIT: Final = re.compile(rf"(?P<count>{_NUMBER})?\s*(?P<unit>nm|um|µm|μm|mm|m)")
_MOST: Final = 1 << 20
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number without a unit stands for."""

    um: float

    @classmethod
    def of(cls, text: str) -> "Unit":
        """From `um`, `mm`, `nm`, `m`; or `0.5um`, where 1 stands for half of one."""
        found = _UNIT.fullmatch(text.strip())
        um = float(found["count"] or 1) * UM[found["unit"]] if found else 0.0
        if not um > 0:
            raise UsageError(f"--unit: {text!r} is none; write um, mm, nm or m, or what 1 stands for, as in 0.5um")
        return cls(um)


def from_tags(reports: Sequence[FocusReport]) -> list[float]:
    """What the instrument wrote: `image.focus_m` of each report."""
    without = [_name(report) for report in reports if report.image.focus_m is None]
    if without:
        raise UsageError(
            f"--focus-from tag: {_some(without)} of {len(reports)} images say no focus in their tags; give "
            "--focus-from filename or csv"
        )
    return [(report.image.focus_m or 0.0) * 1e6 for report in reports]


def from_names(paths: Sequence[str], pattern: str | None = None, unit: Unit | None = None) -> list[float]:
    """A number and its unit in each name: the one that differs from image to image, or what a pattern's group finds."""
    names = [re.split(r"[/\\]", path)[-1] for path in paths]
    return _looked_up(names) if pattern is None else _matched(names, pattern, unit)


def from_list(paths: Sequence[str], file: Path) -> list[float]:
    """What a CSV says: a column `image`, and one `focus_um`, `focus_mm`, `focus_nm` or `focus_m`."""
    said = _read(file)
    found: list[float | None] = [said.get(path, said.get(re.split(r"[/\\]", path)[-1])) for path in paths]
    without = [path for path, focus in zip(paths, found, strict=True) if focus is None]
    if without:
        raise UsageError(
            f"{shown(file)}: says no focus of {_some(without)}; its column `image` has names such as "
            f"{_some(list(said))}; add them, or leave the images out"
        )
    return [focus for focus in found if focus is not None]


def _looked_up(names: Sequence[str]) -> list[float]:
    """The one number with a unit of length that differs. Its place is what stands before it, digits aside."""
    columns: dict[str, list[float | None]] = {}
    units: dict[str, str] = {}
    for row, name in enumerate(names):
        stem = re.sub(r"\.[a-zA-Z]\w{0,4}$", "", name)
        for found in _IN_NAME.finditer(stem):
            place = re.sub(r"[+-]?\d+(?:[.p]\d+)?", "#", stem[: found.start()])
            units.setdefault(place, found["unit"])
            values = columns.setdefault(place, [None] * len(names))
            values[row] = float(found["focus"].replace("p", ".")) * UM[found["unit"]]
    seen = {f"{place}<number>{units[place]}": values for place, values in columns.items()}
    whole = {key: values for key, values in seen.items() if None not in values and len(set(values)) > 1}
    if len(whole) == 1:
        return [value for value in next(iter(whole.values())) if value is not None]
    do = "give --pattern with the group `focus`, as in --pattern '_z(?P<focus>[-+.0-9]+)' --unit um"
    if whole:
        several = ", ".join(sorted(whole))
        raise UsageError(f"--focus-from filename: {len(whole)} numbers differ from name to name: {several}; {do}")
    part = [key for key, values in seen.items() if None in values]
    why = "no number with a unit of length differs from name to name"
    if part:
        lacking = [name for name, value in zip(names, seen[part[0]], strict=True) if value is None]
        why = f"{part[0]} is in some names only, not in {_some(lacking)}"
    elif seen:
        why += f" ({', '.join(sorted(seen))} is the same in all)"
    raise UsageError(f"--focus-from filename: {why}; names such as {_some(list(names))}; {do}")


def _matched(names: Sequence[str], pattern: str, unit: Unit | None) -> list[float]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--pattern: {pattern!r} is no regular expression: {error}") from None
    if not compiled.groups:
        raise UsageError(f"--pattern: {pattern!r} has no group; put the number in brackets, as in '_z([-+.0-9]+)um'")
    group = "focus" if "focus" in compiled.groupindex else 1
    found = []
    for name in names:
        match = compiled.search(name)
        if match is None or match[group] is None:
            raise UsageError(f"--pattern: {pattern!r} finds nothing in {shown(name)}")
        if re.fullmatch(_NUMBER, match[group]) is None:
            raise UsageError(f"--pattern: {pattern!r} finds {match[group]!r} in {shown(name)}, which is no number")
        um = unit.um if unit is not None else _unit_behind(name, match, group)
        found.append(float(match[group]) * um)
    return found


def _unit_behind(name: str, match: "re.Match[str]", group: str | int) -> float:
    """um in the unit that the pattern's group `unit` has, or that stands right behind the number."""
    named = match.groupdict().get("unit")
    behind = re.match(r"\s?(nm|um|µm|μm|mm|m)(?![a-zA-Zµμ0-9])", name[match.end(group) :])
    text = named or (behind[1] if behind else None)
    if text is None or text not in UM:
        raise UsageError(f"--pattern: the number in {shown(name)} has no unit; say it with --unit um, mm, nm or m")
    return UM[text]


def _read(file: Path) -> dict[str, float]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{shown(file)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{shown(file)}: is no text in UTF-8; save it as CSV") from None
    if len(data) > _MOST:
        raise UsageError(f"{shown(file)}: is larger than 1 MiB: no list of a focus series")
    head = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    columns = [(name or "").strip() for name in rows.fieldnames or ()]
    known = {f"focus_{unit}": um for unit, um in UM.items()}
    focus = [name for name in columns if name in known]
    if "image" not in columns or len(focus) != 1:
        raise UsageError(
            f"{shown(file)}: needs a column `image` and one of focus_um, focus_mm, focus_nm, focus_m; it has "
            f"{', '.join(columns) or 'none'}"
        )
    rows.fieldnames = columns
    found: dict[str, float] = {}
    for row in rows:
        _add(found, row, focus[0], known[focus[0]], f"{shown(file)}:{rows.line_num}")
    return found


def _add(found: dict[str, float], row: Mapping[str, str | None], column: str, um: float, place: str) -> None:
    name, text = (row["image"] or "").strip(), (row[column] or "").strip()
    if not name and not text:
        return
    if re.fullmatch(_NUMBER, text) is None:
        raise UsageError(f"{place}: {column} is {text!r}, which is no number")
    value = float(text) * um
    if found.setdefault(name, value) != value:
        raise UsageError(f"{place}: {shown(name)} is listed twice, with two values")


def _name(report: FocusReport) -> str:
    return report.image.path or "an image"


def _some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name) for name in names[:_SHOWN]) + more
