"""Networks that take noise away or find tissue: what they are wrong by, and that they learn."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.besides import besides_dataset
from tests.rigs.little_training import alone, job

from mhfd.learning.training.examples.restoring import RestoringLesson
from mhfd.learning.training.workers.checkpoint import read

pytestmark = pytest.mark.learn

NAN = float("nan")


def test_an_image_counts_once_whatever_is_known_of_it() -> None:
    import torch

    from mhfd.learning.training.workers.losses import LOSSES, MARKS

    drawn = torch.zeros(3, 1, 2, 2)
    wanted = torch.tensor([[[[1.0, 1], [1, 1]]], [[[2.0, NAN], [NAN, NAN]]], [[[NAN, NAN], [NAN, NAN]]]])
    loss, number = LOSSES["denoise"](None, drawn, wanted)
    assert (float(loss), int(number)) == (3.0, 2)
    marks = MARKS["denoise"](None, drawn, wanted)
    assert int(marks.known) == 0


def test_places_are_right_where_they_are_known() -> None:
    import torch

    from mhfd.learning.training.workers.losses import LOSSES, MARKS

    drawn = torch.zeros(1, 3, 2, 2)
    drawn[0, 2] = 50.0
    wanted = torch.tensor([[[2.0, 2], [1, NAN]]])
    loss, number = LOSSES["segment"](None, drawn, wanted)
    assert float(loss) == pytest.approx(50 / (4 + 4 + 1)), "an artefact's place counts four times"
    assert int(number) == 1
    marks = MARKS["segment"](None, drawn, wanted)
    assert (int(marks.right), int(marks.known), marks.by_answer.tolist()) == (2, 3, [0, 1, 2])


def test_no_gradient_comes_from_what_nobody_knows() -> None:
    import torch

    from mhfd.learning.training.workers.losses import LOSSES

    lessons: tuple[tuple[RestoringLesson, int], ...] = (("denoise", 1), ("segment", 3))
    for lesson, channels in lessons:
        drawn = torch.zeros(1, channels, 4, 4, requires_grad=True)
        wanted = torch.full((1, 1, 4, 4) if lesson == "denoise" else (1, 4, 4), NAN)
        wanted[..., 0, 0] = 1.0
        LOSSES[lesson](None, drawn, wanted)[0].backward()
        assert drawn.grad is not None
        assert drawn.grad.isfinite().all()
        assert drawn.grad[..., 1:].abs().max() == 0
        assert drawn.grad[..., 0, 0].abs().max() > 0


def test_noise_is_taken_away(tmp_path: Path) -> None:
    besides_dataset(tmp_path / "data", takes=True)
    made = job(tmp_path / "data", lesson="denoise", learner="residual", batch=2, epochs=12, rate=0.005)
    ran = alone(made, tmp_path / "out")
    assert ran.ended.why == "epochs"
    assert ran.epochs[-1].validation_loss < 0.95 * ran.epochs[0].validation_loss
    assert ran.epochs[-1].top1 is None
    assert "last.weight" in read(Path(sorted((tmp_path / "out" / "checkpoints").glob("*.ckpt"))[-1])).weights


def test_tissue_is_found(tmp_path: Path) -> None:
    besides_dataset(tmp_path / "data", masks=True)
    made = job(tmp_path / "data", lesson="segment", learner="regions", batch=2, epochs=12, rate=0.05)
    first, *_, last = alone(made, tmp_path / "out").epochs
    assert last.loss < 0.8 * first.loss
    assert last.top1 is not None
    assert last.guess is not None
