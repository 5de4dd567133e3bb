"""What a question shows: the same place of every image at full detail, with the sharpest known one beside them.

A small picture of a whole image looks the same sharp and blurred by two pixels. So a person is shown a part where
there is most to see, each pixel of the image as a pixel of the screen. It chooses places and reads no file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mhfd.contract.focus_report import Cells, FocusReport
from mhfd_client.page.model import JudgedImage, PageModel

WIDTH: Final = 300
HEIGHT: Final = 240
"""Of a crop, in pixels of the image: four fit beside each other on a screen, one fits on a phone."""
_TISSUE: Final = 0.9
_SATURATED: Final = 0.1

Reports = Callable[[JudgedImage], FocusReport | None]


@dataclass(frozen=True, slots=True)
class CloseUp:
    """A part of an image, to be shown pixel by pixel. Width 0: its size is not known, and only the small picture is."""

    entry: JudgedImage
    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0
    words: str = ""
    """What it is, if it is not asked about."""


def crops(asked: Sequence[JudgedImage], model: PageModel, report: Reports) -> tuple[list[CloseUp], CloseUp | None]:
    """The same place of each image that is asked about, and of the sharpest one known."""
    reports = [report(entry) for entry in asked]
    place = best_place(one.cells for one in reports if one is not None and one.cells is not None)
    found = [_cut(entry, one, place) for entry, one in zip(asked, reports, strict=True)]
    known = sharpest(asked, model)
    if known is None:
        return found, None
    entry, words = known
    shown = report(entry)
    if shown is not None and shown.cells is not None and not _has_tissue(shown.cells, place):
        place = best_place([shown.cells])
    return found, _cut(entry, shown, place, words)


def best_place(maps: Iterable[Cells]) -> tuple[float, float]:
    """Where all of them have tissue that is not saturated and, together, most features: across and down, 0 to 1."""
    every = list(maps)
    alike = [one for one in every if (one.rows, one.cols) == (every[0].rows, every[0].cols)]
    if not alike:
        return 0.5, 0.5
    rows, cols = alike[0].rows, alike[0].cols

    def worth(cell: int) -> tuple[bool, float, float]:
        fit = all(one.tissue[cell] >= _TISSUE and one.saturated[cell] <= _SATURATED for one in alike)
        seen = min(one.tissue[cell] * (1 - one.saturated[cell]) for one in alike)
        # Each image counts the same, however many features it has: one that is blurred has few.
        features = sum((one.dof[cell] or 0) / max(1, *(n or 0 for n in one.dof)) for one in alike)
        return fit, features if fit else seen, -_from_middle(cell, rows, cols)

    cell = max(range(rows * cols), key=worth)
    return (cell % cols + 0.5) / cols, (cell // cols + 0.5) / rows


def sharpest(asked: Sequence[JudgedImage], model: PageModel) -> tuple[JudgedImage, str] | None:
    """An image to compare with, and what it is called: one that people confirmed; else the one with finest detail."""
    taken = {entry.id for entry in asked}
    tile = asked[0].place.tile if asked else None
    others = [one for one in model.entries.values() if one.id not in taken and fineness(one)]
    confirmed = [one for one in others if (label := model.labels.get(one.id)) is not None and label.sharp]
    some = confirmed or others
    some = [one for one in some if one.place.tile == tile] or some
    if not some:
        return None
    best = max(some, key=lambda one: (fineness(one), one.id))
    if confirmed:
        return best, "confirmed sharp"
    more = max(map(fineness, asked), default=0.0)
    return best, "the sharpest so far" if fineness(best) >= more else "the sharpest of the others"


def fineness(entry: JudgedImage) -> float:
    """How fine the detail of an image is, whatever dose and tissue: its cross-spectrum; 0 where there is none."""
    return entry.told.score.cross_spectrum or 0.0


def _has_tissue(cells: Cells, place: tuple[float, float]) -> bool:
    cell = int(place[1] * cells.rows) * cells.cols + int(place[0] * cells.cols)
    return cells.tissue[cell] >= _TISSUE and cells.saturated[cell] <= _SATURATED


def _from_middle(cell: int, rows: int, cols: int) -> float:
    return abs((cell % cols + 0.5) / cols - 0.5) + abs((cell // cols + 0.5) / rows - 0.5)


def _cut(entry: JudgedImage, report: FocusReport | None, place: tuple[float, float], words: str = "") -> CloseUp:
    if report is None or report.image.shape is None:
        return CloseUp(entry, words=words)
    high, wide = report.image.shape
    if (box := report.image.box) is not None:
        high, wide = box.bottom - box.top, box.right - box.left
    width, height = min(WIDTH, wide), min(HEIGHT, high)
    left = min(max(0, round(place[0] * wide - width / 2)), wide - width)
    top = min(max(0, round(place[1] * high - height / 2)), high - height)
    return CloseUp(entry, left, top, width, height, words)
