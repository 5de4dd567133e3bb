"""An image and its features -> `FocusReport`: the numbers, and what kept them from being measured.

The steps and their order are here, the arithmetic is in `noise`, `saturation`, `tissue`, `gate`, and, from the blocks'
`spectra` and their `noise_spectrum`, in `cross_spectrum`, `texture` and `profile`.
It judges nothing: whether an image is in focus is said elsewhere, from these numbers. Unknown is null, never 0.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

import mhfd
from mhfd import scales, stretch, survey
from mhfd.cells import edges
from mhfd.contract.focus_report import Cells, Finding, FocusReport, Method, Provenance, ScaleCount, Texture
from mhfd.contract.params import Params
from mhfd.contract.profile import Profile
from mhfd.detector import Detector, Features, bands
from mhfd.errors import UsageError
from mhfd.images import Image
from mhfd.measure import cross_spectrum, gate, noise, noise_spectrum, profile, saturation, spectra, texture, tissue
from mhfd.rows import Pixels

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
        self.timing_ms[name] = round(self.timing_ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3, 3)


def measure(image: Image, detector: Detector, params: Params, *, keep: bool = True) -> Measurement:
    """What scoring says of one image. `keep`: with its pixels and features, which then are in memory all at once."""
    if params.gate == "noise" and params.resize is not None:
        raise UsageError("params: gate 'noise' measures noise at native size: set resize=None or another gate")
    clock = _Clock()

    def nothing(finding: Finding, why: str | None) -> Measurement:
        return Measurement(_report(image, detector, params, clock, finding, why), None, None)

    rows = image.rows
    if rows is None:
        return nothing(image.finding, image.detail)
    with clock.step("noise"):
        seen = image.survey if image.survey is not None else survey.survey(rows, threads=detector.threads)
        if not seen.stats.mean.size:
            small = f"no tissue: {rows.shape[0]}x{rows.shape[1]} pixels hold no {noise.BLOCK}x{noise.BLOCK} block"
            return nothing(Finding.NO_TISSUE, small)
        noise_map = noise.estimate(seen.stats, step=noise.grey_step(seen.line))
    with clock.step("tissue"):
        clipped = saturation.measure(seen)
        found = tissue.find(seen.stats, noise_map, unusable=clipped.burnt)
    finding, why = _finding(found, clipped)
    if finding is not Finding.OK:
        return nothing(finding, why)
    with clock.step("detect"):
        limits = stretch.limits_of(rows, seen, params)
    gates = gate.Gate(params, seen.stats, noise_map, found)
    sides = np.array(edges(rows.shape[0]), np.intp), np.array(edges(rows.shape[1]), np.intp)
    reader = spectra.Reader(rows.shape, found, *sides, texture.weights())
    counts, kept = _Counts(rows.shape, found.mask.shape, params.n), []
    least = float(noise_map.sigma[found.mask].min())
    following = bands.detect(detector, rows, params, limits, sigma_floor=least, beyond=spectra.SIDE)
    while True:
        with clock.step("detect"):
            band = next(following, None)
        if band is None:
            break
        with clock.step("gate"):
            features = gates.counted(band)
            counts.add(features)
            if keep:
                kept.append(features)
        with clock.step("cross_spectrum"):
            reader.take(band)
    with clock.step("cross_spectrum"):
        detail = _detail(reader.spectra(), sides)
    with clock.step("cells"):
        cells, inside = _cells(counts.by_block, found, clipped, detail.ratios, sides)
    ladder = scales.ladder(params).tolist()
    report = _report(image, detector, params, clock, Finding.OK, None).model_copy(
        update={
            "dof": int(counts.by_scale.sum()),
            "density": inside / (found.share * rows.shape[0] * rows.shape[1] / 1e6),
            "cross_spectrum": detail.ratios.image,
            "noise": noise_map.model,
            "tissue": found.share,
            "scales": tuple(
                ScaleCount(t=t, count=count) for t, count in zip(ladder, counts.by_scale.tolist(), strict=False)
            ),
            "cells": cells,
            "texture": detail.texture,
            "profile": detail.profile,
        }
    )
    if not keep:
        return Measurement(report, None, None)
    return Measurement(report, rows.read(0, rows.shape[0]), bands.joined(kept))


class _Counts:
    """How many features there are, by scale and by block of the image."""

    def __init__(self, shape: tuple[int, int], blocks: tuple[int, ...], scales: int) -> None:
        self._shape = shape
        self.by_scale = np.zeros(scales, np.int64)
        self.by_block = np.zeros(blocks, np.int32)

    def add(self, features: Features) -> None:
        """Count these too."""
        if not len(features):
            return
        self.by_scale += np.bincount(features.scale, minlength=len(self.by_scale))
        block = gate.block_of(features, self._shape, self.by_block.shape)
        first = int(block.min())
        found = np.bincount(block - first)
        self.by_block.reshape(-1)[first : first + len(found)] += found.astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class _Detail:
    """What the blocks' spectra say of an image."""

    ratios: cross_spectrum.Ratios
    texture: Texture | None = None
    profile: Profile | None = None


def _detail(seen: spectra.Spectra | None, sides: tuple[NDArray[np.intp], NDArray[np.intp]]) -> _Detail:
    """One transform a block, read three times."""
    if seen is None:
        return _Detail(cross_spectrum.Ratios(None, np.full((len(sides[0]) - 1, len(sides[1]) - 1), np.nan)))
    used, weights = texture.weights()
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
    by_block: NDArray[np.int32],
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

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        """Of each cell; a row of blocks after the other, so that no index is made of all of them."""
        sums = np.zeros((rows, cols))
        for cell_row, line in zip(row.tolist(), values, strict=True):
            sums[cell_row] += np.bincount(col, line, cols)
        return sums.ravel()

    in_tissue = np.where(found.mask, by_block, 0)
    area = np.maximum(np.bincount(row, minlength=rows)[:, None] * np.bincount(col, minlength=cols), 1).ravel()
    share, dof = total(found.mask) / area, total(in_tissue)
    ratio = ratios.cells.ravel()
    return Cells(
        rows=rows,
        cols=cols,
        dof=tuple(int(n) if s > 0 else None for n, s in zip(dof, share, strict=True)),
        cross_spectrum=tuple(float(r) if np.isfinite(r) else None for r in ratio),
        tissue=tuple(share.round(4).tolist()),
        saturated=tuple((total(clipped.white) / area).round(4).tolist()),
    ), int(in_tissue.sum())
