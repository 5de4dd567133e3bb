"""A small picture of each image, made where its pixels are: in the worker that scores it, so no file is read twice.

Called in worker processes only: it imports the scoring.
"""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mhfd import api
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.files import text_of
from mhfd_client.runners.process import Unpictured

SIDE: Final = 256


def score(path: str, *, params: Params, device: api.Device, threads: int, thumbnail: str) -> FocusReport | Unpictured:
    """`mhfd.score`, and the picture on the way. What cannot be measured may have none."""
    measured = api.measure(path, params=params, device=device, threads=threads)
    return measured.report if measured.pixels is None else keep(measured.report, measured.pixels, thumbnail)


def keep(report: FocusReport, pixels: NDArray[Any], thumbnail: str) -> FocusReport | Unpictured:
    """Write the picture. The report stays what it is when that fails: the trouble is the station's folder's."""
    target = Path(thumbnail)
    part = target.with_suffix(f".{os.getpid()}.part")
    picture = jpeg(pixels)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(picture)
        part.replace(target)  # not synced: a picture that the power takes is no loss
    except OSError as e:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return Unpictured(report, f"{text_of(target)}: {e.strerror or e}")
    return report


def jpeg(pixels: NDArray[Any], *, side: int = SIDE) -> bytes:
    """At most `side` pixels wide and high, its contrast stretched as a person would."""
    step = max(1, -(-max(pixels.shape) // side))
    skip = max(1, step // 4)  # of a block, four pixels each way are enough for a picture
    small = np.asarray(Image.fromarray(pixels[::skip, ::skip].astype(np.float32)).reduce(max(1, step // skip)))
    ends = [small.size // 300, small.size - 1 - small.size // 300]
    low, high = np.partition(small.ravel(), ends)[ends]
    grey = np.clip((small - low) * (255 / max(float(high - low), 1e-6)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
