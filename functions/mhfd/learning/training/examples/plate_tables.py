"""The two tables of the image set BBBC021: which files are one field of view, and what each compound does.

Written to what is published of their layout, and tried on made-up plates only: not run on BBBC021. It opens no image.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from mhfd.errors import UsageError

IMAGE_TABLE: Final = "BBBC021_v1_image.csv"
ACTION_TABLE: Final = "BBBC021_v1_moa.csv"
CHANNELS: Final = ("DAPI", "Tubulin", "Actin")
NEUTRAL: Final = "DMSO"
"""What cells lie in that got no compound, and the name of their class."""
_FILE, _FOLDER, _PLATE = "Image_FileName_{}", "Image_PathName_{}", "Image_Metadata_Plate_DAPI"
_COMPOUND, _CONCENTRATION = "Image_Metadata_Compound", "Image_Metadata_Concentration"
_DIGITS: Final = 4  # of a concentration: the tables need not write it alike


@dataclass(frozen=True, slots=True)
class PlateField:
    """One field of view: a file for each channel, and what its cells were given."""

    line: int
    """Of the table."""
    files: tuple[PurePosixPath, ...]
    """Each with its folder, as the table says it."""
    plate: str
    compound: str
    concentration: float

    @property
    def treatment(self) -> tuple[str, str]:
        """Compound and concentration, to be found in the other table."""
        return _treatment(self.compound, self.concentration)

    @property
    def is_neutral(self) -> bool:
        """Of cells without a compound."""
        return self.compound.casefold() == NEUTRAL.casefold()


def read_fields(folder: Path) -> Iterator[PlateField]:
    """Each line of the table of images. UsageError with the line."""
    columns = [name.format(channel) for channel in CHANNELS for name in (_FILE, _FOLDER)]
    for where, line, cell in _lines(folder / IMAGE_TABLE, (*columns, _PLATE, _COMPOUND, _CONCENTRATION)):
        files = tuple(_file(where, cell[_FOLDER.format(one)], cell[_FILE.format(one)]) for one in CHANNELS)
        if len(set(files)) < len(files):
            raise UsageError(f"{where}: two channels are one file, {files[0].name!r}; name a file for each")
        for name in (_PLATE, _COMPOUND):
            if not cell[name]:
                raise UsageError(f"{where}: {name} is empty; write it, or take the line out")
        concentration = _number(where, _CONCENTRATION, cell[_CONCENTRATION])
        yield PlateField(line, files, cell[_PLATE], cell[_COMPOUND], concentration)


def read_actions(folder: Path) -> Mapping[tuple[str, str], str]:
    """By treatment the mechanism of action. UsageError with the line."""
    found: dict[tuple[str, str], str] = {}
    for where, _, cell in _lines(folder / ACTION_TABLE, ("compound", "concentration", "moa")):
        if not cell["compound"] or not cell["moa"]:
            raise UsageError(f"{where}: compound and moa have to be written; write them, or take the line out")
        key = _treatment(cell["compound"], _number(where, "concentration", cell["concentration"]))
        if found.setdefault(key, cell["moa"]) != cell["moa"]:
            raise UsageError(
                f"{where}: {cell['compound']} at {cell['concentration']} is called {cell['moa']!r}, and "
                f"{found[key]!r} above; say which it is"
            )
    return found


def _treatment(compound: str, concentration: float) -> tuple[str, str]:
    return compound.casefold(), f"{concentration:.{_DIGITS}g}"


def _file(where: str, folder: str, name: str) -> PurePosixPath:
    path = PurePosixPath(folder.replace("\\", "/")) / name
    if not name or not folder:
        raise UsageError(f"{where}: an image has no name or no folder; write both, or take the line out")
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{where}: {str(path)!r} leads out of the folder; name images below it")
    return path


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"{where}: {name} {text!r} is no number of 0 or more; write it with a point, as 0.3")
    return value


def _lines(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Where each line is, for a person, its number, and the cells that are needed, by column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                names = [name.strip() for name in next(reader, [])]
                if lacking := [name for name in needed if names.count(name) != 1]:
                    raise UsageError(f"{path}, line 1: column {lacking[0]!r} is not there once; put back the table")
                for cells in reader:
                    if not any(cell.strip() for cell in cells):
                        continue
                    where = f"{path}, line {reader.line_num}"
                    if len(cells) != len(names):
                        raise UsageError(
                            f"{where}: {len(cells)} cells where line 1 has {len(names)} columns; put text with a "
                            "comma in quotes"
                        )
                    cell = {name: value.strip() for name, value in zip(names, cells, strict=True) if name in needed}
                    yield where, reader.line_num, cell
            except csv.Error as error:
                raise UsageError(f"{path}, line {reader.line_num}: not CSV: {error}; put back the table") from error
            except UnicodeDecodeError as error:
                raise UsageError(f"{path}: not UTF-8 ({error.reason}); save it as CSV in UTF-8") from error
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise UsageError(f"{path}: {why}; the folder has to hold {IMAGE_TABLE} and {ACTION_TABLE}") from error
