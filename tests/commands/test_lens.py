"""`mhfd adjust` as it is typed: what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.lens_rig import FOCUS_UM, HOME_UM, Dying, Killed, LensRig, Teller, lens_rig
from tests.rigs.typed import typed_here

from mhfd.contract import Proposal
from mhfd_client.adjustment import places
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.instruments.config import NAME
from mhfd_client.instruments.protocol import Knob


@pytest.fixture
def rig(tmp_path: Path) -> LensRig:
    return lens_rig(tmp_path)


def said(rig: LensRig, *words: str, code: int = 0) -> str:
    ended, told = typed_here(["adjust", words[0], str(rig.scope.folder), "--state", str(rig.state), *words[1:]])
    assert ended == code, told
    return told


def document(rig: LensRig, *words: str, code: int = 0) -> Any:
    return json.loads(said(rig, *words, "--json", code=code))


def moved(rig: LensRig, by: float = 3.0) -> None:
    with rig.lens() as lens:
        lens.move(Knob.WORKING_DISTANCE, by, why="test")


def left(rig: LensRig) -> None:
    """A program died while the lens was elsewhere."""
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(2.0)
    assert abs(rig.lens_um - HOME_UM) > 1


def test_status_says_how_the_lens_stands(rig: LensRig) -> None:
    assert "nothing was done with the lens yet" in said(rig, "status")
    moved(rig)
    told = said(rig, "status")
    assert "working distance 5006.217 um" in told
    assert "allowed: apply" in told
    assert "mhfd adjust undo" in told
    found = document(rig, "status")
    assert found["working_distance_um"] == pytest.approx(HOME_UM + 3)
    assert found["outstanding"] is None
    assert found["hour_um"] == pytest.approx(3.0)
    assert found["undoable"]["numbers"]["from_um"] == pytest.approx(HOME_UM)


def test_status_says_what_did_not_end_and_leaves_it(rig: LensRig) -> None:
    left(rig)
    stands = rig.lens_um
    told = said(rig, "status", code=1)
    assert "NOT ENDED" in told
    assert f"{HOME_UM:.3f}" in told
    assert rig.lens_um == stands
    assert document(rig, "status", code=1)["outstanding"]["home_um"] == HOME_UM


def test_status_of_an_instrument_that_does_not_answer(rig: LensRig) -> None:
    rig.scope.plant(connection_cut=True)
    assert "gives no answer" in said(rig, "status", code=1)
    assert document(rig, "status", code=1)["working_distance_um"] is None


def test_without_an_instrument_it_is_said_what_to_write(rig: LensRig) -> None:
    (rig.state / NAME).unlink()
    for command in ("status", "undo"):
        assert NAME in said(rig, command, code=2)
    assert "0 lines" in said(rig, "audit")


def test_undo(rig: LensRig) -> None:
    moved(rig)
    assert f"the lens is back at {HOME_UM:.3f} um" in said(rig, "undo")
    assert rig.lens_um == pytest.approx(HOME_UM)
    assert "no move of mhfd" in said(rig, "undo", code=3)


def test_undo_of_what_did_not_end_is_that_alone(rig: LensRig) -> None:
    moved(rig)
    with pytest.raises(Killed), rig.lens(Dying(rig.instrument(), 4, done=True)) as lens:
        lens.pair(2.0)
    found = document(rig, "undo")
    assert found["line"] is None
    assert rig.lens_um == pytest.approx(HOME_UM + 3)
    assert document(rig, "undo")["to_um"] == pytest.approx(HOME_UM)


def test_a_person_may_say_that_nothing_is_to_be_put_back(rig: LensRig) -> None:
    left(rig)
    stands = rig.lens_um
    assert "not put back any more" in said(rig, "undo", "--forget", "--who", "ada")
    assert rig.lens_um == stands
    assert "ada" in said(rig, "audit")
    said(rig, "status")


def test_undo_after_another_hand(rig: LensRig) -> None:
    moved(rig)
    rig.scope.turn(0.5)
    assert "somebody else moved it" in said(rig, "undo", code=1)
    rig.write(allow="off")
    assert 'write allow = "propose"' in said(rig, "undo", code=3)


def test_audit_finds_what_was_changed(rig: LensRig) -> None:
    moved(rig)
    assert "3 lines, as they were written" in said(rig, "audit")
    path = places.ledger(rig.state)
    path.write_text(path.read_text().replace("test", "rest"))
    assert "CHANGED" in said(rig, "audit", code=1)
    found = document(rig, "audit", code=1)
    assert not found["unchanged"]
    assert [flaw["line"] for flaw in found["flaws"]] == [1, 3]


@pytest.mark.parametrize("rubbish", [b"", b"\0\xff", b"[]\n{}\nnull\n", b"{" * 9999])
def test_a_ledger_of_rubbish_is_no_traceback(rig: LensRig, rubbish: bytes) -> None:
    places.folder(rig.state).mkdir()
    places.ledger(rig.state).write_bytes(rubbish)
    places.outstanding(rig.state).write_bytes(rubbish)
    assert "Traceback" not in said(rig, "status", code=1)
    assert "--forget" in said(rig, "undo", code=1)
    said(rig, "undo", "--forget")
    typed_here(["adjust", "audit", str(rig.scope.folder), "--state", str(rig.state)])


@pytest.fixture
def teller(rig: LensRig, monkeypatch: pytest.MonkeyPatch) -> Teller:
    """Who is asked: not a package, which would take its time."""
    told = Teller(rig)
    monkeypatch.setattr("mhfd_client.adjustment.asked.asker", lambda *_, **__: told)
    return told


def test_apply_is_a_dry_run(rig: LensRig, teller: Teller) -> None:
    assert "would move the working distance by -3.217 um" in said(rig, "apply")
    assert rig.lens_um == pytest.approx(HOME_UM)
    found = document(rig, "apply")
    assert found["outcome"] == "dry_run"
    assert found["instructions"][0]["to_um"] == pytest.approx(FOCUS_UM)
    assert teller.asked == 2


def test_a_dry_run_is_written_out(rig: LensRig, teller: Teller) -> None:
    assert "set it to 5000.000 um (5.000000 mm)" in said(rig, "apply", "--as", "person")
    assert "sem.set_wd(5000.0 * 1e-6)" in said(rig, "apply", "--as", "sbemimage")
    assert "leave one of them out" in said(rig, "apply", "--really", "--as", "serialem", code=2)
    assert rig.lens_um == pytest.approx(HOME_UM)


def test_apply_really_moves_it(rig: LensRig, teller: Teller) -> None:
    assert "moved the working distance by -3.217 um" in said(rig, "apply", "--really", "--field", "one", "--who", "ada")
    assert rig.lens_um == pytest.approx(FOCUS_UM)
    assert "in focus" in said(rig, "apply", "--really", "--field", "two")
    said(rig, "apply", "--field", "one")  # the fifth and sixth image of it
    assert "images_a_field" in said(rig, "apply", "--field", "one", code=3)
    refused = document(rig, "apply", "--field", "one", code=3)
    assert refused["outcome"] == "refused"
    assert refused.keys() == document(rig, "apply", "--field", "three").keys()
    assert {line["actor"] for line in document(rig, "audit")["lines"] if line["what"] == "move"} == {"ada"}


def test_apply_says_how_it_ended(rig: LensRig, teller: Teller) -> None:
    teller.gain = -1.0
    assert "not better" in said(rig, "apply", "--really", "--field", "1", code=1)
    teller.refuses = (teller.asked + 1,)
    assert "blank" in said(rig, "apply", "--really", "--field", "2", code=3)
    teller.sized = False
    assert "adjust calibrate" in said(rig, "apply", "--really", "--field", "3", code=3)
    rig.write(allow="propose")
    assert 'write allow = "apply"' in said(rig, "apply", "--really", code=3)
    rig.write()
    rig.scope.plant(acquire_fails=True)
    assert "the lens is back" in said(rig, "apply", "--field", "4", code=1)
    assert rig.lens_um == pytest.approx(HOME_UM)


def proposed(rig: LensRig, *words: str, code: int = 0) -> str:
    ended, told = typed_here(["propose", str(rig.scope.folder), "--state", str(rig.state), *words])
    assert ended == code, told
    return told


def test_propose_takes_a_pair_and_brings_the_lens_back(rig: LensRig, teller: Teller) -> None:
    rig.write(allow="propose")
    assert "add -3.22 um" in proposed(rig)
    found = json.loads(proposed(rig, "--perturbation", "3um", "--field", "one", "--json"))
    assert found["sign"] == -1
    assert found["refusal"] is None
    assert rig.lens_um == pytest.approx(HOME_UM)
    pairs = [line for line in document(rig, "audit")["lines"] if line["what"] == "pair"]
    assert [line["numbers"]["perturbation_um"] for line in pairs] == [2.0, 3.0]


def test_propose_refuses_by_its_exit_code(rig: LensRig, teller: Teller) -> None:
    teller.refuses = (1,)
    assert "no_structure" in proposed(rig, code=3)
    rig.write(allow="off")
    assert 'write allow = "propose"' in proposed(rig, code=3)
    refused = json.loads(proposed(rig, "--json", code=3))
    assert (refused["sign"], refused["move_um"], refused["refusal"], refused["package"]) == (None, None, "rule", None)
    rig.write()
    assert "perturbation" in proposed(rig, "--perturbation", "20um", code=2)
    assert "leave out --pair" in proposed(rig, "--pair", "a.tif", "b.tif", code=2)
    rig.scope.plant(acquire_fails=True)
    assert "the lens is back" in proposed(rig, code=1)


def test_propose_puts_back_first_what_was_left(rig: LensRig, teller: Teller) -> None:
    left(rig)
    assert f"the lens is back at {HOME_UM:.3f} um" in proposed(rig)
    assert rig.lens_um == pytest.approx(HOME_UM)


def test_who_ends_the_command_gets_the_lens_back(rig: LensRig, teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM while the lens is on trial: by a service manager, or a watch that stops."""
    asked: list[int] = []

    def ask(pair: TakenPair) -> Proposal:
        asked.append(1)
        if len(asked) == 2:
            assert rig.lens_um == pytest.approx(FOCUS_UM)
            os.kill(os.getpid(), signal.SIGTERM)
        return teller(pair)

    monkeypatch.setattr("mhfd_client.adjustment.asked.asker", lambda *_, **__: ask)
    before = signal.getsignal(signal.SIGTERM)
    said(rig, "apply", "--really", code=143)
    assert rig.lens_um == pytest.approx(HOME_UM)
    assert signal.getsignal(signal.SIGTERM) is before
    said(rig, "status")
