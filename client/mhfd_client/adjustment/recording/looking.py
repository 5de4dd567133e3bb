"""What only the pixels of recorded images say: whether they can be read, and whether two show the same field.

Opens images, and so loads what reads them: never at the top of a module that the page or a watch uses.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mhfd.contract.focus_report import Finding
from mhfd_client.adjustment.recording.copies import copy_of
from mhfd_client.adjustment.recording.recorded_move import RecordedImage, RecordedMove
from mhfd_client.adjustment.recording.sorting_out import Unteaching

if TYPE_CHECKING:
    from mhfd.images import Image

STANDS_OUT: Final = 7.0
"""Images agree where their agreement stands out by more; decision 73 has what it is of the same and of other fields."""
_PIXELS: Final = 0.01  # pixel sizes that differ by a larger part are two magnifications
_HELD: Final = 4  # images in memory


class Looker:
    """Looks at the images of a state folder's moves. Remembers the last few.

    Args:
        state_dir: The state folder.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._loaded = lru_cache(maxsize=_HELD)(self._load)

    def path(self, image: RecordedImage) -> Path | None:
        """Where these very bytes lie now; None: nowhere."""
        return self._where(image.sha256, Path(image.path))

    def flaw(self, move: RecordedMove) -> tuple[Unteaching, str] | None:
        """What is wrong with a move's images, by their pixels."""
        for image in move.images:
            if (why := self._unusable(image)) is not None:
                return Unteaching.UNREADABLE, f"{Path(image.path).name}: {why}"
        pairs = [(move.image_before, move.image_after)]
        if move.pair is not None:
            pairs = [(move.pair.a, move.pair.b), (move.pair.a, move.image_after), *pairs]
        for one, other in pairs:
            if one is not None and other is not None and (why := self.two_fields(one, other)) is not None:
                return Unteaching.TWO_FIELDS, why
        return None

    def two_fields(self, one: RecordedImage, other: RecordedImage) -> str | None:
        """Why two images do not show the same; None: they do."""
        from mhfd.learning.manifold.overlay import matched

        first, second = self._loaded(one.sha256, one.path), self._loaded(other.sha256, other.path)
        if first is None or second is None or first.pixels is None or second.pixels is None:
            return None
        if first.pixels.shape != second.pixels.shape:
            shapes = (" x ".join(map(str, image.pixels.shape)) for image in (first, second) if image.pixels is not None)
            return f"its images have different sizes: {' and '.join(shapes)} pixels"
        sizes = [image.info.pixel_nm for image in (first, second) if image.info.pixel_nm]
        if len(sizes) == 2 and abs(sizes[0] - sizes[1]) > _PIXELS * sizes[0]:
            return f"its images have different pixel sizes: {sizes[0]:g} and {sizes[1]:g} nm"
        match = matched(*(image.pixels.astype("float32") for image in (first, second) if image.pixels is not None))
        return None if match.stands_out >= STANDS_OUT else "its images do not show the same"

    def _unusable(self, image: RecordedImage) -> str | None:
        loaded = self._loaded(image.sha256, image.path)
        if loaded is None:
            return "these bytes are kept nowhere any more"
        if loaded.finding is not Finding.OK:
            return loaded.detail or loaded.finding.value.replace("_", " ")
        return None

    def _load(self, sha256: str, path: str) -> Image | None:
        from mhfd.images import load

        where = self._where(sha256, Path(path))
        return None if where is None else load(where)

    def _where(self, sha256: str, original: Path) -> Path | None:
        if (copy := copy_of(self._state_dir, sha256)) is not None:
            return copy
        try:
            with original.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return None
        return original if same else None
