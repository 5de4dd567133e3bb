"""What many microscopes need of mhfd: `python -m benchmarks.fleet`. Writes docs/benchmarks/fleet.md.

The costs are measured in the same run; what is assumed stands beside it with its source, and can be given otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from benchmarks._figure import load_average
from benchmarks._fleet_costs import over_compute, scored, watched
from benchmarks._fleet_needs import Assumed, Costs, Need, demands, need
from benchmarks._table import markdown, publish

SIDES = (1024, 4096)


def main() -> None:
    """Measure, reckon, write."""
    usual = Assumed()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="more images and calls, and 8192x8192")
    parser.add_argument("--terabytes", type=float, default=usual.terabytes_a_day, help="a day, of one instrument")
    parser.add_argument("--beams", type=int, default=usual.beams)
    parser.add_argument("--beam-pixels", type=float, default=usual.beam_pixels_s, help="a second, of one beam")
    parser.add_argument("--brain-years", type=float, default=usual.brain_years, help="in which it is imaged")
    options = parser.parse_args()
    assumed = Assumed(
        terabytes_a_day=options.terabytes,
        beams=options.beams,
        beam_pixels_s=options.beam_pixels,
        brain_years=options.brain_years,
    )
    load = load_average()
    side = assumed.image_side
    sides = tuple(sorted({*SIDES, side, *((8192,) if options.full else ())}))
    alone = scored(sides, 21 if options.full else 8)
    watch_s = watched(side, 60 if options.full else 24)
    call_s, batched_s, answer_bytes = over_compute(*((100, 20) if options.full else (20, 4)))
    costs = Costs(*_first(alone[side], watch_s), call_s=call_s, batched_s=batched_s)
    needs = [need(demand, costs, assumed) for demand in demands(assumed)]
    publish("fleet", "What a fleet of microscopes needs", page(alone, costs, needs, assumed, answer_bytes, load))


def _first(scoring: tuple[float, float], watch_s: float) -> tuple[float, float, float]:
    return scoring[0], watch_s, scoring[1]


def page(
    alone: Mapping[int, tuple[float, float]],
    costs: Costs,
    needs: Sequence[Need],
    assumed: Assumed,
    answer_bytes: float,
    load: str,
) -> str:
    """All tables."""
    side = assumed.image_side
    return "\n\n".join(
        [
            f"Arithmetic over costs that were measured in the same run, with a load average of {load} before it. "
            "What nobody here has measured is assumed, below; the GPU's time is a model's. Cores are cores of the "
            "machine that is named at the end.",
            "## What an image costs here",
            markdown(
                ["8 bit, `robust`, n = 16", "processor, ms", "Mpx a second and core", "peak of the process, MB"],
                [
                    [f"`mhfd.score(path)`, {at}x{at}", f"{s * 1e3:.3g}", f"{at**2 / 1e6 / s:.3g}", f"{mb:.0f}"]
                    for at, (s, mb) in alone.items()
                ],
            ),
            markdown(
                ["", "ms"],
                [
                    [f"a station and its workers, {side}x{side}, processor, an image", f"{costs.watch_s * 1e3:.3g}"],
                    ["Globus Compute on loopback, added to a call alone", f"{costs.call_s * 1e3:.3g}"],
                    ["... to an image in a batch of 32", f"{costs.batched_s * 1e3:.2g}"],
                ],
            ),
            f"An answer of Compute has {answer_bytes:.0f} bytes an image, reports in full. The cloud's own share and "
            "the network's are in none of these.",
            "## What is needed",
            markdown(["", *(one.demand.name for one in needs)], rows(needs, costs, assumed)),
            *notes(needs, assumed),
            "## What is assumed",
            markdown(["assumed", "value", "from"], sources(assumed)),
        ]
    )


def rows(needs: Sequence[Need], costs: Costs, assumed: Assumed) -> list[list[str]]:
    """A row a thing that is needed, a column a demand."""
    side = assumed.image_side

    def row(name: str, *cells: str) -> list[str]:
        return [name, *cells]

    return [
        row("images come in, bytes a second", *(quantity(one.demand.bytes_s) + "B" for one in needs)),
        row(f"images of {side}x{side} a second", *(f"{one.images_s:,.1f}" for one in needs)),
        row("**cores**, `mhfd.score(path)`", *(f"{one.cores:,.1f}" for one in needs)),
        row("cores, watched (stations included)", *(f"{one.watch_cores:,.1f}" for one in needs)),
        row("**memory**, a process a core", *(f"{one.memory_gb:,.1f} GB" for one in needs)),
        row(
            "**GPUs**, a model's: the device's time alone",
            *(f"{one.gpus[0]:.2g} to {one.gpus[1]:.2g}" for one in needs),
        ),
        row("**moved** to a centre, a second", *(quantity(one.demand.bytes_s) + "B" for one in needs)),
        row(
            "moved back: summaries, full reports, a second",
            *(f"{quantity(one.reports_bytes_s[0])}B, {quantity(one.reports_bytes_s[1])}B" for one in needs),
        ),
        row(
            "**Compute**: images a request, at 2 requests a second", *(f"{one.images_a_request:,.0f}" for one in needs)
        ),
        row(
            "how many of these one account's requests carry: full reports, summaries",
            *(
                f"{one.most_images_s[0] / one.images_s:,.1f}, {one.most_images_s[1] / one.images_s:,.0f}"
                for one in needs
            ),
        ),
        row("calls of one image each, a second", *(f"{one.images_s:,.1f} (2 are taken)" for one in needs)),
    ]


def notes(needs: Sequence[Need], assumed: Assumed) -> list[str]:
    """What the table does not say by itself."""
    day, microscope, brain = needs
    share = brain.demand.bytes_s / microscope.demand.bytes_s
    core_years = brain.cores * assumed.brain_years
    return [
        f"A mouse brain is {share:.1f} such {assumed.beams}-beam microscopes for {assumed.brain_years:g} years, and "
        f"{core_years:,.0f} core-years of scoring however long it takes. One call an image goes past Compute's limit "
        f"from 2 images a second on: {day.images_s:.1f} come with the least of the three, so that images go in batches "
        "(`compute.batch`), as a station sends them by itself. By the flow, transfers are the limit: at most 37 images "
        "of 8.5 MB a second with 500 MB/s ([decision 45](../decisions/0045-a-day-in-virtual-time.md)); a microscope of "
        "many beams is scored where its images are.",
    ]


def sources(assumed: Assumed) -> list[list[str]]:
    """Each assumption and where it is from."""
    (small, small_ms), (large, large_ms) = assumed.gpu_ms
    return [
        [
            "an instrument's day",
            f"{assumed.terabytes_a_day:g} TB",
            "the paper, section 1 ('~10 Tbs/24hr'), read as bytes",
        ],
        ["beams", f"{assumed.beams}", "Zeiss MultiSEM, the larger of its two kinds (61 and 91 beams)"],
        [
            "pixels a second of a beam",
            quantity(assumed.beam_pixels_s),
            "50 ns a pixel, as a round figure of ours; `--beam-pixels` takes yours. Stage and focus take time besides: "
            "an upper bound",
        ],
        ["a mouse brain", f"{quantity(assumed.brain_bytes)}B", "the paper, section 1 ('approximately 1 exabyte')"],
        ["... imaged within", f"{assumed.brain_years:g} years", "ours; `--brain-years` takes another"],
        ["bytes a pixel", "1", "8-bit images, as these instruments write them; 16 bit doubles what is moved"],
        [
            "an image",
            f"{quantity(assumed.image_bytes)}B",
            "as in [10 TB a day](flow.md#a-day-in-virtual-time); tiles of many sizes cost alike a pixel (above)",
        ],
        [
            "GPU, a model's",
            f"{small_ms:g} ms at {small}x{small}, n = 16; {large_ms:g} ms at {large}x{large}, n = 32",
            "traffic and arithmetic of the launch plan on an H200: **no GPU has run it** ([GPU](gpu.md)); reading "
            "files, the host's share and transfers to the device are not in it",
        ],
        [
            "Compute's limits",
            "20 requests in 10 s; 10 MB a result",
            "its documentation ([the flow](../reference/flow.md))",
        ],
        [
            "a report",
            f"{assumed.summary_bytes} bytes as a summary, {quantity(assumed.report_bytes)}B full",
            "the largest summary that the contract allows; a full report with its focus map",
        ],
    ]


def quantity(value: float) -> str:
    """With a prefix and three digits."""
    for prefix, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "


if __name__ == "__main__":
    main()
