"""A network's numbers, read back from the ONNX that it was written as. Needs `onnx`; runs nothing of the file.

What the numbers are called in the file does not matter: the network is drawn again, and each of its convolutions is the
file's next one. So a file that was not drawn by this network is found out at the first layer that differs.
"""

from __future__ import annotations

import numpy as np

from mhfd.errors import UsageError
from mhfd.learning.training.nets.counting import Counting, Shape
from mhfd.learning.training.nets.drawing import Net
from mhfd.learning.training.nets.weights import Weights


def weights_in(onnx: bytes, net: Net, *, channels: int, outputs: int) -> Weights:
    """What the network has learned. UsageError names the layer that is not the network's.

    Args:
        onnx: The file, which was looked at (`mhfd.learning.packages`).
        net: What it is of.
        channels: Of an image.
        outputs: That it has.
    """
    import onnx as reading

    graph = reading.load_from_string(onnx).graph
    numbers = {one.name: reading.numpy_helper.to_array(one) for one in graph.initializer}
    found = [node.input for node in graph.node if node.op_type == "Conv"]
    drawn = _InTurn()
    net.draw(drawn, (1, channels, net.multiple, net.multiple), outputs)
    if len(found) != len(drawn.names):
        raise UsageError(f"it has {len(found)} convolutions, and {net.name} has {len(drawn.names)}")
    weights: Weights = {}
    for name, (_, *of) in zip(drawn.names, found, strict=True):
        wanted = drawn.layers[name].shape
        shapes = tuple(numbers[one].shape if one in numbers else () for one in of)
        if shapes != (wanted, wanted[:1]):
            has = _size(shapes[0]) if shapes else "nothing"
            raise UsageError(f"its layer {name} is {has}, and that of {net.name} is {_size(wanted)}")
        for kind, one in zip(("weight", "bias"), of, strict=True):
            value = np.asarray(numbers[one], np.float32)
            if not np.array_equal(weights.setdefault(f"{name}.{kind}", value), value):
                raise UsageError(f"its layer {name} is there twice, with other numbers")
    return weights


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "no layer of numbers"


class _InTurn(Counting):
    """The names of convolutions as they are drawn, those that are drawn twice with them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def conv(
        self,
        given: Shape,
        name: str,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> Shape:
        self.names.append(name)
        return super().conv(given, name, outputs, kernel, stride=stride, dilation=dilation, gain=gain)
