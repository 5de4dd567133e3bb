"""A state folder with recorded moves: one that teaches, one of nothing, and a line that is no move."""

from __future__ import annotations

from pathlib import Path

import tifffile

from mhfd import simulate
from mhfd_client.adjustment import places
from mhfd_client.adjustment.moves import record_typed


def recorded_here(folder: Path) -> Path:
    """Make it; the state folder."""
    files = [folder / f"{name}.tif" for name in ("before", "after")]
    for file, image in zip(files, simulate.focus_series((288, 288), seed=3, defocus_um=(3.0, 0.0)), strict=True):
        tifffile.imwrite(file, image)
    state = folder / "state"
    record_typed(state, "working distance -3 um", before=files[0], after=files[1], who="Ada", specimen="mouse", at=1e9)
    record_typed(state, "working distance +0.01 um", specimen="mouse", at=1e9 + 300)
    with places.moves(state).open("ab") as kept:
        kept.write(b"{}\n")
    return state
