"""What `mhfd endpoint init` writes, started by the real core endpoint: the road of a facility's administrator.

A run of the flow and both demos go over the same endpoint, which takes seconds to set up: they are here, and last.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile
from globus_compute_sdk import Executor
from globus_compute_sdk.errors import TaskExecutionFailed
from globus_sdk import GlobusAPIError
from tests.rigs.flow_rig import site_here
from tests.rigs.globus import demo_endpoint, demo_flow
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import DEADLINE_S, until
from tests.rigs.listening import listen, until_answered
from tests.rigs.mpi import needs_mpi

import mhfd
from mhfd import simulate
from mhfd.site import FREE
from mhfd_client.compute.translated import translated
from mhfd_client.runners import Batch, Scored
from mhfd_endpoint.finding import Level

Executors = Callable[..., Executor]


def double(x):  # type: ignore[no-untyped-def]
    return 2 * x


@pytest.fixture
def images(core_endpoint: CoreEndpoint, tmp_path: Path) -> list[Path]:
    """Sharp, less sharp and blurred, where the endpoint may read."""
    folder = core_endpoint.root / tmp_path.name
    folder.mkdir(mode=0o755)
    series = simulate.focus_series((256, 256), seed=5, defocus_um=[0.0, 2.0, 6.0])
    paths = [folder / f"tile_{n}.tif" for n in range(len(series))]
    for path, image in zip(paths, series, strict=True):
        tifffile.imwrite(path, image)
    return paths


def asked(executor: Executors, endpoint: CoreEndpoint, images: list[Path], **options: Any) -> list[dict[str, Any]]:
    """The reports of these, without a command of ours that takes seconds to start. `options`: of the executor."""
    function, paths = endpoint.functions["mhfd_focus"], [str(path) for path in images]
    sent = executor(endpoint.id, **options).submit_to_registered_function(function, kwargs={"paths": paths})
    answer = sent.result(DEADLINE_S)
    reports: list[dict[str, Any]] = answer["reports"]
    assert None not in reports, answer["errors"]
    return reports


def test_the_folder_is_fit_and_the_endpoint_answers(service: Service, core_endpoint: CoreEndpoint) -> None:
    checked = json.loads(core_endpoint.run("mhfd", "endpoint", "check", core_endpoint.name, "--json"))
    assert [one for one in checked if one["level"] != Level.OK] == []
    assert core_endpoint.id in next(one["what"] for one in checked if one["name"] == "id")
    told = json.loads(core_endpoint.run("mhfd", "doctor", "--endpoint", core_endpoint.id, "--json"))
    lines = {one["name"]: one for one in told}
    for name in ("endpoint", "function mhfd_focus", "mhfd", "versions", "account", "warm", "gpu there", "round trip"):
        assert lines[name]["level"] == Level.OK, lines[name]
    assert [one["name"] for one in told if one["level"] == Level.FAIL] == []
    folders = [one["what"] for one in told if one["name"] == "folders there"]
    assert folders == [f"{core_endpoint.root} (read): usable", f"{core_endpoint.staging} (write): usable"]
    assert "tasks run as root" not in lines["account"]["what"]


def test_images_below_its_folder_are_scored_and_others_refused(
    service: Service, core_endpoint: CoreEndpoint, images: list[Path]
) -> None:
    link = images[0].parent / "link.tif"
    link.symlink_to("/etc/passwd")
    told = core_endpoint.reports(*images, Path("/etc/passwd"), link, exit_code=1)
    scored, outside = told[: len(images)], told[len(images) :]
    assert [one["dof"] for one in scored] == [mhfd.score(path).dof for path in images]
    assert {one["provenance"]["endpoint"] for one in scored} == {core_endpoint.id}
    assert [one["finding"] for one in outside] == ["unreadable", "unreadable"]
    for one in outside:
        assert "below none of the folders" in json.dumps(one)
        assert str(core_endpoint.root) in json.dumps(one)


@needs_mpi
def test_ranks_share_an_image_inside_a_block(
    service: Service, core_endpoint: CoreEndpoint, executor: Executors, images: list[Path]
) -> None:
    """As the administrator's file says; the worker starts mpiexec, and who asks need not know."""
    site = core_endpoint.folder / "mhfd-site.toml"
    before = site.read_text("utf-8")
    alone = asked(executor, core_endpoint, images[:1])
    more = re.sub(r"(?m)^ranks = 1$", "ranks = 2", before)
    site.write_text(re.sub(r"(?m)^ranks_from_bytes = .*$", "ranks_from_bytes = 1", more), "utf-8")
    try:
        shared = asked(executor, core_endpoint, images[:1])
    finally:
        site.write_text(before, "utf-8")
    assert shared[0]["provenance"]["device"].endswith("over 2 ranks")
    assert [one | {"timing_ms": 0, "provenance": 0} for one in shared] == [
        one | {"timing_ms": 0, "provenance": 0} for one in alone
    ]


def test_what_ran_is_told(
    service: Service, core_endpoint: CoreEndpoint, executor: Executors, images: list[Path]
) -> None:
    def used() -> tuple[dict[str, Any], int]:
        said = json.loads(core_endpoint.run("mhfd", "endpoint", "usage", core_endpoint.name, "--json"))
        days = [day for day in said["used"] if day["function"] == "mhfd_focus"]
        return days[-1], sum(day["images"] for day in days)

    asked(executor, core_endpoint, images)
    _, before = used()
    asked(executor, core_endpoint, images)
    last, after = used()
    assert after == before + len(images)
    assert last["user"] != "root"
    assert last["cpu_s"] > 0
    assert last["gpu_s"] == 0
    said = core_endpoint.run("mhfd", "endpoint", "usage", core_endpoint.name)
    assert f"{last['user']}  mhfd_focus  mhfd {mhfd.__version__}" in said
    assert "GPU-seconds" in said


# A refusal names no versions, of which the SDK warns in the thread that waits for results.
@pytest.mark.filterwarnings("ignore:\\nEnvironment differences:UserWarning")
def test_a_function_that_is_not_on_the_list(
    service: Service, core_endpoint: CoreEndpoint, executor: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service refuses it, as it was told at the start; and the endpoint itself, should the service let it pass."""
    with pytest.raises(GlobusAPIError, match="not permitted on endpoint"):
        executor(core_endpoint.id).submit(double, 1).result(DEADLINE_S)
    known = service.compute.endpoint(core_endpoint.id)
    assert known.allowed == [id_ for name, id_ in core_endpoint.functions.items() if name in FREE]
    monkeypatch.setattr(known, "allowed", None)
    with pytest.raises(TaskExecutionFailed, match="not permitted"):
        executor(core_endpoint.id).submit(double, 1).result(DEADLINE_S)


def test_options_that_the_administrator_does_not_offer(
    service: Service, core_endpoint: CoreEndpoint, executor: Executors, images: list[Path]
) -> None:
    """Whoever asks is told which one and why, and nobody else notices."""
    core = service.compute.endpoint(core_endpoint.id)
    before = core.failures
    options: list[tuple[dict[str, Any], str]] = [
        ({"worker_init": "touch hostile"}, "'worker_init' was unexpected"),
        ({"warm_minutes": 61}, "61 is greater than the maximum of 60"),
        ({"warm_minutes": "5; touch hostile"}, "is not of type 'integer'"),
    ]
    for config, why in options:
        with pytest.raises(GlobusAPIError, match=why) as refused:
            asked(executor, core_endpoint, images[:1], user_endpoint_config=config)
        said = str(translated(refused.value, core_endpoint.id))
        assert "does not offer what is asked of it" in said
        assert why in said
    # In release 4.19 the core's fork, as it refuses, says of the core itself that it failed. Its next heartbeat, within
    # five seconds, says that it did not: until then clients take it to be offline.
    until(lambda: core.failures >= before + len(options), core_endpoint.said)
    until(lambda: core_endpoint.online, core_endpoint.said)
    assert asked(executor, core_endpoint, images[:1])[0]["finding"] == "ok"


def test_it_ends_when_told_and_starts_again(
    service: Service, core_endpoint: CoreEndpoint, executor: Executors, images: list[Path]
) -> None:
    asked(executor, core_endpoint, images[:1])
    before = core_endpoint.id
    assert any("process_worker_pool" in line for line in core_endpoint.processes().values())
    core_endpoint.stop()
    until(lambda: not core_endpoint.processes(), lambda: f"these still run: {core_endpoint.processes()}")
    assert not core_endpoint.online
    assert list(core_endpoint.folder.parent.glob("*/daemon.pid")) == []
    told = core_endpoint.run("mhfd", "doctor", "--endpoint", before, "--json", exit_code=1)
    (offline,) = [one for one in json.loads(told) if one["level"] == Level.FAIL]
    assert "globus-compute-endpoint start" in offline["do"]
    core_endpoint.start()
    assert core_endpoint.id == before
    assert asked(executor, core_endpoint, images[:1])[0]["finding"] == "ok"


def test_a_run_of_the_flow_is_scored_by_it(
    service: Service, core_endpoint: CoreEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template admits what the Compute action sends, and the site file the folder that Transfer writes to."""
    with site_here(service, core_endpoint, tmp_path, monkeypatch) as lab:
        runner = lab.runner()
        try:
            jobs = lab.images(2)
            listen(runner, lambda _: runner.capacity >= len(jobs))
            runner.submit(Batch("a", tuple(jobs)))
            scored = [event for event in until_answered(runner, len(jobs)) if isinstance(event, Scored)]
        finally:
            runner.close()
        assert [event.report.dof for event in scored] == [mhfd.score(job.path).dof for job in jobs]
        (run,) = lab.runs()
        assert run.status == "SUCCEEDED"
        (task,) = run.execution.state["score"]["details"]["results"]
        assert task["output"]["ok"] is True
        assert lab.staged() == []


def test_a_small_demo_of_the_flow(
    service: Service, core_endpoint: CoreEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost, whatever goes wrong."""
    chance = random.Random(7)  # noqa: S311 - faults
    code = demo_flow.demo(service, core_endpoint, tmp_path, sections=12, faults=3, kills=1, chance=chance)
    said = capsys.readouterr().out
    assert code == 0, said
    found = re.fullmatch(r"(\d+) of (\d+) judged once; (\d+) faults survived", said.splitlines()[-1])
    assert found, said
    assert found[1] == found[2]
    assert int(found[3]) > 0
    assert "; waiting for " in said


def test_a_small_demo_of_an_endpoint(
    service: Service, core_endpoint: CoreEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an option that the administrator offers. Last: it ends with results as slow as the endpoint makes them."""
    code = demo_endpoint.demo(service, core_endpoint, tmp_path, sections=6, calls=5)
    said = capsys.readouterr().out
    assert code == 0, said
    found = re.fullmatch(r"(\d+) of (\d+) judged once; median \d+ ms \(stock polls \d+ ms\)", said.splitlines()[-1])
    assert found, said
    assert found[1] == found[2]
    assert "waiting for the station" in said
