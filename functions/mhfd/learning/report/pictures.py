"""The middle of an image as a small picture, pixel by pixel: what is blurred is seen there, and not in a small one."""

import base64
import io
from typing import Final

import numpy as np

SIDE: Final = 224
_MOST: Final = 40_000
"""Characters of one picture in the page."""


def middle_of(path: str, sha256: str) -> str | None:
    """The address of a picture that is in the address; None where the file is gone, or is another one now."""
    from PIL import Image as Pillow

    from mhfd import images

    try:
        with images.opened(path) as image:
            if image.rows is None or image.info.sha256 not in (None, sha256):
                return None
            top, left = (max(0, (size - SIDE) // 2) for size in image.rows.shape)
            pixels = image.rows.read(top, min(top + SIDE, image.rows.shape[0]))[:, left : left + SIDE]
            grey = np.array(pixels, np.float32)
    except (OSError, ValueError):
        return None
    except images.Flaw:  # it changes while it is read
        return None
    low, high = np.percentile(grey, (0.5, 99.5))
    grey = np.clip((grey - low) * (255 / max(float(high - low), 1e-6)), 0, 255)
    held = io.BytesIO()
    Pillow.fromarray(grey.astype(np.uint8)).save(held, format="JPEG", quality=75)
    address = f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
    return address if len(address) <= _MOST else None
