"""JEOL SightX (transmission): XML in the description of a TIFF, whose resolution is that of the camera."""

import xml.etree.ElementTree as ET
from typing import Final

from mhfd.images.instruments.text import document, quantity
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_DESCRIPTION, _X_RESOLUTION, _RESOLUTION_UNIT = 270, 282, 296
_UNITS: Final = {2: 0.0254, 3: 0.01}
_SECONDS: Final = SECONDS | {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_NAME: Final = "JEOL SightX "


def read(header: Header, found: Written) -> None:
    """Pixel size, exposure and stage of an image that a camera took: not of a diffraction pattern, or of a scan."""
    root = document(header.tag(_DESCRIPTION), "TemReporter", found, _NAME)
    if root is None:
        return
    x, y = _stage(root, "X"), _stage(root, "Y")
    found.stage(x, y, _NAME + "StagePosition/MX, PX, MY, PY")
    if root.findtext("Eos/EosMode") != "eosTEM":
        return
    for exposure in root.iterfind("*/Parameter/ExposureTimeString"):
        value, unit = quantity(exposure.text or "")
        if value is not None:
            found.dwell(found.converted(_NAME + "ExposureTimeString", value, unit, _SECONDS), _NAME + exposure.tag)
    magnification = number(root.findtext("ImageFormingSystem/SelectorValue"))
    if root.findtext("ImageFormingSystem/ModeString") == "MAG" and magnification is not None and magnification > 0:
        found.pixel(_of_camera(header, magnification), _NAME + "XResolution / SelectorValue")


def _of_camera(header: Header, magnification: float) -> float | None:
    """The side of a pixel of the camera, made as many times smaller."""
    across, unit = header.numbers(_X_RESOLUTION), header.numbers(_RESOLUTION_UNIT)
    if not across or across[0] <= 0 or not unit or unit[0] not in _UNITS:
        return None
    return _UNITS[int(unit[0])] / across[0] / magnification


def _stage(root: ET.Element, axis: str) -> float | None:
    """Where the motor stands, moved by the piezo, in nm."""
    motor, piezo = (number(root.findtext(f"GonioStage/StagePosition/{drive}{axis}")) for drive in "MP")
    return None if motor is None else (motor + (piezo or 0.0)) * METRES["nm"]
