"""What the instrument wrote about an image -> the part that is image, pixel size, focus, dwell, stage.

One module an instrument (or a program that writes for many): `read(header, found)` adds what it knows. The first that
knows a value is believed, in the order below. Nothing here raises because of what a file says, or looks at a pixel.
"""

from mhfd.images.instruments import fei, fibics, of_format, ome, tescan, zeiss
from mhfd.images.instruments.written import Header, Written

_INSTRUMENTS = (fibics, zeiss, fei, tescan, ome, of_format)


def read(header: Header, found: Written) -> None:
    """Everything known about one image."""
    for instrument in _INSTRUMENTS:
        instrument.read(header, found)
