"""A repair with the package that ships, once a known move has shown the size of its unit: nothing is made up here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.lens_rig import FOCUS_UM, LensRig, lens_rig

from mhfd.contract.proposal import PairCalibration
from mhfd.errors import UsageError
from mhfd_client.adjustment import places
from mhfd_client.adjustment.applying import RepairOutcome, apply_once
from mhfd_client.adjustment.as_pair import image_pair
from mhfd_client.adjustment.asked import asker, pair_session
from mhfd_client.calibration.kept import save_induced
from mhfd_client.errors import AdjustmentRefused


def calibrated(rig: LensRig, home: Path) -> None:
    """As `mhfd adjust calibrate` does, by one known place."""
    session, instrument = pair_session(home), rig.instrument()
    rig.scope.turn_to(FOCUS_UM + 3.0)
    with rig.lens(field="calibration") as lens:
        pair = image_pair(lens.pair(rig.config.perturbation_um), instrument)
    unit = session.units(pair)
    assert isinstance(unit, float)
    known = PairCalibration(
        package=session.package.name,
        um_a_unit=-3.0 / unit,
        sd_part=0.1,
        perturbation_um=pair.perturbation_um,
        instrument=pair.instrument,
        pixel_nm=pair.pixel_nm,
        dwell_ns=pair.dwell_ns,
        beam_kv=pair.beam_kv,
        beam_pa=pair.beam_pa,
    )
    save_induced(known, places.calibration(rig.state))


def test_the_shipped_package_mends_a_field_once_its_size_is_known(tmp_path: Path) -> None:
    rig = lens_rig(tmp_path, size=256)
    home, instrument = tmp_path / "models", rig.instrument()
    ask = asker(rig.state, instrument, home=home)
    with pytest.raises(AdjustmentRefused, match="to a shorter working distance"):
        apply_once(rig.state, really=True, ask=ask, instrument=instrument, field="new")
    calibrated(rig, home)
    rig.scope.change(seed=7)
    rig.scope.turn_to(FOCUS_UM - 4.0)
    ask = asker(rig.state, instrument, home=home)
    done = apply_once(rig.state, really=True, ask=ask, instrument=instrument, field="another")
    assert done.outcome is RepairOutcome.MOVED
    assert abs(rig.scope.defocus_um()) < 1.0


def test_a_calibration_that_is_named_has_to_be_one(tmp_path: Path) -> None:
    rig = lens_rig(tmp_path)
    with pytest.raises(UsageError, match=r"nothing\.json"):
        asker(rig.state, rig.instrument(), home=tmp_path, calibration=tmp_path / "nothing.json")
