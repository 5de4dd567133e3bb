"""Renders docs/figures/simulated.png: what the simulator makes. Run: python docs/figures/simulated.py"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from PIL import Image

mpl.use("Agg")
import matplotlib.pyplot as plt

from mhfd.simulate import Artefacts, Exposure, Grey, Optics, Specimen

SHAPE = (384, 384)
HERE = Path(__file__).parent


def panels() -> Iterator[tuple[str, Grey]]:
    """Title and image, row by row. The first four show one field, the vessel and the nucleus lie elsewhere."""
    tissue = Specimen(seed=3)

    def same(title: str, **optics: float) -> tuple[str, Grey]:
        return title, tissue.section(SHAPE, optics=Optics(**optics))  # type: ignore[arg-type]  # floats only

    yield same("in focus")
    yield same("1.5 µm out of focus", defocus_um=1.5)
    yield same("4 µm out of focus", defocus_um=4.0)
    yield same("at a line focus: astigmatism 2 µm", defocus_um=2.0, astigmatism_um=2.0, astigmatism_deg=35.0)
    yield "five sections further", tissue.section(SHAPE, z=5)
    yield "a tenth of the dose", tissue.section(SHAPE, exposure=Exposure(dose=20))
    yield "tilted: 8 µm across", tissue.section(SHAPE, optics=Optics(tilt_um=(0.0, 8.0)))
    yield "4.6 nm pixels", Specimen(seed=30).section(SHAPE, optics=Optics(pixel_nm=4.6), origin=(116, 180))
    yield "nucleus", Specimen(seed=7).section(SHAPE, origin=(1170, 1200))
    yield "vessel", Specimen(seed=26).section(SHAPE, origin=(600, 300))
    yield "edge of the block", Specimen(seed=6).section(SHAPE, artefacts=Artefacts(resin=0.35))
    yield "fold and dust", Specimen(seed=4).section(SHAPE, artefacts=Artefacts(wrinkles=1, particles=6))
    yield "charging", Specimen(seed=5).section(SHAPE, z=2, artefacts=Artefacts(charging=1))
    yield "uneven gain", Specimen(seed=8).section(SHAPE, artefacts=Artefacts(shading=1.0))
    yield "banding and jitter", Specimen(seed=9).section(SHAPE, artefacts=Artefacts(banding=0.06, jitter=1.5))
    yield "half the contrast", Specimen(seed=10).section(SHAPE, exposure=Exposure(contrast=0.5))


def main() -> None:
    figure, axes = plt.subplots(4, 4, figsize=(12, 12.6), layout="constrained")
    for axis, (title, image) in zip(axes.flat, panels(), strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        axis.set_title(title, fontsize=11)
        axis.axis("off")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=75)
    # Noise does not compress; every ninth grey keeps the repository small and looks the same.
    Image.open(buffer).convert("L").point(lambda grey: min(255, (grey + 4) // 9 * 9 + 2)).save(
        HERE / "simulated.png", optimize=True
    )


if __name__ == "__main__":
    main()
