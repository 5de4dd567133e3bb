"""What each family of features is worth, on specimens that were held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mhfd.learning.evaluation import taught
from mhfd.learning.learners.matrix import Matrix

SPECIMENS, EACH = 8, 12


def bench_of(rng: np.random.Generator) -> taught.Bench:
    """`rings` tell, `lines` do not."""
    rows = SPECIMENS * EACH
    bad = np.arange(rows) % 2 == 1
    values = rng.normal(size=(rows, 4)).astype(np.float32)
    values[:, 0] += 3 * bad
    nothing = np.full(rows, np.nan)
    names = [str(row // EACH) for row in range(rows)]
    matrix = Matrix(
        values=values,
        names=("rings.0", "rings.1", "lines.0", "lines.1"),
        families=("rings", "lines"),
        bad=bad.astype(np.float64),
        radius_px=nothing,
        cause=(None,) * rows,
        groups=names,
        sha256=[f"{row:064x}" for row in range(rows)],
        family=[f"{row:064x}" for row in range(rows)],
        section=nothing,
        mhfd=nothing,
        pixel_nm=nothing,
    )
    every = np.ones(rows, bool)
    return taught.Bench(matrix, tuple(names), every, every, apart=False, seed=0)


def test_a_family_that_tells_is_told_from_one_that_does_not() -> None:
    bench = bench_of(np.random.default_rng(0))
    blind = replace(bench, matrix=replace(bench.matrix, values=np.full_like(bench.matrix.values, np.nan)))
    rows = taught.family_rows((bench, blind), ("rings", "lines"), ("rings",), learner="logistic")
    assert [(row.family, row.features, row.taken) for row in rows] == [
        ("rings", 2, True),
        ("lines", 2, False),
        (taught.ALL_FAMILIES, 4, False),
    ]
    worth = {row.family: row.less_baseline or 0 for row in rows}
    assert worth["rings"] > 0.9
    assert worth["lines"] < 0.7
    assert worth[taught.ALL_FAMILIES] > 0.9
    assert [row.as_they_are for row in rows] == [None, None, None], "nobody knows is not 0"
