"""A learner as an ONNX graph, drawn step by step: plain operators, one input, one output, the same bytes every time.

Needs `onnx` and, for what scikit-learn made, `skl2onnx`; both are imported when a graph is drawn.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra
from mhfd.learning.learners.learner import NotExportable

INPUT: Final = "features"
OUTPUT: Final = "said"
OPSET: Final = 17
ML_OPSET: Final = 3
ML: Final = "ai.onnx.ml"
_IR: Final = 8


class OnnxDrawing:
    """What is drawn so far. Each step takes the name of a tensor and gives that of the next."""

    def __init__(self) -> None:
        with needing_extra("learn", "what was learned is written as ONNX by onnx and skl2onnx"):
            import onnx
            import onnx.helper
            import onnx.numpy_helper
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any]) -> str:
        """Numbers that were learned."""
        name = f"c{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def step(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One operator."""
        name = f"t{len(self._nodes)}"
        made = self._onnx.helper.make_node(operator, list(inputs), [name], domain=domain or None, **attributes)
        self._nodes.append(made)
        return name

    def written(
        self, takes: Mapping[str, Sequence[int | str]], gives: Mapping[str, tuple[str, Sequence[int | str]]]
    ) -> bytes:
        """All of it. Nothing says who made it when: the same numbers are the same bytes.

        Args:
            takes: The inputs by name, with their shapes; a word for what may be any number.
            gives: The outputs by name: the tensor that each is, and its shape.
        """
        helper, floats = self._onnx.helper, self._onnx.TensorProto.FLOAT
        self._nodes.extend(helper.make_node("Identity", [last], [name]) for name, (last, _) in gives.items())
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == ML for node in self._nodes):
            opsets.append(helper.make_opsetid(ML, ML_OPSET))
        graph = helper.make_graph(
            self._nodes,
            "mhfd",
            [helper.make_tensor_value_info(name, floats, list(shape)) for name, shape in takes.items()],
            [helper.make_tensor_value_info(name, floats, list(shape)) for name, (_, shape) in gives.items()],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=opsets, producer_name="mhfd", producer_version="")
        model.ir_version = _IR
        self._onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


class Graph(OnnxDrawing):
    """Of what takes features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width

    def of_sklearn(self, estimator: Any, given: str, width: int, *, scores: bool) -> str:
        """What scikit-learn made, as skl2onnx writes it: the scores of a classifier, or the number of another."""
        with needing_extra("learn", "a learner is written as ONNX by onnx and skl2onnx"):
            import skl2onnx
            from skl2onnx.common.data_types import FloatTensorType

        inside = f"s{len(self._nodes)}_"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what skl2onnx asks of scikit-learn: not ours to mend
                model = skl2onnx.to_onnx(
                    estimator,
                    initial_types=[(f"{inside}in", FloatTensorType([None, width]))],
                    options={id(estimator): {"zipmap": False, "raw_scores": True}} if scores else None,
                    target_opset={"": OPSET, ML: ML_OPSET},
                )
        except Exception as error:  # whatever it raises: each converter has its own
            why = str(error).strip().splitlines() or [""]
            raise NotExportable(f"skl2onnx cannot write {type(estimator).__name__}: {why[0]}") from error
        made = model.graph
        wanted = {made.output[-1].name}
        kept = []
        for node in reversed(made.node):
            if wanted & set(node.output):
                kept.append(node)
                wanted |= set(node.input)
        for constant in made.initializer:
            if constant.name in wanted:
                copy = self._onnx.TensorProto()
                copy.CopyFrom(constant)
                copy.name = inside + constant.name
                self._constants.append(copy)
        for node in reversed(kept):
            copy = self._onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.input[:], copy.output[:]
            copy.input.extend(given if name == f"{inside}in" else name and inside + name for name in node.input)
            copy.output.extend(name and inside + name for name in node.output)
            copy.name = copy.doc_string = ""
            self._nodes.append(copy)
        return inside + str(made.output[-1].name)

    def bytes_of(self, last: str, columns: int) -> bytes:
        """All of it, ending with that tensor."""
        return self.written({INPUT: ["batch", self._width]}, {OUTPUT: (last, ["batch", columns])})


def operators_of(onnx_bytes: bytes) -> frozenset[str]:
    """Those that a graph uses, as `Name` or `domain.Name`."""
    import onnx

    model = onnx.load_from_string(onnx_bytes)
    return frozenset(f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in model.graph.node)
