"""Which images go together in a run of the flow."""

from __future__ import annotations

import pytest

from mhfd.contract.params import Params
from mhfd_client.flow.images import BODY_BYTES, ENOUGH, FlowImage, FlowImages
from mhfd_client.runners import Job

PARAMS = Params()


def waiting(count: int, *, weight: int = 100) -> FlowImages:
    images = FlowImages()
    for n in range(count):
        images.add(FlowImage(0.0, weight, token="a", job=Job(n, f"/sem/{n}.tif", 1, 1, PARAMS)))  # noqa: S106 - of a batch
    return images


@pytest.mark.parametrize(
    ("count", "now", "goes"),
    [
        (ENOUGH - 1, 29.0, 0),  # fewer wait for more
        (ENOUGH - 1, 30.0, ENOUGH - 1),  # but not for long
        (ENOUGH, 0.0, ENOUGH),
        (ENOUGH + 100, 0.0, ENOUGH + 100),  # no run was free: this one takes all
        (2000, 0.0, 512),
    ],
)
def test_a_run_grows_with_what_waits(count: int, now: float, goes: int) -> None:
    images = waiting(count)
    assert len(images.next(most=512, wait=30.0, now=now)) == goes
    assert len(images.waiting) == count - goes


def test_a_run_is_bounded_by_the_bytes_of_its_names() -> None:
    images = waiting(512, weight=1000)
    assert len(images.next(most=512, wait=30.0, now=0.0)) == BODY_BYTES // 1000


def test_a_small_batch_goes_when_it_is_full() -> None:
    images = waiting(9)
    assert [len(images.next(most=8, wait=30.0, now=0.0)) for _ in range(2)] == [8, 0]
