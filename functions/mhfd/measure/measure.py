"""An image and its features -> `FocusReport`: the numbers, and what kept them from being measured.

The steps and their order are here, the arithmetic is in `noise`, `saturation`, `tissue`, `gate`, and, from the blocks'
`spectra` and their `noise_spectrum`, in `cross_spectrum`, `texture` and `profile`.
It judges nothing: whether an image is in focus is said elsewhere, from these numbers. Unknown is null, never 0.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import NDArray

import mhfd
from mhfd import native, scales
from mhfd.cells import edges
from mhfd.contract.focus_report import Cells, Finding, FocusReport, Method, Provenance, ScaleCount, Texture
from mhfd.contract.params import Params
from mhfd.contract.profile import Profile
from mhfd.detector import Detector, Features
from mhfd.errors import UsageError
from mhfd.images import Image
from mhfd.measure import cross_spectrum, gate, noise, noise_spectrum, profile, saturation, spectra, texture, tissue
from mhfd.stretch import Pixels

LEAST_TISSUE = 0.01
"""Part of the image below which there is none."""
SATURATED = 0.5
"""An image is `saturated` when more than this part of it is clipped and less than `SPARED` is left to measure."""
SPARED = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A report with the pixels and the features that were counted: what an overlay is drawn from."""

    report: FocusReport
    pixels: Pixels | None
    features: Features | None


@dataclass(slots=True)
class _Clock:
    """How long each step took."""

    timing_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timing_ms[name] = round((time.perf_counter() - start) * 1e3, 3)


def measure(image: Image, detector: Detector, params: Params) -> Measurement:
    """What scoring says of one image, with what it was read from."""
    if params.gate == "noise" and params.resize is not None:
        raise UsageError("params: gate 'noise' measures noise at native size: set resize=None or another gate")
    clock = _Clock()

    def nothing(finding: Finding, why: str | None) -> Measurement:
        return Measurement(_report(image, detector, params, clock, finding, why), None, None)

    pixels = image.pixels
    if pixels is None:
        return nothing(image.finding, image.detail)
    with clock.step("noise"):
        stats = native.block_stats(pixels, block=noise.BLOCK, threads=detector.threads)
        if not stats.mean.size:
            small = f"no tissue: {pixels.shape[0]}x{pixels.shape[1]} pixels hold no {noise.BLOCK}x{noise.BLOCK} block"
            return nothing(Finding.NO_TISSUE, small)
        noise_map = noise.estimate(stats, step=noise.grey_step(pixels))
    with clock.step("tissue"):
        clipped = saturation.measure(pixels, stats)
        found = tissue.find(stats, noise_map, unusable=clipped.burnt)
    finding, why = _finding(found, clipped)
    if finding is not Finding.OK:
        return nothing(finding, why)
    with clock.step("detect"):
        features = detector.detect(pixels, params, sigma_floor=float(noise_map.sigma[found.mask].min()))
    with clock.step("gate"):
        features = gate.apply(features, pixels, params, stats, noise_map, found)
    rows, cols = (np.array(edges(side), np.intp) for side in pixels.shape)
    with clock.step("cross_spectrum"):
        detail = _detail(pixels, found, rows, cols)
    with clock.step("cells"):
        cells, inside = _cells(features, pixels, found, clipped, detail.ratios, (rows, cols))
    counts = np.bincount(features.scale, minlength=params.n).tolist()
    ladder = scales.ladder(params).tolist()
    report = _report(image, detector, params, clock, Finding.OK, None).model_copy(
        update={
            "dof": len(features),
            "density": inside / (found.share * pixels.size / 1e6),
            "cross_spectrum": detail.ratios.image,
            "noise": noise_map.model,
            "tissue": found.share,
            "scales": tuple(ScaleCount(t=t, count=count) for t, count in zip(ladder, counts, strict=False)),
            "cells": cells,
            "texture": detail.texture,
            "profile": detail.profile,
        }
    )
    return Measurement(report, pixels, features)


@dataclass(frozen=True, slots=True, eq=False)
class _Detail:
    """What the blocks' spectra say of an image."""

    ratios: cross_spectrum.Ratios
    texture: Texture | None = None
    profile: Profile | None = None


def _detail(pixels: Pixels, found: tissue.Tissue, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> _Detail:
    """One transform a block, read three times."""
    used, weights = texture.weights()
    seen = spectra.read(pixels, found, rows, cols, (used, weights))
    if seen is None:
        return _Detail(cross_spectrum.Ratios(None, np.full((len(rows) - 1, len(cols) - 1), np.nan)))
    hiding = noise_spectrum.find(seen)
    return _Detail(
        cross_spectrum.measure(seen, hiding),
        texture.measure(seen.bands, hiding.level[:, None] * (spectra.unfolded(hiding.shape, used) @ weights)[None, :]),
        profile.measure(seen, hiding),
    )


def _finding(found: tissue.Tissue, clipped: saturation.Saturation) -> tuple[Finding, str | None]:
    """`saturated` or `no_tissue`, with the numbers that say so."""
    crushed = found.mask & clipped.crushed
    lost, spared = float((clipped.burnt | crushed).mean()), float((found.mask & ~crushed).mean())
    if lost > SATURATED and spared < SPARED:
        return Finding.SATURATED, (
            f"saturated: {lost:.0%} of the image is clipped to black or white and {spared:.0%} is left to measure; "
            "set brightness and contrast and take it again"
        )
    if found.share < LEAST_TISSUE:
        return Finding.NO_TISSUE, (
            f"no tissue: {found.share:.1%} of the image differs from noise; blank resin, or the field is empty"
        )
    return Finding.OK, None


def _report(
    image: Image, detector: Detector, params: Params, clock: _Clock, finding: Finding, detail: str | None
) -> FocusReport:
    """A report that has measured nothing yet."""
    return FocusReport(
        method=Method(id=f"mhfd-{params.name}"),
        image=image.info,
        finding=finding,
        finding_detail=detail,
        code=image.code,
        params=params,
        params_id=params.id,
        timing_ms=clock.timing_ms,
        provenance=Provenance(
            version=mhfd.__version__,
            backend=detector.name,
            device=detector.device,
            threads=detector.threads,
            versions={"numpy": np.__version__, "scipy": scipy.__version__},
        ),
    )


def _cells(
    features: Features,
    pixels: Pixels,
    found: tissue.Tissue,
    clipped: saturation.Saturation,
    ratios: cross_spectrum.Ratios,
    sides: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> tuple[Cells, int]:
    """The focus map, and the number of features in tissue.

    A feature belongs to the cell that holds the middle of its 16x16 block, so that counts and areas go together.
    """
    blocks = found.mask.shape
    rows, cols = len(sides[0]) - 1, len(sides[1]) - 1
    middles = [np.arange(n) * noise.BLOCK + noise.BLOCK // 2 for n in blocks]
    row, col = (np.searchsorted(e, m, side="right") - 1 for e, m in zip(sides, middles, strict=True))
    cell = (row[:, None] * cols + col[None, :]).ravel()
    per_block = np.bincount(gate.block_of(features, pixels.shape, blocks), minlength=found.mask.size)
    per_block = np.where(found.mask.ravel(), per_block, 0)

    def total(values: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.bincount(cell, values.ravel().astype(np.float64), rows * cols).astype(np.float64)

    area = np.maximum(np.bincount(cell, minlength=rows * cols), 1)
    share, dof = total(found.mask) / area, total(per_block)
    ratio = ratios.cells.ravel()
    return Cells(
        rows=rows,
        cols=cols,
        dof=tuple(int(n) if s > 0 else None for n, s in zip(dof, share, strict=True)),
        cross_spectrum=tuple(float(r) if np.isfinite(r) else None for r in ratio),
        tissue=tuple(share.round(4).tolist()),
        saturated=tuple((total(clipped.white) / area).round(4).tolist()),
    ), int(per_block.sum())
