"""What the instrument wrote about an image -> the part that is image, pixel size, focus, dwell, stage.

One module an instrument (or a program that writes for many): `read(header, found)` adds what it knows. The first that
knows a value is believed, in the order below: instruments by their own tags, then by a text beside the image, then
programs that save what others took. Nothing here raises because of what a file says, or looks at a pixel.
"""

from dataclasses import replace
from functools import cache

from mhfd.images.instruments import (
    digital_micrograph,
    fei,
    fibics,
    hitachi,
    imagej,
    jeol_sem,
    of_format,
    olympus,
    ome,
    openfibsem,
    phenom,
    serialem,
    sightx,
    tescan,
    tvips,
    zeiss,
)
from mhfd.images.instruments.written import Header, Written

_BY_TAGS = (fibics, zeiss, fei, phenom, sightx, tvips, olympus, openfibsem, tescan)
_BESIDE = (jeol_sem, hitachi, serialem)
_PROGRAMS = (digital_micrograph, imagej, ome, of_format)


def read(header: Header, found: Written) -> None:
    """Everything known about one image."""
    header = replace(header, beside=cache(header.beside))  # several ask for the same file
    for instrument in (*_BY_TAGS, *_BESIDE, *_PROGRAMS):
        instrument.read(header, found)
