"""Reports as scoring makes them, without scoring: what the tests of judging are made of."""

from __future__ import annotations

import numpy as np

from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import Cells, Finding, FocusReport, ImageInfo, Method, Provenance, Texture
from mhfd.contract.params import Params
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.judge import RunJudge

DENSITY = 4000.0
RATIO = 0.04
SIDE = 512
GRID = 4
PARAMS = Params()


def report(
    density: float | None = DENSITY,
    ratio: float | None = RATIO,
    *,
    sides: dict[str, float] | None = None,
    tissue: float = 1.0,
    empty_cells: int = 0,
    finding: Finding = Finding.OK,
    detail: str | None = None,
    params: Params = PARAMS,
    pixel_nm: float | None = 8.0,
    texture: Texture | None = None,
    version: int = METHOD_VERSION,
) -> FocusReport:
    """An image of 512 x 512 pixels. `sides`: factors of the density and the ratio of the outer half on that side.

    `version`: of the method that measured it.
    """
    image = ImageInfo(shape=(SIDE, SIDE), pixel_nm=pixel_nm)
    base = FocusReport(
        method=Method(id="mhfd-robust"),
        image=image,
        finding=finding,
        finding_detail=detail,
        params=params,
        params_id=params.id_by(version),
        provenance=Provenance(version="0", backend="test", device="test", threads=1),
    )
    if finding is not Finding.OK:
        return base
    assert density is not None
    factor = np.ones((GRID, GRID))
    row, column = np.indices((GRID, GRID))
    outer = {"left": column < 2, "right": column >= 2, "top": row < 2, "bottom": row >= 2}
    for name, part in (sides or {}).items():
        factor[outer[name]] *= part
    cover = np.ones(GRID * GRID)
    cover[:empty_cells] = 0
    cell_mpx = SIDE * SIDE / GRID**2 / 1e6
    # A side's blur is seen in the whole image too.
    whole = density * float(factor.mean())
    return base.model_copy(
        update={
            "dof": round(whole * tissue * SIDE * SIDE / 1e6),
            "density": whole,
            "cross_spectrum": None if ratio is None else ratio * float(np.median(factor)),
            "tissue": tissue,
            "texture": texture,
            "cells": Cells(
                rows=GRID,
                cols=GRID,
                dof=tuple(round(density * cell_mpx * f) for f in factor.ravel()),
                cross_spectrum=tuple(None if ratio is None else float(ratio * f) for f in factor.ravel()),
                tissue=tuple(cover.tolist()),
                saturated=(0.0,) * GRID**2,
            ),
        }
    )


def texture(*, magnified: float = 1.0, blur: float = 0.0, uneven: float = 0.25, one_way: float = 0.0) -> Texture:
    """Of tissue whose spectrum grows steeper, so many times as large; through a disc of this radius, pixels."""
    band = np.arange(8) + 2 * np.log2(magnified)
    x = 2 * np.pi * blur * 0.0262 * 2 ** (np.arange(8) / 2)
    levels = -0.6 * band - 0.035 * band**2 - x**2 / 4 - x**4 / 192
    levels = np.maximum(levels - levels[:3].mean(), -9.0)
    directions = (-one_way, one_way / 3, one_way / 3, one_way / 3)
    return Texture(levels=tuple(levels.tolist()), directions=directions, floor=-9.0, uneven=uneven)


def wobble(i: int, size: float = 0.03) -> float:
    """A factor near 1 that is another for each section, always the same."""
    return float(np.exp(size * np.sin(12.9898 * i) * 1.4))


def sharp(i: int, *, density: float = DENSITY, ratio: float = RATIO, version: int = METHOD_VERSION) -> FocusReport:
    """Section i, in focus."""
    return report(density * wobble(i), ratio * wobble(i + 7, 0.06), version=version)


def settled(
    count: int = 20, *, settings: VerdictSettings | None = None, confirm: int = 3, density: float = DENSITY
) -> RunJudge:
    """A run of sharp sections, of which the first few are confirmed."""
    judge = RunJudge(settings)
    for i in range(count):
        judge.see(i, sharp(i, density=density), Place(i, "r1-c1"))
    for i in range(confirm):
        judge.hear(i, True)
    judge.finish()
    return judge
