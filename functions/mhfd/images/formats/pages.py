"""Which page of a TIFF is the image, and how many images there are: a stack has no first one that stands for all.

A page that is marked as reduced or as a mask, or that is smaller both ways than the image, is a preview or a level of a
pyramid. All else is a further image. It decodes nothing and keeps one page at a time.
"""

import math
import re
from collections import Counter
from typing import Final

from mhfd.images.flaw import Flaw
from mhfd.images.formats.ifd import Fields

_REDUCED, _MASK = 1, 4
_OLD_REDUCED: Final = 2
_RAW: Final = 33560
"""Olympus SIS writes a page with its own tag beside a picture of it, in colour and of the same size."""
_METAMORPH: Final = 33629
_DEPTH: Final = 32997
_IMAGEJ: Final = re.compile(rb"ImageJ=.*?^images=(\d{1,9})\s*$", re.S | re.M)
_SHAPED: Final = re.compile(rb'\{"shape": \[([\d, ]{1,99})\]')
_DESCRIPTION: Final = 4096


class Pages:
    """The pages of one file, one after the other."""

    def __init__(self) -> None:
        self.image: Fields | None = None
        """The first of the largest at full resolution."""
        self.count = 0
        self._sizes = Counter[tuple[int, int]]()
        self._rank = (False, False)

    def add(self, page: Fields) -> Fields | None:
        """Take one more page into account. Returns the one that is not the image, of the two; None: this is the first.

        What has no size, or a marked one where there is a better, is no image.
        """
        self.count += 1
        rank, size = (_RAW in page, not _marked(page)), _size(page)
        last = self.image
        if last is not None and (rank < self._rank or size is None):
            return page
        if last is None or rank > self._rank:
            self._sizes.clear()
        elif size is not None and not _smaller(_size(last), size):
            self._sizes[size] += 1
            return page
        self.image, self._rank = page, rank
        if size is not None:
            self._sizes[size] += 1
        return last

    @property
    def images(self) -> int:
        """How many pages are images."""
        largest = None if self.image is None else _size(self.image)
        return sum(n for size, n in self._sizes.items() if not _smaller(size, largest))


def images_behind(page: Fields, height: int, width: int, samples: int) -> int:
    """How many images a single page says that it stands for: the others lie behind its own, without a page."""
    text = page.text(270, _DESCRIPTION) or b""
    counts = [_whole(page, _DEPTH)]
    if (found := _IMAGEJ.match(text)) is not None:
        counts.append(int(found[1]))
    if (found := _SHAPED.match(text)) is not None:
        sides = [int(side) for side in found[1].split(b",") if side.strip()]
        counts.append(math.prod(sides) // (height * width * samples))
    if _METAMORPH in page:
        counts.append(page.count(_METAMORPH))
    return max(1, *counts)


def _marked(page: Fields) -> bool:
    return bool(_whole(page, 254) & (_REDUCED | _MASK)) or _whole(page, 255) == _OLD_REDUCED


def _size(page: Fields) -> tuple[int, int] | None:
    size = _whole(page, 257), _whole(page, 256)
    return size if min(size) > 0 else None


def _smaller(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    return one is None or (other is not None and one[0] < other[0] and one[1] < other[1])


def _whole(page: Fields, code: int) -> int:
    try:
        return page.whole(code, 0)
    except Flaw:  # a tag that makes no sense says nothing
        return 0
