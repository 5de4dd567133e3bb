"""The tolerance that people's labels propose, and when they propose none."""

from __future__ import annotations

import numpy as np
import pytest

from mhfd_client.calibration.tolerance import tolerance
from mhfd_client.errors import SeriesRefused


def test_it_lies_in_the_middle_of_the_widest_gap() -> None:
    found = tolerance([-0.2, 0.1, 0.4, 0.5], [1.5, 2.0, 3.0])
    assert found.px == pytest.approx(1.0)
    assert (found.sharp, found.blurred, found.wrong_sharp, found.wrong_blurred) == (4, 3, 0, 0)
    assert found.low <= found.px <= found.high
    assert found.error == 0
    assert 0.3 < found.error_high < 0.8  # 7 images do not prove much


def test_images_left_out_that_come_out_wrong_are_counted() -> None:
    found = tolerance([0.1, 0.2, 0.3, 0.4, 1.6], [1.2, 1.8, 2.0, 2.5, 3.0])
    assert found.wrong_sharp == 1
    assert found.error > 0


def test_more_images_leave_less_open() -> None:
    rng = np.random.default_rng(0)
    few = tolerance(rng.normal(0, 0.3, 5).tolist(), rng.normal(2.5, 0.5, 5).tolist())
    many = tolerance(rng.normal(0, 0.3, 100).tolist(), rng.normal(2.5, 0.5, 100).tolist())
    assert many.error_high < few.error_high
    assert many.high - many.low < few.high - few.low
    assert 0.8 < many.px < 1.6


@pytest.mark.parametrize(
    ("sharp", "blurred", "why"),
    [
        ([0.1, 0.2], [1.0, 2.0, 3.0], "people called 2 images sharp"),
        ([0.1, 0.2, 0.3], [], "people called 0 images not sharp"),
        ([0.1, 1.2, 2.2, 0.9], [0.2, 1.1, 2.1, 0.8], "does not part"),
        ([-0.2, -0.1, 0.0], [0.2, 0.3, 0.4], "cannot be seen"),
    ],
)
def test_labels_that_say_nothing_are_refused_with_why(sharp: list[float], blurred: list[float], why: str) -> None:
    with pytest.raises(SeriesRefused) as refused:
        tolerance(sharp, blurred)
    assert why in str(refused.value)
