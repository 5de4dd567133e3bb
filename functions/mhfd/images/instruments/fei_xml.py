"""Thermo Fisher's XML, in SI units: in tag 34683, or where the sections were (34682), or in the description."""

import re
import xml.etree.ElementTree as ET
from typing import Final

from mhfd.images.instruments.frame import Frame
from mhfd.images.instruments.text import decoded, root_of
from mhfd.images.instruments.written import MAX_TEXT, METRES, Header, Written, number

_TAGS: Final = (34683, 34682, 34680, 270)
_BEGIN: Final = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:<\?xml[^>]{0,200}\?>\s*)?<(?:[A-Za-z]+:)?Metadata[\s>]")


def read(header: Header, found: Written) -> None:
    """What the other tags did not say."""
    for code in _TAGS:
        raw = header.tag(code, MAX_TEXT + 1)
        if raw is None or _BEGIN.match(raw) is None:
            continue
        root = None if len(raw) > MAX_TEXT else root_of(decoded(raw).lstrip())
        if root is None:
            found.notes.append(f"XML in tag {code} is damaged or too long: ignored")
            continue
        _understand(root, header, found)


def _understand(root: ET.Element, header: Header, found: Written) -> None:
    def element(path: str) -> ET.Element | None:
        at: ET.Element | None = root
        for name in path.split("/"):  # in whatever namespace
            at = None if at is None else next((e for e in at if e.tag.rpartition("}")[2] == name), None)
        return at

    def of(path: str) -> float | None:
        at = element(path)
        value = None if at is None else number(at.text)
        if at is None or value is None:
            return None
        if (prefix := at.get("unitPrefixPower", "1").strip()) not in ("0", "1"):
            found.notes.append(f"{path} has unitPrefixPower {prefix[:12]!r}: unknown")
            return None
        unit = at.get("unit")
        return value if unit is None else found.converted(path, value, unit.strip().lower(), METRES)

    found.stage(
        of("StageSettings/StagePosition/X"), of("StageSettings/StagePosition/Y"), "FEI XML StageSettings/StagePosition"
    )
    found.focus(of("Optics/WorkingDistance"), "FEI XML Optics/WorkingDistance")
    found.dwell(of("ScanSettings/DwellTime"), "FEI XML ScanSettings/DwellTime")
    columns, rows = of("BinaryResult/ImageSize/X"), of("BinaryResult/ImageSize/Y")
    frame = Frame(columns, rows, 0.0, "FEI XML BinaryResult/ImageSize")
    frame.find_rows(header, found)
    found.may_have_bar = found.may_have_bar or (columns is not None and not frame.is_file(header))
    frame.find_pixel(of("BinaryResult/PixelSize/X"), header, found, "FEI XML BinaryResult/PixelSize")
    if columns and (field := of("Optics/ScanFieldOfView/X")) is not None:
        frame.find_pixel(field / columns, header, found, "FEI XML Optics/ScanFieldOfView / ImageSize")
