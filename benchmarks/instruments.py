"""What is read of other people's instruments: each file of a folder against what others read of it.

Writes the table into docs/reference/images.md. The files are not in this repository; what others read of them is, in
instruments.toml. A file that is not named there has its row too. Exit code 1 when a value differs.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks._table import markdown

from mhfd import images
from mhfd.contract.focus_report import Finding, ImageInfo

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "images.md"
REFERENCES: Final = Path(__file__).with_suffix(".toml")
BEGIN: Final = "<!-- begin: python -m benchmarks.instruments FOLDER -->"
END: Final = "<!-- end -->"
HEADER: Final = ("instrument", "file", "pixel size", "focus", "dwell", "stage", "rows of a bar")
_IMAGES: Final = (".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg", ".mrc")
_CLOSE: Final = 1e-3
"""Of a value: others print fewer digits."""


def rows_of(folder: Path, references: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each image of a folder: those with a reference first, in its order, then the rest by name."""
    known = {one["name"]: one for one in references["file"]}
    names = {path.name for path in folder.iterdir() if path.suffix.lower() in _IMAGES}
    for name in [*(name for name in known if name in names), *sorted(names - set(known))]:
        yield _row(folder / name, known.get(name, {}))


def _row(path: Path, known: Mapping[str, Any]) -> list[str]:
    loaded = images.load(path)
    info = loaded.info
    whence = f", {known['from']}" if "from" in known else ", of which nobody told"
    made = "; pixels made up" if known.get("pixels") == "made up" else ""
    unfit = "" if loaded.finding is Finding.OK else f"; `{loaded.finding.value}`"
    read = {
        "pixel_nm": info.pixel_nm,
        "focus_mm": None if info.focus_m is None else info.focus_m * 1e3,
        "dwell_ns": info.dwell_ns,
        "stage_um": info.stage_um,
        "bar": _bar(info),
    }
    units = {"pixel_nm": " nm", "focus_mm": " mm", "dwell_ns": " ns", "stage_um": " um", "bar": ""}
    origins = {"pixel_nm": "pixel", "focus_mm": "focus", "dwell_ns": "dwell", "stage_um": "stage", "bar": "box"}
    cells = [
        _cell(value, known.get(key), units[key], str(info.tags.get(f"{origins[key]}_from", "")))
        for key, value in read.items()
    ]
    return [_plain(known.get("instrument", "?")), _plain(f"{path.name}{whence}{made}{unfit}"), *cells]


def _bar(info: ImageInfo) -> int | None:
    if info.shape is None:
        return None
    return 0 if info.box is None else info.shape[0] - info.box.bottom


def _cell(value: Any, reference: Any, unit: str, origin: str) -> str:
    """What was read, where, and whether others read the same."""
    by = f" ({_plain(origin)})" if origin else ""
    if value is None:
        return "unknown" if reference is None else f"**unknown**, others: {_number(reference)}{unit}"
    said = f"{_number(value)}{unit}{by}"
    if reference is None:
        return said
    return f"{said}: ok" if _same(value, reference) else f"{said}: **differs**, others: {_number(reference)}{unit}"


def _same(value: Any, reference: Any) -> bool:
    pairs = zip(value, reference, strict=True) if isinstance(value, tuple) else [(value, reference)]
    return all(math.isclose(a, b, rel_tol=_CLOSE, abs_tol=1e-9) for a, b in pairs)


def _number(value: Any) -> str:
    return ", ".join(f"{one:.9g}" for one in (value if isinstance(value, list | tuple) else [value]))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text).replace("|", "\\|")


def section(folder: Path, references: Mapping[str, Any]) -> str:
    """The table, what its words mean, and what was never tried."""
    never = "\n".join(f"- {name}" for name in references["never_tried"])
    table = markdown(HEADER, list(rows_of(folder, references)))
    return (
        f"{BEGIN}\n\n{table}\n\n`ok`: another reader, or the instrument's own software, says the same to a thousandth. "
        "Of a bar: somebody looked at the image. "
        "Without a word: nobody told us what is right. **Unknown**: others read it and we do not.\n\n"
        f"No file of these was ever tried; what is read of them is held by files that the tests make up:\n\n{never}\n\n"
        f"{END}"
    )


def replaced(page: str, new: str) -> str:
    """A page with its table made anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table: {BEGIN} ... {END}")
    return before + new + after


def main(arguments: list[str], *, page: Path = PAGE, references: Path = REFERENCES) -> int:
    """Make the table; 1 when a value differs from what others read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the files; what lies beside an image is read too")
    parser.add_argument("--print", action="store_true", help="only print it")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder; name the one that has the instruments' files")
    new = section(given.folder, tomllib.loads(references.read_text(encoding="utf-8")))
    print(new)
    if not given.print:
        page.write_text(replaced(page.read_text(encoding="utf-8"), new), encoding="utf-8")
    return int("**" in new.partition("`ok`:")[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
