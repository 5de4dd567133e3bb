"""`LABELS.csv` -> a dataset: `path,label,group`, and more columns as covariates. It opens no image, it hashes files.

An image with another take or a mask beside it needs no label.

What is wrong is a UsageError with the file, the line and the remedy.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import (
    BESIDE,
    Beside,
    BesideImage,
    Dataset,
    DatasetRow,
    ImageCause,
    Origin,
    SourceGroup,
    Target,
)
from mhfd.learning.dataset.splitting import split

NEEDED: Final = ("path", "label", "group")
KNOWN: Final = ("section", "said_by", "pixel_nm", "radius_px", "cause", *BESIDE)
"""Columns that say something of their own; all others are covariates."""
LABELS: Final[Mapping[str, bool]] = {"good": False, "bad": True}


def read_labels(path: Path, *, seed: int = 0) -> Dataset:
    """A dataset of the images that a table lists; paths that are not absolute begin in the table's folder.

    Args:
        path: The table: CSV in UTF-8, its first line names the columns.
        seed: Of the split.
    """
    rows = tuple(_rows(path))
    said = {row.target.bad for row in rows}
    if len(said) < 2 and not any(row.beside for row in rows):
        lines = f"lines 2 to {len(rows) + 1}" if len(rows) > 1 else "line 2"
        which = "none has a label" if not rows else f"all are {'bad' if said == {True} else 'good'}"
        raise UsageError(f"{path}, {lines}: {which}; images of both labels, good and bad, are needed")
    return Dataset(rows, split(rows, seed=seed))


def _rows(path: Path) -> Iterator[DatasetRow]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                names = _columns(path, next(reader, []))
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield _row(path, reader.line_num, names, cells)
            except csv.Error as error:
                raise UsageError(f"{path}, line {reader.line_num}: not CSV: {error}; save it as CSV again") from error
            except UnicodeDecodeError as error:
                raise UsageError(
                    f"{path}, after line {reader.line_num}: not UTF-8 ({error.reason}); save it as CSV in UTF-8"
                ) from error
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise UsageError(f"{path}: {why}; expected a table `path,label,group`") from error


def _columns(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    known = {name.casefold(): name.casefold() for name in (*NEEDED, *KNOWN)}
    names = [known.get(name.casefold(), name) for name in names]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}, line 1: column {name!r} is there twice; leave one, or give it another name")
        if not name:
            raise UsageError(f"{path}, line 1: a column has no name; name it, or take it out")
    if lacking := [name for name in NEEDED if name not in names]:
        got = ",".join(cells)[:100]
        raise UsageError(
            f"{path}, line 1: column {lacking[0]!r} is missing in {got!r}; the first line is `path,label,group`, "
            "with commas between"
        )
    return names


def _row(path: Path, line: int, names: list[str], cells: list[str]) -> DatasetRow:
    where = f"{path}, line {line}"
    if len(cells) != len(names):
        raise UsageError(
            f"{where}: {len(cells)} cells where line 1 has {len(names)} columns; put text with a comma in quotes"
        )
    cell = {name: value.strip() for name, value in zip(names, cells, strict=True)}
    label = LABELS.get(cell["label"].casefold())
    beside = any(cell.get(what) for what in BESIDE)
    if label is None and (cell["label"] or not beside):
        none = "" if not beside else ", or leave it empty"
        raise UsageError(f"{where}: label {cell['label']!r} is not known; write good or bad{none}")
    if not cell["path"]:
        raise UsageError(f"{where}: path is empty; name the image")
    image = path.parent.absolute() / cell["path"]
    if not cell["group"].strip("/ "):
        raise UsageError(f"{where}: group is empty; write instrument/specimen/session, or the specimen's name")
    try:
        return DatasetRow(
            sha256=sha256_of(image),
            path=str(image),
            group=SourceGroup.of(cell["group"]),
            section=_whole(where, "section", cell.get("section")),
            origin=Origin.FOLDER,
            said_by=cell.get("said_by") or None,
            target=Target(
                bad=label,
                radius_px=_number(where, "radius_px", cell.get("radius_px")),
                cause=_cause(where, cell.get("cause")),
            ),
            pixel_nm=_number(where, "pixel_nm", cell.get("pixel_nm")),
            beside=tuple(_beside(where, path.parent.absolute(), cell)),
            covariates={name: _value(cell[name]) for name in names if name not in NEEDED + KNOWN and cell[name]},
        )
    except OSError as error:
        raise _lost(where, "path", cell["path"], error) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {field}: {first['msg']}") from error


def _beside(where: str, folder: Path, cell: Mapping[str, str]) -> Iterator[BesideImage]:
    for what in BESIDE:
        if file := cell.get(what):
            try:
                yield beside_of(what, folder / file)
            except OSError as error:
                raise _lost(where, what, file, error) from error


def _lost(where: str, column: str, file: str, error: OSError) -> UsageError:
    missing = isinstance(error, FileNotFoundError)
    why = "no such file" if missing else error.strerror or str(error)
    hint = "; paths begin in the table's folder" if missing else ""
    return UsageError(f"{where}: {column} {file!r}: {why}{hint}")


def beside_of(what: Beside, path: Path) -> BesideImage:
    """A file that lies beside an image; OSError where it is no file."""
    return BesideImage(what=what, sha256=sha256_of(path), path=str(path))


def sha256_of(path: Path) -> str:
    """Of a file's bytes; OSError where it is no file, as a pipe or a device is none."""
    if "\0" in str(path) or not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such file")
    if not path.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _value(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _number(where: str, name: str, text: str | None) -> float | None:
    if not text:
        return None
    number = _value(text)
    if isinstance(number, str):
        raise UsageError(f"{where}: {name} {text!r} is no number; write a number, or leave it empty")
    return number


def _whole(where: str, name: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{where}: {name} {text!r} is no whole number; write one, or leave it empty") from None


def _cause(where: str, text: str | None) -> ImageCause | None:
    if not text:
        return None
    try:
        return ImageCause(text.casefold())
    except ValueError:
        raise UsageError(f"{where}: cause {text!r} is not known; write one of {', '.join(ImageCause)}") from None
