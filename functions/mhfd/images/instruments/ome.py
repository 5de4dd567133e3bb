"""OME-XML in the description of a TIFF: of all images and planes that it tells of, the one that the first page is."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from mhfd.images.instruments.text import declares
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_DESCRIPTION: Final = 270
_METRES: Final = METRES | {"Å": 1e-10, "\u212b": 1e-10}  # by their very letters: `Mm` is no `mm`
_NOWHERE: Final = "reference frame"
"""The unit of a position whose unit nobody knows."""
_Attributes = Mapping[str, str]


@dataclass(slots=True)
class _Image:
    pixels: _Attributes = field(default_factory=dict)
    places: list[tuple[_Attributes, _Attributes]] = field(default_factory=list)
    """`TiffData`: which planes lie from which page on, and the `UUID` of the file that has them."""
    planes: list[_Attributes] = field(default_factory=list)

    def first_of(self, name: str) -> _Attributes | None:
        """The `TiffData` of the first page of the file that has this name."""
        for place, file in self.places:
            if place.get("IFD", "0") == "0" and file.get("FileName", name) == name:
                return place
        return None


def read(header: Header, found: Written) -> None:
    """Pixel size, exposure and stage."""
    raw = header.tag(_DESCRIPTION)  # what is longer has many planes: the first ones are in its beginning
    if raw is None or b"<OME" not in raw:
        return
    text = raw[raw.index(b"<OME") :].decode("utf-8", "replace")
    if declares(raw.decode("utf-8", "replace")):
        found.notes.append("OME-XML with a document type: ignored")
        return
    images = _images(text, found)
    name = PurePath(header.path).name
    for image in images:
        if (place := image.first_of(name)) is not None:
            _understand(image, place, found)
            return
    # It was renamed, or nothing is said of pages: then the only image is it, or the first, with which the pages begin.
    if len(images) == 1 or (images and not any(image.places for image in images)):
        _understand(images[0], {}, found)
    elif images:
        found.notes.append(f"OME-XML of {len(images)} images does not say which this is: unknown")


def _images(text: str, found: Written) -> list[_Image]:
    """All images whose `Pixels` were begun; the text may end anywhere."""
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(events=("start",))
    images: list[_Image] = []
    try:
        parser.feed(text)
        for event in parser.read_events():
            if isinstance(event[-1], ET.Element):
                _add(event[-1], images)
    except ET.ParseError:
        if not images:
            found.notes.append("OME-XML is damaged: ignored")
    return images


def _add(element: ET.Element, images: list[_Image]) -> None:
    kind = element.tag.rpartition("}")[2]
    if kind == "Pixels":
        images.append(_Image(pixels=element.attrib))
    elif kind == "TiffData" and images:
        images[-1].places.append((element.attrib, {}))
    elif kind == "UUID" and images and images[-1].places:
        images[-1].places[-1] = (images[-1].places[-1][0], element.attrib)
    elif kind == "Plane" and images:
        images[-1].planes.append(element.attrib)


def _understand(image: _Image, place: _Attributes, found: Written) -> None:
    def of(attributes: _Attributes, key: str, units: Mapping[str, float], default: str) -> float | None:
        value, unit = number(attributes.get(key)), attributes.get(f"{key}Unit", default)
        if value is None or unit == _NOWHERE:
            return None
        return found.converted(f"OME {key}", value, unit, units)

    found.pixel(of(image.pixels, "PhysicalSizeX", _METRES, "µm"), "OME PhysicalSizeX")
    here = [place.get(f"First{axis}", "0") for axis in "ZCT"]
    for plane in image.planes:
        if [plane.get(f"The{axis}", "0") for axis in "ZCT"] == here:
            found.dwell(of(plane, "ExposureTime", SECONDS, "s"), "OME Plane ExposureTime")
            x, y = (of(plane, f"Position{axis}", _METRES, _NOWHERE) for axis in "XY")
            found.stage(x, y, "OME Plane PositionX, PositionY")
            return
