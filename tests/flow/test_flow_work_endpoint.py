"""A work by runs of a flow, with the SDK, the stand-ins of Flows and Transfer, and a real endpoint that does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rigs.flow_rig import Site, settings_file, site_here
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.hash_flow import HASH_FLOW
from tests.rigs.listening import listen
from tests.rigs.remote.hashing import FUNCTION, NAME, expected
from tests.rigs.work_flows import work

from mhfd import shim
from mhfd.contract.work import WorkState
from mhfd_client.cli import main
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.runners import Batch, Event, Started
from mhfd_client.runners.work import Ended, Going
from mhfd_flows.shipped import FLOWS

ALLOWED = f"[functions.{NAME}]\n"


@contextmanager
def allowed(endpoint: ChildEndpoint) -> Iterator[None]:
    """Its site lets the function run."""
    before = endpoint.site_file.read_text()
    endpoint.site_file.write_text(before + ALLOWED)
    try:
        yield
    finally:
        endpoint.site_file.write_text(before)


@contextmanager
def lab_of(
    service: Service, endpoint: ChildEndpoint, folder: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> Iterator[Site]:
    monkeypatch.setitem(FLOWS, HASH_FLOW.name, HASH_FLOW)
    monkeypatch.setitem(shim.FUNCTIONS, NAME, FUNCTION)
    with site_here(service, endpoint, folder, monkeypatch, HASH_FLOW) as lab:
        for n in range(files):
            (lab.root / f"{n}.tif").write_bytes(bytes([n]) * 2000)
        yield lab


@contextmanager
def running(lab: Site) -> Iterator[FlowRunner]:
    runner = lab.work_runner(NAME)
    try:
        yield runner
    finally:
        runner.close()


def over(events: list[Event]) -> bool:
    return any(isinstance(event, Ended) for event in events)


def is_done(events: list[Event], lab: Site) -> Ended:
    """One result from one run, its file here as it was made there, and nothing left."""
    (end,) = (event for event in events if isinstance(event, Ended))
    assert end.answer.state is WorkState.DONE, end.answer
    (made,) = end.answer.artefacts
    assert Path(made.path).read_bytes() == expected(lab.root)
    assert len(lab.runs()) == 1
    assert lab.staged() == []
    return end


def test_an_answer_is_lost_and_the_client_is_killed(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with allowed(quick_endpoint), lab_of(service, quick_endpoint, tmp_path, monkeypatch, 3) as lab:
        batch = Batch("a", (work(lab.root),))
        lost = service.globus.server.fail("POST /flows/.*/run", 502, after=True)
        reached = service.globus.flows.hold("Act")
        with running(lab) as first:
            listen(first, lambda _: first.capacity > 0)
            first.submit(batch)
            listen(first, lambda _: reached.is_set())
        service.globus.flows.release("Act")
        with running(lab) as second:
            assert second.reattach(batch)
            end = is_done(listen(second, over), lab)
        assert (lost.hits, end.answer.taken_up) == (1, 1)


@pytest.mark.soak
def test_a_person_types_it(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is named but the function, the endpoint and the folder: flow, login and function are found."""
    with allowed(quick_endpoint), lab_of(service, quick_endpoint, tmp_path, monkeypatch, 3) as lab:
        (tmp_path / "hash.json").write_text(json.dumps({"folder": str(lab.root)}))
        own = {name: value for name, value in lab.pairs.items() if name not in ("flow.id", "compute.function")}
        monkeypatch.setenv("MHFD_CONFIG", str(settings_file(tmp_path, own)))
        words = ["work", "begin", NAME, "--via", "flow", "--request", str(tmp_path / "hash.json"), "--key", "typed"]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        (made,) = lab.results.rglob("SHA256SUMS")
        assert f"{made}  " in done.stdout
        assert made.read_bytes() == expected(lab.root)
        assert (len(lab.runs()), lab.staged()) == (1, [])
        assert CliRunner().invoke(main, ["work", "follow", "typed"]).exit_code == 0
        assert len(lab.runs()) == 1, "its end is known"
        shown = CliRunner().invoke(main, ["run", "show", lab.runs()[0].id, "--flow-id", lab.pairs["flow.id"]])
        assert "work: typed; `mhfd work show typed` says how it is" in shown.output


@pytest.mark.soak
def test_workers_are_killed_between_checkpoints(
    service: Service,
    compute_endpoint: Callable[..., ChildEndpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the client, too: the next worker goes on from the last checkpoint, in the same run."""
    endpoint = compute_endpoint(site=ALLOWED)
    with lab_of(service, endpoint, tmp_path, monkeypatch, 40) as lab:
        batch = Batch("a", (work(lab.root, turn_s=2, slow_ms=500),))
        with running(lab) as first:
            listen(first, lambda _: first.capacity > 0)
            first.submit(batch)
            heard = listen(first, lambda events: any(isinstance(event, Going) for event in events))
            endpoint.kill_worker()
        with running(lab) as second:
            assert second.reattach(batch)
            heard += listen(second, over)
        end = is_done(heard, lab)
        done = [event.answer.progress.done for event in heard if isinstance(event, Going) and event.answer.progress]
        assert done == sorted(done), "what was done is never done again"
        assert end.answer.taken_up > 2
        assert sum(isinstance(event, Started) for event in heard) == 1
