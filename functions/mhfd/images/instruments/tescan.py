"""TESCAN: `Key=value` in SI units, in blocks in tag 50431, or in a file `.hdr` beside an image of any format.

A block is its length (4 bytes, the least first; of what follows), its kind (2 bytes) and its content. `ImageStripSize`
is the height of the data bar that was drawn below the image.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mhfd.images.instruments.text import sections
from mhfd.images.instruments.written import MAX_TEXT, Header, Written, number
from mhfd.images.integrity import MIN_SIDE

_TAG: Final = 50431
_LONGEST: Final = 4 << 20  # a thumbnail comes first
_KINDS: Final = {2: b"[MAIN]\n", 3: b"[SEM]\n", 5: b"[FIB]\n"}
_MOST_BLOCKS: Final = 64
_BEAMS: Final = ("SEM", "FIB")
_PROPORTIONS: Final = (1.0, 0.75)
"""Height to width of the images that the instruments take, where the user chose no part."""


def read(header: Header, found: Written) -> None:
    """The scan and the stage, and the rows above the data bar."""
    if (raw := header.content(_TAG, _LONGEST)) is not None:
        _Said(sections(b"\n".join(_texts(raw))[:MAX_TEXT]), "TESCAN ", header, found).understand()
    if found.pixel_nm is None and (beside := header.side_file(".hdr")) is not None:
        name, raw = beside
        values = sections(raw)
        if any(f"main.{key}" in values for key in ("pixelsizex", "magnification", "device")):
            _Said(values, f"TESCAN {name} ", header, found).understand()


def _texts(raw: bytes) -> Iterator[bytes]:
    """The content of the blocks that are text, each as a section. A length that cannot be ends it."""
    at = 0
    for _ in range(_MOST_BLOCKS):
        length, kind = int.from_bytes(raw[at : at + 4], "little"), int.from_bytes(raw[at + 4 : at + 6], "little")
        if length < 2 or at + 4 >= len(raw):
            return
        if kind in _KINDS:
            yield _KINDS[kind] + raw[at + 6 : at + 4 + length].rstrip(b"\0")
        at += 4 + length


@dataclass(frozen=True, slots=True)
class _Said:
    """The values of one source, by section and key in small letters."""

    values: Mapping[str, str]
    origin: str
    header: Header
    found: Written

    def understand(self) -> None:
        """An image of the one beam or of the other has the section of its beam."""
        self.found.may_have_bar = True
        self.found.pixel(self.of("MAIN.PixelSizeX"), f"{self.origin}PixelSizeX")
        beam = next((beam for beam in _BEAMS if any(key.startswith(f"{beam.lower()}.") for key in self.values)), "SEM")
        self.found.focus(self.of(f"{beam}.WD"), f"{self.origin}WD")
        self.found.dwell(self.of(f"{beam}.DwellTime"), f"{self.origin}DwellTime")
        self.found.stage(self.of(f"{beam}.StageX"), self.of(f"{beam}.StageY"), f"{self.origin}StageX, StageY")
        if (strip := self.of("MAIN.ImageStripSize")) is not None:
            self.strip(strip)

    def strip(self, strip: float) -> None:
        """Leave the data bar out, where the file has one."""
        height, width = self.header.height, self.header.width
        origin = f"{self.origin}ImageStripSize"
        if strip == 0:
            self.found.may_have_bar = False
            return
        if strip < 0 or strip != int(strip) or height - strip < MIN_SIDE:
            self.found.notes.append(f"{origin} is {strip:g} of {height} rows: ignored")
        elif self.as_taken(height) and not self.as_taken(height - int(strip)):
            self.found.notes.append(f"{origin} is {strip:g}, but {width} x {height} is an image without it: ignored")
        else:
            self.found.rows_above_bar(height - int(strip), height, width, origin)

    def as_taken(self, rows: int) -> bool:
        """Whether an image with so many rows has the proportions of those that the instruments take."""
        across, down = (self.of(f"MAIN.ViewFieldsCount{side}") or 1 for side in "XY")
        return any(abs(rows / down - self.header.width / across * each) < 1 for each in _PROPORTIONS)

    def of(self, name: str) -> float | None:
        """A number; None where there is none."""
        return number(self.values.get(name.lower()))
