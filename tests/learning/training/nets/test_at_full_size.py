"""One step of the multiscale network on an image of its paper's size, in a process that does nothing else."""

import pytest
from benchmarks import _train_memory as memory

from mhfd.learning.training.nets import NETS, count

pytestmark = [pytest.mark.learn, pytest.mark.soak]


def test_a_step_takes_some_of_what_it_makes_and_no_more() -> None:
    pytest.importorskip("torch", reason="needs torch, as in make test-learn")
    sized = count(NETS["mcnn"], channels=memory.CHANNELS, outputs=memory.CLASSES, side=memory.SIDE, batch=1)
    step = memory.one_step()
    grown = step.peak_bytes - step.before_bytes
    # On the way back there is a gradient beside each of the largest tensors, not of all at once.
    assert sized.activation_bytes < grown < 3 * sized.activation_bytes
    assert step.loss == pytest.approx(2.565, abs=0.2)  # log 13: of thirteen classes it knows none yet
