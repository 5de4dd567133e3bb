"""A whole run with a hand on its lens: what fails is re-focused and taken again, and nothing is left worse.

The station, the desk, the lens and the microscope's images are the real ones; in the small run the repairs are made in
this process, and who is asked knows the truth: that saves the starts of programs, and the teaching of a package.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal

import pytest
from benchmarks._adjusted_run import AdjustedPlan, run
from benchmarks.adjust_run import WORSE_UM, left, taught

from mhfd.contract import Proposal
from mhfd_client.adjustment.beside import repair
from mhfd_client.adjustment.beside.repair import RepairJob
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.instruments.pretend_scope import PretendScope
from mhfd_client.journal.rows import Outcome


class InThread:
    """A repair that this process makes, asking who knows where the focus lies."""

    def __init__(self, job: RepairJob, scope: PretendScope) -> None:
        self.code: int | None = None
        self.answer = self.said = ""
        self._job, self._scope = job, scope
        threading.Thread(target=self._run, daemon=True).start()

    def _ask(self, pair: TakenPair) -> Proposal:
        """As a package does that is wrong by 0.1 um."""
        truth = self._scope.truth()
        away = truth.focus_at(truth.section, 0) - pair.centre_um + 0.1
        sign: Literal[-1, 1] = 1 if away > 0 else -1
        return Proposal(sign=sign, move_um=away, sd_um=0.1, package="0" * 64, title="who knows")

    def _run(self) -> None:
        try:
            self.answer = repair.run(self._job, ask=self._ask).model_dump_json()
        except BaseException as error:
            self.said = f"{type(error).__name__}: {error}"
            self.code = 1
            raise
        self.code = 0

    def end(self, grace_s: float) -> None:
        """It ends by itself."""


def test_what_failed_is_taken_again_in_focus(tmp_path: Path) -> None:
    plan = AdjustedPlan(sections=10, failures=2 / 10, seed=3, drift_um=0.05, size=384)
    found = run(tmp_path, plan, adjust=True, starts=lambda job: InThread(job, PretendScope(tmp_path / "scope")))
    mended = [one for one in found.sections if one.tries]
    assert {one.section for one in mended} >= set(plan.knocks())
    assert left(found) == []
    for one in mended:
        assert one.outcomes[0] == Outcome.OUT_OF_FOCUS.value
        assert abs(one.um[-1]) < 1.0
        assert one.worse_um < 0
        assert one.spent <= 6
    untouched = [one for one in found.sections if not one.tries]
    assert all(len(one.um) == 1 for one in untouched)


@pytest.mark.soak
@pytest.mark.parametrize("waits", [True, False])
def test_a_long_run_leaves_nothing_unnamed_and_nothing_blurrier(tmp_path: Path, waits: bool) -> None:
    plan = AdjustedPlan(sections=200, seed=5, drift_um=0.12)
    found = run(tmp_path, plan, adjust=True, waits=waits, home=taught(tmp_path))
    assert [one for one in left(found) if not one.asked] == []
    assert [one for one in found.sections if one.worse_um > WORSE_UM] == []
    without = run(tmp_path / "without", plan, adjust=False)
    assert len(left(found)) < len(left(without))
