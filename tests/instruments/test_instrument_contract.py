"""One suite over every adapter: whatever the instrument, a lens stands where it is said to stand, or that is said.

The pretend microscope and what speaks by files run in `make test`; what needs an SDK in an environment of its own runs
in `make test-instruments`.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import numpy as np
import pytest
from tests.rigs.instruments import InstrumentRig, PlantedFault

from mhfd_client.errors import (
    AcquisitionFailed,
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    OutOfRange,
    SetDidNotTake,
)
from mhfd_client.instruments.protocol import OURSELVES, DeviceEvent, Instrument, Knob, TakenImage

WD = Knob.WORKING_DISTANCE
AWAY_UM = 6.0
"""Far enough that an image shows it."""
WITHIN_S = 60.0
"""An end for what must come, not a measure of how soon."""

KINDS = [
    "pretend",
    "sbemimage",
    pytest.param("openfibsem", marks=pytest.mark.instruments),
    pytest.param("micromanager", marks=pytest.mark.instruments),
]


@pytest.fixture(scope="module", params=KINDS)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstrumentRig]:
    """One rig a kind: programs take long to start."""
    module = importlib.import_module(f"tests.rigs.instruments.{request.param}")
    rig: InstrumentRig = module.rig(tmp_path_factory.mktemp(request.param))
    try:
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def rig(started: InstrumentRig) -> InstrumentRig:
    """It, with nothing planted and its lens in focus."""
    started.ready()
    return started


@pytest.fixture
def instrument(rig: InstrumentRig) -> Iterator[Instrument]:
    """A connection."""
    connected = rig.instrument()
    try:
        yield connected
    finally:
        connected.close()


def plant(rig: InstrumentRig, fault: PlantedFault) -> None:
    if fault in rig.cannot:
        pytest.skip(f"{fault} cannot be planted at {rig.kind}: see its rig")
    rig.plant(fault)


def test_it_says_what_it_is_and_how_it_stands(rig: InstrumentRig, instrument: Instrument) -> None:
    assert instrument.kind == rig.kind
    assert instrument.name
    reading = instrument.read()
    assert reading.working_distance_um == pytest.approx(rig.lens_um(), abs=rig.step_um)
    for value in (reading.stig_x, reading.stig_y, *(reading.stage_um or ())):
        assert value is None or math.isfinite(value)
    for value in (reading.pixel_nm, reading.dwell_ns, reading.magnification, reading.beam_kv, reading.beam_pa):
        assert value is None or value > 0


def test_a_set_is_read_back_and_reaches_the_lens(rig: InstrumentRig, instrument: Instrument) -> None:
    for by in (3.25, -2.5, 0.0):
        asked = rig.lens_um() + by
        assert instrument.set(WD, asked).working_distance_um == pytest.approx(asked, abs=rig.step_um)
        assert rig.lens_um() == pytest.approx(asked, abs=rig.step_um)
        assert instrument.read().working_distance_um == pytest.approx(asked, abs=rig.step_um)


def test_only_what_is_settable_is_said_to_be(instrument: Instrument) -> None:
    assert WD in instrument.settable()
    for knob in instrument.settable() - {WD}:
        stands = instrument.read().value(knob)
        assert stands is not None
        allowed = instrument.limits(knob)
        asked = stands + min(0.01, (allowed.high - stands) / 2)
        assert instrument.set(knob, asked).value(knob) == pytest.approx(asked, abs=1e-6)
        instrument.set(knob, stands)
    for knob in frozenset(Knob) - instrument.settable():
        with pytest.raises((OutOfRange, SetDidNotTake)):
            instrument.set(knob, 0.01)


def test_its_limits_hold_where_it_stands(rig: InstrumentRig, instrument: Instrument) -> None:
    allowed = instrument.limits(WD)
    assert allowed.low < rig.lens_um() < allowed.high


@pytest.mark.parametrize("value", ["below", "above", math.nan, math.inf, -math.inf], ids=str)
def test_a_value_out_of_range_sets_nothing(rig: InstrumentRig, instrument: Instrument, value: str | float) -> None:
    allowed, stood = instrument.limits(WD), rig.lens_um()
    asked = {"below": allowed.low - 1.0, "above": allowed.high + 1.0}.get(str(value))
    with pytest.raises(OutOfRange, match=r"working distance.*nothing was set"):
        instrument.set(WD, float(value) if asked is None else asked)
    assert rig.lens_um() == stood


def test_a_set_that_does_not_take_says_where_the_lens_is(rig: InstrumentRig, instrument: Instrument) -> None:
    stood = rig.lens_um()
    plant(rig, PlantedFault.SET_DOES_NOT_TAKE)
    with pytest.raises(SetDidNotTake, match=rf"asked for {stood + 5:.4f} um, the instrument reads {stood:.1f}"):
        instrument.set(WD, stood + 5)
    assert rig.lens_um() == pytest.approx(stood, abs=rig.step_um)


def contrast(taken: TakenImage) -> float:
    """It falls with defocus, also where light that is out of focus is added, as among beads."""
    return float(np.std(taken.pixels) / np.mean(taken.pixels))


def test_an_image_is_of_the_lens_as_it_stands(rig: InstrumentRig, instrument: Instrument) -> None:
    stood = rig.lens_um()
    taken = instrument.acquire()
    assert taken.pixels.ndim == 2
    assert min(taken.pixels.shape) >= 64
    assert taken.reading.working_distance_um == pytest.approx(stood, abs=rig.step_um)
    assert taken.path is None or taken.path.is_file()
    instrument.set(WD, stood + AWAY_UM)
    assert contrast(instrument.acquire()) < 0.95 * contrast(taken)


def test_an_image_that_does_not_come_leaves_the_lens(rig: InstrumentRig, instrument: Instrument) -> None:
    stood = rig.lens_um()
    plant(rig, PlantedFault.ACQUIRE_FAILS)
    with pytest.raises(AcquisitionFailed):
        instrument.acquire()
    assert instrument.read().working_distance_um == pytest.approx(stood, abs=rig.step_um)
    assert instrument.set(WD, stood + 1).working_distance_um == pytest.approx(stood + 1, abs=rig.step_um)


def test_a_move_during_an_image_is_not_hidden_from_it(rig: InstrumentRig, instrument: Instrument) -> None:
    """It waits, or it is refused, or the image is; what the image's reading says is how the image was taken."""
    stood = rig.lens_um()
    sharp = contrast(instrument.acquire())
    instrument.set(WD, stood + AWAY_UM)
    blurred = contrast(instrument.acquire())
    instrument.set(WD, stood)
    plant(rig, PlantedFault.SLOW_IMAGE)
    outcome: Queue[Any] = Queue()
    other = rig.instrument()

    def take() -> None:
        try:
            outcome.put(other.acquire())
        except InstrumentError as error:
            outcome.put(error)

    thread = threading.Thread(target=take)
    thread.start()
    moved = True
    try:
        instrument.set(WD, stood + AWAY_UM)
    except InstrumentError:
        moved = False
    taken = outcome.get(timeout=WITHIN_S)
    thread.join()
    other.close()
    assert isinstance(taken, TakenImage | AnotherHand), taken
    assert rig.lens_um() == pytest.approx(stood + AWAY_UM if moved else stood, abs=rig.step_um)
    if isinstance(taken, AnotherHand):
        assert moved
        return
    before = abs(taken.reading.working_distance_um - stood) < AWAY_UM / 2
    of_it, of_the_other = (sharp, blurred) if before else (blurred, sharp)
    measured = contrast(taken)
    assert abs(measured - of_it) < abs(measured - of_the_other)


ASKED: dict[str, Callable[[Instrument], object]] = {
    "read": lambda instrument: instrument.read(),
    "set": lambda instrument: instrument.set(WD, (instrument.limits(WD).low + instrument.limits(WD).high) / 2),
    "acquire": lambda instrument: instrument.acquire(),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_connection_that_is_cut_is_said(rig: InstrumentRig, instrument: Instrument, asked: str) -> None:
    instrument.read()
    plant(rig, PlantedFault.CONNECTION_CUT)
    with pytest.raises(InstrumentLost):
        ASKED[asked](instrument)


def test_an_instrument_that_is_not_there_is_lost_when_it_is_opened_or_read(rig: InstrumentRig) -> None:
    plant(rig, PlantedFault.CONNECTION_CUT)
    with pytest.raises(InstrumentLost):
        rig.instrument().read()


@pytest.mark.parametrize("asked", ASKED)
def test_an_instrument_that_does_not_answer_is_not_waited_for_for_ever(rig: InstrumentRig, asked: str) -> None:
    impatient = rig.instrument(timeout_s=1.5)
    impatient.read()
    plant(rig, PlantedFault.SILENT)
    with pytest.raises(InstrumentLost, match=r"1\.5 s.* may "):
        ASKED[asked](impatient)
    impatient.close()


def test_another_hand_is_told_and_so_is_ours(rig: InstrumentRig, instrument: Instrument) -> None:
    told: Queue[DeviceEvent] = Queue()
    stood = rig.lens_um()
    with instrument.on_change(told.put):
        rig.turn(2.0)
        theirs = told.get(timeout=WITHIN_S)
        instrument.set(WD, stood - 1.0)
        ours = told.get(timeout=WITHIN_S)
    assert theirs.before.working_distance_um == pytest.approx(stood, abs=rig.step_um)
    assert theirs.after.working_distance_um == pytest.approx(stood + 2, abs=rig.step_um)
    assert theirs.actor != OURSELVES
    assert ours.after.working_distance_um == pytest.approx(stood - 1, abs=rig.step_um)
    assert ours.actor == OURSELVES
    rig.turn(1.0)
    assert instrument.read().working_distance_um == pytest.approx(stood, abs=rig.step_um)
    assert told.empty()


def test_two_turns_are_told_to_where_the_lens_ends(rig: InstrumentRig, instrument: Instrument) -> None:
    told: Queue[DeviceEvent] = Queue()
    stood = rig.lens_um()
    with instrument.on_change(told.put):
        rig.turn(2.0)
        rig.turn(-0.5)
        last = told.get(timeout=WITHIN_S)
        while abs(last.after.working_distance_um - (stood + 1.5)) > rig.step_um:
            last = told.get(timeout=WITHIN_S)
    assert last.actor != OURSELVES


def test_closing_leaves_the_lens(rig: InstrumentRig) -> None:
    one = rig.instrument()
    asked = one.read().working_distance_um + 1.5
    one.set(WD, asked)
    one.close()
    assert rig.lens_um() == pytest.approx(asked, abs=rig.step_um)
    two = rig.instrument()
    assert two.read().working_distance_um == pytest.approx(asked, abs=rig.step_um)
    two.close()


def test_a_retake_is_a_file_or_is_not_offered(instrument: Instrument) -> None:
    path = instrument.retake(1, "r1-c1")
    assert path is None or path.is_file()
