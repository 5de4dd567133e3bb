"""What the sharp images near one show a learned package: the baseline that it compares an image with.

Read from the journal, where each estimate lies with what its package was shown: no image is read again. The median of
each feature over the nearest images in focus, as it is where packages are taught. Opens no package.
"""

import statistics
import struct
from typing import Final

from mhfd_client.journal.rows import ImageRow
from mhfd_client.journal.view import JournalView

NEAREST: Final = 12
"""So many images, at most. As in `mhfd.learning.learners`, which a station must not import: a test compares them."""
_BYTES: Final = 4  # of a float32


def nearby(journal: JournalView, row: ImageRow) -> dict[str, list[float]]:
    """By package; without those of which no image in focus is near."""
    found: dict[str, list[float]] = {}
    for package, shown in journal.shown_nearby(row, most=NEAREST).items():
        width = max(map(len, shown))
        rows = [_floats(one) for one in shown if len(one) == width and not width % _BYTES]
        if rows:
            found[package] = [statistics.median(column) for column in zip(*rows, strict=True)]
    return found


def _floats(data: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(data) // _BYTES}f", data)
