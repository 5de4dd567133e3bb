"""Drifts: the images in focus of a tile have left the anchor. Open from the first verdict that says so to a better."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from mhfd_client.naming import Place, describe
from mhfd_client.verdicts.anchor import Anchor
from mhfd_client.verdicts.history.history import History, Standing
from mhfd_client.verdicts.measured import DENSITY, RATIO, WHOLE, Levels


class Drift(BaseModel):
    """The images in focus near one image have left the anchor."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["sharpness", "density"]
    tile: str | None
    section: int | None
    density: float
    """Of the neighbours, as a part of the anchor's."""
    cross_spectrum: float | None
    px: float | None = None
    """How much more they are blurred, where profiles tell."""
    sentence: str


def drift_of(running: Levels, anchor: Anchor, place: Place, *, lost: bool, px: float | None = None) -> Drift:
    """What is said of it. `lost`: both measures have fallen, on every side, or profiles say so: by so many px."""
    part = np.exp(running[:, WHOLE] - anchor.levels[:, WHOLE])
    ratio = None if np.isnan(part[RATIO]) else float(part[RATIO])
    who = "that you confirmed" if anchor.origin == "confirmed" else "that were the sharpest"
    where = describe(place)
    figures = f"{part[DENSITY]:.0%} of the features"
    if ratio is not None:
        figures += f" and {ratio:.0%} of the cross-spectrum"
    shown = f"are blurred by {px:.1f} px more than" if px else f"show {figures} of"
    cause = "the focus is drifting" if lost else "the tissue is changing or the focus is drifting"
    return Drift(
        kind="sharpness" if lost else "density",
        tile=place.tile,
        section=place.section,
        density=float(part[DENSITY]),
        cross_spectrum=ratio,
        px=None if px is None else round(px, 2),
        sentence=f"Drift near {where}: its neighbours {shown} the images {who}; {cause}. "
        "Check the focus; if it is good, confirm newer images as sharp.",
    )


class Drifts:
    """The images whose verdict speaks of a drift now, and what is open of it."""

    def __init__(self) -> None:
        self._of: dict[int, Drift] = {}

    def keep(self, row: int, drift: Drift | None) -> None:
        """What the newest verdict on this image says."""
        if drift is None:
            self._of.pop(row, None)
        else:
            self._of[row] = drift

    def open(self, history: History) -> dict[str | None, Drift]:
        """By tile: the first of those behind the last image in focus without one; of a loss of sharpness if any is."""
        rows = np.array(list(self._of), np.intp)
        found: dict[str | None, Drift] = {}
        for tile in np.unique(history.tile[rows]).tolist():
            mine = rows[history.tile[rows] == tile]
            good = (history.tile == tile) & (history.state == Standing.IN_FOCUS)
            good[mine] = False
            last = max((_place(history, int(r)) for r in np.flatnonzero(good)), default=(-2, 0))
            later = sorted((*_place(history, int(r)), int(r)) for r in mine)
            drifts = [self._of[r] for section, order, r in later if (section, order) > last]
            if drifts:
                first = next((d for d in drifts if d.kind == "sharpness"), drifts[0])
                found[first.tile] = first
        return found


def _place(history: History, row: int) -> tuple[int, int]:
    return int(history.section[row]), int(history.order[row])
