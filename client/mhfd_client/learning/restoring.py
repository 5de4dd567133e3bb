"""`mhfd models apply` and `mhfd_client.restore`: an image, and the package that makes a picture of it.

Both are found and looked at before the package is asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import UsageError
from mhfd_client.settings.load import load
from mhfd_client.settings.places import models_home
from mhfd_client.surface import brief

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


@brief
def restore(
    image: str | os.PathLike[str],
    package: str,
    *,
    out: str | os.PathLike[str] | None = None,
    config: Path | None = None,
) -> RestoredImage:
    """A picture of an image for the eye: with less noise, or what each pixel shows, as `mhfd models apply` makes it.

    Args:
        image: Its file.
        package: One for denoise or segment, by folder, name or title.
        out: A TIFF that is written, which says what made it; nothing there is replaced.
        config: A settings file; nothing for the user's.
    """
    from mhfd.learning.packages import Library

    made = restored(Library(models_home(load(config).settings)), package, Path(image))
    if out is not None:
        made.write(Path(out))
    return made
