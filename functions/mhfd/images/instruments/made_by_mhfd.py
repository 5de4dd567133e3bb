"""Pictures that mhfd made of an image with a learned package: a line in the description of a TIFF says so.

They are for the eye. Noise that was taken away cannot tell anybody about focus any more, so nothing here is measured of
them. A program that saves such a picture again may leave the line out.
"""

from typing import Final

from mhfd.images.instruments.written import Header, Written

BEGINS: Final = "made by mhfd, not by a microscope: "
"""The line, up to what was done and by which package."""
_DESCRIPTION: Final = 270
_MOST: Final = 300


def read(header: Header, found: Written) -> None:
    """What was done."""
    raw = header.tag(_DESCRIPTION) or b""
    if raw.startswith(BEGINS.encode()):
        found.made = raw[:_MOST].decode("utf-8", "replace").splitlines()[0].removeprefix(BEGINS)
