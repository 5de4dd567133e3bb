"""Phenom (Thermo Fisher's desktop instruments): XML `FeiImage` in tag 34683."""

from collections.abc import Mapping
from typing import Final

from mhfd.images.instruments.text import document
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_TAG: Final = 34683
_NAME: Final = "Phenom "


def read(header: Header, found: Written) -> None:
    """Scan and stage, and the rows above the data bar."""
    root = document(header.tag(_TAG), "FeiImage", found, _NAME)
    if root is None:
        return
    found.may_have_bar = True

    def of(path: str, units: Mapping[str, float] = METRES, default: str = "") -> float | None:
        element = root.find(path)
        value = None if element is None else number(element.text)
        if element is None or value is None:
            return None
        return found.converted(_NAME + path, value, element.get("unit", default).strip().lower(), units)

    found.pixel(of("pixelWidth"), _NAME + "pixelWidth")
    found.focus(of("workingDistance"), _NAME + "workingDistance")
    found.dwell(of("acquisition/scan/dwellTime", SECONDS), _NAME + "dwellTime")
    x, y = (of(f"samplePosition/{axis}", default="m") for axis in "xy")
    found.stage(x, y, _NAME + "samplePosition")
    bar = number(root.findtext("databarHeight"))
    if bar == 0:
        found.may_have_bar = False
    # A square is all that was scanned: then nothing was drawn below it.
    elif bar is not None and bar == int(bar) and header.height != header.width:
        found.rows_above_bar(header.height - int(bar), header.height, header.width, _NAME + "databarHeight")
