"""What a training will take: time, and hours of nodes and GPUs, from a few measured steps. Pure numbers and words."""

from dataclasses import dataclass
from typing import Final

from mhfd.contract.training import WorkerLayout
from mhfd.learning.training.launching.machine import gpus_here

_VALIDATED: Final = 1 / 3
"""Of what a training image takes, an image that is only validated on: forward, and not back."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What is still to be spent."""

    seconds: float
    node_hours: float
    gpu_hours: float
    words: str


def cost_of(
    step_s: float,
    steps_left: int,
    layout: WorkerLayout,
    *,
    device: str | None = None,
    examples: int = 0,
    validated_on: int = 0,
) -> Cost:
    """What the steps that are left will take.

    Args:
        step_s: Seconds of a measured step, in the mean.
        steps_left: Without validation.
        layout: How they are shared.
        device: What the workers said that they compute on; None: what there is here for them.
        examples: Images of an epoch.
        validated_on: Images that each epoch is validated on.
    """
    validation = _VALIDATED * validated_on / examples if examples else 0.0
    seconds = step_s * max(0, steps_left) * (1.0 + validation)
    node_hours = layout.nodes * seconds / 3600
    gpu_hours = layout.all_workers * seconds / 3600 if _on_gpus(layout, device) else 0.0
    workers = f"{layout.all_workers} worker{'s' * (layout.all_workers > 1)}"
    where = f" on {layout.nodes} nodes" if layout.nodes > 1 else ""
    parts = [f"{_few(node_hours)} node-hours"] + ([f"{_few(gpu_hours)} GPU-hours"] if gpu_hours else [])
    return Cost(
        seconds, node_hours, gpu_hours, f"about {time_words(seconds)} by {workers}{where}: {' and '.join(parts)}"
    )


def time_words(seconds: float) -> str:
    """As a person says it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{_few(minutes)} min"
    return f"{_few(minutes / 60)} hours"


def _few(number: float) -> str:
    """Two digits; more where there are more before the point."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _on_gpus(layout: WorkerLayout, device: str | None) -> bool:
    if device is not None:
        return not device.startswith("cpu")
    return layout.device == "gpu" or (layout.device == "auto" and gpus_here() > 0)
