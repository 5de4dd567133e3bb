"""`mhfd doctor --endpoint`: what is wrong with an endpoint is found in bounded time, with what to do about it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import tifffile
from click.testing import CliRunner, Result
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.remote import hashing

from mhfd import shim, simulate
from mhfd.contract.examination import Examination, FileSeen, FunctionSeen, RootSeen
from mhfd.remote import worker
from mhfd_client.cli import main
from mhfd_client.compute import reach
from mhfd_client.compute.service import EndpointService
from mhfd_client.doctor import endpoint as examining
from mhfd_client.doctor import endpoint_words as findings
from mhfd_client.doctor.endpoint_words import Sample
from mhfd_endpoint.finding import Check, Level


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def far(quick_endpoint: ChildEndpoint, tmp_path: Path) -> Path:
    """A folder where the endpoint may read, with an image in it."""
    made = quick_endpoint.root / tmp_path.name
    made.mkdir()
    tifffile.imwrite(made / "S_001.tif", simulate.section((192, 192), seed=1, z=1))
    return made


@pytest.fixture
def here(far: Path, tmp_path: Path) -> Path:
    """The same folder, as this machine calls it."""
    (tmp_path / "mnt").symlink_to(far)
    return tmp_path / "mnt"


def doctor(endpoint: str, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", "--endpoint", endpoint, "--wait", "120", *map(str, arguments)])


def found(endpoint: str, *arguments: object) -> dict[str, Check]:
    told = doctor(endpoint, "--json", *arguments)
    assert told.exit_code in (0, 1), told.output
    checks = [Check(c["name"], Level(c["level"]), c["what"], c["do"]) for c in json.loads(told.output)]
    assert told.exit_code == any(check.level is Level.FAIL for check in checks)
    assert all(check.do for check in checks if check.level is not Level.OK), "each says what to do"
    return {check.name: check for check in checks}


def test_all_is_well(service: Service, quick_endpoint: ChildEndpoint, here: Path, far: Path) -> None:
    checks = found(quick_endpoint.id, here, "--map", f"{here}={far}")
    assert {name for name, check in checks.items() if check.level is Level.FAIL} == set()
    assert "online" in checks["endpoint"].what
    assert worker.code_hash() in checks["mhfd"].what
    assert "the same code" in checks["mhfd"].what
    assert "globus-compute-endpoint" in checks["versions"].what
    assert "cpu" in checks["gpu there"].what
    assert "loopback" in checks["account"].what
    assert str(quick_endpoint.root) in checks["folders there"].what
    assert "the same bytes" in checks["image"].what
    assert "belongs to" in checks["owner there"].what
    assert "median" in checks["round trip"].what
    assert checks["clock there"].level is Level.OK


def test_as_lines_and_without_a_folder(service: Service, quick_endpoint: ChildEndpoint) -> None:
    told = doctor(quick_endpoint.id)
    assert told.exit_code == 0, told.output
    assert "ok   round trip: median" in told.output
    assert "ok   warm: its worker has had" in doctor(quick_endpoint.id).output


def test_a_real_worker_is_warm_at_the_second_look(
    service: Service, compute_endpoint: Callable[..., ChildEndpoint]
) -> None:
    mine = compute_endpoint()
    assert "it was not" in found(mine.id)["warm"].what
    assert "has had 6 tasks" in found(mine.id)["warm"].what


def test_a_map_that_leads_elsewhere(service: Service, quick_endpoint: ChildEndpoint, here: Path, far: Path) -> None:
    (far / "other").mkdir()
    wrong = found(quick_endpoint.id, here, "--map", f"{here}={far}/other")["image"]
    assert wrong.level is Level.FAIL
    assert "no such file" in wrong.what
    assert "--map" in wrong.do
    outside = found(quick_endpoint.id, here, "--map", f"{here}=/etc")["image"]
    assert outside.level is Level.FAIL
    assert "none of the folders" in outside.what
    assert str(quick_endpoint.root) in outside.do
    uncovered = found(quick_endpoint.id, here, "--map", f"/elsewhere={far}")["image"]
    assert uncovered.level is Level.FAIL
    assert "no pair covers" in uncovered.what


def test_another_file_of_the_same_name(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "S_001.tif").write_bytes((far / "S_001.tif").read_bytes())
    os.utime(copy / "S_001.tif", (1e9, 1e9))
    check = found(quick_endpoint.id, copy, "--map", f"{copy}={far}")["image"]
    assert check.level is Level.FAIL
    assert "another time of change" in check.what
    assert "bytes" not in check.what
    (copy / "S_001.tif").write_bytes(b"II*\0 short")
    assert "10 here" in found(quick_endpoint.id, copy, "--map", f"{copy}={far}")["image"].what


def test_a_folder_without_images(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    (far / "new").mkdir()
    check = found(quick_endpoint.id, far / "new")["image"]
    assert check.level is Level.WARN
    assert "no image yet" in check.what


def test_an_endpoint_that_nobody_knows(service: Service) -> None:
    check = found(str(uuid4()))["endpoint"]
    assert check.level is Level.FAIL
    assert "does not know endpoint" in check.what


def test_an_endpoint_that_is_offline(service: Service) -> None:
    known = service.compute.add_endpoint({"display_name": "asleep"}, str(uuid4())).id
    check = found(known)["endpoint"]
    assert check.level is Level.FAIL
    assert "offline" in check.what
    assert "globus-compute-endpoint start" in check.do
    assert not service.log.count("POST /v3/endpoints/.*/submit")


def test_functions_that_are_not_allowed(service: Service, compute_endpoint: Callable[..., ChildEndpoint]) -> None:
    checks = found(compute_endpoint(kind="thread", allowed=[str(uuid4())]).id)
    assert checks["function mhfd_focus"].level is Level.FAIL
    assert "mhfd endpoint pin" in checks["function mhfd_focus"].what
    assert "administrator" in checks["function mhfd_focus"].do
    assert checks["worker"].level is Level.FAIL


def test_which_further_functions_it_has_and_lets_run(
    service: Service, compute_endpoint: Callable[..., ChildEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker of this endpoint has none of them; what it lets run of what it has is told from what it says."""
    monkeypatch.setitem(shim.FUNCTIONS, hashing.NAME, hashing.FUNCTION)
    mine = compute_endpoint(kind="thread", site=f"[functions.{hashing.NAME}]\n")
    checks = found(mine.id)
    assert {name for name, check in checks.items() if check.level is Level.FAIL} == set()
    lacking = checks[f"{hashing.NAME} there"]
    assert (lacking.level, "has no such function" in lacking.what) == (Level.WARN, True)

    def said(**fields: Any) -> Check:
        seen = FunctionSeen(**{"name": hashing.NAME, "here": True, "allowed": True, **fields})
        told = Examination(
            ok=True, tasks_before=1, functions=(FunctionSeen(name="mhfd_focus", here=True, allowed=True), seen)
        )
        (last,) = [one for one in findings.of(told, sent=0, came=1, took_s=1) if one.name == f"{hashing.NAME} there"]
        return last

    assert f"[functions.{hashing.NAME}]" in said(allowed=False).do
    well = said(purpose="train", gpus=2, max_seconds=60.0, write_roots=("/out",))
    assert well.level is Level.OK
    assert well.what == "may run, 60 s a task; 2 GPUs; reads nothing; writes below /out"
    assert "purpose=train" in well.do


def test_an_endpoint_of_before_says_nothing_of_further_functions(
    service: Service, quick_endpoint: ChildEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses the question, and is asked as it was before."""
    asked = list[dict[str, Any]]()
    submit = EndpointService.submit

    def older(self: EndpointService, function: UUID, request: Mapping[str, Any]) -> Any:
        asked.append(dict(request))
        return submit(self, function, request)

    monkeypatch.setattr(EndpointService, "submit", older)
    monkeypatch.setattr(examining, "_NEW", "newer")  # which this endpoint does not know
    checks = found(quick_endpoint.id)
    assert {name for name, check in checks.items() if check.level is Level.FAIL} == set()
    assert [sorted(one) for one in asked[:2]] == [["hash", "newer", "paths"], ["hash", "paths"]]


def test_a_service_that_is_silent(
    service: Service, quick_endpoint: ChildEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(reach, "_RETRIES", 0)
    service.fail("", "silence", times=1000)
    checks = found(quick_endpoint.id)
    service.reset()
    (last,) = [check for check in checks.values() if check.level is Level.FAIL]
    assert "cannot be reached" in last.what or "Globus" in last.what
    assert last.name in ("login", "service")


def test_a_worker_that_does_not_answer(service: Service, compute_endpoint: Callable[..., ChildEndpoint]) -> None:
    mine = compute_endpoint(kind="thread")
    mine.process.kill()
    checks = {check.name: check for check in examining.examine(UUID(mine.id), wait_s=0.5)}
    if "worker" in checks:  # it counts as online for as long as its last sign of life is young
        assert "no answer within 0.5 s" in checks["worker"].what
        assert "--wait" in checks["worker"].do
    else:
        assert "offline" in checks["endpoint"].what


def test_nobody_is_logged_in(service: Service, quick_endpoint: ChildEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_ID")
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_SECRET")
    check = found(quick_endpoint.id)["login"]
    assert check.level is Level.FAIL
    assert "mhfd login" in check.do


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "gpu1"], "is no id"),
        (["--map", "/mnt=/eagle", "."], "--map belongs to --endpoint"),
        (["--endpoint", str(uuid4()), "--map", "/mnt=/eagle"], "--map belongs to --endpoint"),
        (["--endpoint", str(uuid4()), "--map", "/mnt", "."], "is no pair"),
    ],
    ids=["id", "map-alone", "map-without-folder", "map"],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    told = CliRunner().invoke(main, ["doctor", *arguments])
    assert told.exit_code == 2
    assert words in " ".join(told.output.replace("│", " ").split())


def told(**fields: object) -> Examination:
    root = RootSeen(path="/eagle", use="read", usable=True)
    seen = FileSeen(size=3, mtime_ns=5, owner="beam", mode="0644", writable=False, sha256="ab")
    plain = {"ok": True, "versions": worker.versions(), "site": "s", "user": "u", "host": "h", "tasks_before": 1}
    plain |= {"now_ns": 100 * 10**9, "backend": "gpu", "device": "H100", "roots": [root], "files": [seen]}
    return Examination.model_validate(plain | fields)


def said(examination: Examination) -> dict[str, Check]:
    lines = findings.of(examination, sent=99.0, came=101.0, took_s=0.1)
    sample = findings.of_sample(Sample("/mnt/a.tif", "/eagle/a.tif", 3, 5, "ab"), examination)
    return {check.name: check for check in (*lines, *sample)}


def test_what_is_good_is_said_so() -> None:
    assert {check.level for check in said(told()).values()} == {Level.OK}


@pytest.mark.parametrize(
    ("fields", "name", "level", "words"),
    [
        ({"versions": worker.versions() | {"mhfd": "0.0.1"}}, "mhfd", Level.WARN, "0.0.1 there"),
        ({"versions": worker.versions() | {"mhfd_code": "123"}}, "mhfd", Level.WARN, "its code differs"),
        ({"backend": "cpu", "gpus": "0"}, "gpu there", Level.WARN, "cpu"),
        ({"now_ns": 200 * 10**9}, "clock there", Level.WARN, "99 s ahead"),
        ({"now_ns": 50 * 10**9}, "clock there", Level.WARN, "49 s behind"),
        ({"roots": []}, "folders there", Level.FAIL, "no folder"),
        (
            {"roots": [RootSeen(path="/eagle", use="read", usable=False, why="there is no such folder")]},
            "folders there",
            Level.FAIL,
            "no such folder",
        ),
        (
            {"errors": [{"code": "no_device", "why": "no GPU", "remedy": "ask"}], "ok": False},
            "worker",
            Level.FAIL,
            "no GPU",
        ),
        (
            {"files": [FileSeen(size=3, mtime_ns=5, owner="b", mode="0666", writable=True)]},
            "owner there",
            Level.WARN,
            "everybody may change it",
        ),
        (
            {"files": [FileSeen(size=3, mtime_ns=5, owner="b", mode="0644", writable=False, sha256="cd")]},
            "image",
            Level.FAIL,
            "other bytes",
        ),
    ],
)
def test_what_is_not_is_named(fields: dict[str, object], name: str, level: Level, words: str) -> None:
    check = said(told(**fields))[name]
    assert check.level is level
    assert words in check.what
    assert check.do


def test_a_worker_without_mhfd() -> None:
    problem = {
        "code": "no_mhfd",
        "why": "mhfd cannot be used on this worker",
        "remedy": "the administrator installs it",
    }
    bare = Examination.model_validate({"ok": False, "errors": [problem], "versions": {"python": "3.9.1"}})
    lines = list(findings.of(bare, sent=0, came=1, took_s=1))
    assert [check.name for check in lines] == ["worker", "versions"]
    assert "no_mhfd" in lines[0].what
