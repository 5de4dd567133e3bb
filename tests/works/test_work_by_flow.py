"""A work by runs of a flow: one run and one result, whoever follows it; a run is ended when its work is cancelled."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import pytest
from benchmarks._virtual_time import VirtualTime
from click.testing import CliRunner, Result
from tests.rigs.facility import Facility
from tests.rigs.hash_flow import HASH_FLOW
from tests.rigs.remote import hashing
from tests.rigs.work_flows import SOMETHING, WorkFlows

import mhfd_client
from mhfd import shim
from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.cli import main
from mhfd_client.compute import registration
from mhfd_client.errors import RunnerError
from mhfd_client.works import by_flow
from mhfd_client.works.kept_work import KeptWork
from mhfd_flows.shipped import FLOWS


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkFlows:
    made = WorkFlows(VirtualTime(), tmp_path)
    site = Facility(tmp_path, monkeypatch)
    site.allow(read_roots=[made.stage], write_roots=[made.stage], functions={hashing.NAME: {}})
    monkeypatch.setitem(FLOWS, HASH_FLOW.name, HASH_FLOW)
    monkeypatch.setitem(shim.FUNCTIONS, hashing.NAME, hashing.FUNCTION)
    monkeypatch.setattr(by_flow, "own_client", lambda: nullcontext(None))
    monkeypatch.setattr(registration, "find", lambda *_, **__: SOMETHING)
    monkeypatch.setattr(by_flow, "work_runner", lambda *_, **__: made.runner(state=tmp_path))
    return made


def work(*words: object) -> Result:
    return CliRunner().invoke(main, ["work", *map(str, words)])


def begun(flows: WorkFlows, tmp_path: Path, *words: str) -> Result:
    (tmp_path / "hash.json").write_text(f'{{"folder": "{flows.images(3)}"}}')
    asked = (hashing.NAME, "--via", "flow", "--endpoint", SOMETHING, "--request", tmp_path / "hash.json")
    return work("begin", *asked, "--key", "wafer7", "--set", "flow.source_here=/sem", *words)


def test_what_is_made_comes_here(flows: WorkFlows, tmp_path: Path) -> None:
    told = begun(flows, tmp_path)
    assert told.exit_code == 0, told.output
    assert f"wafer7  {hashing.NAME} on endpoint {SOMETHING}\n" in told.stdout
    (file,) = (flows.sem / "results").rglob("SHA256SUMS")
    assert file.read_bytes() == hashing.expected(flows.sem / "run")
    assert f"{file}  " in told.stdout
    assert "(here)" in told.stdout
    assert KeptWork.named("wafer7").settings["flow.source_here"] == "/sem"
    assert work("follow", "wafer7").exit_code == 0
    assert len(flows.runs) == 1


def test_who_goes_away_comes_back_to_the_same_run(flows: WorkFlows, tmp_path: Path) -> None:
    assert begun(flows, tmp_path, "--no-follow").exit_code == 0
    assert begun(flows, tmp_path, "--no-follow").exit_code == 0
    answer = mhfd_client.resume_work("wafer7", progress=False)
    assert (answer.ok, answer.state) == (True, "done")
    assert len(flows.runs) == 1


def test_a_run_is_ended_when_its_work_is_cancelled(flows: WorkFlows, tmp_path: Path) -> None:
    assert begun(flows, tmp_path, "--no-follow").exit_code == 0
    told = work("cancel", "wafer7")
    assert (told.exit_code, "  cancelled" in told.stdout) == (0, True), told.output
    assert [run.status for run in flows.runs.values()] == ["ENDED"]
    assert work("cancel", "wafer7").exit_code == 0
    assert work("follow", "wafer7").exit_code == 1


def test_without_a_run_there_is_nothing_to_cancel(flows: WorkFlows) -> None:
    KeptWork.new("wafer7", hashing.NAME, UUID(SOMETHING), {"folder": str(flows.images(1))}, via="flow")
    told = work("cancel", "wafer7")
    assert (told.exit_code, "has no run of its flow under way" in told.stderr) == (1, True), told.output


def test_one_process_follows(flows: WorkFlows, tmp_path: Path, state_home: Path) -> None:
    assert begun(flows, tmp_path, "--no-follow").exit_code == 0
    with (
        files.held(files.opened_lock(state_home / "works" / "wafer7.lock")),
        pytest.raises(RunnerError, match="is followed by another process"),
    ):
        mhfd_client.resume_work("wafer7", progress=False)


def test_what_a_flow_cannot_do_is_said_first(flows: WorkFlows) -> None:
    for function, request, given, words in (
        (hashing.NAME, {}, {}, "folder has to name a folder of this machine"),
        (hashing.NAME, {"folder": "/x"}, {"endpoint": None}, "endpoint: must be given, or compute.endpoint set"),
        (hashing.NAME, {"folder": "/x"}, {"into": "/w"}, "a flow makes the work's folder itself"),
        (hashing.NAME, {"folder": "/x"}, {"via": "post"}, "'post' is neither compute nor flow"),
        ("mhfd_examine", {}, {}, "no flow does work of 'mhfd_examine'"),
    ):
        options = {"endpoint": SOMETHING, "via": "flow"} | given
        with pytest.raises(UsageError, match=words):
            mhfd_client.work(function, request, **options)
    assert not mhfd_client.known_works()
