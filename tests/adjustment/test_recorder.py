"""The recorder: turns of a pretend microscope's knobs with the images before and after; what mhfd turns is left out."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.instruments.pretend import station_with

from mhfd_client import files
from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.moves import moves
from mhfd_client.adjustment.recording import moves_file
from mhfd_client.adjustment.recording.looking import Looker
from mhfd_client.adjustment.recording.recorded_move import RecordedMove
from mhfd_client.adjustment.recording.recorder import MoveRecorder, alone, record_from
from mhfd_client.adjustment.recording.sorting_out import Unteaching
from mhfd_client.adjustment.recording.teaching import sorted_record
from mhfd_client.errors import StateLocked
from mhfd_client.instruments.config import config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import make_pretend
from mhfd_client.instruments.protocol import OURSELVES, DeviceEvent, DeviceReading, Knob


class Microscope:
    """A pretend microscope, its station, and a recorder that is stepped by hand."""

    def __init__(self, folder: Path, **truth: Any) -> None:
        self.scope = make_pretend(folder / "scope", lens_um=5003.0, **{"size": 128, **truth})
        self.state = station_with(folder / "state", self.scope, allow="off")
        self.run = folder / "scope" / "run"
        self.run.mkdir()
        self.said: list[str] = []
        self.recorder = self.new_recorder()

    def new_recorder(self) -> MoveRecorder:
        instrument = opened(config_of(self.state))
        return MoveRecorder(self.state, self.run, instrument, who="Ada", specimen="mouse", tell=self.said.append)

    def turns(self, by: float, knob: Knob = Knob.WORKING_DISTANCE, actor: str | None = None) -> DeviceEvent:
        before = self.scope.reading()
        self.scope.turn(by, knob)
        return DeviceEvent(before, self.scope.reading(), actor)

    def images(self, section: int = 1) -> Path:
        path = self.scope.run_image(section)
        for _ in range(2):  # whole is what was seen twice
            self.recorder._images._not_before = 0.0  # a folder is looked at as often as that costs little
            self.recorder.step([])
        return path

    @property
    def moves(self) -> list[RecordedMove]:
        return list(moves(self.state))


@pytest.fixture
def at(tmp_path: Path) -> Microscope:
    return Microscope(tmp_path)


def test_a_turn_is_kept_with_the_images_around_it(at: Microscope) -> None:
    at.images()
    at.recorder.step([at.turns(-3.0)])
    at.images()
    (move,) = at.moves
    assert move.by == pytest.approx(-3.0)
    assert (move.before, move.after) == (5003.0, 5000.0)
    assert (move.actor, move.specimen, move.instrument) == ("Ada", "mouse", "pretend microscope")
    assert move.image_before is not None
    assert move.image_after is not None
    assert (move.image_before.working_distance_um, move.image_after.working_distance_um) == (5003.0, 5000.0)
    assert (move.image_before.pixel_nm, move.image_before.stig_x) == (8.0, 0.0)
    assert move.image_before.magnification is not None
    assert move.image_before.sha256 != move.image_after.sha256


def test_a_turn_is_on_the_disk_before_its_image_comes_and_whoever_is_killed_goes_on(at: Microscope) -> None:
    at.images()
    at.recorder.step([at.turns(-3.0)])
    (move,) = at.moves
    assert move.image_after is None
    at.recorder = at.new_recorder()  # the other one was killed
    at.images()
    (move,) = at.moves
    assert move.image_after is not None


def test_somebody_who_goes_on_turning_makes_one_move(at: Microscope) -> None:
    at.images()
    for by in (-1.0, -1.0, -0.5):
        at.recorder.step([at.turns(by, actor="Bob")])
    at.images()
    (move,) = at.moves
    assert move.by == pytest.approx(-2.5)
    assert move.actor == "Bob"
    assert move.image_after is not None


def test_a_turn_that_is_undone_at_once_is_two_moves_that_teach_nothing(at: Microscope) -> None:
    at.images()
    for by in (3.0, -3.0):
        at.recorder.step([at.turns(by)])
    assert [one.reason for one in sorted_record(at.state).left_out] == [Unteaching.UNDONE] * 2


def test_who_goes_on_after_an_undone_turn_makes_a_move_of_its_own(at: Microscope) -> None:
    at.images()
    for by in (3.0, -3.0, 1.5):
        at.recorder.step([at.turns(by)])
    at.images()
    found = sorted_record(at.state)
    assert [one.reason for one in found.left_out] == [Unteaching.UNDONE] * 2
    assert [one.by for one in found.kept] == pytest.approx([1.5])


def test_an_image_that_came_while_nobody_listened_is_found(at: Microscope) -> None:
    at.images()
    at.recorder.step([at.turns(-3.0)])
    at.scope.run_image(1)
    at.new_recorder()
    assert [one.image_after is not None for one in at.moves] == [True]


def test_a_stigmator_is_a_knob_of_its_own(at: Microscope) -> None:
    at.images()
    at.recorder.step([at.turns(-2.0), at.turns(0.3, Knob.STIG_X)])
    at.images()
    assert [(one.knob, one.image_after is not None) for one in at.moves] == [
        (Knob.WORKING_DISTANCE, True),
        (Knob.STIG_X, True),
    ]


def test_an_image_of_another_working_distance_is_not_the_one_before(at: Microscope) -> None:
    """Somebody turned while nobody listened: the newest image is not how it looked before this turn."""
    at.images()
    at.scope.turn(4.0)
    at.recorder.step([at.turns(-3.0)])
    assert [one.image_before for one in at.moves] == [None]


def test_an_image_that_was_taken_before_a_turn_is_not_the_one_after(at: Microscope) -> None:
    at.images()
    event = at.turns(-3.0)
    at.scope.turn(3.0)
    late = at.scope.run_image(1)  # as it was before; it lands when the turn is known
    at.scope.turn(-3.0)
    at.recorder.step([event])
    at.recorder._images._not_before = 0.0
    at.recorder.step([])
    (move,) = at.moves
    assert move.image_after is None
    assert late.is_file()


@pytest.mark.parametrize("how", ["actor", "ledger", "lock"])
def test_what_mhfd_turns_itself_is_left_out(at: Microscope, how: str) -> None:
    at.images()
    event = at.turns(-3.0, actor=OURSELVES if how == "actor" else None)
    if how == "ledger":
        ledger.add(at.state, LensEntry.MOVE, "test", actor="mhfd", numbers={"from_um": 5003.0, "to_um": 5000.0})
    if how == "lock":
        with files.held(files.opened_lock(places.lock(at.state))):
            at.recorder.step([event])
    else:
        at.recorder.step([event])
    assert at.moves == []


def test_what_the_operator_turns_right_after_mhfd_is_kept(at: Microscope) -> None:
    """A pair was taken, and the lens is back: where it goes then, mhfd did not say."""
    at.images()
    numbers = {"centre_um": 5003.0, "perturbation_um": 2.0, "home_um": 5003.0}
    ledger.add(at.state, LensEntry.PAIR_ENDED, "test", actor="mhfd", numbers=numbers)
    at.recorder.step([at.turns(0.2, Knob.STIG_X), at.turns(2.0), at.turns(-5.3)])
    assert [(one.knob, round(one.by, 6)) for one in at.moves] == [(Knob.STIG_X, 0.2), (Knob.WORKING_DISTANCE, -5.3)]


def test_an_image_that_is_gone_when_it_is_wanted_is_said(at: Microscope) -> None:
    at.images().unlink()
    at.recorder.step([at.turns(-3.0)])
    assert [one.image_before for one in at.moves] == [None]


def test_two_fields_are_told_apart_by_the_stage(at: Microscope) -> None:
    at.images(section=1)
    at.recorder.step([at.turns(-3.0)])
    at.images(section=2)
    assert [one.reason for one in sorted_record(at.state, looker=Looker(at.state)).left_out] == [Unteaching.TWO_FIELDS]


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(StateLocked, match="another recorder"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_it_listens_until_it_is_stopped(at: Microscope) -> None:
    """With a real connection: the instrument tells, and the folder is looked at."""
    stop, heard = threading.Event(), threading.Condition()

    def tell(words: str) -> None:
        with heard:
            at.said.append(words)
            heard.notify_all()

    def until(true: Callable[[], bool]) -> None:
        with heard:
            assert heard.wait_for(true, timeout=60)

    at.scope.run_image(1)
    instrument = opened(config_of(at.state))
    listening = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(
            record_from, at.state, at.run, instrument, stop, tell=tell, every_s=0.05, began=listening.set
        )
        try:
            assert listening.wait(60)
            at.scope.turn(-3.0)
            until(lambda: len(at.said) == 1)
            at.scope.run_image(1)
            until(lambda: len(at.said) == 2)
        finally:
            stop.set()
        assert done.result() == 1
    (move,) = at.moves
    assert move.actor == "operator"
    assert move.image_after is not None


def test_readings_that_do_not_say_a_knob_are_no_turn(at: Microscope) -> None:
    nothing = DeviceReading(5003.0, at=1.0)
    at.recorder.step([DeviceEvent(nothing, DeviceReading(5003.0, at=2.0, stig_x=1.0))])
    assert at.moves == []


@pytest.mark.soak
def test_a_recorder_that_is_killed_again_and_again_loses_nothing_that_it_said(at: Microscope, tmp_path: Path) -> None:
    """kill -9, each time when it has said a move: every one of them is read again, whole."""
    words = [str(Path(sys.executable).with_name("mhfd")), "adjust", "record", str(at.run), "--state", str(at.state)]
    turned = [1.0, -2.0, 4.0, -1.0, 3.0]
    for by in turned:
        at.scope.run_image(1)  # how it looks before this turn, and after the last one, whose recorder is dead
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            assert any(line.startswith("listening") for line in lines)
            at.scope.turn(by)
            assert any("before: section_00001" in line for line in lines)
            process.kill()
    assert [one.by for one in at.moves] == pytest.approx(turned)
    assert [one.image_after is not None for one in at.moves] == [True] * 4 + [False]
    assert moves_file.read(at.state).damaged == []
