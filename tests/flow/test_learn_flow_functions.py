"""Our flows with the functions as they are: what of a library needs no training is benchmarked, and comes home.

Flows, Transfer and Compute are in this process and in made-up time (`tests.rigs.work_flows`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.benched import GUESSES, labelled, package
from tests.rigs.facility import Facility
from tests.rigs.first_images import first_images
from tests.rigs.networks import begun, network_card, network_written
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


def lab_of(flow: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[WorkFlows, Path]:
    """Everything but the real services, and a library."""
    flows, there = WorkFlows(VirtualTime(), folder, recipe=FLOWS[flow], verbs=VERBS), folder / "library"
    there.mkdir()
    roots: list[Path] = [flows.stage, there]
    allowed: dict[str, dict[str, str]] = {name: {} for name in VERBS}
    Facility(folder, monkeypatch).allow(read_roots=roots, write_roots=roots, functions=allowed)
    monkeypatch.setattr(gates, "barred", lambda _package: ())  # made packages know no bounds
    return flows, there


@pytest.mark.parametrize("flow", ["learn", "retest"])
def test_the_best_of_a_library_comes_home(flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows, there = lab_of(flow, tmp_path, monkeypatch)
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
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


@pytest.mark.learn
@pytest.mark.timeout(500)
def test_a_network_of_the_library_is_trained_further_and_comes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three that have learned nothing one is, from its own numbers. The first answer of its training is lost."""
    flows, there = lab_of("learn", tmp_path, monkeypatch)
    for seed, at in ((5, "south"), (6, "east"), (7, "west")):
        card = network_card(title=f"of {at}", groups_seen=(f"{at}/rat/day",))
        network_written(there / "packages", begun(seed=seed), card)
    first_images(flows.sem / "run", specimens=3, each=6)
    request = {
        "dataset": str(flows.sem / "run"),
        "library": str(there),
        "instrument": "north",
        "learner": "small",
        "plan": {"lesson": "focus", "learner": "small", "epochs": 2, "batch": 6, "warmup_epochs": 0.5},
        "layout": {"workers": 2, "device": "cpu"},
        "title": "of north",
    }
    flows.silent = {"mhfd_train": 1}
    answer = ended(flows, Work(1, "north-1", "learn", request, WorkAnswer.model_validate))
    assert answer.state is WorkState.DONE, answer.errors
    assert answer.result is not None
    assessed = Assessment.model_validate(answer.result["assess"])
    assert assessed.train == (assessed.best,)
    (trained,) = answer.result["train"]
    found = Benchmarked.model_validate(answer.result["benchmark"])
    entries = {one.package for one in found.entries}
    assert trained["package"] in entries, (trained, entries)
    assert {one.package for one in assessed.packages[1:]} < entries
    assert flows.names.count("mhfd_train") == 2, "asked again, after its answer was lost"
    (home,) = {Path(one.path).parent for one in answer.artefacts if one.kind == "package"}
    brought = read_package(home)
    assert brought.name == found.challenger
    if brought.name == trained["package"]:
        assert brought.card.parent == assessed.best
    assert (len(flows.runs), flows.staged()) == (1, [])
