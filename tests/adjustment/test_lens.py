"""A pair moves the lens and brings it back: whatever fails, whoever else turns it, wherever its program dies."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.lens_rig import HOME_UM, Dying, Killed, LensRig, lens_rig, steps_of

from mhfd.errors import UsageError
from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import forget, restore
from mhfd_client.adjustment.outstanding import outstanding_of
from mhfd_client.adjustment.spent import hour_um, images_of
from mhfd_client.errors import (
    AcquisitionFailed,
    AdjustmentRefused,
    AnotherHand,
    InstrumentLost,
    LensBusy,
    SetDidNotTake,
    StateDamaged,
    StateFull,
)
from mhfd_client.instruments.protocol import Knob

P = 2.0
NANOMETRE = 0.001
CALLS_OF_A_PAIR = 10


@pytest.fixture
def rig(tmp_path: Path) -> LensRig:
    return lens_rig(tmp_path)


def _said(rig: LensRig) -> list[LensEntry]:
    return [line.what for line in ledger.lines(rig.state)]


def _is_home(rig: LensRig) -> bool:
    return abs(rig.lens_um - HOME_UM) < NANOMETRE


def test_a_pair_is_taken_on_both_sides_and_the_lens_is_back(rig: LensRig) -> None:
    with steps_of(rig) as steps, rig.lens(field="a field") as lens:
        pair = lens.pair(P)
    assert pair.a.reading.working_distance_um == pytest.approx(HOME_UM + P, abs=1e-9)
    assert pair.b.reading.working_distance_um == pytest.approx(HOME_UM - P, abs=1e-9)
    assert pair.centre_um == pytest.approx(HOME_UM)
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None
    assert _said(rig) == [LensEntry.PAIR, LensEntry.IMAGE, LensEntry.IMAGE, LensEntry.PAIR_ENDED]
    assert images_of(rig.state, "a field") == rig.scope.count().images == 2
    assert hour_um(rig.state) == 0
    assert steps == [CALLS_OF_A_PAIR]


def test_every_place_is_reached_from_below(rig: LensRig) -> None:
    with rig.lens() as lens:
        lens.pair(P)
        lens.move(Knob.WORKING_DISTANCE, -3.0, why="test")
    begun = [line for line in ledger.lines(rig.state) if line.what is LensEntry.MOVE]
    assert len(begun) == 1
    assert rig.scope.count().sets == 4 + 2  # A; below B, B; the middle. Then below the place of the move, and it


def test_a_pair_around_another_middle_leaves_the_lens_where_it_stood(rig: LensRig) -> None:
    with rig.lens() as lens:
        pair = lens.pair(P, offset_um=-5.0)
    assert pair.centre_um == pytest.approx(HOME_UM - 5)
    assert pair.a.reading.working_distance_um == pytest.approx(HOME_UM - 5 + P)
    assert _is_home(rig)


@pytest.mark.parametrize("step", range(1, CALLS_OF_A_PAIR + 1))
@pytest.mark.parametrize("done", [False, True])
def test_wherever_a_program_dies_the_next_brings_the_lens_back(rig: LensRig, step: int, done: bool) -> None:
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), step, done=done)) as lens:
        lens.pair(P)
    was_away = not _is_home(rig)
    said = restore(rig.state, rig.instrument())
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None
    assert said is not None or not was_away
    assert restore(rig.state, rig.instrument()) is None


@pytest.mark.parametrize("step", range(1, CALLS_OF_A_PAIR + 1))
def test_wherever_the_connection_is_lost_it_is_said_and_mended_later(rig: LensRig, step: int) -> None:
    rig.scope.plant(connection_cut_from=step)
    with pytest.raises(InstrumentLost) as lost, rig.lens() as lens:
        lens.pair(P)
    if not _is_home(rig):
        assert "THE LENS IS NOT BACK" in str(lost.value)
        assert f"{HOME_UM:.3f}" in str(lost.value)
        assert outstanding_of(rig.state) is not None
        assert LensEntry.STRANDED in _said(rig)
    rig.scope.plant()
    restore(rig.state, rig.instrument())
    assert _is_home(rig)


@pytest.mark.parametrize("fault", ["connection_cut", "answer_lost"])
@pytest.mark.parametrize("step", range(1, CALLS_OF_A_PAIR + 1))
def test_one_call_that_is_lost_leaves_the_lens_where_it_was(rig: LensRig, fault: str, step: int) -> None:
    rig.scope.plant(**{fault: (step,)})
    with pytest.raises(InstrumentLost), rig.lens() as lens:
        lens.pair(P)
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None


@pytest.mark.parametrize("image", [1, 2])
def test_an_image_that_does_not_come_leaves_the_lens_where_it_was(rig: LensRig, image: int) -> None:
    rig.scope.plant(acquire_fails=(image,))
    with pytest.raises(AcquisitionFailed, match=f"the lens is back at {HOME_UM:.3f} um"), rig.lens(field="f") as lens:
        lens.pair(P)
    assert _is_home(rig)
    assert images_of(rig.state, "f") == image  # the dose is spent
    assert outstanding_of(rig.state) is None


@pytest.mark.parametrize(("number", "short"), [(1, 1.0), (2, 0.4), (3, -0.3), (4, 0.4)])
def test_a_set_that_does_not_take_is_taken_back(rig: LensRig, number: int, short: float) -> None:
    rig.scope.plant(set_does_not_take=(number,), falls_short=short)
    with pytest.raises(SetDidNotTake, match="the lens is back"), rig.lens() as lens:
        lens.pair(P)
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None


def test_a_lens_that_does_not_move_any_more_is_said_to_be_where_it_is(rig: LensRig) -> None:
    rig.scope.plant(set_does_not_take=(2, 3, 4, 5, 6, 7), falls_short=0.5)
    with pytest.raises(SetDidNotTake, match="THE LENS IS NOT BACK") as stuck, rig.lens() as lens:
        lens.pair(P)
    assert not _is_home(rig)
    assert f"{rig.lens_um:.3f}" in str(stuck.value)
    assert _said(rig)[-1] is LensEntry.STRANDED
    rig.scope.plant()
    said = restore(rig.state, rig.instrument())
    assert said is not None
    assert "is back" in said
    assert _is_home(rig)


@pytest.mark.parametrize("step", range(2, CALLS_OF_A_PAIR + 1))
def test_where_another_hand_puts_the_lens_it_stays(rig: LensRig, step: int) -> None:
    rig.scope.plant(another_hand={step: 7.3})
    seen: AnotherHand | None = None
    with rig.lens() as lens:
        try:
            lens.pair(P)
        except AnotherHand as error:
            seen = error
    if seen is None:  # they turned in the very call that set it: what was set stands
        assert _is_home(rig)
    else:
        assert "it stays there" in str(seen)
        assert not any(abs(rig.lens_um - HOME_UM - ours) < NANOMETRE for ours in (0, P, -P, -P - 1))
        assert LensEntry.LEFT in _said(rig)
    assert outstanding_of(rig.state) is None
    assert restore(rig.state, rig.instrument()) is None


def test_who_moved_the_lens_after_a_death_is_not_overruled(rig: LensRig) -> None:
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(P)
    rig.scope.turn(-0.8)
    theirs = rig.lens_um
    said = restore(rig.state, rig.instrument())
    assert said is not None
    assert "somebody else moved the lens" in said
    assert rig.lens_um == theirs


def test_entering_puts_back_what_was_left(rig: LensRig) -> None:
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(P)
    assert not _is_home(rig)
    with rig.lens() as lens:
        assert lens.restored is not None
        assert _is_home(rig)


def test_what_is_not_kept_goes_back(rig: LensRig) -> None:
    with rig.lens() as lens:
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test", instruction="i", on_trial=True)
        assert rig.lens_um == pytest.approx(HOME_UM + 3)
        lens.pair(P)
        assert rig.lens_um == pytest.approx(HOME_UM + 3)
    assert _is_home(rig)
    assert hour_um(rig.state) == pytest.approx(6.0)


def test_what_is_kept_stays(rig: LensRig) -> None:
    with rig.lens() as lens:
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test", instruction="i", on_trial=True)
        lens.pair(P)
        lens.keep("sharper")
    assert rig.lens_um == pytest.approx(HOME_UM + 3)
    assert restore(rig.state, rig.instrument()) is None
    assert _said(rig)[-1] is LensEntry.KEPT


@pytest.mark.parametrize("by", [10.001, -10.001, 1e9, -1e9])
def test_no_step_is_longer_than_the_file_allows(rig: LensRig, by: float) -> None:
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="step_um"):
        lens.move(Knob.WORKING_DISTANCE, by, why="test")
    assert _is_home(rig)
    assert rig.scope.count().sets == 0
    assert _said(rig)[-1] is LensEntry.REFUSED


@pytest.mark.parametrize("by", [float("nan"), float("inf")])
def test_no_distance_is_no_move(rig: LensRig, by: float) -> None:
    with rig.lens() as lens, pytest.raises(UsageError):
        lens.move(Knob.WORKING_DISTANCE, by, why="test")
    assert rig.scope.count().sets == 0


@pytest.mark.parametrize("by", [2.0, -2.0])
def test_no_place_beyond_the_limits_is_gone_to(rig: LensRig, by: float) -> None:
    rig.write(low=HOME_UM - 1.5, high=HOME_UM + 1.5)
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="is not within"):
        lens.move(Knob.WORKING_DISTANCE, by, why="test")
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="is not within"):
        lens.pair(P)
    assert rig.scope.count().sets == 0
    assert rig.scope.count().images == 0


def test_the_instruments_own_limits_hold_too(tmp_path: Path) -> None:
    rig = lens_rig(tmp_path, low_um=HOME_UM - 1.5, high_um=HOME_UM + 20)
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="is not within"):
        lens.pair(P)
    assert rig.scope.count().sets == 0


def test_the_sum_of_an_hour_outlives_programs(rig: LensRig) -> None:
    rig.write(hour=12.0)
    for _ in range(2):
        with rig.lens() as lens:
            lens.move(Knob.WORKING_DISTANCE, 5.0, why="test")
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="within the hour"):
        lens.move(Knob.WORKING_DISTANCE, -5.0, why="test")
    assert rig.lens_um == pytest.approx(HOME_UM + 10)
    assert hour_um(rig.state, now=list(ledger.lines(rig.state))[-1].at + 3601) == 0


def test_no_instruction_is_carried_out_twice(rig: LensRig) -> None:
    with rig.lens() as lens:
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test", instruction="one")
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="was begun before"):
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test", instruction="one")
    assert rig.lens_um == pytest.approx(HOME_UM + 3)


def test_a_lens_that_does_not_stand_where_it_has_to_is_not_moved(rig: LensRig) -> None:
    with rig.lens() as lens, pytest.raises(AnotherHand, match="nothing was set"):
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test", expected=HOME_UM + 0.2)
    assert _is_home(rig)


def test_after_a_ledger_was_changed_nothing_moves(rig: LensRig) -> None:
    with rig.lens() as lens:
        lens.move(Knob.WORKING_DISTANCE, 3.0, why="test")
    path = places.ledger(rig.state)
    path.write_text(path.read_text().replace('"moved_um":3.0', '"moved_um":0.1'))
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="audit"):
        lens.move(Knob.WORKING_DISTANCE, -3.0, why="test")


def test_of_stigmators_no_limits_are_known(rig: LensRig) -> None:
    with rig.lens() as lens, pytest.raises(AdjustmentRefused, match="working distance only"):
        lens.move(Knob.STIG_X, 0.1, why="test")


def test_a_lens_that_is_off_is_not_touched(rig: LensRig) -> None:
    rig.write(allow="off")
    with pytest.raises(AdjustmentRefused, match="write allow = "):
        rig.lens().__enter__()
    assert rig.scope.count().calls == 0
    assert _said(rig) == [LensEntry.REFUSED]


def test_where_pairs_are_allowed_moves_are_not(rig: LensRig) -> None:
    rig.write(allow="propose")
    with rig.lens() as lens:
        lens.pair(P)
        with pytest.raises(AdjustmentRefused, match='write allow = "apply"'):
            lens.move(Knob.WORKING_DISTANCE, 1.0, why="test")
    assert _is_home(rig)
    assert _said(rig)[-1] is LensEntry.REFUSED


def test_a_lens_that_was_left_is_not_touched_where_it_is_off(rig: LensRig) -> None:
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(P)
    rig.write(allow="off")
    with pytest.raises(AdjustmentRefused, match="forget"):
        restore(rig.state, rig.instrument())
    assert outstanding_of(rig.state) is not None


def test_a_lens_of_another_name_is_not_touched(rig: LensRig) -> None:
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(P)
    rig.write(more='name = "another"')
    with pytest.raises(AdjustmentRefused, match="another"):
        restore(rig.state, rig.instrument())
    assert outstanding_of(rig.state) is not None


def test_a_person_may_say_that_the_lens_is_where_it_should_be(rig: LensRig) -> None:
    assert "nothing to forget" in forget(rig.state)
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(P)
    stands = rig.lens_um
    assert "home" in forget(rig.state)
    assert restore(rig.state, rig.instrument()) is None
    assert rig.lens_um == stands
    assert _said(rig)[-1] is LensEntry.FORGOTTEN


def test_what_cannot_be_read_is_not_guessed(rig: LensRig) -> None:
    places.folder(rig.state).mkdir()
    places.outstanding(rig.state).write_text('{"home_um": 5')
    with pytest.raises(StateDamaged, match="--forget"):
        restore(rig.state, rig.instrument())
    assert "cannot be read" in forget(rig.state)
    with rig.lens() as lens:
        lens.pair(P)


def test_one_hand_at_a_time(rig: LensRig) -> None:
    with rig.lens():
        with pytest.raises(LensBusy, match="another program"), rig.lens(wait_s=0.0):
            pytest.fail("two hands")
        assert restore(rig.state, rig.instrument()) is None
    waited: list[bool] = []

    def wait() -> None:
        with rig.lens(wait_s=60.0):
            waited.append(True)

    waiting = threading.Thread(target=wait)
    with rig.lens():
        waiting.start()
    waiting.join(60)
    assert waited


def test_ctrl_c_brings_the_lens_back(rig: LensRig, monkeypatch: pytest.MonkeyPatch) -> None:
    instrument = rig.instrument()

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(instrument, "acquire", interrupted)
    with pytest.raises(KeyboardInterrupt), rig.lens(instrument) as lens:
        lens.pair(P)
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_a_disk_that_takes_no_line_stops_it_with_the_lens_back(
    rig: LensRig, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = ledger.add
    left_over = iter([added] * lines)

    def full(*args: Any, **options: Any) -> ledger.LedgerLine:
        for add in left_over:
            return add(*args, **options)
        raise StateFull("no space left")

    monkeypatch.setattr(ledger, "add", full)
    with rig.lens() as lens, pytest.raises(StateFull):
        lens.pair(P)
    assert _is_home(rig)
    assert outstanding_of(rig.state) is None
    assert rig.scope.count().images == max(0, lines - 1)


@pytest.mark.parametrize("perturbation", [0.0, -2.0, 0.5, 10.5, 2000.0, float("nan")])
def test_a_perturbation_is_of_1_to_10_um(rig: LensRig, perturbation: float) -> None:
    with rig.lens() as lens, pytest.raises(UsageError, match="perturbation"):
        lens.pair(perturbation)
    assert rig.scope.count().sets == 0
