"""One Python API for one job: `mhfd.score(source) -> FocusReport`.

Raises only for wrong arguments. What is wrong with a file is a finding in the report.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from mhfd import images
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.detector.choose import choose
from mhfd.measure import measure as report

if TYPE_CHECKING:
    from numpy.typing import NDArray

Device = Literal["auto", "cpu", "gpu"]


def score(
    source: str | os.PathLike[str] | images.OpenFile | NDArray[Any],
    *,
    params: Params | str | None = None,
    device: Device = "auto",
    threads: int | None = None,
    limits: images.Limits | None = None,
) -> FocusReport:
    """How much in focus one image is.

    Args:
        source: A path, a file that is open, or a 2-D array.
        params: `Params(...)`, the name of a preset, or nothing for `robust`.
        device: `auto` takes a GPU where there is one, else the CPU.
        threads: Threads of the CPU kernel; nothing for as many as this process may use.
        limits: How large a file may be before it is refused.
    """
    return measure(source, params=params, device=device, threads=threads, limits=limits).report


def measure(
    source: str | os.PathLike[str] | images.OpenFile | NDArray[Any],
    *,
    params: Params | str | None = None,
    device: Device = "auto",
    threads: int | None = None,
    limits: images.Limits | None = None,
) -> report.Measurement:
    """As `score`, with the pixels and the features that were counted: what an overlay is drawn from."""
    chosen = Params.of(params)
    detector = choose(chosen, device=device, threads=threads)
    return report.measure(images.load(source, limits=limits or images.Limits(), crop=chosen.crop), detector, chosen)
