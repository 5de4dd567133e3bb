"""The flow `learn` with the SDK, the stand-ins of Flows and Transfer, and a real endpoint; the functions do little."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rigs.flow_rig import Site, registered, settings_file, site_here
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.unprivileged import hand_over
from tests.rigs.listening import listen
from tests.rigs.remote.little_learning import FUNCTIONS, PACKAGES, done

from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client.cli import main
from mhfd_client.compute import registration
from mhfd_client.runners import Batch, Event
from mhfd_client.runners.work import Ended, Work
from mhfd_flows.shipped import FLOWS


@contextmanager
def lab_of(
    service: Service, endpoint: ChildEndpoint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Site, Path]]:
    """A site whose endpoint may be asked, and its library."""
    before = endpoint.site_file.read_text()
    endpoint.site_file.write_text(before + "".join(f"[functions.{name}]\n" for name in FUNCTIONS))
    library = endpoint.staging / f"library-{folder.name}"
    library.mkdir()
    hand_over(library, endpoint.staging)
    ids = {name: registered(service, folder, function) for name, function in FUNCTIONS.items()}
    try:
        with site_here(service, endpoint, folder, monkeypatch, FLOWS["learn"], ids) as lab:
            for n in range(3):
                (lab.root / f"{n}.tif").write_bytes(bytes([n]) * 2000)
            yield lab, library
    finally:
        endpoint.site_file.write_text(before)


def asked(lab: Site, library: Path) -> dict[str, object]:
    return {
        "dataset": str(lab.root),
        "library": str(library),
        "instrument": "north",
        "plan": {"lesson": "focus", "learner": "small"},
        "train_at_most": 2,
    }


def is_learned(answer: WorkAnswer, lab: Site, library: Path) -> None:
    assert answer.state is WorkState.DONE, answer
    assert answer.result is not None
    assert sorted(answer.result) == ["assess", "benchmark", "train"]
    assert [Path(one.path).read_text()[:14] for one in answer.artefacts] == ['{"trained": 2}', "model.onnx fro"]
    assert [line["did"] for line in done(library)] == ["assess", "train", "train", "benchmark"]
    assert [line["parent"] for line in done(library)[1:3]] == list(PACKAGES[:2])
    assert (len(lab.runs()), lab.staged()) == (1, [])


def test_a_start_is_not_answered_and_the_client_is_killed_between_two_trainings(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(events: list[Event]) -> bool:
        return any(isinstance(event, Ended) for event in events)

    with lab_of(service, quick_endpoint, tmp_path, monkeypatch) as (lab, library):
        batch = Batch("a", (Work(1, "north-1", "learn", asked(lab, library), WorkAnswer.model_validate),))
        lost = service.globus.server.fail("POST /flows/.*/run", 502, after=True)
        reached = service.globus.flows.hold("Train2")
        first = lab.work_runner("learn")
        try:
            listen(first, lambda _: first.capacity > 0)
            first.submit(batch)
            listen(first, lambda _: reached.is_set())
        finally:
            first.close()
        service.globus.flows.release("Train2")
        second = lab.work_runner("learn")
        try:
            assert second.reattach(batch)
            (end,) = (event for event in listen(second, over) if isinstance(event, Ended))
        finally:
            second.close()
        is_learned(end.answer, lab, library)
        assert lost.hits == 1


def test_the_endpoint_is_gone_after_two_trainings_and_another_run_goes_on(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(events: list[Event]) -> bool:
        return any(isinstance(event, Ended) for event in events)

    with lab_of(service, quick_endpoint, tmp_path, monkeypatch) as (lab, library):
        batch = Batch("of-north", (Work(1, "north-1", "learn", asked(lab, library), WorkAnswer.model_validate),))
        reached = service.globus.flows.hold("Train2")  # which is asked already: what fails is the next
        runner = lab.work_runner("learn")
        try:
            listen(runner, lambda _: runner.capacity > 0)
            runner.submit(batch)
            listen(runner, lambda _: reached.is_set())
            gone = service.globus.flows.compute_trouble("failed", 3)
            service.globus.flows.release("Train2")
            (end,) = (event for event in listen(runner, over) if isinstance(event, Ended))
        finally:
            runner.close()
        assert (gone.hits, [run.status for run in lab.runs()]) == (3, ["FAILED", "SUCCEEDED"])
        assert [run.about["tags"][1] for run in lab.runs()] == ["mhfd-in:of-north"] * 2
        assert end.answer.state is WorkState.DONE, end.answer
        assert [line["did"] for line in done(library)] == ["assess", "train", "train", "benchmark"]
        assert [Path(one.path).read_text()[:14] for one in end.answer.artefacts] == ['{"trained": 2}', "model.onnx fro"]
        assert lab.staged() == []
        home = sorted(path.name for path in lab.results.rglob("model.onnx"))
        assert len(home) == 3, "both trainings, and what was benchmarked"


@pytest.mark.soak
def test_a_person_types_it(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is named but the flow and what it is asked: flow, login and endpoint are the settings'."""
    with lab_of(service, quick_endpoint, tmp_path, monkeypatch) as (lab, library):
        monkeypatch.setattr(registration, "find", lambda _client, name, **_: lab.functions[name])
        (tmp_path / "learn.json").write_text(json.dumps(asked(lab, library)))
        own = {name: value for name, value in lab.pairs.items() if name not in ("flow.id", "compute.function")}
        monkeypatch.setenv("MHFD_CONFIG", str(settings_file(tmp_path, own)))
        words = ["work", "begin", "learn", "--via", "flow", "--request", str(tmp_path / "learn.json"), "--key", "north"]
        told = CliRunner().invoke(main, [*words, "--json"])
        assert told.exit_code == 0, told.output
        is_learned(WorkAnswer.model_validate(json.loads(told.stdout)["answer"]), lab, library)
        shown = CliRunner().invoke(main, ["run", "show", lab.runs()[0].id, "--flow-id", lab.pairs["flow.id"]])
        assert "work: north; `mhfd work show north` says how it is" in shown.output
        assert CliRunner().invoke(main, [*words[:-1], "n" * 53]).exit_code == 2
