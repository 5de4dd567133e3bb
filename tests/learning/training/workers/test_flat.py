"""A network whose numbers lie in one vector, and the step that is made in it."""

from __future__ import annotations

import numpy as np
import pytest

from mhfd.learning.training.nets import NETS, begin

pytestmark = pytest.mark.learn


@pytest.mark.parametrize("name", ["residual", "regions"])
def test_each_layer_of_an_even_network_steps_as_far(name: str) -> None:
    import torch

    from mhfd.learning.training.nets.in_torch import TorchNet
    from mhfd.learning.training.workers.flat import FlatNet

    net, outputs = NETS[name], 1 if name == "residual" else 3
    begun = begin(net, channels=1, outputs=outputs, seed=1)
    flat = FlatNet(TorchNet(net, begun, channels=1, outputs=outputs), device="cpu", even=net.even)
    drawn = flat(torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 64, 64)).astype(np.float32)))
    assert drawn.map is not None
    flat.learn_from(drawn.map.abs().mean(), 2)
    assert flat.step(0.01, 2.0)
    moved = [float(np.sqrt(np.mean((now - begun[of]) ** 2))) for of, now in flat.named(flat.weights).items()]
    if net.even:
        assert moved == pytest.approx([0.01] * len(moved), rel=1e-3)
    else:
        assert max(moved) > 3 * min(moved)
