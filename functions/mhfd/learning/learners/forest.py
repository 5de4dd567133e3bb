"""Trees as one step of a graph: what scikit-learn grew, in ONNX's own operator, split for split.

Written here and not by skl2onnx, which writes the size of every node twice over and not every kind of ensemble.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.learners.graph import ML, Graph


def draw_trees(
    graph: Graph, given: str, trees: Sequence[Any], leaves: Sequence[NDArray[np.float64]], targets: Sequence[int | None]
) -> str:
    """The sum of what trees say, (rows, targets).

    Args:
        graph: What is drawn.
        given: The tensor that is asked of.
        trees: Each with scikit-learn's arrays (`tree_`).
        leaves: Of each tree what each node says, (nodes,) or (nodes, targets).
        targets: Of each tree the target that it speaks of, where its nodes have one number each; None: of all.
    """
    count = 1 + max(0 if leaf.ndim == 1 else leaf.shape[1] - 1 for leaf in leaves)
    count = max(count, *(0 if target is None else target + 1 for target in targets))
    nodes: dict[str, list[Any]] = {
        name: [] for name in ("featureids", "modes", "nodeids", "treeids", "values", "truenodeids", "falsenodeids")
    }
    weights: dict[str, list[Any]] = {name: [] for name in ("ids", "nodeids", "treeids", "weights")}
    for number, (tree, said, target) in enumerate(zip(trees, leaves, targets, strict=True)):
        inner = tree.children_left >= 0
        nodes["featureids"] += np.where(inner, tree.feature, 0).tolist()
        nodes["modes"] += ["BRANCH_LEQ" if one else "LEAF" for one in inner]
        nodes["nodeids"] += range(tree.node_count)
        nodes["treeids"] += [number] * tree.node_count
        nodes["values"] += np.where(inner, _below(tree.threshold), np.float32(0)).tolist()
        nodes["truenodeids"] += np.where(inner, tree.children_left, 0).tolist()
        nodes["falsenodeids"] += np.where(inner, tree.children_right, 0).tolist()
        for leaf in np.flatnonzero(~inner):
            spoken = {target or 0: said[leaf]} if said.ndim == 1 else dict(enumerate(said[leaf]))
            kept = {at: value for at, value in spoken.items() if value} or {target or 0: 0.0}
            weights["ids"] += kept
            weights["nodeids"] += [int(leaf)] * len(kept)
            weights["treeids"] += [number] * len(kept)
            weights["weights"] += [float(np.float32(value)) for value in kept.values()]
    return graph.step(
        "TreeEnsembleRegressor",
        given,
        domain=ML,
        n_targets=count,
        aggregate_function="SUM",
        post_transform="NONE",
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{("target_weights" if name == "weights" else f"target_{name}"): one for name, one in weights.items()},
    )


def _below(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest float32 that is not above: every float32 falls to the same side of both."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
