"""The probe's shapes and the ways of motion: what a point becomes, and what a wave keeps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd.simulate import Optics, ProbeShape
from mhfd.simulate.optics import blur

SIDE = 96


def spot(optics: Optics) -> NDArray[np.float64]:
    """What a point becomes."""
    point = np.zeros((SIDE, SIDE), np.float32)
    point[SIDE // 2, SIDE // 2] = 1
    return blur(point, optics).astype(np.float64)


def moments(of: NDArray[np.float64]) -> tuple[float, float, float]:
    """Standard deviations along the longer and the shorter axis, and the longer one's angle from the lines, degrees."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    weight = of / of.sum()
    xx, yy, xy = ((weight * q).sum() for q in (x * x, y * y, x * y))
    values, axes = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
    return float(values[1] ** 0.5), float(values[0] ** 0.5), float(np.degrees(np.arctan2(*axes[::-1, 1])) % 180)


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 135.0])
@pytest.mark.parametrize("shape", list(ProbeShape))
def test_an_ellipse_is_as_long_as_wide_and_as_turned_as_asked(angle: float, shape: ProbeShape) -> None:
    optics = Optics.ellipse(6.0, 2.0, angle, probe_nm=0)
    assert optics.disc(optics.defocus_um)[:2] == pytest.approx((6.0, 2.0))
    whole = Optics(
        probe_nm=0,
        probe_shape=shape,
        inner_part=0.5,
        defocus_um=optics.defocus_um,
        astigmatism_um=optics.astigmatism_um,
        astigmatism_deg=angle,
    )
    longer, shorter, turned = moments(spot(whole))
    # A disc has a variance of r^2 / 4 along any line, a ring whose inner radius is half the outer 1.25 of that.
    part = 0.5 * (1.25**0.5 if shape is ProbeShape.ANNULAR else 1.0)
    assert (longer, shorter) == pytest.approx((6 * part, 2 * part), rel=0.03)
    assert min(abs(turned - angle), 180 - abs(turned - angle)) < 1


def test_a_ring_is_empty_within() -> None:
    ring, disc = (spot(Optics(blur_px=20, probe_shape=s)) for s in (ProbeShape.ANNULAR, ProbeShape.DISC))
    middle = np.s_[SIDE // 2 - 4 : SIDE // 2 + 5, SIDE // 2 - 4 : SIDE // 2 + 5]
    assert abs(ring[middle].mean()) < 0.02 * disc[middle].mean()
    assert ring.sum() == pytest.approx(1, abs=1e-3)


def test_a_gaussian_probe_has_tails_and_no_edge() -> None:
    """Its transfer has no zero: a wave that a disc takes away or turns round is only weakened."""
    x = 2 * np.pi * 48 / 256
    wave = np.broadcast_to(np.cos(x * (np.arange(256) + 0.5)), (32, 256)).astype(np.float32).copy()

    def kept(shape: ProbeShape) -> float:
        through = blur(wave, Optics(blur_px=4, probe_nm=0, probe_shape=shape))
        return float((through * wave).sum() / (wave * wave).sum())

    assert kept(ProbeShape.GAUSSIAN) == pytest.approx(np.exp(-((4 * x) ** 2) / 8), abs=2e-3)
    assert kept(ProbeShape.DISC) < -0.05


@pytest.mark.parametrize("along", [True, False])
@pytest.mark.parametrize("length", [3.5, 5.0])
def test_motion_smears_evenly_and_one_way_only(length: float, along: bool) -> None:
    moved = Optics(probe_nm=0, motion_px=(0.0, length) if along else (length, 0.0))
    longer, shorter, turned = moments(spot(moved))
    assert longer == pytest.approx(length / 12**0.5, rel=0.01)
    assert shorter < 0.05
    assert abs(np.sin(np.radians(turned - (0 if along else 90)))) < 1e-3


def test_motion_adds_to_defocus() -> None:
    both = moments(spot(Optics(probe_nm=0, blur_px=3, motion_px=(0.0, 5.0))))
    assert both[0] ** 2 == pytest.approx(3**2 / 4 + 5**2 / 12, rel=0.02)
    assert both[1] == pytest.approx(1.5, rel=0.02)


def test_motion_leaves_the_light_as_it_was() -> None:
    scene = np.random.default_rng(3).random((64, 80), dtype=np.float32)
    moved = blur(scene, Optics(motion_px=(4.0, 0.0), probe_nm=0))
    assert moved.mean() == pytest.approx(scene.mean(), rel=0.01)
    assert moved[:, 5].std() < 0.7 * scene[:, 5].std()
