"""What was read of a file, line by line, each with where it was read: `mhfd inspect`, and what a person sends us.

The file is decoded, as scoring does it; how much in focus it is, is not asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from mhfd import images
from mhfd.contract.focus_report import Box, Finding, ImageInfo
from mhfd_client.printing import printable
from mhfd_client.scoring.tiff_tags import Tag, tags_of

_TOLD: Final = frozenset(("format", "note", "pixel_from", "focus_from", "dwell_from", "stage_from", "box_from"))
_MOST_BESIDE: Final = 20


class Unknown(NamedTuple):
    """What a file does not say."""

    what: str
    means: str
    do: str | None

    def __str__(self) -> str:
        return self.means + ("" if self.do is None else f". {self.do[0].upper()}{self.do[1:]}")


_NO_PIXEL: Final = Unknown(
    "pixel size",
    "images of unlike texture are not judged by each other, and lengths are in pixels",
    "if all images of a run have one, say it: --set verdict.pixel_nm=NANOMETRES",
)
_NO_PART: Final = Unknown(
    "image",
    "nothing says that a part of the frame is none",
    "if a data bar, a scale or text is drawn on it, leave it off: --set images.crop=bottom=ROWS",
)
_NO_STAGE: Final = Unknown("stage", "the list of retakes has no position for it", None)
_NO_FOCUS: Final = Unknown("focus", "no verdict needs it", None)
_NO_DWELL: Final = Unknown("dwell", "no verdict needs it", None)


@dataclass(frozen=True, slots=True)
class Inspection:
    """One file."""

    path: str
    finding: Finding
    detail: str | None
    info: ImageInfo
    tags: tuple[Tag, ...]
    """Of the first page of a TIFF, those that may tell something about the image."""
    beside: tuple[tuple[str, int], ...]
    """Files of the same name with another ending, and their bytes."""

    @classmethod
    def of(cls, path: str) -> Inspection:
        """Read one file. What is wrong with it is in `finding`."""
        loaded = None
        try:
            with images.opened(path) as loaded:  # its pixels are not asked for
                pass
        except images.Flaw as flaw:
            assert loaded is not None  # noqa: S101  it was given
            loaded = images.flawed(loaded, flaw)
        detail = None if loaded.detail is None else loaded.detail.removeprefix(f"{loaded.finding.value}: ")
        return cls(path, loaded.finding, detail, loaded.info, tuple(tags_of(path)), tuple(_beside(path)))

    @property
    def unknown(self) -> dict[str, Unknown]:
        """What was not found, what that means and what to do; nothing of a file that is no image."""
        info = self.info
        if info.shape is None:
            return {}
        values = (
            (_NO_PART, info.box),
            (_NO_PIXEL, info.pixel_nm),
            (_NO_FOCUS, info.focus_m),
            (_NO_DWELL, info.dwell_ns),
            (_NO_STAGE, info.stage_um),
        )
        return {unknown.what: unknown for unknown, value in values if value is None}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield printable(self.path)
        for name, value in self._facts():
            yield f"  {name:11} {printable(value)}"

    def _facts(self) -> Iterator[tuple[str, str]]:
        info, unknown = self.info, self.unknown
        if kind := info.tags.get("format"):
            size = "" if info.bytes is None else f", {info.bytes:,} bytes"
            yield "format", f"{kind}, {info.dtype or 'of unknown type'}{size}"
        if info.shape is not None:
            yield "frame", f"{info.shape[1]} x {info.shape[0]} pixels"
            yield "image", f"all of it: {unknown['image']}" if info.box is None else self._part(info.box)
            for name, what, value, unit in (
                ("pixel size", "pixel", info.pixel_nm, "nm"),
                ("focus", "focus", None if info.focus_m is None else info.focus_m * 1e3, "mm"),
                ("dwell", "dwell", info.dwell_ns, "ns"),
                ("stage", "stage", info.stage_um, "um"),
            ):
                yield name, f"unknown: {unknown[name]}" if value is None else self._measured(what, value, unit)
        for key, told in info.tags.items():
            if key not in _TOLD:
                yield "also", f"{key} {told}"
        if note := info.tags.get("note"):
            yield "note", str(note)
        if self.tags:
            yield "tags", ", ".join(map(str, self.tags))
        for file, length in self.beside:
            yield "beside it", f"{file} ({length:,} bytes)"
        yield (
            "finding",
            "ok: it can be scored" if self.finding is Finding.OK else f"{self.finding.value}: {self.detail}",
        )

    def _part(self, box: Box) -> str:
        size = f"{box.right - box.left} x {box.bottom - box.top}"
        return f"{size} pixels from {box.left}, {box.top}{self._origin('box')}"

    def _measured(self, what: str, value: float | tuple[float, float], unit: str) -> str:
        numbers = ", ".join(f"{one:.9g}" for one in (value if isinstance(value, tuple) else (value,)))
        return f"{numbers} {unit}{self._origin(what)}"

    def _origin(self, what: str) -> str:
        origin = self.info.tags.get(f"{what}_from")
        return f" ({origin})" if origin else ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "path": printable(self.path),
            "finding": self.finding.value,
            "finding_detail": self.detail,
            "image": self.info.model_dump(mode="json"),
            "unknown": [one._asdict() for one in self.unknown.values()],
            "tiff_tags": [tag._asdict() for tag in self.tags],
            "beside": [{"name": printable(name), "bytes": size} for name, size in self.beside],
        }


def _beside(path: str) -> Iterator[tuple[str, int]]:
    """Files that may hold what the image lacks."""
    image = Path(path)
    try:
        with os.scandir(image.parent) as listed:
            alike = sorted(
                (one.name, one.stat().st_size)
                for one in listed
                if one.name != image.name and Path(one.name).stem in (image.stem, image.name) and one.is_file()
            )
    except (OSError, ValueError):  # a name that is none
        return
    yield from alike[:_MOST_BESIDE]
