"""The same networks in torch: what ONNX says is what torch says."""

import numpy as np
import pytest

from mhfd.contract.training import NetLesson
from mhfd.learning.learners.export import session_of
from mhfd.learning.training.nets import NETS, Net, begin, digest_of, head_of, onnx_of

pytestmark = pytest.mark.learn
CASES = [pytest.param(net, lesson, id=f"{net.name}-{lesson}") for net in NETS.values() for lesson in net.lessons]
SIZES = ((2, 64, 64), (1, 128, 320), (1, 256, 192))


def images_of(size: tuple[int, int, int]) -> list[np.ndarray]:
    """Noise; an image whose grey values go together, as a normalised micrograph's do; nothing at all."""
    batch, rows, columns = size
    rng = np.random.default_rng(rows + columns)
    noise = rng.standard_normal((batch, 1, rows, columns), np.float32)
    steps = np.clip(noise.cumsum(2).cumsum(3) / np.float32(np.sqrt(rows * columns)), -0.5, 0.5)
    return [noise, steps + 0.05 * noise, np.zeros_like(noise)]


@pytest.mark.parametrize(("net", "lesson"), CASES)
def test_onnx_says_what_torch_says(net: Net, lesson: NetLesson) -> None:
    import torch

    from mhfd.learning.training.nets.in_torch import TorchNet, TorchSteps

    torch.set_num_threads(1)
    head = head_of(lesson)
    weights = begin(net, channels=1, outputs=head.outputs, seed=3)
    rng = np.random.default_rng(3)
    # As after a training: no bias is 0, and the last layers are not faint.
    weights = {
        name: 3 * one if name.startswith("said") else one + rng.normal(0, 0.02, one.shape).astype(np.float32)
        for name, one in weights.items()
    }
    in_torch = TorchNet(net, weights, channels=1, outputs=head.outputs)
    session = session_of(onnx_of(net, weights, channels=1, head=head))
    for size in SIZES:
        for image in images_of(size):
            with torch.no_grad():
                raw = in_torch(torch.from_numpy(image))
                ends = [head.links(TorchSteps(), one) for one in (raw.said, raw.map) if one is not None]
            for asked, said in zip(session.run(None, {"image": image}), ends, strict=True):
                wanted = said.numpy()
                assert asked.shape == wanted.shape
                assert (np.abs(asked - wanted) / np.maximum(np.abs(wanted), 1)).max() <= 1e-5


def test_weights_come_back_as_they_went_in() -> None:
    from mhfd.learning.training.nets.in_torch import TorchNet

    weights = begin(NETS["small"], channels=3, outputs=13, seed=3)
    net = TorchNet(NETS["small"], weights, channels=3, outputs=13)
    assert digest_of(net.weights()) == digest_of(weights)
    assert [one.shape for one in net.parameters()] == [weights[name].shape for name in sorted(weights)]


def test_weights_of_another_network_are_refused() -> None:
    from mhfd.learning.training.nets.in_torch import TorchNet

    weights = begin(NETS["small"], channels=3, outputs=13, seed=3)
    with pytest.raises(ValueError, match="not those of small for 1 channels"):
        TorchNet(NETS["small"], weights, channels=1, outputs=13)


@pytest.mark.parametrize(("net", "lesson"), CASES)
def test_every_weight_is_learned(net: Net, lesson: NetLesson) -> None:
    import torch

    from mhfd.learning.training.nets.in_torch import TorchNet

    outputs = head_of(lesson).outputs
    in_torch = TorchNet(net, begin(net, channels=1, outputs=outputs, seed=3), channels=1, outputs=outputs)
    drawn = in_torch(torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)))
    sum((one**2).sum() for one in (drawn.said, drawn.map) if one is not None).backward()
    assert all(one.grad is not None and bool((one.grad != 0).any()) for one in in_torch.parameters())
