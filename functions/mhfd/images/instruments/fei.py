"""FEI and Thermo Fisher: `Key=value` in sections, in SI units, in tag 34682 (or 34680, which is older).

Newer files have XML besides, which is read by `fei_xml`: it adds what is not known from the sections.
"""

from dataclasses import dataclass
from typing import Final

from mhfd.images.instruments import fei_xml
from mhfd.images.instruments.frame import Frame
from mhfd.images.instruments.text import sections
from mhfd.images.instruments.written import Header, Written, number

_TAGS: Final = (34682, 34680)


def read(header: Header, found: Written) -> None:
    """The scan and the stage, and the rows above the data bar."""
    for code in _TAGS:
        if (raw := header.tag(code)) is not None and not raw.lstrip().startswith(b"<"):
            _Sections(sections(raw), header, found).understand()
    fei_xml.read(header, found)


@dataclass(frozen=True, slots=True)
class _Sections:
    """The values of one tag, by section and key in small letters."""

    values: dict[str, str]
    header: Header
    found: Written

    def understand(self) -> None:
        """The section of the beam, and that of its scan, are named in `[Beam]`; the same key means the same in all."""
        beam, scan = self.values.get("beam.beam", ""), self.values.get("beam.scan", "")
        found = self.found
        found.stage(*self.both("Stage.StageX", "Stage.StageY"), "FEI Stage.StageX, StageY")
        found.focus(self.of(f"{beam}.WD"), f"FEI {beam}.WD")
        # What the stage says is the electron beam's: where the other column made the image, it is no focus of it.
        for name in () if beam == "IBeam" else ("EBeam.WD", "Stage.WorkingDistance"):
            found.focus(self.of(name), f"FEI {name}")
        for name in ("Scan.Dwelltime", f"{scan}.Dwell", "EScan.Dwell", "IScan.Dwell"):
            found.dwell(self.of(name), f"FEI {name}")
        self.frame(beam, scan)

    def frame(self, beam: str, scan: str) -> None:
        """The rows above the bar, and the size of a pixel as it is in this file."""
        columns, rows = self.both("Image.ResolutionX", "Image.ResolutionY")
        bar = self.of("PrivateFei.DatabarHeight") or 0.0
        frame = Frame(columns, rows, bar, "FEI Image.ResolutionX, Y")
        if rows is None and 0 < frame.bar < self.header.height:
            above = self.header.height - int(frame.bar)
            self.found.rows_above_bar(above, self.header.height, self.header.width, "FEI PrivateFei.DatabarHeight")
        frame.find_rows(self.header, self.found)
        self.found.may_have_bar = not frame.is_file(self.header)
        for name in ("Scan.PixelWidth", f"{scan}.PixelWidth", "EScan.PixelWidth", "IScan.PixelWidth"):
            frame.find_pixel(self.of(name), self.header, self.found, f"FEI {name}")
        if columns:
            for name in ("Scan.HorFieldsize", f"{beam}.HFW"):
                field = self.of(name)
                pixel = None if field is None else field / columns
                frame.find_pixel(pixel, self.header, self.found, f"FEI {name} / Image.ResolutionX")

    def of(self, name: str) -> float | None:
        """A number; None where there is none."""
        return number(self.values.get(name.lower()))

    def both(self, first: str, second: str) -> tuple[float | None, float | None]:
        """Two numbers."""
        return self.of(first), self.of(second)
