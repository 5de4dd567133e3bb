"""`mhfd adjust calibrate`, as it is typed: from files and at a pretend microscope, with a package that is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rigs.instruments.pretend import station_with
from tests.rigs.known_moves import PACKAGE, a_known_move, session
from tests.rigs.typed import typed_here

from mhfd_client.adjustment import asked, places
from mhfd_client.calibration.kept import load_induced
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "pair_session", lambda *_: session(1.0))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(word) for pair in a_known_move(tmp_path) for word in ("--pair", *pair)]


def typed(*words: str | Path) -> tuple[int, str]:
    return typed_here(["adjust", "calibrate", *map(str, words)])


def test_a_known_move_in_files_is_written(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    code, said = typed("--induced", "5um", "--perturbation", "2um", "--out", out, "--json", *files)
    assert code == 0, said
    kept = load_induced(out)
    assert json.loads(said)["calibration"] == kept.model_dump(mode="json")
    assert (kept.package, kept.perturbation_um) == (PACKAGE, 2.0)
    assert kept.um_a_unit == pytest.approx(16.2, rel=0.1)


def test_without_a_place_to_write_it_says_so(files: list[str]) -> None:
    code, said = typed("--induced", "5 um", "--perturbation", "2000nm", *files)
    assert code == 0, said
    assert "not written: give --out FILE" in said


def test_exchanged_images_are_refused_and_nothing_is_written(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    code, said = typed("--induced", "-5um", "--perturbation", "2um", "--out", out, *files)
    assert code == 1
    assert "do not follow the known move" in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--induced", "5um"], "name DIR"),
        (["--induced", "5", "--perturbation", "2um"], "--induced: '5' has no unit"),
        (["--induced", "5mm", "--perturbation", "2um"], "induced: 5000 um"),
        (["--induced", "0um"], "induced: 0 um"),
        (["--induced", "5um", "--pair", "a.tif", "b.tif", "--perturbation", "2um"], "give it twice"),
        (["--induced", "5um", *["--pair", "a.tif", "b.tif"] * 2], "--perturbation: say how far"),
        (["--induced", "5um", *["--pair", "a.tif", "b.tif"] * 2, "--perturbation", "2um"], "no such file"),
        (["--induced", "5um", *["--pair", "a.tif", "b.tif"] * 2, "--perturbation", "2mm"], "2000 um is not offered"),
    ],
)
def test_wrong_words_are_named(words: list[str], said: str) -> None:
    code, told = typed(*words)
    assert code == 2
    assert said in told


@pytest.fixture
def scope(tmp_path: Path) -> PretendScope:
    return make_pretend(tmp_path / "scope", lens_um=5000.3, astigmatism_um=0.1)


def test_at_an_instrument_the_lens_comes_back(scope: PretendScope, tmp_path: Path) -> None:
    state = station_with(tmp_path / "state", scope, allow="propose")
    code, said = typed(tmp_path / "run", "--state", state, "--induced", "5um")
    assert code == 0, said
    kept = load_induced(places.calibration(state))
    bound = (kept.instrument, kept.pixel_nm, kept.dwell_ns, kept.beam_kv, kept.beam_pa)
    assert bound == ("pretend microscope", 8.0, 800.0, 1.5, 300.0)
    assert scope.lens().working_distance_um == pytest.approx(5000.3, abs=1e-3)
    assert scope.count().images == 6
    assert "the upper half of the move" in said


def test_an_instrument_that_may_not_be_touched_is_left_alone(scope: PretendScope, tmp_path: Path) -> None:
    state = station_with(tmp_path / "state", scope, allow="off")
    code, said = typed(tmp_path / "run", "--state", state, "--induced", "5um")
    assert code == 3
    assert 'write allow = "propose"' in said
    assert scope.count().images == 0


def test_an_image_that_does_not_come_leaves_the_lens_where_it_was(scope: PretendScope, tmp_path: Path) -> None:
    state = station_with(tmp_path / "state", scope, allow="propose")
    scope.plant(acquire_fails=(4,))
    code, said = typed(tmp_path / "run", "--state", state, "--induced", "5um")
    assert code == 1
    assert "the lens is back" in said
    assert scope.lens().working_distance_um == pytest.approx(5000.3, abs=1e-3)
    assert not places.calibration(state).exists()


def test_a_blank_field_gives_no_size(tmp_path: Path) -> None:
    scope = make_pretend(tmp_path / "scope", blank=True)
    state = station_with(tmp_path / "state", scope, allow="propose")
    code, said = typed(tmp_path / "run", "--state", state, "--induced", "5um")
    assert code == 1
    assert "says nothing" in said
