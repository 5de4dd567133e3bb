"""Pictures that mhfd made of an image with a learned package: a line in the description of a TIFF says so.

They are for the eye. Noise that was taken away cannot tell anybody about focus any more, so nothing here is measured of
them. A program that saves such a picture again may leave the line out.
"""

from __future__ import annotations

from typing import Final

from mhfd.images.formats.ifd import Fields

BEGINS: Final = "made by mhfd, not by a microscope: "
"""The line, up to what was done and by which package."""
_DESCRIPTION: Final = 270
_MOST: Final = 300


def by_mhfd(fields: Fields | None) -> str | None:
    """What was done, by the tags of a TIFF; None: mhfd did not make it."""
    raw = (None if fields is None else fields.text(_DESCRIPTION, _MOST)) or b""
    if not raw.startswith(BEGINS.encode()):
        return None
    return (raw.decode("utf-8", "replace").splitlines() or [""])[0].removeprefix(BEGINS)
