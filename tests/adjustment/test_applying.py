"""One repair: moved and better, or back where it was; never more moves, images or um than may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rigs.lens_rig import FOCUS_UM, Dying, Killed, LensRig, Teller, lens_rig

from mhfd.contract.proposal import Proposal
from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.applying import Adjusted, RepairOutcome, apply_once, carry_out, propose_at
from mhfd_client.adjustment.instructions import instruct
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import TakenPair, restore
from mhfd_client.adjustment.outstanding import outstanding_of
from mhfd_client.adjustment.spent import hour_um
from mhfd_client.adjustment.undoing import undo
from mhfd_client.errors import (
    AcquisitionFailed,
    AdjustmentRefused,
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    SetDidNotTake,
)


@pytest.fixture
def rig(tmp_path: Path) -> LensRig:
    return lens_rig(tmp_path, lens_um=FOCUS_UM + 4.0)


def once(rig: LensRig, teller: Teller | None = None, **options: Any) -> Adjusted:
    options = {"really": True, "instrument": rig.instrument(), "field": "a field", **options}
    return apply_once(rig.state, ask=teller or Teller(rig), actor="ada", **options)


def kinds(rig: LensRig) -> list[str]:
    return [line.what.value for line in ledger.lines(rig.state)]


def test_it_moves_and_looks_again(rig: LensRig) -> None:
    done = once(rig)
    assert done.outcome is RepairOutcome.MOVED
    assert rig.lens_um == pytest.approx(FOCUS_UM)
    assert done.moved_um == pytest.approx(-4.0)
    assert done.images == rig.scope.count().images == 4
    assert outstanding_of(rig.state) is None
    assert kinds(rig).count("move") == 1
    assert kinds(rig)[-1] == "kept"
    assert ledger.flaws(rig.state) == []


def test_a_second_step_mends_what_the_first_left(rig: LensRig) -> None:
    done = once(rig, Teller(rig, gain=0.7))
    assert done.outcome is RepairOutcome.MOVED
    assert done.images == 6
    assert len(done.instructions) == 2
    assert abs(rig.scope.defocus_um()) == pytest.approx(4 * 0.3 * 0.3)


def test_without_really_nothing_is_set_but_for_the_pair(rig: LensRig) -> None:
    rig.write(allow="propose")
    at = rig.lens_um
    done = once(rig, really=False)
    assert done.outcome is RepairOutcome.DRY_RUN
    assert "-4.000 um" in done.words
    assert "nothing was set" in done.words
    assert rig.lens_um == at
    assert rig.scope.count().images == 2
    assert "move" not in kinds(rig)
    assert done.document()["instructions"][0]["reverse"]["to_um"] == pytest.approx(at)


def test_in_focus_there_is_nothing_to_move(rig: LensRig) -> None:
    rig.scope.turn_to(FOCUS_UM + 0.15)
    done = once(rig)
    assert done.outcome is RepairOutcome.IN_FOCUS
    assert rig.lens_um == pytest.approx(FOCUS_UM + 0.15)
    assert done.images == 2


@pytest.mark.parametrize(
    ("gain", "bias"), [(-1.0, 0.0), (-0.5, 0.0), (2.0, 0.0), (2.6, 0.0)], ids=["wrong sign", "half of it", "2", "2.6"]
)
def test_what_is_not_better_goes_back(rig: LensRig, gain: float, bias: float) -> None:
    at = rig.lens_um
    done = once(rig, Teller(rig, gain=gain, bias=bias))
    assert done.outcome is RepairOutcome.REVERTED
    assert "not better" in done.words
    assert rig.lens_um == pytest.approx(at, abs=1e-6)
    assert outstanding_of(rig.state) is None
    assert kinds(rig)[-1] == "put_back"


def test_a_package_that_believes_itself_is_not_believed(rig: LensRig) -> None:
    """It says +3 um where the focus is: after its move it is content, and the images are more blurred."""
    rig.scope.turn_to(FOCUS_UM + 1.0)
    done = once(rig, Teller(rig, bias=-3.0))
    assert done.outcome is RepairOutcome.REVERTED
    assert done.after is not None
    assert abs(done.after.move_um or 0.0) < 0.1
    assert rig.scope.defocus_um() == pytest.approx(1.0)


def test_a_package_that_says_more_where_it_sees_more_is_not_stopped(rig: LensRig) -> None:
    """As they do far from the focus: the nearer, the larger what they say."""
    rig.scope.turn_to(FOCUS_UM + 18.0)
    teller = Teller(rig, gain=0.4)
    told = teller.__call__

    def ask(pair: TakenPair) -> Proposal:
        teller.gain = 0.4 if not teller.asked else 0.9
        return told(pair)

    done = apply_once(rig.state, really=True, ask=ask, instrument=rig.instrument(), field="f")
    assert done.outcome is RepairOutcome.MOVED
    assert abs(rig.scope.defocus_um()) < 2


def test_a_second_step_that_is_not_better_goes_back_to_the_first(rig: LensRig) -> None:
    teller = Teller(rig, gain=0.5)
    told = teller.__call__

    def ask(pair: TakenPair) -> Proposal:
        teller.gain = -0.4 if teller.asked else 0.5
        return told(pair)

    done = apply_once(rig.state, really=True, ask=ask, instrument=rig.instrument(), field="f")
    assert done.outcome is RepairOutcome.MOVED
    assert rig.scope.defocus_um() == pytest.approx(2.0)
    assert done.images == 6
    assert "further step" in done.words


@pytest.mark.parametrize("turn", [1, 2])
def test_a_package_that_refuses_moves_nothing(rig: LensRig, turn: int) -> None:
    at = rig.lens_um
    done = once(rig, Teller(rig, refuses=(turn,)))
    assert done.outcome is (RepairOutcome.REFUSED if turn == 1 else RepairOutcome.REVERTED)
    assert done.refusal == "no_structure"
    assert rig.lens_um == pytest.approx(at, abs=1e-6)


def test_a_sign_without_a_size_moves_nothing(rig: LensRig) -> None:
    teller = Teller(rig)
    teller.sized = False
    with pytest.raises(AdjustmentRefused, match="adjust calibrate"):
        once(rig, teller)
    assert rig.scope.count().sets == 4
    assert kinds(rig)[-1] == "refused"


def test_what_is_too_far_is_gone_step_by_step_towards_it(rig: LensRig) -> None:
    rig.scope.turn_to(FOCUS_UM - 33)
    done = once(rig, field="far")
    assert done.outcome is RepairOutcome.MOVED
    assert rig.scope.defocus_um() == pytest.approx(-13)
    assert all(one.is_clamped and one.by_um == pytest.approx(10) for one in done.instructions)


def test_a_field_has_its_images(rig: LensRig) -> None:
    rig.write(more="images_a_field = 5")
    done = once(rig, Teller(rig, gain=0.5))  # a second step could not be verified: 6 images
    assert done.outcome is RepairOutcome.MOVED
    assert len(done.instructions) == 1
    assert rig.scope.count().images == 4
    with pytest.raises(AdjustmentRefused, match="images_a_field"):
        once(rig)
    assert once(rig, field="another field", really=False).images == 2
    assert rig.scope.count().images == 6


def test_a_move_that_could_not_be_verified_is_not_made(rig: LensRig) -> None:
    rig.write(more="images_a_field = 3")
    with pytest.raises(AdjustmentRefused, match="images_a_field"):
        once(rig)
    assert "move" not in kinds(rig)


def test_where_nobody_names_the_field_the_stage_does(rig: LensRig) -> None:
    propose_at(rig.state, ask=Teller(rig), instrument=rig.instrument())
    assert {line.field for line in ledger.lines(rig.state) if line.what is LensEntry.IMAGE} != {None}
    once(rig, field=None)
    with pytest.raises(AdjustmentRefused, match="images_a_field"):
        once(rig, field=None)
    rig.scope.change(tile="r2-c3")
    rig.scope.turn(3.0)
    assert once(rig, field=None).outcome is RepairOutcome.MOVED


@pytest.mark.parametrize("allow", ["off", "propose"])
def test_only_where_it_is_allowed(rig: LensRig, allow: str) -> None:
    rig.write(allow=allow)
    with pytest.raises(AdjustmentRefused, match='write allow = "'):
        once(rig)
    assert rig.scope.count().sets == 0
    assert kinds(rig) == ["refused"]


def test_the_operators_hand_cancels(rig: LensRig) -> None:
    teller = Teller(rig)

    def ask(pair: TakenPair) -> Proposal:
        said = teller(pair)
        rig.scope.turn(1.3)
        return said

    with pytest.raises(AnotherHand, match="somebody else moved it"):
        apply_once(rig.state, really=True, ask=ask, instrument=rig.instrument(), field="f")
    assert rig.lens_um == pytest.approx(FOCUS_UM + 5.3)
    assert outstanding_of(rig.state) is None


def test_an_instruction_that_expired_is_not_carried_out(rig: LensRig) -> None:
    with rig.lens() as lens:
        reading = lens.read()
        said = Teller(rig)(TakenPair(None, None, reading.working_distance_um, 2.0, 0.0))  # type: ignore[arg-type]  # asks for none
        made = instruct(said, reading, rig.config, lens.limits, instrument=lens.instrument.name)
        with pytest.raises(AdjustmentRefused, match="expired"):
            carry_out(lens, made, now=made.expires_at + 0.001)
        with pytest.raises(AdjustmentRefused, match="is for"):
            carry_out(lens, made.model_copy(update={"instrument": "another"}))
        carry_out(lens, made)
        with pytest.raises(AnotherHand):  # it is not where it has to be for that any more
            carry_out(lens, made.model_copy(update={"id": "other"}))


def test_a_proposal_that_took_too_long_is_not_carried_out(rig: LensRig) -> None:
    rig.write(more="expires_s = 0.000001")
    with pytest.raises(AdjustmentRefused, match="has expired"):
        once(rig)
    assert "move" not in kinds(rig)


def test_a_person_who_forbids_it_meanwhile_is_heard(rig: LensRig) -> None:
    teller = Teller(rig)

    def ask(pair: TakenPair) -> Proposal:
        rig.write(allow="off")
        return teller(pair)

    with pytest.raises(AdjustmentRefused, match='allow = "off" by now'):
        apply_once(rig.state, really=True, ask=ask, instrument=rig.instrument(), field="f")
    assert "move" not in kinds(rig)


def steps_of_a_repair(folder: Path) -> int:
    rig = lens_rig(folder, lens_um=FOCUS_UM + 4.0)
    once(rig)
    return rig.scope.count().calls


def test_wherever_a_repair_dies_the_lens_comes_home(tmp_path: Path) -> None:
    """Or stays at the better place, where the ledger says that it was verified."""
    steps = steps_of_a_repair(tmp_path / "whole")
    assert steps > 25
    for step in range(1, steps + 1, 2):
        rig = lens_rig(tmp_path / str(step), lens_um=FOCUS_UM + 4.0)
        with pytest.raises(Killed):
            once(rig, instrument=Dying(rig.instrument(), step, done=True))
        restore(rig.state, rig.instrument())
        verified = "kept" in kinds(rig)
        assert rig.lens_um == pytest.approx(FOCUS_UM + (0.0 if verified else 4.0), abs=0.001), step
        assert outstanding_of(rig.state) is None
        begun = [line.instruction for line in ledger.lines(rig.state) if line.what is LensEntry.MOVE]
        assert len(begun) == len(set(begun)) <= 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"acquire_fails": (3,)}, AcquisitionFailed),
        ({"acquire_fails": (4,)}, AcquisitionFailed),
        ({"set_does_not_take": (5,)}, SetDidNotTake),
        ({"set_does_not_take": (6,), "falls_short": 0.5}, SetDidNotTake),
        ({"connection_cut": (14,)}, InstrumentLost),
        ({"answer_lost": (15,)}, InstrumentLost),
    ],
    ids=str,
)
def test_what_fails_after_the_move_brings_it_home(
    rig: LensRig, fault: dict[str, Any], kind: type[InstrumentError]
) -> None:
    at = rig.lens_um
    rig.scope.plant(**fault)
    with pytest.raises(kind, match=f"the lens is back at {at:.3f} um"):
        once(rig)
    assert rig.lens_um == pytest.approx(at, abs=1e-6)
    assert outstanding_of(rig.state) is None


def test_undo_takes_back_one_move_after_the_other(rig: LensRig) -> None:
    once(rig, Teller(rig, gain=0.5))
    first, second = FOCUS_UM + 4.0, FOCUS_UM + 2.0
    undone = undo(rig.state, instrument=rig.instrument())
    assert rig.lens_um == pytest.approx(second)
    assert undone.to_um == pytest.approx(second)
    undo(rig.state, instrument=rig.instrument())
    assert rig.lens_um == pytest.approx(first)
    with pytest.raises(AdjustmentRefused, match="no move of mhfd"):
        undo(rig.state, instrument=rig.instrument())
    assert hour_um(rig.state) == pytest.approx(6.0)


def test_undo_is_not_hindered_by_the_sum_of_an_hour(rig: LensRig) -> None:
    rig.write(hour=4.5)
    once(rig)
    undo(rig.state, instrument=rig.instrument())
    assert rig.lens_um == pytest.approx(FOCUS_UM + 4)


def test_undo_leaves_what_another_hand_did(rig: LensRig) -> None:
    once(rig)
    rig.scope.turn(0.7)
    with pytest.raises(AnotherHand, match="it stays there"):
        undo(rig.state, instrument=rig.instrument())
    assert rig.lens_um == pytest.approx(FOCUS_UM + 0.7)


def test_undo_needs_to_be_allowed(rig: LensRig) -> None:
    once(rig)
    rig.write(allow="propose")
    with pytest.raises(AdjustmentRefused, match='write allow = "apply"'):
        undo(rig.state, instrument=rig.instrument())


def test_proposing_brings_the_lens_back(rig: LensRig) -> None:
    rig.write(allow="propose")
    said = propose_at(rig.state, ask=Teller(rig), instrument=rig.instrument())
    assert said.move_um == pytest.approx(-4.0)
    assert rig.lens_um == pytest.approx(FOCUS_UM + 4)
    assert kinds(rig)[-1] == "proposed"
