"""`mhfd doctor DIR` says whether the instrument answers, and turns nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.instruments.pretend import station_with

from mhfd_client.doctor import station
from mhfd_client.doctor.instrument import instrument_checks
from mhfd_client.instruments.config import NAME
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_endpoint.finding import Level


@pytest.fixture
def scope(tmp_path: Path) -> PretendScope:
    return make_pretend(tmp_path / "scope")


def test_an_instrument_that_answers_is_well(tmp_path: Path, scope: PretendScope) -> None:
    state = station_with(tmp_path / "state", scope, allow="propose")
    (tmp_path / "run").mkdir()
    (check,) = [one for one in station.examine(str(tmp_path / "run"), state=state) if one.name == "instrument"]
    assert check.level is Level.OK
    assert check.what == ("pretend microscope (pretend) answers; its working distance is 5000.0000 um; allow: propose")
    assert (scope.count().sets, scope.count().images) == (0, 0)


def test_a_station_without_an_instrument_hears_nothing_of_one(tmp_path: Path) -> None:
    assert list(instrument_checks(tmp_path)) == []


def test_a_lens_that_cannot_be_moved_is_a_warning(tmp_path: Path, scope: PretendScope) -> None:
    (check,) = instrument_checks(station_with(tmp_path / "state", scope, limits=(4000.0, 4999.0)))
    assert check.level is Level.WARN
    assert "4000.0000 um to 4999.0000 um" in check.what
    scope.change(stuck=("working_distance",))
    (check,) = instrument_checks(station_with(tmp_path / "state", scope))
    assert check.level is Level.WARN
    assert "it cannot be set" in check.what


def test_what_does_not_answer_fails(tmp_path: Path, scope: PretendScope) -> None:
    state = station_with(tmp_path / "state", scope)
    scope.plant(connection_cut=True)
    (check,) = instrument_checks(state)
    assert check.level is Level.FAIL
    assert "gives no answer" in check.what
    (state / NAME).write_text("kind = 3")
    (check,) = instrument_checks(state)
    assert check.level is Level.FAIL
    assert "mend the file" in check.what
