"""Zeiss SmartSEM: lines of text in tag 34118."""

from collections.abc import Mapping

from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_TAG = 34118


def read(header: Header, found: Written) -> None:
    """Pairs of lines: a key in capitals, then `Name = value unit`."""
    raw = header.tag(_TAG)
    if raw is None:
        return
    found.may_have_bar = True
    values: dict[str, tuple[float, str]] = {}
    key = ""
    for line in raw.decode("latin-1").splitlines():
        if line.isupper() and "=" not in line:
            key = line.strip()
        elif key:
            words = line.partition("=")[2].split()
            value = number(words[0]) if words else None
            if value is not None:
                values[key] = (value, words[1].lower() if len(words) > 1 else "")
            key = ""

    def of(name: str, units: Mapping[str, float]) -> float | None:
        return found.converted(name, *values[name], units) if name in values else None

    found.stage(of("AP_STAGE_AT_X", METRES), of("AP_STAGE_AT_Y", METRES), "Zeiss AP_STAGE_AT_X, _Y")
    found.pixel(of("AP_IMAGE_PIXEL_SIZE", METRES), "Zeiss AP_IMAGE_PIXEL_SIZE")
    found.focus(of("AP_WD", METRES), "Zeiss AP_WD")
    found.dwell(of("DP_DWELL_TIME", SECONDS), "Zeiss DP_DWELL_TIME")
