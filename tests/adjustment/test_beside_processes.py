"""The programs beside a watch, as programs: they say how they ended, and end with it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.globus.waiting import until
from tests.rigs.instruments.pretend import station_with

from mhfd.contract import Proposal
from mhfd_client.adjustment import ledger, moves
from mhfd_client.adjustment.beside.listen import ListenJob
from mhfd_client.adjustment.beside.repair import RepairJob, RepairTold, proposed_words, run
from mhfd_client.adjustment.beside.tries import RepairEnd
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.beside.child import Child
from mhfd_client.instruments.pretend_scope import make_pretend


def ended(child: Child) -> int:
    until(lambda: child.code is not None, lambda: child.said)
    assert child.code is not None
    return child.code


def test_what_is_turned_beside_a_watch_is_kept_and_the_listener_ends_with_the_watch(tmp_path: Path) -> None:
    scope = make_pretend(tmp_path / "scope", size=128)
    state, root = station_with(tmp_path / "state", scope, allow="off"), tmp_path / "run"
    root.mkdir()
    child = ListenJob(state_dir=state, watched=root).start()
    until(lambda: scope.count().calls > 0 or child.code is not None, lambda: child.said)
    scope.turn(-3.2)
    until(lambda: list(moves.moves(state)) or child.code is not None, lambda: child.said)
    assert child.code is None, child.said
    (kept,) = moves.moves(state)
    assert (round(kept.by, 6), kept.source, kept.specimen) == (-3.2, "device", "run")
    child._untie()  # what a watch that is killed does without doing anything
    assert ended(child) == 0, child.said


def test_a_repair_says_in_words_what_was_wrong(tmp_path: Path) -> None:
    job = RepairJob(state_dir=tmp_path, what="apply", repair="r1", image=7, shot="S_007.tif", section=7)
    child = job.start()
    assert ended(child) == 0, child.said
    told = RepairTold.read(child)
    assert told.end is RepairEnd.REFUSED
    assert "instrument.toml: there is none" in told.words
    (line,) = ledger.lines(tmp_path)
    assert (line.what, line.about["end"], line.about["section"]) == (LensEntry.REPAIRED, "refused", "7")


def test_one_that_dies_has_failed_and_one_that_stays_is_ended() -> None:
    dead = Child(["-c", "import sys; sys.exit('a defect')"], b"")
    assert ended(dead) == 1
    assert RepairTold.read(dead) == RepairTold(end=RepairEnd.FAILED, words="a defect")
    stubborn = Child(["-c", "import signal; signal.pause()"], b"")
    stubborn.end(0.0)
    assert stubborn.code == -signal.SIGTERM


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"sign": 1, "move_um": 3.1, "sd_um": 0.2}, "add +3.10 +- 0.20 um to the working distance"),
        ({"sign": -1, "move_um": -2.98, "sd_um": 0.1}, "add -2.98 +- 0.10 um to the working distance"),
        (
            {"sign": -1, "why": "calibrate"},
            "a shorter working distance is sharper; how far is not known: calibrate",
        ),
        ({"sign": 1}, "a longer working distance is sharper; how far is not known"),
        ({"sign": None, "refusal": "drift", "why": "it moved between the two"}, "it moved between the two"),
    ],
)
def test_a_proposal_says_what_to_turn(said: dict[str, Any], words: str) -> None:
    assert proposed_words(Proposal(**said, package="0" * 64, title="one")) == words


def test_a_lens_that_was_turned_since_takes_no_image_again(tmp_path: Path) -> None:
    """What would be taken then is as blurred as that turn makes it, and takes the place of the first take."""
    scope = make_pretend(tmp_path / "scope", size=128, lens_um=5003.0, focus_um=5000.0, run=str(tmp_path / "run"))
    state = station_with(tmp_path / "state", scope)

    def knows(pair: TakenPair) -> Proposal:
        away = 5000.05 - pair.centre_um
        return Proposal(sign=1 if away > 0 else -1, move_um=away, sd_um=0.1, package="0" * 64, title="who knows")

    def tried(section: int, **faults: Any) -> RepairTold:
        scope.turn_to(5003.0)
        scope.plant(**faults)
        return run(RepairJob(state_dir=state, what="apply", repair="r", image=1, shot="a", section=section), ask=knows)

    before = scope.count().calls
    assert tried(1).end is RepairEnd.RETAKEN
    asked, taken = scope.count().calls - before, scope.count().run_images
    told = tried(2, another_hand={asked - 1: 3.0})  # before the last look at the lens
    assert told.end is RepairEnd.NOT_BETTER
    assert "somebody else has turned the lens" in told.words
    assert scope.count().run_images == taken
