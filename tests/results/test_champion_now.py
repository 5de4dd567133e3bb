"""Who is champion in a run, since when, and how far its last images lie: in words and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.rigs import jobs
from tests.rigs.estimates import FOCUS, made
from tests.rigs.runs import Run

from mhfd.contract.estimate import UNLIKE
from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.rows import ChampionTold
from mhfd_client.naming import Place
from mhfd_client.results.champion_now import champion_now


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with closing(Run(tmp_path)) as run:
        yield run


def estimated(run: Run, *fars: float | None, refusal: str | None = None) -> None:
    for far in fars:
        row = run.journal.arrived(Whole(f"{run.journal.files():03}.tif", 10, 5, 1.0, 2.0), Place(1))
        assert row is not None
        said = made(FOCUS, far=far, refusal=refusal) if refusal else made(FOCUS, far=far, p=0.1)
        run.journal.scored(row.id, jobs.report(row.path, Params()), estimates=[said])


def lines(run: Run) -> list[str]:
    now = champion_now(run.journal)
    assert now is not None
    assert now.as_json()["words"] == now.lines
    return now.lines


def test_nobody_has_said_who_judges(run: Run) -> None:
    assert champion_now(run.journal) is None
    run.journal.champion_told(ChampionTold(None, "mhfd"))
    assert lines(run) == []


def test_the_middle_of_the_last_twenty_and_how_many_lie_beyond(run: Run) -> None:
    run.journal.champion_told(ChampionTold(FOCUS, "lab-focus"))
    assert lines(run) == []
    estimated(run, 0.42)
    assert lines(run) == [
        "the last image lies .42 of the edge from what lab-focus 77d0 was taught with, none beyond it"
    ]
    estimated(run, *[9.0] * 3, *[0.1] * 16, 1.25, 12.5, None)
    estimated(run, None, refusal=f"{UNLIKE} (1.4 of its reach)")
    assert lines(run) == ["the last 20 images lie .1 of the edge from what lab-focus 77d0 was taught with, 3 beyond it"]


def test_estimates_of_before_say_nothing_of_their_rings(run: Run) -> None:
    run.journal.champion_told(ChampionTold(FOCUS, "lab-focus"))
    estimated(run, None, None)
    assert lines(run) == [
        "nobody knows how far the last 2 images lie from what lab-focus 77d0 was taught with; for that it refused none"
    ]


def test_a_change_is_said_with_who_it_was_before(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.journal.champion_told(ChampionTold(None, "mhfd"))
    assert caplog.messages == [], "that is no change"
    for _ in range(2):
        run.journal.champion_told(ChampionTold(FOCUS, "lab-focus"))
    assert caplog.messages == ["the champion here is lab-focus 77d0 from now on, in place of mhfd"]
    (line,) = lines(run)
    assert line.startswith("champion in this run: lab-focus 77d0 since ")
    assert line.endswith(" UTC, in place of mhfd")
    run.journal.champion_told(ChampionTold(FOCUS, "its title again"))
    assert len(caplog.messages) == 1, "it is the same"
    now = champion_now(run.journal)
    assert now is not None
    assert now.champion.before == "mhfd"
