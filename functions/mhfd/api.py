"""One Python API for one job: `mhfd.score(source) -> FocusReport`.

Raises only for wrong arguments. What is wrong with a file is a finding in the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from mhfd import images
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.detector import Detector, bands
from mhfd.detector.choose import choose
from mhfd.measure import measure as report
from mhfd.rows import Progress, Rows
from mhfd.team import ALONE, Team

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
    fft_bytes: int | None = None,
    look: Callable[[Rows], object] | None = None,
    progress: Progress | None = None,
) -> FocusReport:
    """How much in focus one image is.

    Args:
        source: A path, a file that is open, or a 2-D array.
        params: `Params(...)`, the name of a preset, or nothing for `robust`.
        device: `auto` takes a GPU where there is one, else the CPU.
        threads: Threads of the CPU kernel; nothing for as many as this process may use.
        limits: How large a file may be before it is refused.
        fft_bytes: Memory of a GPU for an image and the scales that pass at once through FFTs, where parameters need
            them; nothing for what MHFD_FFT_BYTES says, else 2 GiB.
        look: Called with the rows of an image that was measured, while they can be read.
        progress: Called with a step (`looked at`, then `measured`), how many rows of the image are done, and of how
            many, where it is read by rows.
    """
    chosen = Params.of(params)
    detector = choose(chosen, device=device, threads=threads, fft_bytes=fft_bytes)
    return measured_by(detector, source, chosen, limits, look=look, progress=progress).report


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
    return measured_by(choose(chosen, device=device, threads=threads), source, chosen, limits, keep=True)


def measured_by(
    detector: Detector,
    source: str | os.PathLike[str] | images.OpenFile | NDArray[Any],
    params: Params,
    limits: images.Limits | None,
    *,
    keep: bool = False,
    look: Callable[[Rows], object] | None = None,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> report.Measurement:
    """The same with a detector that was chosen. Members of a `team` call it together, each for its own rows."""
    image = None
    try:
        with images.opened(
            source,
            limits=limits or images.Limits(),
            crop=params.crop,
            threads=detector.threads,
            team=team,
            whole=_why_whole(detector, keep=keep),
            progress=progress,
            look=partial(report.first_look, detector=detector, params=params, team=team),
        ) as image:
            measured = report.measure(image, detector, params, keep=keep, team=team)
            if look is not None and image.rows is not None and measured.report.finding is Finding.OK:
                look(image.rows)
        team.settled()
        return measured
    except images.Flaw as flaw:
        assert image is not None  # noqa: S101  it was given
        return report.measure(images.flawed(image, team.agreed(flaw)), detector, params)


def _why_whole(detector: Detector, *, keep: bool) -> str | None:
    """Why all of an image has to be in memory, and what to do about that; None: bands of it are enough."""
    if keep:
        return "its pixels are to be kept; score it without an overlay"
    if not bands.takes_bands(detector):
        return f"the backend {detector.name!r} takes all of it at once; use device cpu and the preset robust"
    return None
