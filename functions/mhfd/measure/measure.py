"""An image and its features -> `FocusReport`: the numbers, and what kept them from being measured.

The steps and their order are here, the arithmetic is in `noise`, `saturation`, `tissue`, `gate`, and, from the blocks'
`spectra` and their `noise_spectrum`, in `cross_spectrum`, `texture` and `profile`.
It judges nothing: whether an image is in focus is said elsewhere, from these numbers. Unknown is null, never 0.
"""

import importlib.metadata
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mhfd
from mhfd import scales, stretch, survey
from mhfd.cells import edges
from mhfd.contract.focus_report import Cells, Finding, FocusReport, Method, Provenance, ScaleCount, Texture
from mhfd.contract.params import Params
from mhfd.contract.profile import Profile
from mhfd.detector import Counted, CountingDetector, Detector, Features, bands
from mhfd.errors import UsageError
from mhfd.images import Image
from mhfd.measure import (
    cross_spectrum,
    gate,
    ground,
    noise,
    noise_spectrum,
    profile,
    saturation,
    spectra,
    texture,
    tissue,
)
from mhfd.rows import Pixels, Rows
from mhfd.survey import Survey
from mhfd.team import ALONE, Team, block_rows, own_rows


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


def first_look(rows: Rows, detector: Detector, params: Params, team: Team = ALONE) -> Survey:
    """Through the picture, by the detector itself where it can."""
    if isinstance(detector, CountingDetector) and team.size == 1:
        return detector.survey(rows, params)
    return survey.survey(rows, threads=detector.threads, team=team)


def measure(image: Image, detector: Detector, params: Params, *, keep: bool = True, team: Team = ALONE) -> Measurement:
    """What scoring says of one image.

    Args:
        image: The image.
        detector: What finds its features.
        params: As for `Detector`.
        keep: With its pixels and features, which then are in memory all at once: alone only.
        team: Who measures it together, each in its own rows. The first has the report; the others have the image and
            what was found, and no numbers.
    """
    if params.gate == "noise" and params.resize is not None:
        raise UsageError("params: gate 'noise' measures noise at native size: set resize=None or another gate")
    clock = _Clock()

    def nothing(finding: Finding, why: str | None) -> Measurement:
        return Measurement(_report(image, detector, params, clock, finding, why), None, None)

    rows = image.rows
    if rows is None:
        return nothing(image.finding, image.detail)
    with clock.step("noise"):
        seen = image.survey if image.survey is not None else first_look(rows, detector, params, team)
        if not seen.stats.mean.size:
            small = f"no tissue: {rows.shape[0]}x{rows.shape[1]} pixels hold no {noise.BLOCK}x{noise.BLOCK} block"
            return nothing(Finding.NO_TISSUE, small)
        first = team.number == 0
        noise_map = noise.estimate(seen.stats, step=noise.grey_step(seen.line)) if first else None
    with clock.step("tissue"):
        clipped = saturation.measure(seen)
        whole = None
        if noise_map is not None:
            found = tissue.find(seen.stats, noise_map, unusable=clipped.burnt)
            whole = ground.Ground(noise_map, found, clipped)
        known = ground.shown(whole, team, rows.shape, _sides(seen.stats.mean))
    if known.finding is not Finding.OK:
        return nothing(known.finding, known.detail)
    gates = gate.Gate(params, seen.stats, known.noise, known.tissue)
    height, width = (np.array(edges(size, image.info.pixel_nm), np.intp) for size in rows.shape)
    sides = height, width
    own = own_rows(team, rows.shape[0])
    reader = spectra.Reader(rows.shape, known.tissue, *sides, since=own[0])
    counts, kept = _Counts(rows.shape, known.tissue.mask.shape, params.n), []
    counter = detector if isinstance(detector, CountingDetector) and team.size == 1 and not keep else None
    with clock.step("detect"):
        if counter is not None:
            counts.take(counter.count(rows, params, gates.rule, sigma_floor=known.least_sigma))
            following = bands.unsearched(rows, beyond=spectra.SIDE)
        else:
            following = bands.detect(
                detector,
                rows,
                params,
                stretch.limits_of(rows, seen, params),
                sigma_floor=known.least_sigma,
                beyond=spectra.SIDE,
                only=None if team.size == 1 else own,
            )
    while True:
        with clock.step("detect"):
            band = next(following, None)
        if band is None:
            break
        if counter is None:
            with clock.step("gate"):
                features = gates.counted(band)
                counts.add(features)
                if keep:
                    kept.append(features)
        with clock.step("cross_spectrum"):
            reader.take(band)
        del band  # before the next one is read
    if team.size > 1:
        with clock.step("gather"):
            counts.join(team)
            reader.join(team)
    if not first:
        return nothing(Finding.OK, None)
    with clock.step("cross_spectrum"):
        detail = _detail(reader.spectra(), sides)
    with clock.step("cells"):
        cells, inside = _cells(counts.by_block, known.tissue, clipped, detail.ratios, sides)
    ladder = scales.ladder(params).tolist()
    report = _report(image, detector, params, clock, Finding.OK, None).model_copy(
        update={
            "dof": int(counts.by_scale.sum()),
            "density": inside / (known.tissue.share * rows.shape[0] * rows.shape[1] / 1e6),
            "cross_spectrum": detail.ratios.image,
            "noise": known.noise.model,
            "tissue": known.tissue.share,
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

    def take(self, counted: Counted) -> None:
        """These, which somebody else has counted."""
        self.by_scale, self.by_block = counted.by_scale, counted.by_block

    def add(self, features: Features) -> None:
        """Count these too."""
        if not len(features):
            return
        self.by_scale += np.bincount(features.scale, minlength=len(self.by_scale))
        block = gate.block_of(features, self._shape, self.by_block.shape)
        first = int(block.min())
        found = np.bincount(block - first)
        self.by_block.reshape(-1)[first : first + len(found)] += found.astype(np.int32)

    def join(self, team: Team) -> None:
        """With what the others counted in their rows: to the first."""
        own = self.by_block[block_rows(own_rows(team, self._shape[0]))]
        counted = team.collected((self.by_scale, own.astype(np.uint16)))  # a block has 256 pixels
        if counted:
            self.by_scale = np.sum([by_scale for by_scale, _ in counted], axis=0)
            self.by_block = np.concatenate([by_block for _, by_block in counted]).astype(np.int32)


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
            versions={"numpy": np.__version__, "scipy": _scipy()},
        ),
    )


@cache
def _scipy() -> str:
    """Its version, without loading it: that takes longer than measuring an image."""
    return importlib.metadata.version("scipy")


def _sides(blocks: NDArray[Any]) -> tuple[int, int]:
    return blocks.shape[0], blocks.shape[1]


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
        cross_spectrum=tuple(float(f"{r:.5g}") if np.isfinite(r) else None for r in ratio),
        tissue=tuple(share.round(4).tolist()),
        saturated=tuple((total(clipped.white) / area).round(4).tolist()),
    ), int(in_tissue.sum())
