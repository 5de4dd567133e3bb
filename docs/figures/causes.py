"""Renders docs/figures/causes.png: causes of a simulated run, and detectors. Run: python docs/figures/causes.py"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import tifffile
from PIL import Image

mpl.use("Agg")
import matplotlib.pyplot as plt

from mhfd.simulate import Grey
from mhfd_client.microscope.causes import CAUSES
from mhfd_client.microscope.images import picture, tiff
from mhfd_client.microscope.plan import NoiseKind, RunPlan
from mhfd_client.microscope.truth import ShotKind

HERE = Path(__file__).parent
SIZE, CLOSE = 256, 64


def panels() -> Iterator[tuple[str, Grey]]:
    """Title and image: the causes, then the same corner of a sharp image as detectors record it, close."""
    shown = [kind for kind in CAUSES if kind not in (ShotKind.TRUNCATED, ShotKind.ZERO_TAIL, ShotKind.BLANK)]
    plan = RunPlan.of(5, sections=60, size=SIZE, causes=shown)
    for kind in shown:
        shot = next(shot for shot in plan.shots if shot.kind is kind)
        yield f"{kind}{f' {shot.px:.1f} px' if shot.blur else ''}", picture(plan, shot)
    sharp = next(shot for shot in plan.shots if shot.kind is ShotKind.SHARP)
    for noise in NoiseKind:
        yield f"noise: {noise}", picture(replace(plan, noise=noise), sharp)[:CLOSE, :CLOSE]
    packed = tiff(replace(plan, jpeg=40), sharp)
    yield "JPEG, quality 40", np.asarray(tifffile.imread(io.BytesIO(packed)), np.uint8)[:CLOSE, :CLOSE]
    yield "the other kind of section", picture(replace(plan, two_kinds=True), replace(sharp, section=3))


def main() -> None:
    drawn = list(panels())
    figure, axes = plt.subplots(4, 6, figsize=(15, 10.6), layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, image) in zip(axes.flat, drawn, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(title, fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=62)
    # Noise does not compress; every ninth grey keeps the repository small and looks the same.
    Image.open(buffer).convert("L").point(lambda grey: min(255, (grey + 4) // 9 * 9 + 2)).save(
        HERE / "causes.png", optimize=True
    )


if __name__ == "__main__":
    main()
