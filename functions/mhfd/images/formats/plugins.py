"""Readers that an installed package brings, by the entry point `mhfd.readers`: looked for when no own reader will do.

What one gives is held to the same limits and checks as a file of ours, and whatever it raises is a finding that names
it. Nothing is looked up before the first such file. A reader is code of whoever installed it: it runs with all rights
of this process, and may cost what it likes before it returns.
"""

import io
import math
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePath
from typing import Final, NoReturn

import numpy as np

from mhfd.contract.focus_report import Box
from mhfd.images import bounds, grey
from mhfd.images.flaw import Flaw, incomplete, unreadable
from mhfd.images.formats.reading import FileToRead, NotWhole, ReadImage, SourceFile
from mhfd.images.formats.stored import Known, StoredImage
from mhfd.images.source import OpenFile, Source
from mhfd.limits import Limits

GROUP: Final = "mhfd.readers"
_LONGEST: Final = 160


def read(file: Source, where: str | OpenFile, beside: Callable[[str], bytes], *, limits: Limits) -> StoredImage | None:
    """The image, by the reader that is installed for the ending of this name; None: there is none."""
    name = PurePath(where.path if isinstance(where, OpenFile) else where).name
    ending = PurePath(name).suffix.lower().removeprefix(".")
    found = installed().get(ending, ())
    if not found:
        return None
    said = " and ".join(map(_named, found))
    if len(found) > 1:
        raise unreadable(f"{said} both read .{ending}; uninstall all but one")
    path = f"/proc/self/fd/{where.fd}" if isinstance(where, OpenFile) else where
    image = _called(found[0], FileToRead(name, path, io.BufferedReader(SourceFile(file)), beside), said)
    pixels = np.require(np.asarray(image.pixels), requirements=["W"])  # later steps may change them where they are
    height, width = pixels.shape[:2]
    bounds.hold(height, width, limits, whole=f"{said} gives all of it; {bounds.BY_ROWS}")
    colour = pixels.ndim == 3
    return StoredImage(
        ending.upper(),
        height,
        width,
        lambda: grey.from_colour(pixels) if colour else grey.Plane(pixels),
        dtype=pixels.dtype.name,
        known=_known(image, said),
        about={"reader": said} | ({"samples": pixels.shape[2]} if colour else {}),
    )


@cache
def installed() -> dict[str, tuple[EntryPoint, ...]]:
    """The readers for each ending. What is installed later is found by the next process."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        ending = entry.name.lower().removeprefix(".")
        if entry not in found.get(ending, ()):
            found[ending] = (*found.get(ending, ()), entry)
    return found


def _named(entry: EntryPoint) -> str:
    package = entry.dist
    return f"the reader {entry.value}" if package is None else f"the reader of {package.name} {package.version}"


def _called(entry: EntryPoint, file: FileToRead, said: str) -> ReadImage:
    try:
        image = entry.load()(file)
    except NotWhole as e:
        raise incomplete(f"{said} says: {_words(e)}; wait, or copy it again") from e
    except (Flaw, MemoryError):  # of the file itself, or of this process
        raise
    except (Exception, SystemExit) as e:  # whatever it is, it is this file's, and the next one may be well
        raise unreadable(f"{said} failed: {type(e).__name__}: {_words(e)}") from e
    finally:
        file.file.close()
    if not isinstance(image, ReadImage):
        _wrong(said, f"a {type(image).__name__}, and no mhfd.images.ReadImage")
    pixels = image.pixels
    if not isinstance(pixels, np.ndarray) or isinstance(pixels, np.ma.MaskedArray):
        _wrong(said, f"pixels that are a {type(pixels).__name__}, and no plain numpy array")
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))) or not pixels.size:
        _wrong(said, f"pixels of the shape {pixels.shape}: rows and columns, and at most 3 or 4 colours, are one image")
    if pixels.dtype.kind not in "uif" or pixels.dtype.itemsize > 8:
        _wrong(said, f"pixels of the type {pixels.dtype}")
    return image


def _wrong(said: str, what: str) -> NoReturn:
    raise unreadable(f"{said} gave {what}; tell who wrote it")


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST] or "no words"


def _known(image: ReadImage, said: str) -> Known:
    """What makes sense of what it says; what does not is a note."""
    notes = [" ".join(str(note).split())[:_LONGEST] for note in image.notes]

    def number(name: str, *, positive: bool = False) -> float | None:
        value = getattr(image, name)
        if value is None:
            return None
        try:
            plain = float(value)
        except (TypeError, ValueError):
            plain = math.nan
        if not abs(plain) < 1e15 or (positive and plain <= 0):
            notes.append(f"{said} gave no such {name} as there can be: unknown")
            return None
        return plain

    stage = image.stage_um
    if stage is not None and not _is_place(stage):
        notes.append(f"{said} gave no such stage_um as there can be: unknown")
        stage = None
    if image.box is not None and not isinstance(image.box, Box):
        notes.append(f"{said} gave a box that is none: ignored")
    return Known(
        origin=said,
        pixel_nm=number("pixel_nm", positive=True),
        focus_m=number("focus_m"),
        dwell_ns=number("dwell_ns", positive=True),
        stage_um=None if stage is None else (float(stage[0]), float(stage[1])),
        box=image.box if isinstance(image.box, Box) else None,
        notes=tuple(notes),
    )


def _is_place(stage: object) -> bool:
    try:
        return isinstance(stage, tuple | list) and len(stage) == 2 and all(abs(float(one)) < 1e15 for one in stage)
    except (TypeError, ValueError):
        return False
