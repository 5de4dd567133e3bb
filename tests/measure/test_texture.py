"""What the texture of an image is moved by, and what not."""

from __future__ import annotations

import numpy as np
import pytest

import mhfd
from mhfd.contract.focus_report import FocusReport, Texture
from mhfd.simulate import Artefacts, Exposure, Optics, section

SHAPE = (512, 512)


def texture(**taken: object) -> Texture:
    found = mhfd.score(section(SHAPE, z=3, **taken), threads=1).texture  # type: ignore[arg-type]  # any of section's
    assert found is not None
    return found


@pytest.fixture(scope="module")
def usual() -> Texture:
    return texture()


def test_it_is_even_and_the_same_in_all_directions(usual: Texture) -> None:
    assert np.mean(usual.levels[:3]) == pytest.approx(0, abs=0.002)
    assert list(usual.levels) == sorted(usual.levels, reverse=True)
    assert np.mean(usual.directions) == pytest.approx(0, abs=0.002)
    assert np.ptp(usual.directions) < 0.3
    assert usual.uneven < 0.35
    assert usual.floor < usual.levels[-1]


@pytest.mark.parametrize(
    "exposure", [Exposure(contrast=0.5), Exposure(brightness=0.1), Exposure(dose=60), Exposure(bits=16)], ids=str
)
def test_exposure_does_not_move_it(usual: Texture, exposure: Exposure) -> None:
    found = texture(exposure=exposure)
    assert np.abs(np.subtract(found.levels[:6], usual.levels[:6])).max() < 0.15


@pytest.mark.parametrize("artefacts", [Artefacts(charging=1), Artefacts(particles=8), Artefacts(shading=0.5)], ids=str)
def test_artefacts_hardly_move_it(usual: Texture, artefacts: Artefacts) -> None:
    found = texture(artefacts=artefacts)
    assert np.abs(np.subtract(found.levels, usual.levels)).max() < 0.25


def test_defocus_takes_the_finest_bands_and_leaves_the_coarse(usual: Texture) -> None:
    lost = np.subtract(usual.levels, texture(optics=Optics(blur_px=2)).levels)
    assert np.abs(lost[:3]).max() < 0.1
    assert (np.diff(lost[2:]) > 0).all()  # more and more
    assert lost[6] > 3 * lost[4]


def test_another_magnification_moves_all_of_it(usual: Texture) -> None:
    lost = np.subtract(usual.levels, texture(optics=Optics(pixel_nm=4)).levels)
    assert lost[3] > 0.15
    assert lost[6] < 3 * lost[4]


def test_a_tilted_image_is_uneven(usual: Texture) -> None:
    assert texture(optics=Optics(tilt_um=(0, 10))).uneven > 2 * usual.uneven


def test_motion_shows_in_the_directions() -> None:
    still = section(SHAPE, exposure=Exposure(dose=100_000, read_noise=0, bits=16)).astype(np.float64)
    moved = np.mean([np.roll(still, i, axis=1) for i in range(5)], axis=0).astype(np.uint16)
    found = mhfd.score(moved, threads=1).texture
    assert found is not None
    along_x, _, along_y, _ = found.directions
    assert along_x < along_y - 0.5


def test_there_is_none_where_there_are_few_blocks() -> None:
    report = mhfd.score(section((256, 256)), threads=1)
    assert report.finding == "ok"
    assert report.texture is None


def test_a_report_of_version_1_is_read() -> None:
    report = mhfd.score(section((96, 96)), threads=1)
    stored = report.model_dump(mode="json", exclude={"texture"}) | {"schema_version": 1}
    assert FocusReport.model_validate(stored).texture is None
