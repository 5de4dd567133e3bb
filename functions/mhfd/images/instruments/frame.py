"""The frame that an instrument took against the one that the file has: taller by a data bar, made smaller, or cut."""

from dataclasses import dataclass

from mhfd.images.instruments.written import Header, Written


@dataclass(frozen=True, slots=True)
class Frame:
    """What an instrument says that it took."""

    columns: float | None
    rows: float | None
    bar: float
    """Rows of the data bar below them; 0: it says nothing of it."""
    origin: str

    def is_file(self, header: Header) -> bool:
        """Whether the file has just what was taken, and nothing says that a bar was drawn."""
        return (self.columns, self.rows, self.bar) == (header.width, header.height, 0)

    def find_rows(self, header: Header, found: Written) -> None:
        """The rows of the image, where the file has more than were taken: the rest is the data bar."""
        if not self.rows or self.rows < 1:
            return
        if self.columns == header.width or self.rows + self.bar == header.height or not self.columns:
            rows = int(self.rows)
        elif self.bar > 0 and abs(self.scale(header) * (self.rows + self.bar) - header.height) <= 1:
            rows = int(self.scale(header) * self.rows)
        else:
            return
        found.rows_above_bar(rows, header.height, header.width, self.origin)

    def find_pixel(self, metres: float | None, header: Header, found: Written, origin: str) -> None:
        """The size of a pixel as the file has it; unknown, with a note, where the file was cut from what was taken."""
        if metres is None or metres <= 0 or found.pixel_nm is not None:
            return
        if not self.columns or self.columns == header.width:
            found.pixel(metres, origin)
        elif self.whole(header):
            found.pixel(metres / self.scale(header), f"{origin} x {self.columns:g} / {header.width}")
        else:
            note = f"{self.origin} is {self.columns:g} x {self.rows or 0:g}, not what the file has: pixel size unknown"
            if note not in found.notes:
                found.notes.append(note)

    def scale(self, header: Header) -> float:
        """How many columns of the file there are for each that was taken."""
        return header.width / self.columns if self.columns else 1.0

    def whole(self, header: Header) -> bool:
        """Whether all that was taken, made smaller or larger, is there, with its data bar or without."""
        rows = [] if not self.rows else [self.rows, self.rows + self.bar]
        return any(abs(self.scale(header) * each - header.height) <= 1 for each in rows)
