"""A small picture of each image, made where its pixels are: in the worker that scores it, so no file is read twice.

Called in worker processes only: it imports the scoring.
"""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mhfd import api
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.limits import Limits
from mhfd.rows import Rows, spans
from mhfd_client.files import text_of
from mhfd_client.runners.process import Unpictured

SIDE: Final = 256


def score(
    path: str,
    *,
    params: Params,
    device: api.Device,
    threads: int,
    thumbnail: str,
    limits: Limits | None = None,
    look: Callable[[Rows], object] | None = None,
) -> FocusReport | Unpictured:
    """`mhfd.score`, and the picture on the way. What cannot be measured may have none."""
    pictures: list[bytes] = []

    def seen(rows: Rows) -> None:
        pictures.append(jpeg(rows))
        if look is not None:
            look(rows)

    report = api.score(
        path,
        params=params,
        device=device,
        threads=threads,
        limits=limits,
        look=seen,
    )
    return keep(report, pictures[0], thumbnail) if pictures else report


def keep(report: FocusReport, picture: bytes, thumbnail: str) -> FocusReport | Unpictured:
    """Write the picture. The report stays what it is when that fails: the trouble is the station's folder's."""
    target = Path(thumbnail)
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(picture)
        part.replace(target)  # not synced: a picture that the power takes is no loss
    except OSError as e:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return Unpictured(report, f"{text_of(target)}: {e.strerror or e}")
    return report


def jpeg(rows: Rows, *, side: int = SIDE) -> bytes:
    """At most `side` pixels wide and high, its contrast stretched as a person would."""
    height, width = rows.shape
    step = max(1, -(-max(height, width) // side))
    skip = max(1, step // 4)  # of a block, four pixels each way are enough for a picture
    some = step // skip * skip  # rows of one row of the picture
    small = np.concatenate(
        [_means(rows.read(top, bottom)[::skip, ::skip], step // skip) for top, bottom in spans(height, 64 * some)]
    )
    ends = [small.size // 300, small.size - 1 - small.size // 300]
    low, high = np.partition(small.ravel(), ends)[ends]
    grey = np.clip((small - low) * (255 / max(float(high - low), 1e-6)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()


def _means(pixels: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Of squares; one at the edge may be smaller. Whole numbers are summed as such, rows first: that is faster."""
    sums = pixels
    for axis, size in enumerate(pixels.shape):
        if size % side:
            sums = np.pad(sums, [(0, -size % side) if at == axis else (0, 0) for at in (0, 1)])
        wide = np.float32 if pixels.dtype == np.float32 else np.uint16 if pixels.itemsize == 1 else np.uint32
        parts = [sums[offset::side] if axis == 0 else sums[:, offset::side] for offset in range(side)]
        sums = sum(parts[1:], start=parts[0].astype(wide))
    heights, widths = (np.diff([*range(0, size, side), size]) for size in pixels.shape)
    means: NDArray[np.float32] = (sums / (heights[:, None] * widths)).astype(np.float32)
    return means
