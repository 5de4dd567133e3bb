"""Pixels for the browser: the small picture of an image, its focus map, and any part of it at any size.

Files are opened by the journal's id only, through the reader that scoring uses, and leave as a picture of our own
making: never as the file. What a share that hangs holds up is a thread here, and neither the page nor the watch.
"""

import io
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from mhfd import images, stretch
from mhfd.contract.params import Params
from mhfd.limits import Limits
from mhfd_client.errors import StateError
from mhfd_client.files import write_whole
from mhfd_client.journal.rows import ImageRow

Grey = NDArray[np.uint8]
_BUDGET: Final = 384 << 20  # bytes of decoded images kept: seven of 7k x 7k
_WIDEST: Final = 2048
_SMALL: Final = 256


class NotShown(Exception):
    """Why there is no picture, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """Columns [left, right) and rows [top, bottom) of an image, and how many pixels wide it is wanted."""

    left: int
    top: int
    right: int
    bottom: int
    width: int


class PictureReader:
    """Reads images and remembers the last few. Called from several threads."""

    def __init__(self, root: str, *, budget: int = _BUDGET) -> None:
        self._root, self._budget = root, budget
        self._kept: OrderedDict[int, Grey] = OrderedDict()
        self._busy: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def part(self, row: ImageRow, part: Cutout) -> tuple[bytes, str]:
        """A picture and its media type. Larger than life is left to the browser, which shows each pixel as it is."""
        grey = self._grey(row)
        height, width = grey.shape
        left, right = max(0, part.left), min(width, part.right)
        top, bottom = max(0, part.top), min(height, part.bottom)
        if left >= right or top >= bottom:
            raise NotShown("That part lies outside of the image.")
        cut = Pillow.fromarray(grey[top:bottom, left:right])
        wanted = max(1, min(part.width, _WIDEST))
        if wanted < cut.width:
            cut = cut.reduce(max(1, cut.width // wanted)) if cut.width >= 2 * wanted else cut
            if wanted < cut.width:
                cut = cut.resize((wanted, max(1, round(cut.height * wanted / cut.width))), Pillow.Resampling.BOX)
            return _encoded(cut, "JPEG", quality=90), "image/jpeg"
        if cut.width > _WIDEST:
            raise NotShown(f"A part may be {_WIDEST} pixels wide.")
        return _encoded(cut, "PNG", compress_level=1), "image/png"

    def keep_small(self, row: ImageRow, target: Path) -> bytes:
        """A small picture of the whole image, kept for the next time where the disk takes it."""
        far = 1 << 30
        data, _ = self.part(row, Cutout(0, 0, far, far, _SMALL))
        with suppress(StateError):
            write_whole(target, data)
        return data

    def _grey(self, row: ImageRow) -> Grey:
        with self._lock:
            busy = self._busy.setdefault(row.id, threading.Lock())
        with busy:  # one reads, the others wait for it
            self._check(row)
            with self._lock:
                if row.id in self._kept:
                    self._kept.move_to_end(row.id)
                    return self._kept[row.id]
            grey = self._read(row)
            with self._lock:
                self._kept[row.id] = grey
                while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self._budget:
                    old, _ = self._kept.popitem(last=False)
                    self._busy.pop(old, None)
            return grey

    def _path(self, row: ImageRow) -> str:
        return os.path.join(self._root, row.path)  # noqa: PTH118 - names need not be UTF-8

    def _check(self, row: ImageRow) -> None:
        try:
            found = os.stat(self._path(row))  # noqa: PTH116 - likewise
        except FileNotFoundError:
            raise NotShown("The file is gone: moved, deleted, or its folder is not mounted.") from None
        except OSError as e:
            raise NotShown(f"The file cannot be read: {e.strerror}.") from None
        if (found.st_size, found.st_mtime_ns) != (row.size, row.mtime_ns):
            raise NotShown("The file was replaced since: these pixels are gone. Look at its newer image.")

    def _read(self, row: ImageRow) -> Grey:
        image = images.load(self._path(row), limits=Limits(raised_by="open it in another program"))
        if image.pixels is None:
            raise NotShown(f"There is nothing to show: {image.detail or image.finding.value}.")
        pixels = image.pixels
        low, high = stretch.limits(pixels, Params())
        grey = np.empty(pixels.shape, np.uint8)
        for at in range(0, len(pixels), 512):  # in strips: no second copy of a large image
            grey[at : at + 512] = stretch.apply(pixels[at : at + 512], low, high, np.float32) * 255 + 0.5
        return grey


def heat(shares: list[float | None], rows: int, cols: int) -> bytes:
    """A focus map as a picture of one pixel a cell: clear above 65% of the expected, the darker the less there is.

    Cells without tissue are clear too: there is nothing to be sharp.
    """
    values = np.array([1.0 if share is None else share for share in shares]).reshape(rows, cols)
    lack = np.clip((0.65 - values) / 0.5, 0, 1)[..., None]
    light, dark = np.array([255.0, 190.0, 60.0]), np.array([150.0, 0.0, 60.0])
    alpha = np.where(lack > 0, 90 + 130 * lack, 0)
    cells = np.concatenate([light + (dark - light) * lack, alpha], axis=2).astype(np.uint8)
    return _encoded(Pillow.fromarray(cells), "PNG")


def _encoded(picture: Pillow.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
