"""OME-XML in the description of a TIFF."""

import xml.etree.ElementTree as ET
from typing import Any

from mhfd.images.instruments.written import METRES, Header, Written, number
from mhfd.images.instruments.xml import declares

_DESCRIPTION = 270
_LONGEST = 64 << 10  # the first element `Pixels` is near the beginning


def read(header: Header, found: Written) -> None:
    """The pixel size of the first image."""
    raw = header.tag(_DESCRIPTION, _LONGEST)
    if raw is None or b"<OME" not in raw:
        return
    text = raw.decode("utf-8", "replace")
    if declares(text):
        found.notes.append("OME-XML with a document type: ignored")
        return
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(events=("start",))
    try:
        parser.feed(text)
        for event in parser.read_events():
            element = event[-1]
            if isinstance(element, ET.Element) and element.tag.rpartition("}")[2] == "Pixels":
                value = number(element.get("PhysicalSizeX"))
                if value is not None:
                    unit = element.get("PhysicalSizeXUnit", "µm").lower()
                    found.pixel(found.converted("PhysicalSizeX", value, unit, METRES), "OME PhysicalSizeX")
                return
    except ET.ParseError:
        found.notes.append("OME-XML is damaged: ignored")
