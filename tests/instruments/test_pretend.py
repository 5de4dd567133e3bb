"""The pretend microscope: what is true of it stays true whoever turns its lens, and faults come when they should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.instruments.pretend import station_with

from mhfd.api import score
from mhfd.errors import UsageError
from mhfd_client.errors import AcquisitionFailed, InstrumentLost, SetDidNotTake, SettingsError
from mhfd_client.instruments.config import config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_client.instruments.protocol import Instrument, Knob

WD = Knob.WORKING_DISTANCE


def scope_and_instrument(tmp_path: Path, **truth: Any) -> tuple[PretendScope, Instrument]:
    scope = make_pretend(tmp_path / "scope", **{"size": 128, **truth})
    return scope, opened(config_of(station_with(tmp_path / "state", scope)))


def test_an_image_is_sharpest_where_the_lens_stands_at_the_focus(tmp_path: Path) -> None:
    scope, instrument = scope_and_instrument(tmp_path, focus_um=5003.0, astigmatism_um=0.0, lens_um=5000.0)
    contrast = {}
    for value in (5000.0, 5003.0, 5006.0):
        instrument.set(WD, value)
        assert scope.defocus_um() == pytest.approx(value - 5003)
        contrast[value] = float(np.std(instrument.acquire().pixels))
    assert contrast[5003.0] > 1.1 * max(contrast[5000.0], contrast[5006.0])
    assert scope.count().images == 3


def test_with_astigmatism_the_two_sides_of_the_focus_look_different_and_a_stigmator_mends_it(tmp_path: Path) -> None:
    _, instrument = scope_and_instrument(tmp_path, astigmatism_um=1.0, astigmatism_deg=0.0, size=256)

    def across_to_along(value: float) -> float:
        instrument.set(WD, value)
        power = np.abs(np.fft.fft2(instrument.acquire().pixels.astype(float))) ** 2
        return float(power[12:40, :6].sum() / power[:6, 12:40].sum())

    under, over = across_to_along(4997.0), across_to_along(5003.0)
    assert over > 2 * under
    instrument.set(Knob.STIG_X, -1.0)
    assert across_to_along(5003.0) == pytest.approx(across_to_along(4997.0), rel=0.2)


def test_a_file_of_the_run_says_where_the_lens_stood(tmp_path: Path) -> None:
    scope, instrument = scope_and_instrument(tmp_path, focus_um_a_section=0.5, focus_um_extra={7: 2.0})
    instrument.set(WD, 5004.25)
    path = instrument.retake(7, "r1-c1")
    assert path == scope.folder / "run" / "section_00007_r1-c1.tif"
    image = score(path).image
    assert image.focus_m == pytest.approx(5004.25e-6, abs=1e-12)
    assert image.pixel_nm == pytest.approx(8.0)
    assert scope.defocus_um() == pytest.approx(5004.25 - 5005.0)
    assert instrument.read().stage_um == pytest.approx(image.stage_um)
    assert (scope.count().images, scope.count().run_images) == (1, 1)
    scope.run_image(8)
    assert (scope.count().calls, scope.count().run_images) == (3, 2)
    assert instrument.retake(None, None) is None


def test_the_specimen_drifts_from_image_to_image(tmp_path: Path) -> None:
    _, instrument = scope_and_instrument(tmp_path, drift_px=(0.0, 3.0))
    one, two = instrument.acquire().pixels.astype(float), instrument.acquire().pixels.astype(float)
    assert np.corrcoef(one[:, 3:].ravel(), two[:, :-3].ravel())[0, 1] > 0.8
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] < 0.7


def test_faults_come_with_the_call_that_they_are_planted_for(tmp_path: Path) -> None:
    scope, instrument = scope_and_instrument(tmp_path)
    instrument.read()
    scope.plant(acquire_fails=(2,), set_does_not_take=(1,), falls_short=0.25)
    instrument.acquire()
    with pytest.raises(AcquisitionFailed):
        instrument.acquire()
    with pytest.raises(SetDidNotTake, match=r"asked for 5004.0000 um, the instrument reads 5003.0000 um"):
        instrument.set(WD, 5004.0)
    instrument.set(WD, 5000.0)

    scope.plant(answer_lost=(1,), another_hand={2: 3.0}, connection_cut_from=3)
    with pytest.raises(InstrumentLost, match="may have been done"):
        instrument.set(WD, 5001.0)
    assert scope.lens().working_distance_um == 5001.0
    assert instrument.read().working_distance_um == 5004.0
    assert scope.lens().actor == "operator"
    for _ in range(2):
        with pytest.raises(InstrumentLost):
            instrument.set(WD, 5001.0)
    assert scope.lens().working_distance_um == 5004.0


def test_a_stuck_knob_says_yes_and_stays(tmp_path: Path) -> None:
    _, instrument = scope_and_instrument(tmp_path, stuck=("stig_y",))
    assert instrument.settable() == {WD, Knob.STIG_X}
    with pytest.raises(SetDidNotTake, match="stig y: asked for 1, the instrument reads 0"):
        instrument.set(Knob.STIG_Y, 1.0)


def test_what_no_microscope_can_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="focus: Extra inputs"):
        make_pretend(tmp_path / "one", focus=3)
    scope, _ = scope_and_instrument(tmp_path)
    with pytest.raises(UsageError, match="holds a pretend microscope already"):
        make_pretend(scope.folder)
    (scope.folder / "lens.json").write_text("{")
    with pytest.raises(SettingsError, match=r"lens.json: .*; mend the file"):
        opened(config_of(tmp_path / "state")).read()
    (scope.folder / "scope.json").unlink()
    with pytest.raises(SettingsError, match="holds no pretend microscope"):
        opened(config_of(tmp_path / "state"))
