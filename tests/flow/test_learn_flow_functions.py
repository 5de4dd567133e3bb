"""Our flows with the functions as they are: what of a library needs no training is benchmarked, and comes home.

Flows, Transfer and Compute are in this process and in made-up time (`tests.rigs.work_flows`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.benched import GUESSES, labelled, package
from tests.rigs.facility import Facility
from tests.rigs.packages import answered_here
from tests.rigs.work_flows import WorkFlows

from mhfd import remote
from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.learning.packages import Library, read_package
from mhfd.learning.promotion import gates
from mhfd_client.runners import Batch, Event
from mhfd_client.runners.work import Ended, Work
from mhfd_flows.shipped import FLOWS

VERBS = {"mhfd_assess": remote.assess, "mhfd_train": remote.train, "mhfd_benchmark": remote.benchmark}
HOURS = 24


def ended(flows: WorkFlows, work: Work) -> WorkAnswer:
    runner = flows.runner()
    runner.submit(Batch("a", (work,)))
    heard: list[Event] = []
    while not any(isinstance(event, Ended) for event in heard) and flows.time.now < HOURS * 3600:
        heard += runner.events(60.0)
    runner.close()
    (end,) = (event.answer for event in heard if isinstance(event, Ended))
    return end


@pytest.mark.parametrize("flow", ["learn", "retest"])
def test_the_best_of_a_library_comes_home(flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows, there = WorkFlows(VirtualTime(), tmp_path, recipe=FLOWS[flow], verbs=VERBS), tmp_path / "library"
    there.mkdir()
    roots: list[Path] = [flows.stage, there]
    allowed: dict[str, dict[str, str]] = {name: {} for name in VERBS}
    Facility(tmp_path, monkeypatch).allow(read_roots=roots, write_roots=roots, functions=allowed)
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr(gates, "barred", lambda _package: ())  # made packages know no bounds
    best = package(there / "packages")
    guesses = package(there / "packages", GUESSES, title="guesses")
    labelled(flows.sem / "run")
    request = {
        "dataset": str(flows.sem / "run"),
        "library": str(there),
        "instrument": "north",
        "task": "focus",
        **({"plan": {"lesson": "focus", "learner": "small"}} if flow == "learn" else {"against": [best.name]}),
    }
    answer = ended(flows, Work(1, "north-1", flow, request, WorkAnswer.model_validate))
    assert answer.state is WorkState.DONE, answer.errors
    assert answer.result is not None
    told = answer.result
    if flow == "learn":
        assessed = Assessment.model_validate(told["assess"])
        assert [one.package for one in assessed.packages] == [best.name, guesses.name]
        assert (assessed.best, assessed.train) == (best.name, ())
        assert "train" not in told
        told = told["benchmark"]
    found = Benchmarked.model_validate(told)
    assert (found.decision, found.challenger, found.test) == ("promoted", best.name, 1)
    assert Library(there).champion_name("focus", "north") == best.name
    named = {Path(one.path).name: Path(one.path) for one in answer.artefacts}
    assert {"report.json", "report.html"} < named.keys()
    assert all(path.is_relative_to(flows.sem / "results") for path in named.values())
    (home,) = {Path(one.path).parent for one in answer.artefacts if one.kind == "package"}
    assert read_package(home).name == best.name
    assert (len(flows.runs), flows.staged()) == (1, [])
