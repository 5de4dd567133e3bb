"""A network's numbers come back from its ONNX to the last bit, and those of another one are refused by layer."""

from __future__ import annotations

import numpy as np
import pytest

from mhfd.errors import UsageError
from mhfd.learning.training.nets import NETS, Net, begin, digest_of, head_of, net_of, onnx_of, weights_in

ONES = [(net, lesson) for net in NETS.values() for lesson in net.lessons]


@pytest.mark.parametrize(("net", "lesson"), ONES, ids=lambda one: one.name if isinstance(one, Net) else one)
def test_what_was_written_is_read_to_the_last_bit(net: Net, lesson: str) -> None:
    head = head_of(lesson)  # type: ignore[arg-type]
    weights = begin(net, channels=1, outputs=head.outputs, seed=5)
    onnx = onnx_of(net, weights, channels=1, head=head)
    found = weights_in(onnx, net, channels=1, outputs=head.outputs)
    assert digest_of(found) == digest_of(weights)
    assert all(value.dtype == np.float32 for value in found.values())


def test_another_network_is_refused_and_its_layer_named() -> None:
    small, mcnn, head = net_of("focus", "small"), net_of("focus", "mcnn"), head_of("focus")
    onnx = onnx_of(small, begin(small, channels=1, outputs=3, seed=0), channels=1, head=head)
    with pytest.raises(UsageError, match="it has 26 convolutions, and mcnn has 24"):
        weights_in(onnx, mcnn, channels=1, outputs=3)
    with pytest.raises(UsageError, match=r"its layer path0\.0 is 16 x 1 x 5 x 5, and that of small is 16 x 3 x 5 x 5"):
        weights_in(onnx, small, channels=3, outputs=3)
    with pytest.raises(UsageError, match=r"its layer said is 3 x 48 x 1 x 1, and that of small is 13 x 48 x 1 x 1"):
        weights_in(onnx, small, channels=1, outputs=13)
