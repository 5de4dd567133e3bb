"""The second witness: contrast follows the focus, and no odd image makes it trip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.rigs.lens_rig import PACKAGE

from mhfd.contract import Proposal
from mhfd_client.adjustment.verifying import PairLook, contrast_of, is_better
from mhfd_client.instruments.protocol import DeviceReading, TakenImage


def image(pixels: Any) -> TakenImage:
    return TakenImage(np.asarray(pixels), DeviceReading(5000.0, 0.0))


def look(move_um: float | None, contrast: float) -> PairLook:
    size = {} if move_um is None else {"move_um": move_um, "sd_um": 0.2}
    sign = 1 if (move_um or 0) >= 0 else -1
    return PairLook(Proposal.model_validate({"sign": sign, "package": PACKAGE, "title": "t", **size}), contrast)


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ((4.0, 0.20), (1.0, 0.25), True),
        ((4.0, 0.20), (-1.0, 0.199), True),  # too little to tell: the package decides
        ((4.0, 0.20), (1.0, 0.19), False),  # the images say no
        ((4.0, 0.20), (5.0, 0.25), True),  # far away, a package says more the nearer it is
        ((4.0, 0.20), (4.0, 0.20), False),
        ((4.0, 0.20), (5.0, 0.20), False),
        ((4.0, 0.20), (None, 0.30), False),
        ((4.0, 0.20), (1.0, float("nan")), False),
        ((4.0, 0.0), (1.0, 0.0), True),
    ],
)
def test_both_witnesses_are_heard(before: tuple[float, float], after: tuple[float | None, float], better: bool) -> None:
    assert is_better(look(*before), look(*after)) is better


def test_contrast_knows_no_brightness_and_averages_noise_out() -> None:
    rng = np.random.default_rng(0)
    waves = 1 + 0.3 * np.sin(np.arange(257)[:, None] / 5) * np.ones(255)
    plain = contrast_of(image(waves))
    assert contrast_of(image(waves * 180)) == pytest.approx(plain)
    assert contrast_of(image((waves * 180).astype(np.uint8))) == pytest.approx(plain, rel=0.01)
    assert contrast_of(image(waves + 0.2 * rng.standard_normal(waves.shape))) == pytest.approx(plain, rel=0.12)
    assert contrast_of(image(np.stack([waves] * 3, axis=-1))) == pytest.approx(plain)


@pytest.mark.parametrize(
    "pixels", [np.zeros((9, 9)), np.full((4, 6), 7, np.uint16), np.arange(-8.0, 8.0).reshape(4, 4)]
)
def test_an_odd_image_has_a_contrast(pixels: Any) -> None:
    assert 0.0 <= contrast_of(image(pixels)) <= 1.0
