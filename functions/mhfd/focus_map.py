"""A report's cells as an image, so that Fiji, napari and QuPath lay it over the one that was scored.

A small OME-TIFF, written here byte by byte: a station writes one beside each sidecar, and its process loads no library
for images. Only numbers of the report are in it; nothing is measured. Why this form: docs/decisions/0031-focus-maps.md.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from mhfd.cells import blocks_of
from mhfd.errors import UsageError

if TYPE_CHECKING:
    from mhfd.contract.focus_report import FocusReport

SUFFIX: Final = ".mhfd.ome.tif"
"""Of a map's file, after the name of its image: no watch takes it for an image."""
CHANNELS: Final = ("density", "cross_spectrum", "tissue", "saturated")
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OME: Final = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_CM, _NO_UNIT = 3, 1
_LEAST_NM, _MOST_NM = 1e-6, 1e12


@dataclass(frozen=True, slots=True, eq=False)
class FocusMap:
    """The focus map of one image: a value for each cell and channel, NaN where there is nothing to measure.

    Lengths are in `unit`: micrometres, or pixels of the image where the size of its pixels is unknown.
    """

    name: str
    values: NDArray[np.float32]
    """(channel, row, column); the channels are `CHANNELS`, and `density` is features per megapixel of tissue."""
    scale: tuple[float, float]
    """Height and width of a cell."""
    corner: tuple[float, float]
    """Down and right from the upper left corner of the image to that of the map: not 0, 0 where a part was scored."""
    pixel: float
    """Side of a pixel of the image."""
    unit: str
    position: tuple[float, float] = (0.0, 0.0)
    """Where the image itself lies, down and right: as its own OME-XML says, else at 0, 0."""
    stage_um: tuple[float, float] | None = None
    """Where the stage was, x and y."""
    version: str = ""

    @classmethod
    def of(cls, report: FocusReport) -> FocusMap:
        """The map of a report; UsageError where it has none."""
        image, cells = report.image, report.cells
        name = re.split(r"[/\\]", image.path or "array")[-1]
        if cells is None or image.shape is None:
            raise UsageError(f"{name}: there is no focus map: nothing was measured ({report.finding.value})")
        height, width = image.shape
        top, left = 0, 0
        if image.box is not None:
            top, left = image.box.top, image.box.left
            height, width = image.box.bottom - top, image.box.right - left
        grid = cells.rows, cells.cols
        counts = {len(cells.dof), len(cells.cross_spectrum), len(cells.tissue), len(cells.saturated)}
        if min(*grid, height, width) < 1 or counts != {cells.rows * cells.cols}:
            raise UsageError(f"{name}: there is no focus map: the cells of its report make no sense; score it again")

        def plane(values: tuple[float | None, ...]) -> NDArray[np.float64]:
            return np.array([np.nan if value is None else value for value in values], np.float64).reshape(grid)

        # The part of the image's blocks that is in each cell, so that the cells' densities add up to the image's.
        blocks = np.outer(blocks_of(height, cells.rows), blocks_of(width, cells.cols)).astype(np.float64)
        area = blocks / max(blocks.sum(), 1) * height * width / 1e6
        tissue, dof = plane(cells.tissue), plane(cells.dof)
        with np.errstate(divide="ignore", invalid="ignore"):
            density = np.where(tissue > 0, dof / (tissue * area), np.nan)
        known = (
            image.pixel_nm is not None and _LEAST_NM <= image.pixel_nm <= _MOST_NM
        )  # another's report may say anything
        pixel, unit = (image.pixel_nm / 1e3, "µm") if known and image.pixel_nm else (1.0, "pixel")
        here = image.stage_um if unit == "µm" and str(image.tags.get("stage_from", "")).startswith("OME") else None
        return cls(
            name=name,
            values=np.stack([density, plane(cells.cross_spectrum), tissue, plane(cells.saturated)]).astype("<f4"),
            scale=(pixel * height / cells.rows, pixel * width / cells.cols),
            corner=(pixel * top, pixel * left),
            pixel=pixel,
            unit=unit,
            position=(0.0, 0.0) if here is None else (here[1], here[0]),
            stage_um=image.stage_um,
            version=report.provenance.version,
        )

    @property
    def translate(self) -> tuple[float, float]:
        """From the middle of the image's first pixel to that of the first cell, as napari asks for it."""
        return (
            self.corner[0] + (self.scale[0] - self.pixel) / 2,
            self.corner[1] + (self.scale[1] - self.pixel) / 2,
        )

    def to_tiff(self) -> bytes:
        """An OME-TIFF, always the same: a page of 32-bit numbers a channel."""
        _, rows, columns = self.values.shape
        # cm, which TIFF has, where the unit is one
        per = 1e4 if self.unit == "µm" else 1.0
        resolution = [_rational(per / side) for side in reversed(self.scale)]
        corner = [_rational(at / per) for at in reversed(self.corner)]
        data, directories = bytearray(b"II*\0\0\0\0\0"), []

        def put(content: bytes) -> int:
            data.extend(b"\0" * (len(data) % 2))
            data.extend(content)
            return len(data) - len(content)

        text = self.ome().encode() + b"\0"
        described = put(text)
        ratios = [put(ratio) for ratio in (*resolution, *corner)]
        for page, plane in enumerate(self.values):
            entries = [
                (256, _LONG, 1, columns),
                (257, _LONG, 1, rows),
                (258, _SHORT, 1, 32),
                (259, _SHORT, 1, 1),
                (262, _SHORT, 1, 1),
                *([(270, _ASCII, len(text), described)] if not page else []),
                (273, _LONG, 1, put(plane.tobytes())),
                (277, _SHORT, 1, 1),
                (278, _LONG, 1, rows),
                (279, _LONG, 1, plane.nbytes),
                (282, _RATIONAL, 1, ratios[0]),
                (283, _RATIONAL, 1, ratios[1]),
                (286, _RATIONAL, 1, ratios[2]),
                (287, _RATIONAL, 1, ratios[3]),
                (296, _SHORT, 1, _CM if self.unit == "µm" else _NO_UNIT),
                (339, _SHORT, 1, 3),
            ]
            directories.append(entries)
        link = 4  # where the place of the next directory is written
        for entries in directories:
            packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
            at = put(struct.pack("<H", len(entries)) + packed + b"\0\0\0\0")
            data[link : link + 4] = struct.pack("<I", at)
            link = len(data) - 4
        return bytes(data)

    def ome(self) -> str:
        """What it is, as OME-XML."""
        _, rows, columns = self.values.shape
        height, width = (_said(side) for side in self.scale)
        down, right = (_said(a + b) for a, b in zip(self.position, self.corner, strict=True))
        unit = quoteattr(self.unit)
        stage = ""
        if self.stage_um is not None:
            x, y = (_said(at) for at in self.stage_um)
            stage = f'<StageLabel Name="stage" X="{x}" XUnit="µm" Y="{y}" YUnit="µm"/>'
        channels = "".join(
            f'<Channel ID="Channel:0:{c}" Name="{name}" SamplesPerPixel="1"/>' for c, name in enumerate(CHANNELS)
        )
        data = "".join(
            f'<TiffData FirstC="{c}" FirstT="0" FirstZ="0" IFD="{c}" PlaneCount="1"/>' for c in range(len(CHANNELS))
        )
        planes = "".join(
            f'<Plane TheC="{c}" TheT="0" TheZ="0" PositionX="{right}" PositionXUnit={unit} PositionY="{down}" '
            f"PositionYUnit={unit}/>"
            for c in range(len(CHANNELS))
        )
        name = quoteattr(_NO_XML.sub("?", self.name))
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{_OME}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{_OME} {_OME}/ome.xsd" Creator={quoteattr(f"mhfd {self.version}".strip())}>'
            f'<Image ID="Image:0" Name={name}><Description>Focus map: one pixel a cell of the image, features per '
            "megapixel of tissue. The position is that of the map's upper left corner, from the upper left corner of "
            f"the image.</Description>{stage}"
            f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="float" BigEndian="false" SizeX="{columns}" '
            f'SizeY="{rows}" SizeC="{len(CHANNELS)}" SizeZ="1" SizeT="1" PhysicalSizeX="{width}" '
            f'PhysicalSizeXUnit={unit} PhysicalSizeY="{height}" PhysicalSizeYUnit={unit}>'
            f"{channels}{data}{planes}</Pixels></Image></OME>"
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write it, in folders that are made; where it lies."""
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.to_tiff())
        except OSError as e:
            raise UsageError(f"focus map: cannot write {target}: {e.strerror or e}; name another place") from e
        return target


def _said(value: float) -> str:
    return f"{value:.9g}"


def _rational(value: float) -> bytes:
    """As two whole numbers of 32 bits."""
    most = 2**32 - 1
    near = Fraction(min(max(value, 0.0), float(most))).limit_denominator(max(1, min(10**6, int(most / max(value, 1)))))
    return struct.pack("<II", near.numerator, near.denominator)
