"""The stand-in of Transfer, asked by the real TransferClient: it moves files, and refuses what the service would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from globus_sdk import DeleteData, TransferAPIError, TransferClient, TransferData
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.stand_ins import Consenting, StandIns, variables
from tests.rigs.globus.transfer_state import Collection
from tests.rigs.globus.waiting import until
from tests.rigs.globus.web import Server

from mhfd_client.errors import NotLoggedIn
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings import load as settings


@pytest.fixture
def globus(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    with Server() as server, StandIns(server) as globus:
        for name, value in variables(server.url).items():
            monkeypatch.setenv(name, value)
        yield globus


@pytest.fixture
def client(globus: StandIns, tmp_path: Path) -> Iterator[TransferClient]:
    env = {"HOME": str(tmp_path), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
    chosen = settings.load(env=env).settings
    with globus_app(chosen, services=["transfer"], env=env, ask=Consenting) as app, TransferClient(app=app) as client:
        app.login()
        yield client


@pytest.fixture
def sem(globus: StandIns, tmp_path: Path) -> Collection:
    return folder(globus, tmp_path / "sem", kind="personal", files={"a.tif": 2_500_000, "run/b.tif": 10})


@pytest.fixture
def stage(globus: StandIns, tmp_path: Path) -> Collection:
    return folder(globus, tmp_path / "stage")


def folder(globus: StandIns, path: Path, *, kind: Any = "guest", files: dict[str, int] | None = None) -> Collection:
    path.mkdir()
    for name, size in (files or {}).items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(os.urandom(size))
    return globus.collection(path, name=path.name, kind=kind)


def moved(client: TransferClient, source: Collection, target: Collection, **options: Any) -> str:
    data = TransferData(source.id, target.id, **options)
    data.add_item("/a.tif", "/in/a.tif")
    return str(client.submit_transfer(data)["task_id"])


def ended(client: TransferClient, task: str) -> dict[str, Any]:
    until(lambda: client.get_task(task)["status"] not in ("ACTIVE", "INACTIVE"), f"{task} does not end")
    return dict(client.get_task(task).data)


def test_files_and_folders_are_copied(client: TransferClient, sem: Collection, stage: Collection) -> None:
    data = TransferData(sem.id, stage.id, label="two")
    data.add_item("/a.tif", "/new/a.tif")
    data.add_item("/run", "/new/run", recursive=True)
    task = ended(client, client.submit_transfer(data)["task_id"])
    assert (task["status"], task["files"], task["files_transferred"], task["label"]) == ("SUCCEEDED", 2, 2, "two")
    assert (stage.root / "new/a.tif").read_bytes() == (sem.root / "a.tif").read_bytes()
    listed = client.operation_ls(stage.id, "/new/")
    assert {one["name"]: one["type"] for one in listed} == {"a.tif": "file", "run": "dir"}
    assert client.operation_stat(stage.id, "/new/a.tif")["size"] == 2_500_000
    assert [one["code"] for one in client.task_event_list(task["task_id"])] == ["SUCCEEDED", "STARTED"]
    assert [one["task_id"] for one in client.task_list(filter={"status": "SUCCEEDED"})] == [task["task_id"]]


def test_what_is_not_there(client: TransferClient, sem: Collection, stage: Collection) -> None:
    for call in (client.operation_ls, client.operation_stat):
        with pytest.raises(TransferAPIError, match="NotFound"):
            call(sem.id, "/none")
    client.operation_mkdir(stage.id, "/one")
    with pytest.raises(TransferAPIError, match="Exists"):
        client.operation_mkdir(stage.id, "/one")
    data = TransferData(sem.id, stage.id)
    data.add_item("/none.tif", "/none.tif")
    task = ended(client, client.submit_transfer(data)["task_id"])
    assert (task["status"], task["fatal_error"]["code"]) == ("FAILED", "FILE_NOT_FOUND")


def test_one_submission_is_one_task(
    globus: StandIns, client: TransferClient, sem: Collection, stage: Collection
) -> None:
    """Also when the answer is lost and the SDK asks again by itself: that is what submission ids are for."""
    globus.server.fail("POST /v0.10/transfer", 502, after=True)
    moved(client, sem, stage)
    assert globus.server.log.count("POST /v0.10/transfer") == 2
    assert len(globus.transfer.tasks) == 1


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("transfer", {"source_endpoint_id": "x"}, "unknown field source_endpoint_id"),
        ("transfer", {"transfer_items": []}, "unknown field transfer_items"),
        ("transfer", {"DATA": [{"source": "/a"}]}, "unknown field source"),
        ("transfer", {"DATA": [{"source_path": "a", "destination_path": "/a"}]}, "must begin with /"),
        ("transfer", {"DATA": []}, "NoTransferItems"),
        ("transfer", {"submission_id": "mine"}, "InvalidSubmissionId"),
        ("delete", {"path": "/a"}, "unknown field path"),
        ("delete", {"DATA": [{"source_path": "/a"}]}, "unknown field source_path"),
    ],
)
def test_a_wrong_call_is_refused(
    client: TransferClient, sem: Collection, stage: Collection, path: str, change: dict[str, Any], words: str
) -> None:
    submission = client.get_submission_id()["value"]
    document: dict[str, Any] = {
        "submission_id": submission,
        "DATA": [{"source_path": "/a.tif", "destination_path": "/a"}],
    }
    document |= {"source_endpoint": sem.id, "destination_endpoint": stage.id}
    if path == "delete":
        document = {"submission_id": submission, "endpoint": stage.id, "DATA": [{"path": "/a"}]}
    with pytest.raises(TransferAPIError, match=words):
        client.post(f"/v0.10/{path}", data=document | change)


def test_three_at_a_time(globus: StandIns, client: TransferClient, sem: Collection, stage: Collection) -> None:
    stuck = globus.transfer.trouble("stuck", "TRANSFER", times=5)
    tasks = [moved(client, sem, stage) for _ in range(5)]
    until(lambda: stuck.hits == 3, "three do not begin")
    assert [client.get_task(one)["nice_status"] for one in tasks] == [*["ENDPOINT_ERROR"] * 3, "Queued", "Queued"]
    client.cancel_task(tasks[0])
    client.cancel_task(tasks[4])
    until(lambda: stuck.hits == 4, "the next does not begin")
    stuck.lift()
    assert [ended(client, one)["status"] for one in tasks] == ["FAILED", *["SUCCEEDED"] * 3, "FAILED"]
    assert globus.transfer.most_active == 3


@pytest.mark.parametrize(("kind", "end", "faults"), [("checksum", "SUCCEEDED", 1), ("checksum_always", "FAILED", 6)])
def test_a_damaged_file_is_sent_again(
    globus: StandIns, client: TransferClient, sem: Collection, stage: Collection, kind: Any, end: str, faults: int
) -> None:
    globus.transfer.trouble(kind)
    task = ended(client, moved(client, sem, stage, verify_checksum=True))
    assert (task["status"], task["faults"]) == (end, faults)
    assert ((stage.root / "in/a.tif").read_bytes() == (sem.root / "a.tif").read_bytes()) == (end == "SUCCEEDED")


def test_unchecked_damage_arrives(globus: StandIns, client: TransferClient, sem: Collection, stage: Collection) -> None:
    globus.transfer.trouble("checksum")
    task = ended(client, moved(client, sem, stage))
    assert (task["status"], task["verify_checksum"], task["faults"]) == ("SUCCEEDED", False, 0)
    assert (stage.root / "in/a.tif").read_bytes() != (sem.root / "a.tif").read_bytes()


def test_mails_are_sent_unless_none_are_wanted(
    globus: StandIns, client: TransferClient, sem: Collection, stage: Collection
) -> None:
    asked = moved(client, sem, stage)
    quiet = moved(client, sem, stage, notify_on_succeeded=False)
    assert [ended(client, one)["status"] for one in (asked, quiet)] == ["SUCCEEDED", "SUCCEEDED"]
    assert [globus.transfer.tasks[one].mails for one in (asked, quiet)] == [["SUCCEEDED"], []]


def test_a_program_in_the_tray_that_is_closed(client: TransferClient, sem: Collection, stage: Collection) -> None:
    """Globus Connect Personal: what is under way waits for it, listing fails."""
    sem.connected = False
    task = moved(client, sem, stage)
    until(lambda: client.get_task(task)["nice_status"] == "GC_NOT_CONNECTED", "nobody notices")
    with client.retry_config.tune(max_retries=0), pytest.raises(TransferAPIError, match="GCDisconnected"):
        client.operation_ls(sem.id, "/")
    sem.connected = True
    assert ended(client, task)["status"] == "SUCCEEDED"


def test_a_deadline_passes(globus: StandIns, client: TransferClient, sem: Collection, stage: Collection) -> None:
    globus.transfer.trouble("inactive")
    task = ended(client, moved(client, sem, stage, deadline="2001-01-01"))
    assert (task["status"], task["fatal_error"]["code"]) == ("FAILED", "EXPIRED")


def test_deletion(globus: StandIns, client: TransferClient, sem: Collection) -> None:
    def deleted(path: str, **options: Any) -> str:
        data = DeleteData(sem.id, **options)
        data.add_item(path)
        return str(ended(client, client.submit_delete(data)["task_id"])["status"])

    assert deleted("/run") == "FAILED"
    assert deleted("/none") == "FAILED"
    assert deleted("/none", ignore_missing=True) == "SUCCEEDED"
    globus.transfer.trouble("permission", "DELETE")
    assert deleted("/run", recursive=True) == "FAILED"
    assert deleted("/run", recursive=True) == "SUCCEEDED"
    assert not (sem.root / "run").exists()


def test_a_mapped_collection_asks_by_name(
    globus: StandIns, client: TransferClient, sem: Collection, tmp_path: Path
) -> None:
    mapped = folder(globus, tmp_path / "mapped", kind="mapped")
    with pytest.raises(TransferAPIError) as caught:
        moved(client, sem, mapped)
    assert caught.value.info.consent_required
    assert mapped.id in str(caught.value.info.consent_required.required_scopes)
    client.add_app_data_access_scope(mapped.id)
    assert client._app is not None
    client._app.login()
    assert ended(client, moved(client, sem, mapped))["status"] == "SUCCEEDED"


def test_nobody_is_let_in_without_a_token(globus: StandIns, client: TransferClient, sem: Collection) -> None:
    globus.auth.rescind()
    with pytest.raises(NotLoggedIn):
        client.operation_ls(sem.id, "/")
