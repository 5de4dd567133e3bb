"""Runs of the flow `learn`: whatever fails, is late or lost, there is one training of each package and one benchmark.

Flows, Transfer and Compute are in this process and in made-up time (`tests.rigs.work_flows`); the functions do little
(`tests.rigs.remote.little_learning`), and write down what they did to its end.
"""

from __future__ import annotations

import shutil
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks._virtual_time import VirtualTime
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.rigs.facility import Facility
from tests.rigs.remote.little_learning import DONE, PACKAGES, VERBS, WRONG, done
from tests.rigs.work_flows import WorkerDied, WorkFlows

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.runners import Batch, Event, Returned
from mhfd_client.runners.work import Ended, Going, Work
from mhfd_flows.shipped import FLOWS

HOURS = 60
CHAMPION = PACKAGES[2]


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkFlows:
    return made(tmp_path, monkeypatch, "learn")


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, flow: str) -> WorkFlows:
    flows = WorkFlows(VirtualTime(), folder, recipe=FLOWS[flow], verbs=VERBS)
    library = folder / "library"
    library.mkdir()
    roots = [flows.stage, library]
    Facility(folder, monkeypatch).allow(read_roots=roots, write_roots=roots, functions={name: {} for name in VERBS})
    return flows


def library_of(flows: WorkFlows) -> Path:
    return flows.sem.parent / "library"


def learning(flows: WorkFlows, *, learner: str = "small", function: str = "learn", **fields: Any) -> Work:
    request = {
        "dataset": str(flows.images(3)),
        "library": str(library_of(flows)),
        "instrument": "north",
        "champion": CHAMPION,
        "task": "focus",
        **({"plan": {"lesson": "focus", "learner": learner}, "train_at_most": 2} if function == "learn" else {}),
        **fields,
    }
    return Work(1, "north-1", function, request, WorkAnswer.model_validate)


def followed(flows: WorkFlows, work: Work, **options: Any) -> list[Event]:
    runner = flows.runner(**options)
    runner.submit(Batch("a", (work,)))
    heard = until_over(runner, flows)
    runner.close()
    return heard


def until_over(runner: FlowRunner, flows: WorkFlows) -> list[Event]:
    heard = list(runner.events(1.0))
    while len(runner._line) and flows.time.now < HOURS * 3600:
        heard += runner.events(60.0)
    return heard + list(runner.events(0.0))


def ended(events: list[Event]) -> WorkAnswer:
    (found,) = (event for event in events if isinstance(event, Ended))
    return found.answer


def returned(events: list[Event]) -> Returned:
    (found,) = (event for event in events if isinstance(event, Returned))
    return found


def did(flows: WorkFlows) -> dict[str, int]:
    return dict(Counter(line["did"] for line in done(library_of(flows))))


def is_learned(answer: WorkAnswer, flows: WorkFlows, *, trained: int) -> Mapping[str, Any]:
    """It is done, its parts are told, report and package are here, and nothing is left behind."""
    assert (answer.state, answer.key) == (WorkState.DONE, "north-1")
    assert answer.result is not None
    Assessment.model_validate(answer.result["assess"])
    assert [one["parent"] for one in answer.result.get("train", [])] == list(PACKAGES[:trained])
    Benchmarked.model_validate(answer.result["benchmark"])
    report, package = answer.artefacts
    assert (report.kind, package.kind) == ("report", "package")
    assert all(Path(one.path).is_relative_to(flows.sem / "results") for one in answer.artefacts)
    assert Path(package.path).read_text().startswith("model.onnx from aaa" if trained else "as it stands")
    assert flows.staged() == []
    assert did(flows) == {"assess": 1, "benchmark": 1} | ({"train": trained} if trained else {})
    return answer.result


@pytest.mark.parametrize("trained", [0, 1, 2])
def test_a_library_is_assessed_trained_and_benchmarked_in_one_run(flows: WorkFlows, trained: int) -> None:
    events = followed(flows, learning(flows, train_at_most=trained))
    is_learned(ended(events), flows, trained=trained)
    assert len(flows.runs) == 1
    lines = done(library_of(flows))
    keys = ["assess", *(f"train-{n + 1}" for n in range(trained)), "benchmark"]
    assert [line["key"] for line in lines] == [f"north-1-{name}" for name in keys]
    assert lines[0]["dataset"] == ["0.tif", "1.tif", "2.tif"]
    others = [name for name in PACKAGES[trained:] if name != CHAMPION][:4]
    assert (lines[-1]["trained"], lines[-1]["against"]) == (trained, others)


def test_what_is_done_so_far_is_told_meanwhile(flows: WorkFlows) -> None:
    events = followed(flows, learning(flows), poll_s=0.5)
    going = [event.answer for event in events if isinstance(event, Going)]
    assert [answer.state for answer in going] == [WorkState.MORE] * len(going)
    told = [["assess"], ["assess", "train"], ["assess", "train"], ["assess", "benchmark", "train"]]
    assert [sorted(answer.result or ()) for answer in going] == told
    assert [len((answer.result or {}).get("train", ())) for answer in going] == [0, 1, 2, 2]
    assert [answer.progress.note for answer in going if answer.progress] == [
        "assess",
        "train-1",
        "train-2",
        "benchmark",
    ]
    assert not any(answer.artefacts for answer in going)


@pytest.mark.parametrize("which", VERBS)
@pytest.mark.parametrize(("silent", "late", "deaths"), [(2, 0, 0), (0, 2, 0), (1, 1, 0), (0, 1, 1)])
def test_late_and_lost_answers_and_killed_workers_make_no_second_training(
    flows: WorkFlows, which: str, silent: int, late: int, deaths: int
) -> None:
    """So long as a part is not asked in vain three times. The answer to the start is lost too."""
    flows.silent, flows.late, flows.deaths = {which: silent}, {which: late}, deaths
    flows.lost, flows.lag_s = 1, 30.0
    is_learned(ended(followed(flows, learning(flows))), flows, trained=2)
    assert len(flows.runs) == 1


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.sets(st.integers(0, 40), max_size=4),
    silent=st.dictionaries(st.sampled_from(sorted(VERBS)), st.integers(0, 2)),
    lost=st.integers(0, 1),
)
def test_killed_whenever_it_is_one_run_with_one_package(
    flows: WorkFlows, tmp_path: Path, kills: set[int], silent: dict[str, int], lost: int
) -> None:
    """The client dies after so many looks at what happened."""
    state = tmp_path / str(len(list(tmp_path.iterdir())))
    state.mkdir()
    flows.runs.clear()
    (library_of(flows) / DONE).unlink(missing_ok=True)
    flows.silent, flows.lost, flows.lag_s = dict(silent), lost, 30.0
    batch, runner = Batch("a", (learning(flows),)), flows.runner(state=state)
    runner.submit(batch)
    heard: list[Event] = []
    for look in range(2000):
        heard += runner.events(1.0 if look < 40 else 30.0)
        if any(isinstance(event, Ended | Returned) for event in heard):
            break
        if look in kills:
            runner._noted.close()  # nothing of it is cleared up
            runner = flows.runner(state=state)
            if not runner.reattach(batch):
                runner.submit(batch)
    is_learned(ended(heard), flows, trained=2)
    assert len(flows.runs) == 1
    runner.close()


def test_a_client_that_comes_back_hears_all_parts(flows: WorkFlows, tmp_path: Path) -> None:
    batch, first = Batch("a", (learning(flows),)), flows.runner(state=tmp_path)
    first.submit(batch)
    while "mhfd_train" not in flows.names:
        first.events(5.0)
    first._noted.close()  # killed
    second = flows.runner(state=tmp_path)
    assert second.reattach(batch)
    is_learned(ended(until_over(second, flows)), flows, trained=2)
    second.close()
    assert len(flows.runs) == 1


@pytest.mark.parametrize(("learner", "said"), [("diverges", "the loss is not finite"), ("refused", "no such network")])
def test_a_training_that_comes_to_nothing_ends_it_in_words(flows: WorkFlows, learner: str, said: str) -> None:
    events = followed(flows, learning(flows, learner=learner))
    told = ended(events).errors[0].why if learner == "diverges" else returned(events).why
    assert said in told
    assert did(flows) == {"assess": 1}
    assert (len(flows.runs), flows.staged()) == (1, [])


def test_what_cannot_come_home_is_not_trained_again_by_itself(flows: WorkFlows) -> None:
    flows.broken = lambda which, path: path.unlink() if which == "return" else None
    back = returned(followed(flows, learning(flows)))
    assert back.blame
    assert "not what the endpoint has made" in back.why
    assert did(flows) == {"assess": 1, "train": 2, "benchmark": 1}


# A run that comes to nothing after a training


@pytest.mark.parametrize(
    ("how", "lost", "assessed", "runs"),
    [
        ("silent", {"mhfd_assess": 3}, 2, 2),
        ("silent", {"mhfd_train": 3}, 1, 2),
        ("silent", {"mhfd_benchmark": 3}, 1, 2),
        ("silent", {"mhfd_benchmark": 5}, 1, 2),
        ("silent", {"mhfd_train": 3, "mhfd_benchmark": 3}, 1, 3),
        ("late", {"mhfd_train": 3}, 1, 2),
    ],
    ids=str,
)
def test_it_is_begun_again_and_goes_on_with_what_is_trained(
    flows: WorkFlows, how: str, lost: dict[str, int], assessed: int, runs: int
) -> None:
    """An answer is lost, or comes late, so often that the run ends by it. Before a training it is begun anew."""
    setattr(flows, how, dict(lost))
    answer = ended(followed(flows, learning(flows), attempts=3))
    assert answer.state is WorkState.DONE
    assert [one.kind for one in answer.artefacts] == ["report", "package"]
    assert did(flows) == {"assess": assessed, "train": 2, "benchmark": 1}
    assert (len(flows.runs), flows.staged()) == (runs, [])


def test_a_transfer_that_fails_on_the_way_home_costs_no_training(flows: WorkFlows) -> None:
    moved: list[str] = []

    def broken(which: str, path: Path) -> None:
        if which == "return":
            moved.append(path.name)
            if len(moved) <= 6:  # what was benchmarked, and what was trained, three times each
                raise WorkerDied

    flows.broken = broken
    is_learned(ended(followed(flows, learning(flows))), flows, trained=2)
    assert len(flows.runs) == 2


def test_given_up_and_asked_again_it_goes_on_where_it_was(flows: WorkFlows, tmp_path: Path) -> None:
    flows.silent = {"mhfd_benchmark": 6}
    back = returned(followed(flows, learning(flows)))
    assert "given up after 2 tries" in back.why
    assert "ended as BenchmarkWorkLost: benchmark: the endpoint did not answer" in back.why
    assert f"what is done of it stays in /{flows.staged()[0]}/" in back.why
    assert "what was trained is in" in back.why
    is_learned(ended(followed(flows, learning(flows))), flows, trained=2)
    assert len(flows.runs) == 3


def test_what_failed_for_good_brings_home_what_was_trained(flows: WorkFlows) -> None:
    answer = ended(followed(flows, learning(flows, seed=WRONG)))
    assert answer.state is WorkState.FAILED
    assert "no image can be told from another" in answer.errors[0].why
    texts = [Path(one.path).read_text() for one in answer.artefacts]
    assert texts == [f"{name} from {parent}" for parent in PACKAGES[:2] for name in ("card.json", "model.onnx")]
    assert all(Path(one.path).is_relative_to(flows.sem / "results") for one in answer.artefacts)
    assert any("what was trained is in" in note.why for note in answer.notes)
    assert (len(flows.runs), flows.staged()) == (1, [])


@pytest.mark.parametrize("trained", [1, 2])
def test_a_run_that_was_cancelled_elsewhere_is_not_begun_again_by_itself(flows: WorkFlows, trained: int) -> None:
    """Once a training has begun; asked again by the same words it goes on."""
    runner = flows.runner()
    runner.submit(Batch("a", (learning(flows),)))
    while did(flows).get("train", 0) < trained:
        runner.events(5.0)
    (run,) = flows.runs
    flows.cancel(run)
    back = returned(until_over(runner, flows))
    runner.close()
    assert back.blame
    assert "not begun again by itself" in back.why
    assert "mhfd work follow north-1" in back.why
    assert len(flows.runs) == 1
    is_learned(ended(followed(flows, learning(flows))), flows, trained=2)


@settings(max_examples=6, phases=(Phase.generate,), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    silent=st.dictionaries(st.sampled_from(sorted(VERBS)), st.integers(0, 4)),
    returns=st.integers(0, 7),
    cancels=st.sets(st.integers(1, 30), max_size=2),
)
def test_whatever_ends_its_runs_one_training_of_each_package_comes_home(
    flows: WorkFlows, tmp_path: Path, silent: dict[str, int], returns: int, cancels: set[int]
) -> None:
    """Asked again until it is done: a person types the same words."""
    flows.runs.clear()
    (library_of(flows) / DONE).unlink(missing_ok=True)
    for folder in (flows.sem / "results", flows.stage):
        shutil.rmtree(folder)
        folder.mkdir()
    flows.silent = dict(silent)
    left = [returns]

    def broken(which: str, path: Path) -> None:
        if which == "return" and left[0]:
            left[0] -= 1
            raise WorkerDied

    flows.broken = broken
    batch = Batch(str(uuid.uuid4()), (learning(flows),))
    for _ in range(8):
        runner = flows.runner(attempts=1)
        runner.submit(batch)
        heard: list[Event] = []
        for look in range(5000):
            heard += runner.events(60.0)
            if any(isinstance(event, Ended | Returned) for event in heard):
                break
            if look in cancels and flows.runs:
                cancels.remove(look)
                flows.cancel(next(reversed(flows.runs)))
        runner.close()
        if any(isinstance(event, Ended) for event in heard):
            break
    answer = ended(heard)
    assert answer.state is WorkState.DONE
    counted = did(flows)
    assert (counted["train"], counted["benchmark"]) == (2, 1)
    assert Path(answer.artefacts[1].path).read_text().startswith("model.onnx from aaa")
    assert flows.staged() == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"train_at_most": 3}, "request.train_at_most"),
        ({"task": "colour"}, "request.task"),
        ({"champion": "north"}, "request.champion"),
        ({"colour": 1}, "'colour' was unexpected"),
        ({"plan": None}, "request.plan"),
        ({"dataset": "here"}, "dataset: must be the absolute path"),
    ],
)
def test_a_request_that_cannot_be_comes_back(flows: WorkFlows, fields: dict[str, Any], said: str) -> None:
    back = returned(followed(flows, learning(flows, **fields)))
    assert (back.blame, back.code) == (True, "bad_request")
    assert said in back.why


def test_a_champion_is_tested_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows = made(tmp_path, monkeypatch, "retest")
    flows.silent = {"mhfd_benchmark": 1}
    answer = ended(followed(flows, learning(flows, function="retest", against=list(PACKAGES[:2]), seed=7)))
    assert answer.state is WorkState.DONE
    assert Benchmarked.model_validate(answer.result).champion == CHAMPION
    assert done(library_of(flows)) == [
        {"did": "benchmark", "key": "north-1", "trained": 0, "against": list(PACKAGES[:2])}
    ]
    assert [one.kind for one in answer.artefacts] == ["report", "package"]
    assert flows.staged() == []
