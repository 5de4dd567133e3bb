"""One image over ranks -> its `FocusReport`, on the first of them.

Who cuts it up and how is decided here; the road of the image is `mhfd.api`'s and `mhfd.measure`'s, and the same as on
one processor.
"""

import os
from typing import TYPE_CHECKING, Final

from mhfd import api, images
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.detector import Detector, choose, cuda
from mhfd.detector.cpu import CpuDetector
from mhfd.errors import MhfdError, UsageError
from mhfd.ranks import REDUCTIONS, SPLITS, Reduction, Split
from mhfd.ranks.mpi_team import MpiTeam

if TYPE_CHECKING:
    from mhfd.ranks.algorithm import ScalesDetector

THREADS: Final = 1
"""Of a rank: there are as many ranks as processors, and a report does not say how many that were."""


def score(
    source: str | os.PathLike[str] | images.OpenFile,
    team: MpiTeam,
    *,
    params: Params | str | None = None,
    device: api.Device = "auto",
    split: Split | None = None,
    reduction: Reduction | None = None,
    limits: images.Limits | None = None,
) -> FocusReport | None:
    """How much in focus one image is: every rank calls it, with the same arguments. The first has the report.

    Args:
        source: A file that every rank can open by this name; with split `scales`, the first alone opens it.
        team: The ranks.
        params: As for `mhfd.score`.
        device: `gpu`: each rank has one, for scales; `auto` is the CPU.
        split: `bands` of rows, or `scales`; nothing: bands where they compute these parameters, on the CPU.
        reduction: Of scales: `max`, which is the default, or the paper's `gather`.
        limits: How large a file may be before it is refused.
    """
    chosen = Params.of(params)
    try:
        how, detector, scales = _detector(chosen, team, device, split, reduction)
    except MhfdError as error:
        raise team.agreed(error) from None
    team.settled()
    with team.together():
        if scales is None:
            made = api.measured_by(detector, source, chosen, limits, team=team).report
        elif team.number:
            scales.help()
        else:
            made = api.measured_by(scales, source, chosen, limits).report
            scales.dismiss()
            made = made.model_copy(update={"timing_ms": made.timing_ms | scales.timing_ms})
    if team.number:
        return None
    ranks = "1 rank" if team.size == 1 else f"{team.size} ranks"
    done_by = made.provenance.model_copy(update={"device": f"{made.provenance.device}; {how} over {ranks}"})
    return made.model_copy(update={"provenance": done_by})


def _detector(
    params: Params, team: MpiTeam, device: api.Device, split: Split | None, reduction: Reduction | None
) -> tuple[str, Detector, "ScalesDetector | None"]:
    """How the image is cut up, in words, and what each rank computes with; the last: by scales."""
    if reduction is not None and reduction not in REDUCTIONS:
        raise UsageError(f"reduce: {reduction!r} is not one of {', '.join(REDUCTIONS)}")
    if split is not None and split not in SPLITS:
        raise UsageError(f"split: {split!r} is not one of {', '.join(SPLITS)}")
    whole = params.border == "reflect" and params.truncate is None and params.resize is None
    if split == "bands" and not whole:
        raise UsageError(
            "split: bands have no edge to reflect at with a circular border, a truncated Gaussian or another size; "
            "use --split scales"
        )
    if device == "gpu" and (split != "bands" or team.size > 1):
        if split == "bands" or reduction == "gather":
            what = "split: bands are" if split == "bands" else "reduce: the paper's gather is"
            raise UsageError(f"{what} computed on the CPU; leave it out, or use --device cpu")
        by_scales = _by_scales(team, "max", gpu=True)
        return "split scales (max)", by_scales, by_scales
    if split == "scales" or not whole:
        reduction = reduction or "max"
        by_scales = _by_scales(team, reduction, gpu=False)
        return f"split scales ({reduction})", by_scales, by_scales
    if reduction is not None:
        raise UsageError(f"reduce: {reduction!r} belongs to --split scales: bands have nothing to reduce")
    detector = choose.choose(params, device="cpu" if device == "auto" else device, threads=THREADS)
    if team.size > 1 and not isinstance(detector, CpuDetector):
        raise UsageError("split: bands need the compiled kernel, which is not here; use --split scales")
    return "split bands", detector, None


def _by_scales(team: MpiTeam, reduction: Reduction, *, gpu: bool) -> "ScalesDetector":
    """A GPU for each rank of a machine, in their order; where there are fewer, they share."""
    from mhfd.ranks.algorithm import ScalesDetector  # with it comes SciPy, which bands need not wait for

    if not gpu:
        return ScalesDetector(team, reduction)
    from mhfd.detector.stream import StreamDetector
    from mhfd.detector.stream_arrays import OnGpu

    place = team.on_this_node  # asked by every rank, also by one that has no GPU
    devices: int = cuda.opened().cupy.cuda.runtime.getDeviceCount()
    return ScalesDetector(team, reduction, StreamDetector(OnGpu(place % devices)))
