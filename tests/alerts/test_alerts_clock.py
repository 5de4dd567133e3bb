"""A clock that is set, by days and either way, makes nothing late and hides nothing that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs import jobs

from mhfd.contract.params import Params
from mhfd_client.alerts import rules
from mhfd_client.alerts.ages import Ages
from mhfd_client.alerts.message import Rule
from mhfd_client.alerts.situation import SituationReader
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import Outcome, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.now import RunNow
from mhfd_client.settings.options import AlertSettings

DAY = 86400.0
SETTINGS = AlertSettings(disk_gb=0, missing=0)
LATE = (Rule.SILENCE, Rule.BACKLOG, Rule.RUNNER)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(0.2, 2.0), st.sampled_from([0.0, 0.0, 0.0, 3600.0, 3 * DAY, -3 * DAY, -7200.0])),
        max_size=40,
    )
)
def test_a_stamp_is_as_old_as_it_is_whatever_the_clock_was_set_to(steps: list[tuple[float, float]]) -> None:
    """A stamp is written before each look; steps come between a look and the next stamp."""
    ages, wall, steady = Ages(), 1.8e9, 50.0
    ages.look(wall, steady)
    stamps: list[tuple[float, float]] = []
    for after, step in steps:
        wall, steady = wall + after + step, steady + after
        stamps.append((wall - 0.1, steady - 0.1))
        ages.look(wall, steady)
    # Where the clock came back to the same hours twice, a stamp of the first time cannot be told from the second's.
    for stamp, moment in stamps[-1:]:
        assert ages.ago(stamp) == pytest.approx(steady - moment, abs=0.01)
    if not any(step < 0 for _, step in steps):
        for stamp, moment in stamps:
            assert ages.ago(stamp) == pytest.approx(steady - moment, abs=0.01)


class Clocked:
    """A run whose clock can be set: images come, some are judged, a look a second."""

    def __init__(self, folder: Path) -> None:
        self.steady, self.offset, self.count = 0.0, 1.8e9, 0
        self.waiting: list[int] = []
        (folder / "root").mkdir()
        self.journal = Journal.open(folder / "state", root=folder / "root", now=lambda: int(self.wall * 1e9))
        self.view = JournalView.read(folder / "state")
        self.reader = SituationReader(RunNow(self.view), tuple, self.wall, steady=lambda: self.steady)
        self.rung: set[Rule] = set()

    @property
    def wall(self) -> float:
        return self.offset + self.steady

    def passes(self, seconds: float, *, every_s: float = 1.0) -> None:
        for _ in range(round(seconds / every_s)):
            self.steady += every_s
            self.look()

    def look(self) -> set[Rule]:
        now = self.reader.take(self.wall)
        wrong = {reading.rule for reading in rules.readings(now, SETTINGS) if reading.wrong}
        self.rung |= wrong & set(LATE)
        return wrong

    def arrive(self) -> None:
        self.count += 1
        row = self.journal.arrived(Whole(f"S_{self.count}.tif", 1, 1, self.wall, self.wall), Place(self.count, None))
        assert row is not None
        self.waiting.append(row.id)

    def judge(self) -> None:
        for image in self.waiting:
            self.journal.intent([image], str(image), "test", Params())
            self.journal.scored(image, jobs.report(f"S_{image}.tif", Params()))
            self.journal.judged(image, VerdictRow(Outcome.IN_FOCUS, ""))
        self.waiting.clear()

    def close(self) -> None:
        self.view.close()
        self.journal.close()


@pytest.mark.parametrize("step", [3 * DAY, -3 * DAY, 1800.0, -1800.0], ids=["days_on", "days_back", "on", "back"])
def test_a_clock_that_is_set_rings_nothing_and_hides_nothing(tmp_path: Path, step: float) -> None:
    run = Clocked(tmp_path)
    for number in range(30):  # an image every 20 seconds; the one before is judged by then
        if number == 15:
            run.offset += step
        run.arrive()
        run.passes(10.0, every_s=5.0)
        run.judge()
        run.passes(10.0, every_s=5.0)
        if number == 20:
            run.journal.trouble("runner", None, "gone")
            run.passes(5.0)
            run.offset += step
            run.passes(5.0)
            run.journal.recovered("runner")
    assert run.rung == set()
    run.arrive()
    run.offset -= step / 2
    run.passes(590.0, every_s=59.0)
    assert run.rung == set()
    run.passes(20.0, every_s=10.0)
    assert run.rung == {Rule.BACKLOG}
    run.judge()
    run.passes(280.0, every_s=28.0)
    assert run.rung == {Rule.BACKLOG}
    run.passes(20.0, every_s=10.0)
    assert run.rung == {Rule.BACKLOG, Rule.SILENCE}
    run.arrive()
    assert Rule.SILENCE not in run.look()
    run.close()
