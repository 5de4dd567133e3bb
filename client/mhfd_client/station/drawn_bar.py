"""What only looks like a data bar: nobody knows, so a person is asked, once a run.

An instrument's own header says where its bar is, or that there can be one; then it is left out. Where nothing says so
and the last rows of image after image look like one, they are scored as image: sharp letters would hide a blur.
"""

from typing import Final

from mhfd.contract.focus_report import FocusReport

KIND: Final = "looks_like_bar"
"""The trouble that asks."""
_ALIKE: Final = 3
"""So many images after each other: one alone may show anything."""


class DrawnBar:
    """Counts images whose last rows look like a bar."""

    def __init__(self) -> None:
        self._rows, self._alike = 0, 0
        self._asked = False

    def see(self, report: FocusReport) -> str | None:
        """What to ask from now on; an empty text when there is nothing to ask any more; None: no news."""
        rows = report.image.tags.get(KIND, 0)
        rows = rows if isinstance(rows, int) else 0
        self._alike = self._alike + 1 if rows == self._rows else 1
        self._rows = rows
        if self._alike < _ALIKE or self._asked == bool(rows):
            return None
        self._asked = bool(rows)
        return question(rows) if rows else ""


def question(rows: int) -> str:
    """What is asked, with the answers."""
    return (
        f"The last {rows} rows of the newest images look like a data bar, and are scored as image. If it is one, say "
        f'images.crop = "bottom={rows}" in the settings; if it is none, images.crop = "bottom=0"'
    )
