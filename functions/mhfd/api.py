"""One Python API for one job: `mhfd.score(source) -> FocusReport`.

Raises only for wrong arguments. What is wrong with a file is a finding in the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from mhfd import images
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.detector.choose import choose
from mhfd.measure import measure as report
from mhfd.rows import Rows

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
    look: Callable[[Rows], object] | None = None,
) -> FocusReport:
    """How much in focus one image is.

    Args:
        source: A path, a file that is open, or a 2-D array.
        params: `Params(...)`, the name of a preset, or nothing for `robust`.
        device: `auto` takes a GPU where there is one, else the CPU.
        threads: Threads of the CPU kernel; nothing for as many as this process may use.
        limits: How large a file may be before it is refused.
        look: Called with the rows of an image that was measured, while they can be read.
    """
    return _measured(source, params, device, threads, limits, look=look).report


def measure(
    source: str | os.PathLike[str] | images.OpenFile | NDArray[Any],
    *,
    params: Params | str | None = None,
    device: Device = "auto",
    threads: int | None = None,
    limits: images.Limits | None = None,
) -> report.Measurement:
    """As `score`, with the pixels and the features that were counted: what an overlay is drawn from."""
    return _measured(source, params, device, threads, limits, keep=True)


def _measured(
    source: str | os.PathLike[str] | images.OpenFile | NDArray[Any],
    params: Params | str | None,
    device: Device,
    threads: int | None,
    limits: images.Limits | None,
    *,
    keep: bool = False,
    look: Callable[[Rows], object] | None = None,
) -> report.Measurement:
    chosen = Params.of(params)
    detector = choose(chosen, device=device, threads=threads)
    image = None
    try:
        with images.opened(
            source, limits=limits or images.Limits(), crop=chosen.crop, threads=detector.threads
        ) as image:
            measured = report.measure(image, detector, chosen, keep=keep)
            if look is not None and image.rows is not None and measured.report.finding is Finding.OK:
                look(image.rows)
            return measured
    except images.Flaw as flaw:
        assert image is not None  # noqa: S101  it was given
        return report.measure(images.flawed(image, flaw), detector, chosen)
