"""Fibics (Atlas 5 on Zeiss instruments): XML in tag 51023."""

import math
from collections.abc import Mapping

from mhfd.contract.focus_report import Box
from mhfd.images.instruments.text import root_of
from mhfd.images.instruments.written import MAX_TEXT, METRES, SECONDS, Header, Written, number

_TAG = 51023


def read(header: Header, found: Written) -> None:
    """Its bounding box, and the scan and the stage."""
    raw = header.tag(_TAG, MAX_TEXT + 1)
    if raw is None:
        return
    if len(raw) > MAX_TEXT:
        found.notes.append("Fibics XML is too long: ignored")
        return
    root = root_of(raw.decode("latin-1"))
    if root is None or root.tag != "Fibics":
        found.notes.append("Fibics XML is damaged: ignored")
        return

    def value_of(path: str) -> float | None:
        element = root.find(path)
        value = None if element is None else number(element.text)
        if element is not None and value is None:
            found.notes.append(f"{path} is no number: unknown")
        return value

    def of(path: str, units: Mapping[str, float], default: str) -> float | None:
        element, value = root.find(path), value_of(path)
        if element is None or value is None:
            return None
        return found.converted(path, value, element.get("units", default).strip().lower(), units)

    sides = [value_of(f"Image/BoundingBox.{side}") for side in ("Left", "Top", "Right", "Bottom")]
    if any(side is not None for side in sides):
        _box(sides, found, header)
    columns = found.box.right - found.box.left if found.box else header.width
    across, down = of("Scan/Ux", METRES, "um"), of("Scan/Uy", METRES, "um")
    field_of_view = of("Scan/FOV_X", METRES, "um")
    if across is not None and down is not None:
        found.pixel(math.hypot(across, down), "Fibics Scan/Ux, Uy")
    if field_of_view is not None:
        found.pixel(field_of_view / columns, "Fibics Scan/FOV_X")
    found.stage(of("Stage/X", METRES, "um"), of("Stage/Y", METRES, "um"), "Fibics Stage/X, Y")
    found.focus(of("Scan/Focus", METRES, "m"), "Fibics Scan/Focus")
    found.dwell(of("Scan/Dwell", SECONDS, "ns"), "Fibics Scan/Dwell")
    for name, key in (("Row", "mosaic_row"), ("Col", "mosaic_col")):
        place = value_of(f"MosaicInfo/{name}")
        if place is not None and place == int(place):
            found.extra[key] = int(place)


def _box(sides: list[float | None], found: Written, header: Header) -> None:
    """Inclusive corners -> a half-open box, if it makes sense."""
    if any(side is None or side != int(side) for side in sides):
        found.notes.append("bounding box is incomplete: ignored")
        return
    left, top, right, bottom = (int(side) for side in sides if side is not None)
    # One past the last pixel is an exclusive corner: the same box, written by other hands.
    right, bottom = min(right + 1, max(right, header.width)), min(bottom + 1, max(bottom, header.height))
    box = Box(top=top, left=left, bottom=bottom, right=right)
    found.part(box, header.height, header.width, "Fibics Image/BoundingBox")
