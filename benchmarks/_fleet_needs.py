"""From what microscopes bring and what an image costs to what a fleet of them needs: arithmetic alone.

What is assumed stands in `Assumed`, each with its source; what was measured comes from `_fleet_costs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
YEAR_S: Final = 365.25 * DAY_S


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody here has measured."""

    terabytes_a_day: float = 10.0
    beams: int = 91
    beam_pixels_s: float = 20e6
    brain_bytes: float = 1e18
    brain_years: float = 5.0
    image_side: int = 2916
    """8.5 MB of 8 bit."""
    requests_s: float = 2.0
    result_bytes: float = 10e6
    summary_bytes: int = 600
    report_bytes: int = 20_000
    gpu_ms: tuple[tuple[int, float], ...] = ((1024, 0.09), (4096, 1.9))
    """Side, milliseconds on the device: a model's."""

    @property
    def image_bytes(self) -> int:
        """Of an image."""
        return self.image_side**2


@dataclass(frozen=True, slots=True)
class Costs:
    """What one image of `Assumed.image_side` costs here, and what a call does."""

    score_s: float
    """Of a processor: `mhfd.score(path)`."""
    watch_s: float
    """Of a processor: a station with its workers, judge, journal and sidecars."""
    peak_mb: float
    """Of a process that scores."""
    call_s: float
    """What the platform adds to a call alone, on loopback."""
    batched_s: float
    """What it adds to an image of a batch."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes in."""

    name: str
    bytes_s: float


@dataclass(frozen=True, slots=True)
class Need:
    """What it takes."""

    demand: Demand
    images_s: float
    cores: float
    watch_cores: float
    memory_gb: float
    gpus: tuple[float, float]
    """By the models of both sizes."""
    reports_bytes_s: tuple[float, float]
    """Summaries, full reports."""
    images_a_request: float
    """So that Compute's requests suffice."""
    most_images_s: tuple[float, float]
    """That Compute's requests and results can carry: full reports, summaries."""


def demands(assumed: Assumed) -> list[Demand]:
    """The three that the paper speaks of."""
    return [
        Demand(f"{assumed.terabytes_a_day:g} TB a day", assumed.terabytes_a_day * 1e12 / DAY_S),
        Demand(f"a {assumed.beams}-beam microscope that scans all the time", assumed.beams * assumed.beam_pixels_s),
        Demand(f"a mouse brain in {assumed.brain_years:g} years", assumed.brain_bytes / (assumed.brain_years * YEAR_S)),
    ]


def need(demand: Demand, costs: Costs, assumed: Assumed) -> Need:
    """What a demand takes at these costs."""
    images_s = demand.bytes_s / assumed.image_bytes
    cores, megapixels_s = images_s * costs.score_s, demand.bytes_s / 1e6
    by_model = [megapixels_s * ms / 1e3 / (side**2 / 1e6) for side, ms in assumed.gpu_ms]
    return Need(
        demand=demand,
        images_s=images_s,
        cores=cores,
        watch_cores=images_s * costs.watch_s,
        memory_gb=max(1.0, cores) * costs.peak_mb / 1e3,
        gpus=(min(by_model), max(by_model)),
        reports_bytes_s=(images_s * assumed.summary_bytes, images_s * assumed.report_bytes),
        images_a_request=max(1.0, images_s / assumed.requests_s),
        most_images_s=(
            assumed.requests_s * assumed.result_bytes / assumed.report_bytes,
            assumed.requests_s * assumed.result_bytes / assumed.summary_bytes,
        ),
    )
