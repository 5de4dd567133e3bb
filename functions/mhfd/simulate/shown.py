"""What each pixel of a simulated section shows: tissue, empty resin, or something that lies over both.

Nothing is drawn a second time: each artefact is put on an even plane, and where it changes that, it is. Blur and the
shift of lines by jitter move an edge by a few pixels, which nobody who draws a mask by hand sees either.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from mhfd.simulate.artefacts import Artefacts, on_recording, on_section

if TYPE_CHECKING:
    from mhfd.simulate import Specimen

RESIN, TISSUE, ARTEFACT = range(3)
"""What a pixel may show. The lumen of a vessel is resin."""
_EMPTY: Final = 0.04
"""Stain below which there is none: bare resin has .03 at most."""
_LEAST: Final = 25
"""Pixels a side of a square of nothing but resin: bright gaps in tissue are smaller."""
_CLOSED: Final = 5
"""Pixels a side: gaps in an artefact that are narrower are of it."""
_CHANGES: Final = 0.08
"""Of an even plane: what is changed by more is seen. An image's full range is about 1."""


def shown(
    shape: tuple[int, int],
    specimen: Specimen,
    *,
    z: float = 0,
    origin: tuple[int, int] = (0, 0),
    pixel_nm: float,
    artefacts: Artefacts,
) -> NDArray[np.uint8]:
    """`RESIN`, `TISSUE` or `ARTEFACT` for each pixel of `Specimen.section` with the same arguments."""
    key = (specimen.seed, round(1000 * z))
    bare = (np.float32(0.93) - specimen.scene(shape, z, origin, pixel_nm)) / np.float32(0.9)
    empty = maximum_filter(minimum_filter((bare < _EMPTY).astype(np.uint8), _LEAST), _LEAST) > 0
    if artefacts.resin > 0:
        tissue = np.ones(shape, np.float32)
        on_section(tissue, Artefacts(resin=artefacts.resin), key, pixel_nm)
        empty |= tissue < 0.5
    over = np.zeros(shape, np.float32)
    on_section(over, replace(artefacts, resin=0.0), key, pixel_nm)
    glow = on_recording(np.zeros(shape, np.float32), Artefacts(charging=artefacts.charging), key)
    found = np.where(empty, np.uint8(RESIN), np.uint8(TISSUE))
    covered = ((np.abs(over) > _CHANGES) | (np.abs(glow) > _CHANGES)).astype(np.uint8)
    # A crest beside a flank, a body beside its shadow: where the one ends and the other begins, neither changes much.
    found[minimum_filter(maximum_filter(covered, _CLOSED), _CLOSED) > 0] = ARTEFACT
    return found
