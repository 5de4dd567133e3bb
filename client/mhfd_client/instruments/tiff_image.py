"""One grey image that an instrument's program left as a TIFF: its pixels, or why it is none.

What `mhfd` scores is read elsewhere, band by band; this is for images that are small enough to be taken as a pair.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from mhfd_client.errors import AcquisitionFailed

MOST_BYTES: Final = 1 << 30


def tiff_image(source: Path | io.BytesIO, name: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """The pixels, and what a program that writes with tifffile said beside them. AcquisitionFailed names `name`."""
    import tifffile  # takes long to load, and who reads or moves a lens needs none

    try:
        with tifffile.TiffFile(source) as file:
            page = file.pages[0]
            if len(file.pages) != 1:
                raise ValueError(f"it is a stack of {len(file.pages)}")
            if not isinstance(page, tifffile.TiffPage) or page.nbytes > MOST_BYTES:
                raise ValueError("it is larger than 1 GiB")
            if page.ndim != 2 or page.dtype is None or page.dtype.kind not in "uf" or 0 in page.shape:
                raise ValueError(f"it has the shape {page.shape} of {page.dtype}")
            return page.asarray(), dict((file.shaped_metadata or ({},))[0])
    except Exception as error:  # whatever a reader makes of damaged bytes
        raise AcquisitionFailed(f"{name}: what came is no image: {error}") from None
