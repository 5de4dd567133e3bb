"""Packages that are made up: a logistic model of four features, its card, and how its ONNX is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from mhfd.learning.packages import Card, Package, Recipe

NAMES: Final = ("ring_03", "ring_07", "texture", "cross_spectrum")
WEIGHTS: Final = np.array([[0.5], [-1.25], [2.0], [0.75]], np.float32)
TEST: Final = np.random.default_rng(7).normal(size=(8, len(NAMES))).astype(np.float32)
README: Final = "# A model that is made up\n\n## Validation\n\nNone: it is for tests.\n"


def card_of(**changed: Any) -> Card:
    """A card for the model."""
    from mhfd.learning.packages import Card, CardRow, Reach, Recipe

    usual: dict[str, Any] = {
        "title": "made up",
        "task": "focus",
        "dataset": "d" * 64,
        "groups_seen": ("sem/mouse/a", "sem/mouse/b"),
        "recipe": Recipe(
            learner="logistic",
            families=("rings", "texture", "report"),
            names=NAMES,
            features_version=1,
            method_version=4,
            baseline=True,
            says=("bad",),
            chosen={"strength": 1e-05, "large": 1e22, "a": 2.5e-07},
        ),
        "seed": 7,
        "code": "c" * 64,
        "pixel_nm": (4.0, 8.0),
        "data_licence": "CC-BY-4.0",
        "table": (CardRow(what="AUC, groups held out", value=0.75, low=0.5, high=0.9, rows=40, groups=4),),
        "reach": Reach(center=(0.0,) * 4, spread=(1.0,) * 4, far=3.5),
    }
    return Card(**(usual | changed))


def recipe_now(**changed: Any) -> Recipe:
    """One that can be asked by this program, of four numbers of a report."""
    from mhfd.contract.base import METHOD_VERSION
    from mhfd.learning import features
    from mhfd.learning.packages import Recipe

    return Recipe(
        learner="made up",
        families=("report",),
        names=features.names(("report",))[: len(NAMES)],
        features_version=features.VERSION,
        method_version=METHOD_VERSION,
        says=("bad",),
        **changed,
    )


def model_of(weights: np.ndarray[Any, Any] = WEIGHTS) -> Any:
    """The logistic model, as `onnx` has it: to be changed, and written by SerializeToString."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["said"]),
        ],
        "made_up",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("said", TensorProto.FLOAT, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer_of(weights: np.ndarray[Any, Any] = WEIGHTS) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What the model says of the test."""
    said: np.ndarray[Any, np.dtype[np.float32]] = (1 / (1 + np.exp(-(TEST @ weights)))).astype(np.float32)
    return said


def answered_here(
    weights: bytes, test: np.ndarray[Any, Any], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray[Any, Any]]:
    """In place of `trial.tried`: what the model says, without a process of its own."""
    from onnx import load_from_string, numpy_helper

    (tensor,) = load_from_string(weights).graph.initializer
    assert (len(test), dict(shapes)) == (len(TEST), {"said": (len(TEST), 1)})
    return {"said": answer_of(numpy_helper.to_array(tensor))}


def written(folder: Path, *, weights: np.ndarray[Any, Any] = WEIGHTS, **changed: Any) -> Package:
    """A whole package below a folder; other weights make another."""
    from mhfd.learning.packages import write_package

    onnx = model_of(weights).SerializeToString()
    return write_package(folder, card_of(**changed), onnx, TEST, answer_of(weights), README)
