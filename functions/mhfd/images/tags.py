"""What the instrument wrote about an image: Fibics, Zeiss, FEI and OME tags -> box, pixel size, focus, dwell, stage.

Tags are claims. A unit is obeyed or the value is unknown (None); what makes no sense is left out with a note and never
fails an image. XResolution is not looked at: instruments write the printer's 72 dpi into it. XML is parsed without any
document type, so that no entity is ever expanded.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mhfd.contract.focus_report import Box
from mhfd.images.ifd import Fields

MIN_SIDE: Final = 32
"""A smaller box or image holds not even one Gaussian of the largest default scale (t = 16) to either side."""

_MAX_XML: Final = 256 << 10
_MAX_OME: Final = 64 << 10  # the first element `Pixels` is near the beginning
_DESCRIPTION, _ZEISS, _FEI, _FEI_OLD, _FIBICS = 270, 34118, 34682, 34680, 51023
_METRES: Final = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9, "pm": 1e-12, "å": 1e-10}
_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


@dataclass(slots=True)
class Written:
    """What could be understood. Unknown is None."""

    box: Box | None = None
    pixel_nm: float | None = None
    focus_m: float | None = None
    dwell_ns: float | None = None
    stage_um: tuple[float, float] | None = None
    extra: dict[str, str | float | int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def of_tiff(fields: Fields, height: int, width: int) -> Written:
    """Everything known about one page. The first source that knows a value is believed: Fibics, Zeiss, FEI, OME."""
    found = Written()
    sources: tuple[tuple[int, int, Callable[[str, Written, int, int], None]], ...] = (
        (_FIBICS, _MAX_XML, _fibics),
        (_ZEISS, _MAX_XML, _zeiss),
        (_FEI, _MAX_XML, _fei),
        (_FEI_OLD, _MAX_XML, _fei),
        (_DESCRIPTION, _MAX_OME, _ome),
    )
    for code, limit, understand in sources:
        text = fields.text(code, limit + 1)
        if text is None or (code == _DESCRIPTION and b"<OME" not in text):
            continue
        if code == _FIBICS and len(text) > limit:
            found.notes.append("Fibics XML is too long: ignored")
        else:
            understand(text.decode("utf-8" if code == _DESCRIPTION else "latin-1", "replace"), found, height, width)
    return found


def _fibics(text: str, found: Written, height: int, width: int) -> None:
    root = _xml(text)
    if root is None or root.tag != "Fibics":
        found.notes.append("Fibics XML is damaged: ignored")
        return

    def number(path: str) -> float | None:
        element = root.find(path)
        value = None if element is None else _number(element.text)
        if element is not None and value is None:
            found.notes.append(f"{path} is no number: unknown")
        return value

    def of(path: str, units: Mapping[str, float], default: str) -> float | None:
        element, value = root.find(path), number(path)
        if element is None or value is None:
            return None
        return _converted(path, value, element.get("units", default).strip().lower(), units, found.notes)

    sides = [number(f"Image/BoundingBox.{side}") for side in ("Left", "Top", "Right", "Bottom")]
    if any(side is not None for side in sides):
        _take_box(sides, found, height, width)
    columns = found.box.right - found.box.left if found.box else width
    across, down = of("Scan/Ux", _METRES, "um"), of("Scan/Uy", _METRES, "um")
    field_of_view = of("Scan/FOV_X", _METRES, "um")
    if across is not None and down is not None and math.hypot(across, down) > 0:
        _fill(found, pixel_m=math.hypot(across, down))
    elif field_of_view is not None:
        _fill(found, pixel_m=field_of_view / columns)
    _fill(
        found,
        stage_m=(of("Stage/X", _METRES, "um"), of("Stage/Y", _METRES, "um")),
        focus_m=of("Scan/Focus", _METRES, "m"),
        dwell_s=of("Scan/Dwell", _SECONDS, "ns"),
    )
    for name, key in (("Row", "mosaic_row"), ("Col", "mosaic_col")):
        place = number(f"MosaicInfo/{name}")
        if place is not None and place == int(place):
            found.extra[key] = int(place)


def _take_box(sides: list[float | None], found: Written, height: int, width: int) -> None:
    """Inclusive corners -> a half-open box, if it makes sense."""
    if any(side is None or side != int(side) for side in sides):
        found.notes.append("bounding box is incomplete: ignored")
        return
    left, top, right, bottom = (int(side) for side in sides if side is not None)
    # One past the last pixel is an exclusive corner: the same box, written by other hands.
    right, bottom = min(right + 1, max(right, width)), min(bottom + 1, max(bottom, height))
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        found.notes.append(f"bounding box {left},{top} to {right},{bottom} is not inside {width} x {height}: ignored")
    elif min(right - left, bottom - top) < MIN_SIDE <= min(height, width):
        found.notes.append(f"bounding box of {right - left} x {bottom - top} pixels makes no sense: ignored")
    else:
        found.box = Box(top=top, left=left, bottom=bottom, right=right)


def _zeiss(text: str, found: Written, height: int, width: int) -> None:
    """Pairs of lines: a key in capitals, then `Name = value unit`."""
    values: dict[str, tuple[float, str]] = {}
    key = ""
    for line in text.splitlines():
        if line.isupper() and "=" not in line:
            key = line.strip()
        elif key:
            words = line.partition("=")[2].split()
            value = _number(words[0]) if words else None
            if value is not None:
                values[key] = (value, words[1].lower() if len(words) > 1 else "")
            key = ""

    def of(name: str, units: Mapping[str, float]) -> float | None:
        return _converted(name, *values[name], units, found.notes) if name in values else None

    _fill(
        found,
        stage_m=(of("AP_STAGE_AT_X", _METRES), of("AP_STAGE_AT_Y", _METRES)),
        pixel_m=of("AP_IMAGE_PIXEL_SIZE", _METRES),
        focus_m=of("AP_WD", _METRES),
        dwell_s=of("DP_DWELL_TIME", _SECONDS),
    )


def _fei(text: str, found: Written, height: int, width: int) -> None:
    """Sections in brackets, then `Key=value`, in SI units. The data bar below the image is no image."""
    values: dict[str, float] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] \t")
            continue
        key, _, value = line.partition("=")
        if (number := _number(value)) is not None:
            values.setdefault(f"{section}.{key.strip()}", number)
    _fill(
        found,
        stage_m=(values.get("Stage.StageX"), values.get("Stage.StageY")),
        pixel_m=values.get("Scan.PixelWidth", values.get("EScan.PixelWidth")),
        focus_m=values.get("EBeam.WD", values.get("Stage.WorkingDistance")),
        dwell_s=values.get("Scan.Dwelltime", values.get("EScan.Dwell")),
    )
    rows = values.get("Image.ResolutionY")
    bar = values.get("PrivateFei.DatabarHeight", 0.0)
    if found.box is None and rows is not None and bar > 0 and rows + bar == height and rows >= MIN_SIDE:
        found.box = Box(top=0, left=0, bottom=int(rows), right=width)


def _ome(text: str, found: Written, height: int, width: int) -> None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        found.notes.append("OME-XML with a document type: ignored")
        return
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(events=("start",))
    try:
        parser.feed(text)
        for event in parser.read_events():
            element = event[-1]
            if isinstance(element, ET.Element) and element.tag.rpartition("}")[2] == "Pixels":
                value = _number(element.get("PhysicalSizeX"))
                unit = element.get("PhysicalSizeXUnit", "µm").lower()
                if value is not None:
                    _fill(found, pixel_m=_converted("PhysicalSizeX", value, unit, _METRES, found.notes))
                return
    except ET.ParseError:
        found.notes.append("OME-XML is damaged: ignored")


def _fill(
    found: Written,
    *,
    pixel_m: float | None = None,
    focus_m: float | None = None,
    dwell_s: float | None = None,
    stage_m: tuple[float | None, float | None] = (None, None),
) -> None:
    """Add what an earlier source did not know."""
    if found.pixel_nm is None and pixel_m is not None:
        found.pixel_nm = _positive(pixel_m * 1e9)
    if found.focus_m is None and focus_m is not None:
        found.focus_m = _tidy(focus_m)
    if found.dwell_ns is None and dwell_s is not None:
        found.dwell_ns = _positive(dwell_s * 1e9)
    x, y = stage_m
    if found.stage_um is None and x is not None and y is not None:
        found.stage_um = (_tidy(x * 1e6), _tidy(y * 1e6))


def _converted(name: str, value: float, unit: str, units: Mapping[str, float], notes: list[str]) -> float | None:
    """A value in metres or seconds; a note where its unit is none of those."""
    if unit not in units:
        notes.append(f"{name} has the unit {unit[:12]!r}: unknown")
        return None
    return value * units[unit]


def _xml(text: str) -> ET.Element | None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        # Text, not bytes: the encoding that the document declares is not followed, so none can hide a DOCTYPE.
        return ET.fromstring(text)  # noqa: S314  no document type, so no entities; bounded in length
    except (ET.ParseError, ValueError):
        return None


def _number(text: str | None) -> float | None:
    """A finite number that fits any unit conversion, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def _positive(value: float) -> float | None:
    return _tidy(value) if value > 0 else None


def _tidy(value: float) -> float:
    """Without the noise of the unit's conversion."""
    return float(f"{value:.9g}")
