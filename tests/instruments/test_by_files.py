"""What an operator's script answers to a file: once, in time, within its limits, in the unit that was said."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.instruments import PlantedFault
from tests.rigs.instruments.sbemimage import SbemImageRig

from mhfd_client.errors import AcquisitionFailed, InstrumentLost, OutOfRange, SettingsError
from mhfd_client.instruments.by_files import ByFilesInstrument
from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.protocol import Knob
from mhfd_client.instruments.scripts import lens_by_files as wire
from mhfd_client.instruments.tiff_image import tiff_image

LIMITS = SoftLimits(low_um=4000.0, high_um=6000.0)


class Scope:
    """A microscope that a desk has before it."""

    program, name, stig_unit, stig_range = "sbemimage", "a microscope", "%", (-100.0, 100.0)

    def __init__(self) -> None:
        self.lens = 5000.0
        self.sets: list[tuple[str, float]] = []
        self.raises: BaseException | None = None
        self.moves = 0.0

    def read(self) -> dict[str, Any]:
        return {"working_distance": self.lens, "stig_x": 1.0, "stig_y": None, "stage_um": None}

    def set(self, knob: str, value: float) -> None:
        self.sets.append((knob, value))
        self.lens = value
        if self.raises is not None:
            raise self.raises

    def image(self, path: Path) -> None:
        """None is left, but where somebody moves the lens meanwhile."""
        if self.moves:
            self.lens += self.moves
            path.write_bytes(b"II")

    def close(self) -> None:
        """Nothing is open."""


def desk(folder: Path, scope: Scope) -> wire.LensDesk:
    return wire.LensDesk(folder, scope, 4000.0, 6000.0, 25.0)


def asked(folder: Path, **request: Any) -> None:
    whole = {"wire": wire.WIRE, "id": "1", "expires_at": time.time() + 60, **request}
    wire.write_message(folder / wire.REQUEST, whole)


def refused(folder: Path) -> tuple[str, str]:
    answer = wire.read_message(folder / wire.ANSWER)
    assert answer is not None
    assert answer["refused"] is not None
    return answer["refused"]["kind"], answer["refused"]["why"]


SET = {"ask": "set", "knob": "working_distance", "value": 5003.0, "unit": "um"}


def test_a_request_is_carried_out_once(tmp_path: Path) -> None:
    scope = Scope()
    one = desk(tmp_path, scope)
    asked(tmp_path, **SET)
    for _ in range(3):
        one.look()
    desk(tmp_path, scope).look()  # started again
    assert scope.sets == [("working_distance", 5003.0)]
    answer = wire.read_message(tmp_path / wire.ANSWER)
    assert answer is not None
    assert answer["reading"]["working_distance"] == 5003.0


def test_a_set_that_was_begun_and_not_answered_is_not_begun_again(tmp_path: Path) -> None:
    scope = Scope()
    scope.raises = KeyboardInterrupt()  # it ends between the set and the answer
    asked(tmp_path, **SET)
    with pytest.raises(KeyboardInterrupt):
        desk(tmp_path, scope).look()
    scope.raises = None
    desk(tmp_path, scope).look()
    assert len(scope.sets) == 1
    assert refused(tmp_path) == (
        "lost",
        "this script ended while it carried this out; what was asked may have been done",
    )


@pytest.mark.parametrize(
    ("request_", "kind", "said"),
    [
        (SET | {"expires_at": 5.0}, "expired", "nothing was done"),
        (SET | {"expires_at": None}, "expired", "nothing was done"),
        (SET | {"unit": "mm"}, "out_of_range", "working_distance: the unit has to be um; nothing was set"),
        (SET | {"unit": None}, "out_of_range", "the unit has to be um"),
        (SET | {"value": 3999.0}, "out_of_range", "3999 is not in 4000 to 6000; nothing was set"),
        (SET | {"value": 6001.0}, "out_of_range", "6001 is not in 4000 to 6000; nothing was set"),
        (SET | {"value": 4974.0}, "out_of_range", "a step of 26 um is more than 25; nothing was set"),
        (SET | {"value": 5026.0}, "out_of_range", "a step of 26 um is more than 25; nothing was set"),
        (SET | {"value": True}, "out_of_range", "no knob with a value"),
        (SET | {"value": "5003"}, "out_of_range", "no knob with a value"),
        (SET | {"knob": "stage"}, "out_of_range", "no knob with a value"),
        ({"ask": "acquire"}, "acquisition_failed", "left no image"),
        ({"ask": "format"}, "unknown", "nothing is known of 'format'; nothing was done"),
    ],
)
def test_what_is_not_carried_out_is_said(tmp_path: Path, request_: dict[str, Any], kind: str, said: str) -> None:
    scope = Scope()
    asked(tmp_path, **request_)
    desk(tmp_path, scope).look()
    assert refused(tmp_path)[0] == kind
    assert said in refused(tmp_path)[1]
    assert (scope.sets, scope.lens) == ([], 5000.0)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1]", b'{"wire": 1, "id": "1", "ask": "set", "sum": "0"}', b"x" * 70_000]
)
def test_rubbish_is_no_request(tmp_path: Path, data: bytes) -> None:
    (tmp_path / wire.REQUEST).write_bytes(data)
    scope = Scope()
    desk(tmp_path, scope).look()
    assert not (tmp_path / wire.ANSWER).exists()
    assert scope.sets == []


def test_what_the_program_raises_may_have_been_done(tmp_path: Path) -> None:
    scope = Scope()
    scope.raises = OSError("the line is dead")
    asked(tmp_path, **SET)
    desk(tmp_path, scope).look()
    assert refused(tmp_path) == ("lost", "OSError('the line is dead'); what was asked may have been done")


def test_what_the_program_raises_before_it_moves_anything_was_not_done(tmp_path: Path) -> None:
    class Mute(Scope):
        def read(self) -> dict[str, Any]:
            raise KeyError("AP_WD")

    scope = Mute()
    asked(tmp_path, **SET)
    desk(tmp_path, scope).look()
    assert refused(tmp_path) == ("lost", "KeyError('AP_WD'); nothing was done")


def test_an_image_of_a_lens_that_was_moved_meanwhile_is_left_out(tmp_path: Path) -> None:
    scope = Scope()
    scope.moves = 2.0
    (tmp_path / wire.IMAGES).mkdir()
    asked(tmp_path, ask="acquire")
    desk(tmp_path, scope).look()
    kind, why = refused(tmp_path)
    assert (kind, why) == (
        "another_hand",
        "the lens went from 5000 to 5002 um while the image was taken; it is left out",
    )


@given(
    values=st.lists(
        st.one_of(st.floats(allow_nan=True), st.floats(3990, 6010), st.integers(), st.text(max_size=3)), max_size=6
    ),
    unit=st.sampled_from(["um", "mm", "nm", None]),
)
def test_whatever_is_asked_the_lens_stays_within_the_scripts_limits(values: list[Any], unit: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scope = Scope()
        one = desk(Path(folder), scope)
        for number, value in enumerate(values):
            before = scope.lens
            asked(Path(folder), **SET | {"id": str(number), "value": value, "unit": unit})
            one.look()
            assert 4000.0 <= scope.lens <= 6000.0
            assert abs(scope.lens - before) <= 25.0
            assert unit == "um" or scope.sets == []


def config(address: str, *, kind: Any = "sbemimage") -> InstrumentConfig:
    return InstrumentConfig(kind=kind, address=address, limits=LIMITS, timeout_s=20.0)


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give the whole path"):
        ByFilesInstrument(config("shared"))
    with pytest.raises(SettingsError, match="is no folder; make it"):
        ByFilesInstrument(config(str(tmp_path / "absent")))
    with pytest.raises(InstrumentLost, match="mhfd adjust script sbemimage"):
        ByFilesInstrument(config(str(tmp_path)))
    said = {"wire": wire.WIRE, "running": True, "program": "serialem", "name": "x", "ranges": {}, "units": {}}
    wire.write_message(tmp_path / wire.DESK, said)
    with pytest.raises(SettingsError, match=r"kind: 'sbemimage', but in .* of 'serialem'"):
        ByFilesInstrument(config(str(tmp_path)))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SbemImageRig]:
    rig = SbemImageRig(tmp_path_factory.mktemp("sbemimage"))
    try:
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def rig(started: SbemImageRig) -> SbemImageRig:
    started.ready()
    return started


def test_the_scripts_own_limits_hold_whatever_mhfd_asks(rig: SbemImageRig) -> None:
    with pytest.raises(OutOfRange, match="a step of 100 um is more than 25; nothing was set"):
        rig.instrument().set(Knob.WORKING_DISTANCE, rig.lens_um() + 100)
    assert rig.lens_um() == 5000.0


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
def test_the_clocks_of_two_computers_need_not_agree(
    rig: SbemImageRig, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    clock = SimpleNamespace(time=lambda: time.time() + ahead_s, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr("mhfd_client.instruments.by_files.time", clock)
    assert rig.instrument().set(Knob.WORKING_DISTANCE, 5003.0).working_distance_um == pytest.approx(5003.0)


def test_what_is_no_image_and_what_is_no_knob_is_said(rig: SbemImageRig) -> None:
    instrument = rig.instrument()
    taken = instrument.acquire()
    assert taken.path is not None
    for data in (b"", b"II*\0", b"rubbish" * 10):
        taken.path.write_bytes(data)
        with pytest.raises(AcquisitionFailed, match=r"SBEMimage on .*tif: what came is no image"):
            tiff_image(taken.path, f"{instrument.name}: {taken.path}")
    assert instrument.settable() == frozenset(Knob)
    silent = ByFilesInstrument(config(str(rig.folder)))
    silent._settable = frozenset({Knob.WORKING_DISTANCE})
    with pytest.raises(OutOfRange, match=r"stig x: .* cannot be set; nothing was set"):
        silent.set(Knob.STIG_X, 0.0)


def test_a_request_that_nobody_answered_is_withdrawn(rig: SbemImageRig) -> None:
    impatient = rig.instrument(timeout_s=1.5)
    rig.plant(PlantedFault.SILENT)
    with pytest.raises(InstrumentLost, match="may have been done"):
        impatient.set(Knob.WORKING_DISTANCE, 5003.0)
    assert not (rig.folder / wire.REQUEST).exists()
    rig.kill()
    rig.ready()
    assert rig.instrument().read().working_distance_um == pytest.approx(5000.0)


SERIALEM = """
lens, stigs, taken = [-1.5], [0.25, -0.5], []
def ConnectToSEM(port, host): taken.append((port, host))
def ReportDefocus(): return lens[0]
def SetDefocus(um): lens[0] = um
def ReportObjectiveStigmator(): return tuple(stigs)
def SetObjectiveStigmator(x, y): stigs[:] = [x, y]
def ReportStageXYZ(): return (1.0, 2.0, 3.0)
def ReportMag(): return (5000.0, 0.0)
def Record(): taken.append("record")
def SaveToOtherFile(buffer, kind, compression, path): __import__("pathlib").Path(path).write_bytes(b"II")
def ImageProperties(buffer): return (64, 64, 1, 0.5, 4.0, 0)
"""


def test_serialem_is_asked_by_the_names_of_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No SerialEM runs here: this holds the calls and their units, as its module documents them, and no more."""
    (tmp_path / "serialem.py").write_text(SERIALEM)
    monkeypatch.setattr(sys, "path", list(sys.path))
    options = wire.options_of(
        ["serialem", "--folder", str(tmp_path), "--low-um", "-20", "--high-um", "20", "--modules", str(tmp_path)]
    )
    microscope = wire.SerialEm(options)
    one = wire.LensDesk(tmp_path, microscope, -20.0, 20.0, 25.0)
    (tmp_path / wire.IMAGES).mkdir()
    asked(tmp_path, ask="set", knob="working_distance", value=-3.0, unit="um")
    one.look()
    asked(tmp_path, id="2", ask="set", knob="stig_y", value=0.5, unit="1")
    one.look()
    asked(tmp_path, id="3", ask="acquire")
    one.look()
    answer = wire.read_message(tmp_path / wire.ANSWER)
    assert answer is not None
    assert answer["image"] == "3.tif"
    assert answer["reading"] == {
        "working_distance": -3.0,
        "stig_x": 0.25,
        "stig_y": 0.5,
        "pixel_nm": 4.0,
        "magnification": 5000.0,
        "stage_um": [1.0, 2.0],
    }


def test_what_an_operator_types_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["sbemimage", "--folder", str(tmp_path / "absent"), "--low-um", "4000", "--high-um", "6000"]
    with pytest.raises(SystemExit, match="2"):
        wire.main(typed)
    assert "--home: name SBEMimage's folder" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="is no folder"):
        wire.main([*typed, "--home", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        wire.main([*typed[:-1], "3000", "--home", str(tmp_path)])
    assert "--low-um has to be below --high-um" in capsys.readouterr().err
