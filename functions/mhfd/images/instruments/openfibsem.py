"""OpenFIBSEM: a JSON object in the description of a TIFF, in SI units."""

import json
from typing import Final

from mhfd.images.instruments.written import MAX_TEXT, Header, Written, finite

_DESCRIPTION: Final = 270
_NAME: Final = "OpenFIBSEM "
_BEAMS: Final = {"ELECTRON": ("electron_beam", "eb_settings"), "ION": ("ion_beam", "ib_settings")}
"""What the state of a beam is called, now and in the first version."""


def read(header: Header, found: Written) -> None:
    """Scan and stage. JSON without the state of a microscope is somebody else's."""
    raw = header.tag(_DESCRIPTION, MAX_TEXT + 1)
    if raw is None or not raw.startswith(b"{") or b'"microscope_state"' not in raw:
        return
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        found.notes.append(_NAME + "JSON is damaged or too long: ignored")
        return

    def of(*keys: str) -> object:
        """What lies at these keys, one in the other."""
        inner = said
        for key in keys:
            inner = inner.get(key) if isinstance(inner, dict) else None
        return inner

    def number_of(*keys: str) -> float | None:
        return finite(of(*keys))

    found.pixel(number_of("pixel_size", "x"), _NAME + "pixel_size.x")
    field_of_view, size = number_of("image", "hfw"), of("image", "resolution")
    if field_of_view is not None and isinstance(size, list) and size and size[0] == header.width:
        found.pixel(field_of_view / header.width, _NAME + "image.hfw")
    found.dwell(number_of("image", "dwell_time"), _NAME + "image.dwell_time")
    for stage in ("stage_position", "absolute_position"):
        place = ("microscope_state", stage)
        found.stage(number_of(*place, "x"), number_of(*place, "y"), f"{_NAME}{stage}.x, y")
    for beam in _BEAMS.get(str(of("image", "beam_type")), ()):
        found.focus(number_of("microscope_state", beam, "working_distance"), f"{_NAME}{beam}.working_distance")
