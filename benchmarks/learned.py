"""What a learned package costs beside `mhfd.score`: features and model of an image of 1024x1024, one thread, in turn.

The packages are made here, of rows that are drawn: what a model says costs the same whatever it has learned. Ratios are
of medians of the processor's time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarks._table import markdown, publish

import mhfd
from mhfd import simulate
from mhfd.learning import features
from mhfd.learning.learners import (
    LEARNERS,
    RADIUS_LEARNERS,
    Boosting,
    KindLearner,
    Linear,
    NotExportable,
    Trees,
    Vectors,
)
from mhfd.learning.learners.export import ROWS, TOLERANCE, random_rows, said_by, session_of

SIDE = 1024
ROWS_TAUGHT, GROUPS = 400, 10


def timed(asked: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median milliseconds of the processor, each in its turn."""
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(repeats):
        for name, work in asked.items():
            began = time.process_time()
            work()
            taken[name].append((time.process_time() - began) * 1e3)
    return {name: statistics.median(one) for name, one in taken.items()}


def lesson(width: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any], list[str]]:
    """Rows, good or bad, one of thirteen, groups: with something in them to be learned."""
    drawn = np.random.default_rng(0)
    values = drawn.standard_normal((ROWS_TAUGHT, width)).astype(np.float32)
    sums = values[:, :13] + 0.8 * drawn.standard_normal((ROWS_TAUGHT, 13))
    bad = (sums[:, 0] + sums[:, 1] > 0).astype(float)
    return values, bad, np.argmax(sums, axis=1).astype(float), [f"g{row % GROUPS}" for row in range(ROWS_TAUGHT)]


def cost(repeats: int) -> str:
    """The table of what an image costs."""
    pixels = simulate.Specimen(seed=1).section((SIDE, SIDE))
    report = mhfd.score(pixels, device="cpu", threads=1)
    families = {
        "focus": features.FOCUS_FAMILIES,
        "radius": features.RADIUS_FAMILIES,
        "cause": features.CAUSE_FAMILIES,
    }
    asked: dict[str, Callable[[], Any]] = {"score": lambda: mhfd.score(pixels, device="cpu", threads=1)}
    for name, chosen in families.items():
        width = len(features.names(chosen))
        values, bad, cause, groups = lesson(width)
        if name == "radius":
            onnx = RADIUS_LEARNERS["boosting"].fit(values, np.exp(values[:, 0]), groups=groups, seed=0).to_onnx()
        else:
            classes = 13 if name == "cause" else 2
            kind: Any = Trees(least=(2,)) if name == "cause" else Linear(ridges=(3.0,))
            target = cause if name == "cause" else bad
            learner = KindLearner(name, kind)
            onnx = learner.fit(values, target, groups=groups, seed=0, classes=classes).to_onnx()
        session = session_of(onnx)
        asked[f"{name}: features"] = partial(features.features_of, pixels, report, chosen)
        asked[f"{name}: model"] = partial(session.run, None, {"features": values[:1]})
    took = timed(asked, repeats)
    score = took["score"]
    rows = [["`mhfd.score`", "", f"{score:.1f}", "", "1.00"]]
    for name, chosen in families.items():
        own, model = took[f"{name}: features"], took[f"{name}: model"]
        columns = str(len(features.names(chosen)))
        rows.append([name, columns, f"{own:.1f}", f"{model:.2f}", f"{(own + model) / score:.2f}"])
    return markdown(["what", "features", "measuring, ms", "model, ms", "of `mhfd.score`"], rows)


def exported() -> str:
    """The table of how far from its learner each graph is, and how large."""
    values, bad, cause, groups = lesson(40)
    plain: dict[str, Any] = {"logistic": Linear(), "trees": Trees(), "boosting": Boosting(), "svm": Vectors()}
    rows = []
    for name, kind in plain.items():
        for what, target, classes in (("good or bad", bad, 2), ("13 causes", cause, 13)):
            began = time.process_time()
            fitted = KindLearner(name, kind).fit(values, target, groups=groups, seed=0, classes=classes)
            seconds = time.process_time() - began
            onnx = fitted.to_onnx()
            asked = random_rows(values, seed=1)
            off = np.abs(said_by(onnx, asked).reshape(ROWS, -1) - fitted.predict(asked).reshape(ROWS, -1)).max()
            rows.append([f"`{name}`", what, f"{seconds:.1f}", f"{len(onnx) / 1000:.0f}", f"{off:.1e}"])
    try:
        LEARNERS["knn"].fit(values, bad, groups=groups, seed=0).to_onnx()
    except NotExportable as why:
        rows.append(["`knn`", "good or bad", "", "", f"none: {why}"])
    return markdown(["learner", "what", "taught in, CPU s", "kB of ONNX", f"off, of {ROWS} random rows"], rows)


def main() -> None:
    """Measure both and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=15)
    given = arguments.parse_args()
    body = (
        f"A simulated image of {SIDE}x{SIDE}, one thread, medians of {given.repeats} turns of the processor's time. A "
        f"package may take 3 times `mhfd.score` at most, beside the score itself.\n\n{cost(given.repeats)}\n\n"
        f"Each learner with what it chooses inside the fold, taught with {ROWS_TAUGHT} rows of 40 features in {GROUPS} "
        f"groups, and how far what it was written as is from it; beyond {TOLERANCE:g} there is no package.\n\n"
        f"{exported()}"
    )
    publish(
        "learned",
        "What a learned package costs",
        body,
        packages=("numpy", "scikit-learn", "skl2onnx", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
