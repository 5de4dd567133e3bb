"""`mhfd models apply`: an image and the package that makes a picture of it, found and looked at before it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import UsageError

if TYPE_CHECKING:
    from mhfd.learning.inference.restoring import RestoredImage
    from mhfd.learning.packages import Library


def restored(library: Library, what: str, image: Path) -> RestoredImage:
    """What a package makes of an image file. UsageError names the package, or the file and what is wrong with it."""
    from mhfd import images
    from mhfd.learning.inference.restoring import Restorer
    from mhfd.learning.packages import verify

    restorer = Restorer(verify(library.find(what).folder))
    loaded = images.load(image)
    if loaded.pixels is None:
        raise UsageError(f"{image}: {loaded.detail or loaded.finding}")
    return restorer.of(loaded.pixels, pixel_nm=loaded.info.pixel_nm)
