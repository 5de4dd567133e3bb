"""A quick scoring for runs on a faulty disk: the name of an image alone says what comes of it. Its picture is real."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.limits import Limits
from mhfd.rows import InMemory
from mhfd_client.runners.process import Unpictured
from mhfd_client.runners.thumbnails import jpeg, keep
from tests.rigs.focus_reports import report, wobble

BLURRED = 9


def score(
    path: str, *, params: Params, device: str, threads: int, thumbnail: str, limits: Limits | None = None
) -> FocusReport | Unpictured:
    """One section is blurred, all others are sharp."""
    section = int(Path(path).stem[1:])
    blur = 0.3 if section == BLURRED else 1.0
    said = report(4000.0 * wobble(section) * blur, 0.04 * blur, params=params)
    return keep(said, jpeg(InMemory(np.full((32, 32), section, np.uint8))), thumbnail)
