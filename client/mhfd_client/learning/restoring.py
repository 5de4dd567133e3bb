"""`mhfd models apply` and `mhfd_client.restore`: an image, and the package that makes a picture of it.

Both are found and looked at before the package is asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mhfd.errors import UsageError
from mhfd_client.settings.load import load
from mhfd_client.settings.places import models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from mhfd.learning.inference.restoring import RestoredImage
    from mhfd.learning.packages import Library, Package
    from mhfd.learning.pictures import PictureTask

_TASKS: Final[tuple[PictureTask, ...]] = ("denoise", "segment")


def restored(library: Library, what: str, image: Path, instrument: str | None = None) -> RestoredImage:
    """What a package makes of an image file. UsageError names the package, or the file and what is wrong with it.

    Args:
        library: Where it is looked up.
        what: The package; or its task, for the champion.
        image: The file.
        instrument: The microscope: whose champion, and whose packages alone.
    """
    from mhfd import images
    from mhfd.learning.inference.restoring import Restorer
    from mhfd.learning.packages import verify

    restorer = Restorer(verify(_package(library, what, instrument).folder))
    loaded = images.load(image)
    if loaded.pixels is None:
        raise UsageError(f"{image}: {loaded.detail or loaded.finding}")
    return restorer.of(loaded.pixels, pixel_nm=loaded.info.pixel_nm)


def _package(library: Library, what: str, instrument: str | None) -> Package:
    from mhfd.learning.packages.seats import Seat

    task = next((one for one in _TASKS if one == what), None)
    if task is not None:
        if (champion := library.champion(task, instrument)) is not None:
            return champion
        seat = Seat.of(task, instrument)
        raise UsageError(
            f"{what}: no package is champion of {seat}; name one of `mhfd models list`, or let `mhfd learn DATASET "
            f"--task {seat.typed}` say whether one earns its place"
        )
    package = library.find(what)
    library.refuse_elsewhere(package, instrument)
    return package


@brief
def restore(
    image: str | os.PathLike[str],
    package: str,
    *,
    out: str | os.PathLike[str] | None = None,
    instrument: str | None = None,
    config: Path | None = None,
) -> RestoredImage:
    """A picture of an image for the eye: with less noise, or what each pixel shows, as `mhfd models apply` makes it.

    Args:
        image: Its file.
        package: One for denoise or segment, by folder, name or title; or that word: the champion of it.
        out: A TIFF that is written, which says what made it; nothing there is replaced.
        instrument: The microscope that it is asked at; nothing: the setting `models.instrument`.
        config: A settings file; nothing for the user's.
    """
    from mhfd.learning.packages import Library

    settings = load(config).settings
    made = restored(Library(models_home(settings)), package, Path(image), instrument or settings.models.instrument)
    if out is not None:
        made.write(Path(out))
    return made
