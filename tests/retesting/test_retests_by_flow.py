"""Tests of who judges by runs of the flow `retest`, beside a real watch that is killed meanwhile: one run a test.

The SDK, the stand-ins of Flows and Transfer and a real endpoint, which asks the real function.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.rigs.flow_rig import Site, settings_file, site
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.unprivileged import hand_over
from tests.rigs.globus.waiting import until
from tests.rigs.watched import Watched

from mhfd_client.cli import main
from mhfd_client.journal.view import JournalView
from mhfd_client.results.retested import retested, summary
from mhfd_flows.shipped import FLOWS


@dataclass
class ByFlow:
    """A watch whose champion is tested every other image, and the site that tests it."""

    lab: Site
    station: Watched
    config: Path

    def answered(self, count: int) -> bool:
        rows = self.station.ask(lambda journal: journal.retests()) or []
        return self.station.alive() and sum(row.answer is not None for row in rows) >= count


def settings_of(lab: Site, library: Path) -> dict[str, Any]:
    """A station's that scores by itself; the flow is found by its name, and the function by its own."""
    own = {name: value for name, value in lab.pairs.items() if name not in ("flow.id", "compute.function")}
    return own | {
        "runner.kind": "local",
        "arrival.settle_s": 0.05,
        "models.use": "none",
        "models.instrument": "north",
        "models.library": str(library),
        "models.retest_every": 2,
        "models.retest_by": "flow",
        "models.retest_folder": str(lab.sem.root / "tests"),
    }


@pytest.fixture
def tested(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, globus_env: dict[str, str]
) -> Iterator[ByFlow]:
    before = quick_endpoint.site_file.read_text()
    quick_endpoint.site_file.write_text(f"{before}[functions.mhfd_benchmark]\n")
    library = quick_endpoint.staging / f"library-{tmp_path.name}"
    library.mkdir()
    hand_over(library, quick_endpoint.staging)
    try:
        with site(service, quick_endpoint, tmp_path, globus_env, FLOWS["retest"]) as lab:
            (lab.sem.root / "tests").mkdir()
            config = settings_file(tmp_path, settings_of(lab, library))
            options = ["--quiet", "--workers", "1", "--config", str(config)]
            with closing(Watched(lab.root, tmp_path, lab.env, options)) as station:
                yield ByFlow(lab, station, config)
    finally:
        quick_endpoint.site_file.write_text(before)


@pytest.mark.timeout(600)
def test_a_watch_is_killed_in_between_and_each_test_is_one_run(tested: ByFlow) -> None:
    """While images are brought, while the function is asked, and while the report comes back."""
    lab, station = tested.lab, tested.station
    for number, state in enumerate(("BringImages", "Act", "ReturnReport"), 1):
        reached = lab.globus.flows.hold(state)
        station.images(2)
        station.start()
        until(lambda: station.alive() and reached.is_set(), lambda: f"no run comes to {state}\n{station.said()}")  # noqa: B023
        station.kill()
        lab.globus.flows.release(state)
        if number == 2:
            station.start()
            until(lambda: tested.answered(2), station.said)
            station.kill()
    station.images(2)
    assert station.start("--until-idle", "2").wait(400) == 0, station.said()
    with closing(JournalView.read(station.state)) as journal:
        assert [(row.number, row.judged, row.tries) for row in journal.retests()] == [
            (k, 2 * k, 0) for k in range(1, 5)
        ]
        assert summary(retested(journal)) == "re-tested 4 of 4"
        for one in retested(journal):
            assert one.answer is not None
            assert one.answer.line.startswith("kept: mhfd")
            assert (one.answer.by, one.answer.instrument) == ("flow", "north")
    assert [run.status for run in lab.runs()] == ["SUCCEEDED"] * 4
    assert lab.staged() == []


def test_a_folder_that_no_flow_brings_is_said_before_anything_is_watched(tested: ByFlow, tmp_path: Path) -> None:
    given = settings_of(tested.lab, tmp_path / "library")
    for change, words in (
        ({"models.retest_folder": str(tmp_path / "away")}, "models.retest_folder: "),
        ({"models.library": None}, "models.library: must be set"),
    ):
        config = settings_file(tmp_path, given | change)
        told = CliRunner().invoke(main, ["watch", str(tested.lab.root), "--config", str(config), "--no-page"])
        assert told.exit_code == 2, told.output
        assert words in told.output
        assert tested.station.ask(lambda journal: journal.retests()) is None
