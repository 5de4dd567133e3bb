"""One Python API for one job: `mhfd.score(source) -> FocusReport`.

Raises only for wrong arguments. What is wrong with a file is a finding in the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from mhfd import images
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.detector import ON_GPU, Detector, bands
from mhfd.detector.choose import choose
from mhfd.errors import DeviceUnavailable
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
        device: `auto` takes a GPU where there is one, else the CPU; also for an image that is too large for the GPU,
            which the report says.
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
    instead = _processor(detector, chosen, device, threads)
    return measured_by(detector, source, chosen, limits, look=look, progress=progress, instead=instead).report


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
    instead = _processor(detector, chosen, device, threads)
    return measured_by(detector, source, chosen, limits, keep=True, instead=instead)


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
    instead: Callable[[], Detector] | None = None,
) -> report.Measurement:
    """The same with a detector that was chosen. Members of a `team` call it together, each for its own rows.

    `instead`: what computes an image that is too large for this one, which the report then says.
    """
    image, no_room, using = None, "", _Using(detector, limits or images.Limits(), keep, instead)
    try:
        with images.opened(
            source,
            limits=using.limits,
            crop=params.crop,
            threads=detector.threads,
            team=team,
            whole=using.why_whole,
            progress=progress,
            look=lambda rows: report.first_look(rows, using.detector, params, team),
        ) as image:
            measured = report.measure(image, using.detector, params, keep=keep, team=team)
            if look is not None and image.rows is not None and measured.report.finding is Finding.OK:
                look(image.rows)
        team.settled()
    except images.Flaw as flaw:
        assert image is not None  # noqa: S101  it was given
        measured = report.measure(images.flawed(image, team.agreed(flaw)), using.detector, params)
    except DeviceUnavailable as error:
        if instead is None:
            raise
        # What the attempt held hangs on its exception: given back after the handler, not in it.
        image, no_room = None, str(error).removeprefix("device: ").partition(";")[0]
    if no_room and instead is not None:
        measured = measured_by(instead(), source, params, limits, keep=keep, look=look, progress=progress)
        return _noted(measured, no_room)
    return _noted(measured, using.why_not) if using.why_not else measured


def _processor(
    detector: Detector, params: Params, device: Device, threads: int | None
) -> Callable[[], Detector] | None:
    """What computes where a GPU cannot, and nobody has insisted on it."""
    if device != "auto" or detector.name not in ON_GPU:
        return None
    return partial(choose, params, device="cpu", threads=threads)


@dataclass(slots=True)
class _Using:
    """What computes one image: what was chosen, until it is known that the image is too large for it."""

    detector: Detector
    limits: images.Limits
    keep: bool
    instead: Callable[[], Detector] | None
    why_not: str = ""

    def why_whole(self, pixels: int) -> str | None:
        """See `images.Whole`."""
        if self.keep:
            return "its pixels are to be kept; score it without an overlay"
        if pixels > self.limits.held and self.instead is not None and bands.takes_bands(other := self.instead()):
            self.detector = other
            self.why_not = f"an image of more than {self.limits.held} pixels does not go there"
        if not bands.takes_bands(self.detector):
            return f"the backend {self.detector.name!r} takes all of it at once; use device cpu and the preset robust"
        return None


def _noted(measured: report.Measurement, why: str) -> report.Measurement:
    """With the reason why no GPU was used beside the device that was."""
    made_by = measured.report.provenance
    said = made_by.model_copy(update={"device": f"{made_by.device}; no GPU: {why}"})
    return replace(measured, report=measured.report.model_copy(update={"provenance": said}))
