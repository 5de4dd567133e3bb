"""kill -9 in the middle: the next start-up has the lens back within 1 nm, and nothing is carried out twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.lens_rig import FOCUS_UM, LensRig, lens_rig

from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import restore
from mhfd_client.adjustment.outstanding import outstanding_of

NANOMETRE = 0.001
START_UM = FOCUS_UM + 4.0
BETWEEN_IMAGES = 5
"""Right after the first of a pair."""


def killed(folder: Path, step: int) -> LensRig:
    """A microscope whose repair was killed right after that call."""
    rig = lens_rig(folder, lens_um=START_UM)
    words = [sys.executable, "-m", "tests.rigs.lens_killed", str(rig.state), str(rig.scope.folder), str(step)]
    ended = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return rig


def check(rig: LensRig) -> None:
    """What a start-up finds, and leaves."""
    kept = [line.numbers["to_um"] for line in ledger.lines(rig.state) if line.what is LensEntry.KEPT]
    said = restore(rig.state, rig.instrument())
    assert rig.lens_um == pytest.approx(kept[-1] if kept else START_UM, abs=NANOMETRE), said
    assert outstanding_of(rig.state) is None
    begun = [line.instruction for line in ledger.lines(rig.state) if line.what is LensEntry.MOVE]
    assert len(begun) == len(set(begun))
    assert [flaw for flaw in ledger.flaws(rig.state) if not flaw.torn] == []
    assert restore(rig.state, rig.instrument()) is None


def test_after_a_kill_the_lens_is_back(tmp_path: Path) -> None:
    rig = killed(tmp_path, BETWEEN_IMAGES)
    assert rig.lens_um == pytest.approx(START_UM + 2.0)
    check(rig)
    assert rig.lens_um == pytest.approx(START_UM, abs=NANOMETRE)


@pytest.mark.soak
def test_twenty_kills_between_the_images_of_a_pair(tmp_path: Path) -> None:
    for number in range(20):
        rig = killed(tmp_path / str(number), BETWEEN_IMAGES)
        assert rig.lens_um == pytest.approx(START_UM + 2.0)
        assert rig.scope.count().images == 1
        check(rig)
        assert rig.lens_um == pytest.approx(START_UM, abs=NANOMETRE)


@pytest.mark.soak
def test_a_kill_at_every_step(tmp_path: Path) -> None:
    for step in range(1, 45):
        check(killed(tmp_path / str(step), step))
