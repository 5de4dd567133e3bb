"""Figures 1 and 2 of the paper: features of a sharp and a blurred section, and their number against the defocus.

Its own series was never published. Ours are the simulator's, whose defocus is known, and, where MHFD_DATA names a
folder that has it, the real series of `_through_focus`: of that nothing but its curve is written down.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from benchmarks import _laws
from benchmarks._figure import COLOURS, PICTURES, Drawn, Scope, picture, pyplot, shown
from benchmarks._table import markdown
from benchmarks._through_focus import Through, Values, microtubules
from numpy.typing import NDArray
from PIL import Image

from mhfd import api, scales, simulate
from mhfd.contract.params import Params
from mhfd.detector import Features
from mhfd.detector.paper import PaperDetector

PAPER_R: Final = -0.9754
PUBLISHED: Final = Params.preset("paper_code").model_copy(update={"resize": None})
"""The authors' script, at the image's own size."""
PRESETS: Final = {"`paper_code`, own size": PUBLISHED, "`paper_text`": Params.preset("paper_text")}
ROBUST: Final = "`robust`"
SHOWN_SIDE: Final = 320
BLURRED_UM: Final = 4.0
DOSE: Final = 100.0
GREYS: Final = 9
"""Of a picture every so many greys are made one: noise does not compress."""


def features_of(pixels: NDArray[Any], params: Params) -> Features:
    """What is counted: by the oracle for a preset of the paper, else as a score counts."""
    if params.gate != "noise":
        return PaperDetector().detect(pixels, params)
    measured = api.measure(np.ascontiguousarray(pixels), params=params, device="cpu", threads=1)
    if measured.features is None:
        raise SystemExit(f"nothing was measured: {measured.report.finding}")
    return measured.features


def figure1(scope: Scope, *, side: int = SHOWN_SIDE) -> Drawn:
    """One field, sharp and out of focus, its features circled."""
    sharp, soft = simulate.focus_series(
        (side, side), seed=3, defocus_um=[0.0, BLURRED_UM], exposure=simulate.Exposure(dose=DOSE)
    )
    rows: list[list[object]] = []
    plt = pyplot()
    figure, axes = plt.subplots(2, 2, figsize=(8, 8.4), layout="constrained")
    for line, (name, params) in zip(axes, (("`paper_code`, own size", PUBLISHED), (ROBUST, Params())), strict=True):
        row: list[object] = [name]
        for axis, where, pixels in zip(
            line, ("in focus", f"{BLURRED_UM:g} um out of focus"), (sharp, soft), strict=True
        ):
            found = features_of(pixels, params)
            circled(axis, pixels, found, params)
            axis.set_title(f"{name.replace('`', '')}: {where}, {len(found):,} features", fontsize=9)
            row.append(f"{len(found):,}")
        rows.append(row)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=68)
    plt.close(figure)
    PICTURES.mkdir(parents=True, exist_ok=True)
    colours = Image.open(buffer).convert("RGB").quantize(40, dither=Image.Dither.NONE)
    colours.save(PICTURES / "figure1.png", optimize=True)
    words = "The features of one field, in focus and out of it"
    body = (
        f"{shown('figure1', words, 'png')}\n\nOne field of the simulator, {side}x{side} pixels of 8 nm, "
        f"dose {DOSE:g}; circles as large as the features' scale (blue: below 3 px, green: to 8, red: above). The "
        "paper shows two of its own sections and prints no number beside them.\n\n"
        + markdown(["features", "in focus", f"{BLURRED_UM:g} um out of focus"], rows)
    )
    return Drawn("figure1", "Figure 1: features in focus and out of it", body)


def circled(axis: Any, pixels: NDArray[Any], found: Features, params: Params) -> None:
    """The image with a circle a feature."""
    from matplotlib.patches import Circle

    coarse = pixels.astype(int) // GREYS * GREYS
    axis.imshow(coarse, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    sizes = scales.ladder(params)[found.scale]
    for y, x, t in zip(found.y.tolist(), found.x.tolist(), sizes.tolist(), strict=True):
        colour = COLOURS[0] if t < 3 else COLOURS[2] if t < 8 else COLOURS[1]
        axis.add_patch(Circle((x, y), max(1.5, 1.4 * t), fill=False, color=colour, linewidth=0.8))
    axis.axis("off")


def figure2(scope: Scope, *, side: int = 384, seeds: int = 3) -> Drawn:
    """Number of features against |f - f'|, plain and as a logarithm with its fit."""
    seeds = 6 if scope.full else seeds
    z = np.arange(0, 6.25, 0.5)
    curves: dict[str, list[tuple[str, Values, Values]]] = {f"simulated, dose {DOSE:g}": simulated(z, side, seeds)}
    real = microtubules()
    if real is not None:
        curves["real: fluorescence, 31 planes"] = [
            (name, distance, counts) for name, distance, counts in counted(real, fitted_focus=True)
        ]
    rows = []
    with picture("figure2", panels=2) as (plain, logarithmic):
        for line, (series, measured) in zip(("-", "--"), curves.items(), strict=False):
            for colour, (name, distance, counts) in zip(COLOURS, measured, strict=False):
                words = f"{name.replace('`', '')} ({series.partition(',')[0].partition(':')[0]})"
                order = np.argsort(distance)
                plain.plot(distance[order], counts[order] / counts.max(), f"o{line}", color=colour, label=words)
                positive = counts > 0
                r, slope, level = log_linear(distance[positive], counts[positive])
                logarithmic.plot(distance, np.log(np.maximum(counts, 0.5)), "o", color=colour)
                ends = np.array([distance.min(), distance.max()])
                logarithmic.plot(ends, level + slope * ends, line, color=colour, label=f"r = {r:+.4f}: {words}")
                best = min(_laws.LAWS, key=lambda law: _laws.left_out(law, distance, logs(counts), focus=0.0))
                rows.append(
                    [series, name, len(distance), f"{counts.max():,.0f} to {counts.min():,.0f}", f"{r:+.4f}", best]
                )
        plain.set(xlabel="|f - f'|, um", ylabel="features, of the most", title="2a")
        logarithmic.set(xlabel="|f - f'|, um", ylabel="ln features", title="2b")
        plain.legend(fontsize=6)
        logarithmic.legend(fontsize=6)
    rows.append(
        [
            "the paper's own, unpublished (Gemini 300; images, range and dose not given)",
            "the paper's",
            "-",
            "-",
            f"{PAPER_R}",
            "log-linear is the only one fitted",
        ]
    )
    body = (
        f"{shown('figure2', 'Number of features against the distance from focus')}\n\nLeft: 2a, each curve over its "
        f"own greatest count. Right: 2b, the logarithm with its line of least squares. Simulated: {seeds} fields of "
        f"{side}x{side} pixels of 8 nm, counts added up, 1 um is a disc of radius 1 px. Real: with `MHFD_DATA`, "
        "`dfnn_microtubules` (ZJUOPTKuangLab/DFNN, MIT), fluorescence and not electrons, f' fitted to each curve. A "
        "positive r is the wrong sign. *Best law*: the least leave-one-out error of four.\n\n"
        + markdown(["series", "count", "images", "features, most to least", "r of the logarithm", "best law"], rows)
    )
    return Drawn("figure2", "Figures 2a and 2b: features against the distance from focus", body)


def simulated(z: Values, side: int, seeds: int) -> list[tuple[str, Values, Values]]:
    """Counts of simulated fields, added up, by preset; f' is known."""
    exposure = simulate.Exposure(dose=DOSE)
    total: dict[str, Values] = {}
    for seed in range(seeds):
        series = simulate.focus_series((side, side), seed=seed, defocus_um=z.tolist(), exposure=exposure)
        for name, distance, counts in counted(Through(z, list(series)), fitted_focus=False):
            del distance
            total[name] = total.get(name, np.zeros(len(z))) + counts
    return [(name, np.abs(z), counts) for name, counts in total.items()]


def counted(through: Through, *, fitted_focus: bool) -> list[tuple[str, Values, Values]]:
    """(what counts, |f - f'|, features) of a series."""
    found = []
    for name, params in {**PRESETS, ROBUST: Params()}.items():
        counts = np.array([float(len(features_of(pixels, params))) for pixels in through.images])
        focus = best_focus(through.z, counts) if fitted_focus else 0.0
        found.append((name, np.abs(through.z - focus), counts))
    return found


def logs(counts: Sequence[float] | Values) -> Values:
    """Natural logarithms; a count of none is taken as a half."""
    found: Values = np.log(np.maximum(np.asarray(counts, float), 0.5))
    return found


def best_focus(z: Values, counts: Values) -> float:
    """The f' at which the log-linear relation is the strongest."""
    tried = np.arange(z.min(), z.max() + 0.005, 0.01)
    return float(max(tried, key=lambda at: abs(np.corrcoef(np.abs(z - at), logs(counts))[0, 1])))


def log_linear(distance: Values, counts: Values) -> tuple[float, float, float]:
    """(r, slope, level) of the line through the logarithm of counts."""
    slope, level = np.polyfit(distance, np.log(counts), 1)
    return float(np.corrcoef(distance, np.log(counts))[0, 1]), float(slope), float(level)
