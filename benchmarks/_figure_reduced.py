"""What the paper recommends where memory is short, a bilinear reduction: what it saves in time, costs in finding blur.

The paper calls it a more than reasonable trade and measures neither. Both are measured here, on simulated sections.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from benchmarks._figure import COLOURS, Drawn, Scope, Taken, in_turn, median, picture, shown
from benchmarks._measures import CROSS, DOF, FIXED, Bench
from benchmarks._scenes import Grey, blurred, stretched
from benchmarks._scenes import taken as recorded
from benchmarks._table import markdown
from benchmarks.accuracy import auc
from benchmarks.speed import picture as image_of

from mhfd import simulate
from mhfd.api import score

PARTS: Final = (1, 2, 4)
"""The side is divided by this."""
RADII: Final = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0)
DRAWS: Final = 3
"""Images of a scene at each blur: doses and contrasts are drawn for a scene and are the same at every blur."""
SHOWN: Final = (FIXED, DOF, CROSS)
Scores = Mapping[str, float]


def reduced_image(pixels: Grey, part: int) -> Grey:
    """Interpolated bilinearly at the middle of each new pixel, without a filter, as the authors' script does.

    Of an even part that is the mean of the four pixels around the middle, which integers give as well.
    """
    if part == 1:
        return pixels
    rows, columns = (side // part * part for side in pixels.shape)
    whole, first = pixels[:rows, :columns], part // 2 - 1
    total = np.full((rows // part, columns // part), 2, np.uint16)
    for y in (first, first + 1):
        for x in (first, first + 1):
            total += whole[y::part, x::part]
    return (total >> 2).astype(np.uint8)


def reduced(scope: Scope, *, side: int = 1024, scenes: int = 6, time_side: int = 2048) -> Drawn:
    """Time of a score, and the area under the ROC curve, at full size, 1/2 and 1/4."""
    scenes = 20 if scope.full else scenes
    areas = accuracy(side, scenes)
    times = cost(time_side, scope)
    rows = []
    for part in PARTS:
        reduction, scored = times[part]["reduce"], times[part]["score"]
        both = statistics.median(reduction.wall) * (part > 1) + statistics.median(scored.wall)
        busy = statistics.median(reduction.cpu) * (part > 1) + statistics.median(scored.cpu)
        before = median(reduction.wall) if part > 1 else "-"
        rows.append([called(part), before, median(scored.wall), f"{both:.3g}", f"{busy:.3g}"])
    accurate = [
        [name, called(part), *(f"{areas[name, part][radius]:.3f}" for radius in RADII[1:])]
        for name in SHOWN
        for part in PARTS
    ]
    draw(areas)
    body = (
        f"{shown('reduced', 'Area under the curve against the blur, at full size and reduced')}\n\nTime: a whole score "
        f"(`robust`, one thread) of a {time_side}x{time_side} image in memory, and the reduction before it (NumPy, "
        "integers).\n\n"
        + markdown(["side", "reduction, ms", "score, ms", "both", "both, of the processor"], rows)
        + f"\n\nFinding blur: area under the ROC curve, {scenes} simulated sections of {side}x{side} as they are "
        "against the same blurred by a disc of r px (of the full size), each relative to its own in focus at dose 100; "
        "dose from 30 to 1000 and contrast from .4 to 1 drawn "
        f"{DRAWS} times for each section, the same at every blur. .5 is chance.\n\n"
        + markdown(["count", "side", *(f"r = {radius:g}" for radius in RADII[1:])], accurate)
        + "\n\n"
        + markdown(
            ["what the paper prints", "its hardware"],
            [
                [
                    "a bilinear reduction is 'a more than reasonable tradeoff between accuracy and latency'; no figure",
                    "-",
                ]
            ],
        )
    )
    return Drawn("reduced", "What a bilinear reduction saves and costs", body)


def called(part: int) -> str:
    """A reduction in words."""
    return "full" if part == 1 else f"1/{part}"


def cost(side: int, scope: Scope) -> dict[int, dict[str, Taken]]:
    """Milliseconds of the reduction and of the score after it."""
    pixels = image_of(side)
    functions: dict[str, Any] = {}
    for part in PARTS:
        functions[f"{part} reduce"] = partial(reduced_image, pixels, part)
        functions[f"{part} score"] = partial(score, reduced_image(pixels, part), device="cpu", threads=1)
    times = in_turn(functions, scope.runs)
    return {part: {what: times[f"{part} {what}"] for what in ("reduce", "score")} for part in PARTS}


def accuracy(side: int, scenes: int) -> dict[tuple[str, int], dict[float, float]]:
    """(count, reduction) -> blur -> area."""
    bench = Bench()
    found: dict[tuple[str, int, float], list[float]] = defaultdict(list)
    still = simulate.Exposure(dose=1e6, read_noise=0, bits=16)
    for number in range(scenes):
        rng = np.random.default_rng(number)
        scene = stretched(simulate.section((side, side), seed=100 + number, exposure=still))
        baseline = _scores(bench, recorded(np.clip(blurred(scene, 0.0), 0, 1), 100.0, rng))
        exposures = [
            (float(np.exp(rng.uniform(np.log(30), np.log(1000)))), float(rng.uniform(0.4, 1))) for _ in range(DRAWS)
        ]
        for radius in RADII:
            through = np.clip(blurred(scene, radius), 0, 1)
            for dose, contrast in exposures:
                for key, value in _scores(bench, recorded(through, dose, rng, contrast=contrast)).items():
                    found[*key, radius].append(value / abs(baseline[key]))
    return {
        (name, part): {
            radius: auc(np.array(found[name, part, 0.0]), np.array(found[name, part, radius])) for radius in RADII[1:]
        }
        for name in SHOWN
        for part in PARTS
    }


def _scores(bench: Bench, image: Grey) -> dict[tuple[str, int], float]:
    """Every count of the image at every reduction."""
    scores: dict[tuple[str, int], float] = {}
    for part in PARTS:
        small = reduced_image(image, part)
        both = bench.robust(small) | bench.paper(small)
        scores |= {(name, part): both[name] for name in SHOWN}
    return scores


def draw(areas: Mapping[tuple[str, int], Mapping[float, float]]) -> None:
    """Area against blur."""
    with picture("reduced", width=5.6) as axis:
        for name, colour in zip(SHOWN, COLOURS, strict=False):
            for part, style in zip(PARTS, ("o-", "s--", "^:"), strict=True):
                curve = areas[name, part]
                axis.plot(
                    list(curve), list(curve.values()), style, color=colour, label=f"{name.strip('*')}, {called(part)}"
                )
        axis.axhline(0.5, color="grey", linewidth=0.5)
        axis.set(xlabel="radius of the blur, px of the full size", ylabel="area under the ROC curve", ylim=(0.3, 1.02))
        axis.legend(fontsize=6)
