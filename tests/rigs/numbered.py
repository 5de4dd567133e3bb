"""Images whose name says their number, and their number what they are: scored in real workers, or without any."""

from __future__ import annotations

import os
from pathlib import Path

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from tests.rigs.focus_reports import DENSITY, RATIO, report, wobble

BLURRED = 9  # every so many


def name_of(number: int) -> str:
    """The file of a number."""
    return f"s{number:03}.tif"


def numbered(number: int) -> FocusReport:
    """What scoring says of it: sharp, or far from it."""
    factor = 0.4 if number % BLURRED == BLURRED - 1 else 1.0
    return report(DENSITY * wobble(number) * factor, RATIO * wobble(number + 7, 0.06) * factor)


def score(path: str, *, params: Params, device: str, threads: int) -> FocusReport:
    """For a worker."""
    with Path(os.environ["MHFD_TEST_LOG"]).open("ab") as f:
        f.write(os.fsencode(path) + b"\n")
    return numbered(int(Path(path).name[1:4]))
