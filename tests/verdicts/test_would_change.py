"""What a label would change is known before it is said, and asking changes nothing."""

from __future__ import annotations

import numpy as np
from tests.rigs.focus_reports import DENSITY, RATIO, report, sharp

from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import RunJudge, Turned


def _run() -> RunJudge:
    judge = RunJudge()
    for i in range(20):
        judge.see(i, sharp(i), Place(i))
    judge.see("best", report(1.2 * DENSITY, 1.2 * RATIO), Place(20))
    judge.finish()
    return judge


def test_a_label_says_before_how_many_verdicts_it_would_turn() -> None:
    judge = _run()
    assert judge.would_change("best", sharp=False) == Turned({Outcome.UNDETERMINED: 20}, 20)
    assert judge.would_change(0, sharp=True).total == 0  # all is as it was thought to be


def test_asking_changes_nothing() -> None:
    judge = _run()
    state, question = judge.history.state.copy(), judge.question()
    judge.would_change(1, sharp=False)
    assert np.array_equal(judge.history.state, state)
    assert not judge.history.label.any()
    assert judge.question() == question
