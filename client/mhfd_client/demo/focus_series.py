"""`mhfd demo`: simulate a focus series, score it, and make one page of pictures with the curve.

The page stands alone: pictures are inside it, nothing is fetched.
"""

import base64
import html
import io
import math
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import tifffile
from PIL import Image

from mhfd import api, overlay, simulate
from mhfd.errors import needing_extra
from mhfd.measure.measure import Measurement

DEFOCUS_UM = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class SeriesImage:
    """One image of the series and what was measured on it."""

    path: Path
    defocus_um: float
    measured: Measurement

    @property
    def density(self) -> float:
        """Features a megapixel; NaN where there is no tissue."""
        return self.measured.report.density or math.nan


def run(into: Path, *, seed: int = 0) -> Path:
    """Write the series and the page; returns the page's path."""
    with needing_extra("demo", "demo: the curve needs matplotlib; run", option=True):
        import matplotlib as mpl
    mpl.use("Agg")
    into.mkdir(parents=True, exist_ok=True)
    shots = _series(into, seed)
    correlation = _correlation(shots)
    page = into / "index.html"
    page.write_text(_page(shots, correlation))
    click.echo(
        f"{len(shots)} images, {shots[0].defocus_um:g} to {shots[-1].defocus_um:g} um out of focus: "
        f"density {shots[0].density:,.0f} to {shots[-1].density:,.0f} features/Mpx; "
        f"log(density) against defocus r = {correlation:+.3f}"
    )
    click.echo(f"look at {page}")
    return page


def _series(into: Path, seed: int) -> list[SeriesImage]:
    shots = []
    images = simulate.focus_series((768, 768), seed=seed, defocus_um=DEFOCUS_UM)
    for defocus, pixels in zip(DEFOCUS_UM, images, strict=True):
        path = into / f"defocus_{defocus:04.2f}um.tif"
        tifffile.imwrite(path, pixels)
        shots.append(SeriesImage(path, defocus, api.measure(path)))
        click.echo(f"{path.name}  density {shots[-1].density:8,.0f} features/Mpx")
    return shots


def _correlation(shots: list[SeriesImage]) -> float:
    logs = np.log([max(shot.density, 1.0) for shot in shots])
    return float(np.corrcoef([shot.defocus_um for shot in shots], logs)[0, 1])


def _curve(shots: list[SeriesImage]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left = figure.subplots()
    defocus = [shot.defocus_um for shot in shots]
    left.semilogy(defocus, [shot.density for shot in shots], "o-", color="#0072b2", label="features a megapixel")
    left.set_xlabel("defocus, µm")
    left.set_ylabel("features a megapixel of tissue", color="#0072b2")
    left.grid(alpha=0.3, which="both")
    right = left.twinx()
    ratios = [shot.measured.report.cross_spectrum for shot in shots]
    right.plot(defocus, [math.nan if r is None else r for r in ratios], "s--", color="#d55e00")
    right.set_ylabel("cross-spectrum ratio", color="#d55e00")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _page(shots: list[SeriesImage], correlation: float) -> str:
    tiles = "".join(
        f"<figure>{_img(_thumbnail(shot), f'defocus {shot.defocus_um:g} µm')}<figcaption><b>{shot.defocus_um:g} µm</b> "
        f"{shot.density:,.0f}/Mpx</figcaption></figure>"
        for shot in shots
    )
    sheets = "".join(
        f"<h2>{html.escape(title)}</h2>{_img(_png(overlay.draw(shot.measured, max_side=640)), title)}"
        for title, shot in (("What is counted: in focus", shots[0]), ("... and out of focus", shots[-1]))
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>mhfd: a focus series</title><style>"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:1320px;margin:2rem auto;padding:0 1rem;color:#222}"
        "section{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:.8rem}"
        "figure{margin:0}img{max-width:100%;display:block}figcaption{font-variant-numeric:tabular-nums}</style>"
        "<h1>Is it in focus? Count the features.</h1>"
        f"<p>{len(shots)} simulated images of one field of brain tissue, each further out of focus. "
        f"log(density) falls with defocus: r = {correlation:+.3f}.</p>"
        f"{_img(_curve(shots), 'features and cross-spectrum against defocus')}<section>{tiles}</section>{sheets}"
    )


def _thumbnail(shot: SeriesImage) -> bytes:
    return _png(Image.fromarray(np.asarray(shot.measured.pixels)[:320, :320]))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _img(png: bytes, text: str) -> str:
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
