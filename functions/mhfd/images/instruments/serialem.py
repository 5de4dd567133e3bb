"""SerialEM: `Key = value` in the `.mdoc` beside an image, `a.mrc.mdoc` for `a.mrc`; each section has its own part."""

import re
from pathlib import PurePath
from typing import Final

from mhfd.images.instruments.written import METRES, Header, Written, number

_SECTION: Final = re.compile(r"^\[ZValue = \d+\][ \t]*$", re.M)
_LINE: Final = re.compile(r"^(\w+) = (.*)$", re.M)


def read(header: Header, found: Written) -> None:
    """Pixel size, stage and exposure, where the file speaks of one section."""
    if PurePath(header.path).suffix.lower() not in (".mrc", ".mrcs"):
        return  # nobody waits for a look beside each TIFF
    name = PurePath(header.path).name + ".mdoc"
    text = header.beside(name).decode("latin-1")
    first, *sections = _SECTION.split(text)
    if len(sections) > 1:
        found.notes.append(f"{name} speaks of {len(sections)} sections: ignored")
        return
    values = dict(_LINE.findall(first + "".join(sections)))
    if (spacing := number(values.get("PixelSpacing"))) is not None:
        found.pixel(spacing * METRES["å"], "SerialEM PixelSpacing")
    x, y = (number(word) for word in [*values.get("StagePosition", "").split(), "", ""][:2])
    if x is not None and y is not None:
        found.stage(x * METRES["um"], y * METRES["um"], "SerialEM StagePosition")
    found.dwell(number(values.get("ExposureTime")), "SerialEM ExposureTime")
