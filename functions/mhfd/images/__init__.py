"""A file or an array -> `Image`: its pixels, what the instrument wrote about it, and whether it is fit to be scored.

`load` raises for wrong arguments only; what is wrong with a file is a finding. The rules (formats, pages, colour,
bounding box, integrity) are in docs/reference/images.md. Nothing here knows of focus.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Box, Finding, ImageInfo
from mhfd.contract.params import Crop
from mhfd.errors import UsageError
from mhfd.images import bar, bounds, formats, grey, instruments, integrity, made, marker, source, values
from mhfd.images.flaw import Flaw, several
from mhfd.images.formats.reading import FileToRead, NotWhole, ReadImage
from mhfd.images.formats.stored import StoredImage
from mhfd.images.instruments.written import Header, Written
from mhfd.images.source import Changed, OpenFile
from mhfd.limits import ROWS_TOGETHER, Limits
from mhfd.rows import InMemory, Pixels, Progress, Rows, Watched
from mhfd.survey import Survey, survey
from mhfd.team import ALONE, Team

__all__ = [
    "FileToRead",
    "Flaw",
    "Image",
    "Limits",
    "NotWhole",
    "OpenFile",
    "ReadImage",
    "flawed",
    "load",
    "opened",
    "stored_pixels",
    "stored_size",
]


_DEFAULT_LIMITS: Final = Limits()
_LOADED: Final = "all of it would be in memory; score it by its path"
Whole = Callable[[int], str | None]
"""Asked why all of so many pixels will be in memory, and what to do about that; None: they are read by rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image, or why there is none. `rows` is None unless `finding` is `ok`."""

    info: ImageInfo
    finding: Finding
    detail: str | None
    rows: Rows | None
    code: str | None = None
    """Why it was not even looked at; None: it was."""
    survey: Survey | None = None

    @property
    def pixels(self) -> Pixels | None:
        """All of it, in memory."""
        return None if self.rows is None else self.rows.read(0, self.rows.shape[0])


IN_MEMORY: Final = 8 << 20
"""Bytes of an image up to which it is read whole: bands would save nothing."""


@contextmanager
def opened(
    source: str | os.PathLike[str] | OpenFile | NDArray[Any],
    *,
    limits: Limits = _DEFAULT_LIMITS,
    crop: Crop | None = None,
    threads: int = 1,
    in_memory: int = IN_MEMORY,
    team: Team = ALONE,
    whole: Whole | None = None,
    progress: Progress | None = None,
    look: Callable[[Rows], Survey] | None = None,
) -> Iterator[Image]:
    """One image, whose rows are read as they are asked for. An array is taken as it is.

    A `Flaw` while it is read, or at the end where it was not the same revision all the time: see `flawed`.

    Args:
        source: A path, a file that is open, or an array.
        limits: What a file may cost.
        crop: Left off instead of a data bar; what lies outside of a bounding box that Fibics wrote is left off too.
        threads: Of the first look.
        in_memory: See `IN_MEMORY`.
        team: Who opens it too; the first of them hashes it.
        whole: See `Whole`: asked of a file once its header is read, before any of its pixels is.
        progress: Told of the rows that are read: twice of all of them, `looked at` and then `measured`.
        look: What looks through the picture, if not `survey.survey`.
    """
    facts = _Facts(crop=crop, threads=threads, in_memory=in_memory, team=team, progress=progress, look=look)
    with ExitStack() as open_files:
        try:
            if isinstance(source, np.ndarray):
                seen = _of_array(source, facts)
            else:
                seen = _of_file(source, limits, facts, open_files, whole)
            image = Image(facts.info(), Finding.OK, None, seen.rows, survey=seen.survey)
        except Flaw as flaw:
            common = team.agreed(flaw)
            image = flawed(Image(facts.info(), common.finding, None, None), common)
        yield image


def flawed(image: Image, flaw: Flaw) -> Image:
    """What is known of an image of which that was found out: before it was measured, or while it was."""
    info = image.info
    if isinstance(flaw, Changed):
        info = info.model_copy(update={"bytes": None, "sha256": None})  # of no revision
    return Image(info, flaw.finding, flaw.detail, None, flaw.code)


def load(
    source: str | os.PathLike[str] | OpenFile | NDArray[Any],
    *,
    limits: Limits = _DEFAULT_LIMITS,
    crop: Crop | None = None,
) -> Image:
    """Read one image whole, and so none of more than `limits.held` pixels. See `opened`."""
    image = None
    try:
        with opened(source, limits=limits, crop=crop, whole=lambda _: _LOADED) as image:
            pixels = image.pixels
    except Flaw as flaw:
        assert image is not None  # noqa: S101  it was given
        return flawed(image, flaw)
    return image if pixels is None else replace(image, rows=InMemory(pixels))


def stored_size(path: str | os.PathLike[str], *, limits: Limits = _DEFAULT_LIMITS) -> tuple[int, int]:
    """Rows and columns that the header of a file claims, a data bar with them; `Flaw` where it has none of an image.

    Only the header is read, of a large file as of a small one, and nothing is hashed.
    """
    with source.opened(os.fspath(path), limits=limits, hashed=False, held=False) as file:
        stored = _stored(file, path, limits)
        return stored.height, stored.width


def made_of(path: str | os.PathLike[str], *, limits: Limits = _DEFAULT_LIMITS) -> str | None:
    """How mhfd made the picture in a file; None: it did not. `Flaw` where it is no image. Only the header is read."""
    with source.opened(os.fspath(path), limits=limits, hashed=False, held=False) as file:
        return made.by_mhfd(_stored(file, path, limits).fields)


def stored_pixels(path: str | os.PathLike[str], *, limits: Limits = _DEFAULT_LIMITS) -> Pixels:
    """All that lies in a file, grey, as it is: no data bar is sought and nothing is called blank; `Flaw` if unreadable.

    For images of no electron microscope, of which dark and flat ones are good.
    """
    with source.opened(os.fspath(path), limits=limits, hashed=False) as file:
        stored = _stored(file, path, limits)
        bounds.hold(stored.height, stored.width, limits, whole=_LOADED)
        planes = stored.decode()
        return grey.Converted(planes, grey.conversion(planes, inverted=stored.inverted)).read(0, stored.height)


def _stored(file: source.Source, path: str | os.PathLike[str], limits: Limits) -> StoredImage:
    where = os.fspath(path)
    stored = formats.read(file, where, source.beside(where), limits=limits)
    if stored.images > 1:
        raise several(stored.images)
    return stored


@dataclass(slots=True)
class _Facts:
    """What is known of the image so far: a flaw found later does not lose it."""

    crop: Crop | None = None
    threads: int = 1
    in_memory: int = IN_MEMORY
    progress: Progress | None = None
    team: Team = ALONE
    look: Callable[[Rows], Survey] | None = None
    path: str | None = None
    size: int | None = None
    sha256: str | None = None
    shape: tuple[int, int] | None = None
    dtype: str | None = None
    written: Written = field(default_factory=Written)
    extra: dict[str, str | float | int] = field(default_factory=dict)

    def survey(self, rows: Rows) -> Survey:
        """The first look at the picture."""
        return survey(rows, threads=self.threads, team=self.team) if self.look is None else self.look(rows)

    def info(self) -> ImageInfo:
        written = asdict(self.written)
        extra = self.extra | written.pop("extra")
        for name in ("above_bar", "marker_px", "may_have_bar"):
            del written[name]
        extra |= {f"{name}_from": origin for name, origin in written.pop("origins").items()}
        if notes := written.pop("notes"):
            extra["note"] = "; ".join(notes)[:500]
        return ImageInfo(
            path=self.path,
            bytes=self.size,
            sha256=self.sha256,
            shape=self.shape,
            dtype=self.dtype,
            tags=extra,
            **written,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    rows: Rows
    survey: Survey


def _of_file(
    where: str | os.PathLike[str] | OpenFile, limits: Limits, facts: _Facts, open_files: ExitStack, whole: Whole | None
) -> _Seen:
    named = where.path if isinstance(where, OpenFile) else where
    path = os.fspath(named) if isinstance(named, str | os.PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        got = type(where).__name__ if path is None else repr(path)
        raise UsageError(f"source: expected a path or a 2-D numpy array, got {got}")
    facts.path = source.printable(path)
    opened = where if isinstance(where, OpenFile) else path
    beside = source.beside(opened)
    hashed = facts.team.number == 0
    file = open_files.enter_context(source.opened(opened, limits=limits, hashed=hashed))
    facts.size = file.size
    if facts.team.from_first(file.revision) != file.revision:
        raise Changed
    try:
        stored = formats.read(file, opened, beside, limits=limits)
        facts.shape, facts.dtype = (stored.height, stored.width), stored.dtype
        facts.extra["format"] = stored.kind
        facts.extra |= stored.about
        header = Header(stored.height, stored.width, path, beside, stored.fields, stored.known)
        instruments.read(header, facts.written)
        if (how := made.by_mhfd(stored.fields)) is not None:
            raise Flaw(
                Finding.INVALID,
                f"mhfd made this picture: {how}; it is for the eye, and nothing is measured of it: "
                "name the image that it was made of",
            )
        why = None if whole is None else whole(stored.height * stored.width)
        bounds.hold(stored.height, stored.width, limits, whole=why)
        bounds.hold_together(stored.height, stored.width, ROWS_TOGETHER, limits)
        return _finish(stored.decode(), facts, stored)
    finally:
        facts.sha256 = file.sha256


def _of_array(array: NDArray[Any], facts: _Facts) -> _Seen:
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise UsageError(f"source: expected an array of (rows, columns) or (rows, columns, 3 or 4), got {array.shape}")
    if array.dtype.kind not in "uif" or array.dtype.itemsize > 8:
        raise UsageError(f"source: expected whole or floating-point numbers of up to 64 bits, got {array.dtype}")
    if isinstance(array, np.ma.MaskedArray):
        raise UsageError("source: masked arrays are not taken; pass array.filled(...) or the part without a mask")
    facts.extra["format"] = "array"
    facts.shape, facts.dtype = (array.shape[0], array.shape[1]), array.dtype.name
    if array.ndim == 3:
        facts.extra["samples"] = array.shape[2]
        return _finish(grey.from_colour(array), facts)
    return _finish(grey.Plane(array), facts)


def _finish(planes: grey.Planes, facts: _Facts, stored: StoredImage | None = None) -> _Seen:
    """Crop to the instrument's box or above its data bar, convert, and look whether it is an image."""
    facts.shape = planes.shape
    stored_as = planes.read(0, 1).pixels.dtype
    facts.dtype = facts.dtype or stored_as.name
    inside = grey.Cropped(planes, _part(planes, facts))
    integrity.check_size(inside.shape)
    to = grey.conversion(inside, inverted=stored is not None and stored.inverted)
    rows: Rows = grey.Converted(inside, to)
    if isinstance(planes, grey.Plane) or rows.shape[0] * rows.shape[1] * rows.dtype.itemsize <= facts.in_memory:
        rows = InMemory(rows.read(0, rows.shape[0]))
    watched = None
    if facts.progress is not None and not isinstance(rows, InMemory):
        rows = watched = Watched(rows, facts.progress, "looked at")
    seen = facts.survey(rows)
    if inside.coloured:
        facts.extra["colour"] = "luminance"
    if to.note:
        facts.extra["values"] = to.note
    whole_numbers = stored_as.kind in "ui"
    tiling = integrity.Tiling(*stored.tile, inside.box) if stored is not None and stored.tile else None
    bottom_up = stored is not None and stored.bottom_up
    facts.extra |= integrity.check(rows, seen, whole_numbers=whole_numbers, tiling=tiling, bottom_up=bottom_up)
    found = values.sane(rows, seen, threads=facts.threads)
    if found.left_out:
        facts.extra["left_out"] = found.left_out
    if found.scaled:
        facts.extra["values"] = "; ".join(said for said in (to.note, found.scaled) if said)
    if found.left_out:
        integrity.check_blank(found.rows, found.survey, whole_numbers=whole_numbers)
    if watched is not None:
        watched.begin("measured")
    return _Seen(found.rows, found.survey)


def _part(planes: grey.Planes, facts: _Facts) -> Box:
    """The part that is image: by a person's word, by what the instrument wrote, or by what it drew."""
    height, width = planes.shape
    written = facts.written
    if facts.crop is not None:
        written.cropped(facts.crop, height, width)
    elif written.box is None:
        if rows := bar.rows(planes):
            if written.may_have_bar:
                written.rows_above_bar(height - rows, height, width, "drawn data bar")
            else:  # nobody knows; a person is asked
                facts.extra["looks_like_bar"] = rows
        if written.box is None and written.marker_px and (rows := marker.rows(planes, written.marker_px)):
            written.rows_above_bar(height - rows, height, width, "drawn scale bar")
    return written.box or Box(top=0, left=0, bottom=height, right=width)
