"""All verdicts given again in one order, for when nothing else is to be done, whatever the order they came in.

Every image is judged by what is thought of those before it, first to last, as if the run had come in the order of its
sections; then those that have few before them by what is thought of all. The outcome depends on the images and on
what people said of them, not on when each was scored. In small steps: others must not wait.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.decision import standing_of, weigh
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.history.regrouping import regrouped
from mhfd_client.verdicts.verdict import Verdict

_ROUNDS: Final = 4  # verdicts depend on each other; in practice two rounds settle them


def in_order(history: History) -> list[int]:
    """The scored images by section, those without a section by their order. (Those of one section never compare.)"""
    rows = np.flatnonzero(history.state != Standing.UNSCORED)
    found: list[int] = rows[np.lexsort((history.order[rows], history.section[rows]))].tolist()
    return found


def judged_in_order(
    history: History, settings: VerdictSettings, told: Callable[[int, Verdict], bool]
) -> Iterator[tuple[int, Verdict] | None]:
    """Step by step: the rows whose verdict is another one than was `told`, each with it; None after other steps.

    What is thought of the images changes only once all is known, and then at once.
    """
    history.forget()
    for _ in regrouped(history):
        yield None
    rows = in_order(history)
    states = np.array(history.state)
    states[rows] = Standing.OPEN
    for label, state in ((Label.SHARP, Standing.IN_FOCUS), (Label.BLURRED, Standing.OUT_OF_FOCUS)):
        states[(history.label == label) & (states != Standing.UNSCORED)] = state
    behind: set[int] = set()
    other: set[int] = set()

    def judge(row: int) -> bool:
        """Whether it is thought of as it was."""
        with history.supposing(states):
            verdict, looked_behind = weigh(history.measured(row), history, settings, row=row)
        (behind.add if looked_behind else behind.discard)(row)
        (other.discard if told(row, verdict) else other.add)(row)
        before, states[row] = states[row], standing_of(verdict.kind)
        return bool(before == states[row])

    for row in rows:
        judge(row)
        yield None
    for _ in range(_ROUNDS - 1):
        moved = False
        for row in rows:
            if moved or row in behind:
                moved |= not judge(row)
                yield None
        if not moved:
            break
    history.think(states)
    for row in rows:
        if row in other:
            verdict, _ = weigh(history.measured(row), history, settings, row=row)
            history.settle(row, standing_of(verdict.kind))
            yield row, verdict
