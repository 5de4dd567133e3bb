"""Logging in, out, and what happens to a login in between: the real commands against a stand-in of Globus Auth."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import select
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from globus_sdk import AuthClient, FlowsClient, GlobusApp, TransferClient
from tests.rigs.globus.auth import CLIENT_ID, CLIENT_SECRET
from tests.rigs.globus.auth_state import NATIVE_ID, TRANSFER, data_access, flow_scope
from tests.rigs.globus.stand_ins import Consenting, StandIns, code_of, variables
from tests.rigs.globus.web import Server
from tests.rigs.typed import typed_here

from mhfd_client.errors import LoginRefused, NoClient, NotLoggedIn
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings import load as settings

DEADLINE_S = 120.0
MHFD = str(Path(sys.executable).with_name("mhfd"))
FLOW = "6d686664-0000-4000-8000-00000000000f"
MAPPED = "6d686664-0000-4000-8000-00000000000c"


@pytest.fixture
def globus() -> Iterator[StandIns]:
    with Server() as server, StandIns(server) as globus:
        globus.auth.know(flow_scope(FLOW), FLOW)
        globus.auth.know(data_access(MAPPED), MAPPED)
        yield globus


@pytest.fixture
def env(globus: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An operator's environment; this process's too, as far as globus-sdk reads it."""
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(globus.server.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
    return {**os.environ, **home}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mhfd" / "login" / "tokens.json"


def mhfd(env: dict[str, str], *words: str) -> tuple[int, str]:
    """A command without a terminal: exit code, and all it said."""
    return typed_here(words, env)


def log_in(env: dict[str, str], *words: str, person: Callable[[str], str] = code_of) -> tuple[int, str]:
    """`mhfd login` at a terminal, and a person who does what it says."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([MHFD, "login", *words], env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said, answered, end = "", False, time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.5)[0]:
                try:
                    said += os.read(ours, 65536).decode(errors="replace")
                except OSError:
                    break  # the terminal is closed: the command has ended
            if not answered and "The code: " in said:
                found = re.search(r"http://127\S+", said)
                assert found is not None, said
                os.write(ours, f"{person(found[0])}\n".encode())
                answered = True
    finally:
        os.close(ours)
        process.kill() if time.monotonic() >= end else None
        code = process.wait()
    return code, said


def app_of(env: dict[str, str], **how: Any) -> GlobusApp:
    return globus_app(settings.load(env=env).settings, services=["flows", "transfer"], env=env, **how)


@pytest.fixture
def app(globus: StandIns, env: dict[str, str]) -> Iterator[GlobusApp]:
    """Somebody has logged in; this is what a watch then works with."""
    with app_of(env, ask=Consenting, scopes=consents_for("flow").scopes()) as app:
        app.login()
    with app_of(env, scopes=consents_for("flow").scopes()) as app:
        yield app


def test_in_who_out(globus: StandIns, env: dict[str, str], file: Path) -> None:
    code, said = mhfd(env, "whoami", "--for", "flow")
    assert (code, "nobody is logged in: run `mhfd login`" in said) == (1, True)
    code, said = log_in(env, "--for", "flow", "--flow-id", FLOW, "--mapped", MAPPED)
    assert code == 0, said
    assert f"start the flow {FLOW}" in said
    assert "operator@stand-in.test (Operator)" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert globus.server.log.count("GET /v2/oauth2/authorize") == 1
    code, said = mhfd(env, "whoami", "--for", "flow", "--flow-id", FLOW, "--mapped", MAPPED, "--json")
    told = json.loads(said)
    assert (code, told["logged_in"], told["missing"], told["username"]) == (0, True, [], "operator@stand-in.test")
    assert {one["server"] for one in told["granted"]} == {
        "auth.globus.org",
        "funcx_service",
        "flows.globus.org",
        "transfer.api.globus.org",
        FLOW,
    }
    assert all(one["renews"] for one in told["granted"])
    person = globus.auth.person
    assert globus.auth.consented(person, NATIVE_ID, flow_scope(FLOW), TRANSFER, data_access(MAPPED))
    assert globus.auth.consented(person, NATIVE_ID, TRANSFER, data_access(MAPPED))
    assert log_in(env, "--for", "flow")[1].startswith("already logged in")
    assert mhfd(env, "logout") == (0, "logged out\n")
    assert globus.auth.live() == []
    assert not file.exists()
    assert mhfd(env, "logout") == (0, "nobody was logged in\n")
    assert mhfd(env, "whoami")[0] == 1


def test_what_is_missing_is_named(globus: StandIns, env: dict[str, str]) -> None:
    assert log_in(env, "--for", "compute")[0] == 0
    assert mhfd(env, "whoami", "--for", "compute")[0] == 0
    code, said = mhfd(env, "whoami", "--for", "flow", "--flow-id", FLOW)
    assert code == 1
    assert "missing: Transfer: move files between collections" in said
    assert f"missing: flow {FLOW}" in said
    assert log_in(env, "--flow-id", FLOW)[0] == 0
    assert mhfd(env, "whoami", "--flow-id", FLOW)[0] == 0
    code, said = mhfd(env, "whoami", "--flow-id", FLOW, "--mapped", MAPPED)
    assert (code, "missing: a consent for a mapped collection" in said) == (1, True)


def test_without_a_terminal_nobody_waits(env: dict[str, str]) -> None:
    code, said = mhfd(env, "login", "--for", "flow")
    assert code == 1
    assert "logging in needs a terminal" in said
    assert "Traceback" not in said


def test_a_wrong_code_and_a_person_who_refuses(globus: StandIns, env: dict[str, str], file: Path) -> None:
    code, said = log_in(env, person=lambda address: "not-the-code")
    assert (code, "does not take this code" in said, "Traceback" in said) == (1, True, False)
    globus.auth.refuses = True
    with pytest.raises(AssertionError, match="You have denied the request"), app_of(env, ask=Consenting) as app:
        app.login(force=True)
    assert not file.exists()


def test_flows_need_an_application_of_ones_own(env: dict[str, str]) -> None:
    del env["MHFD_GLOBUS_CLIENT_ID"]
    code, said = mhfd(env, "login", "--for", "flow")
    assert code == 2
    assert "two minutes" in said
    with pytest.raises(NoClient, match="is no id"):
        consents_for("flow", flows=["my flow"])


def test_another_person_is_not_mixed_in(globus: StandIns, env: dict[str, str]) -> None:
    assert log_in(env, "--for", "flow")[0] == 0
    globus.auth.person = "6d686664-0000-4000-8000-0000000000aa"
    code, said = log_in(env, "--for", "flow", "--again")
    assert (code, "another Globus identity" in said, "mhfd logout" in said) == (1, True, True)
    assert mhfd(env, "logout")[0] == 0
    assert log_in(env, "--for", "flow")[0] == 0


def test_a_token_that_is_over_is_renewed(globus: StandIns, app: GlobusApp, file: Path) -> None:
    """Also one that the service ends before its time; the new one is kept for the next process."""
    with FlowsClient(app=app) as flows:
        flows.list_flows()
        before = file.read_text()
        globus.auth.expire("flows.globus.org")
        flows.list_flows()
    assert globus.server.log.count("POST /v2/oauth2/token$") == 2
    assert file.read_text() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_short_life_is_renewed_before_its_end(globus: StandIns, env: dict[str, str]) -> None:
    globus.auth.life_s = 30  # less than the SDK's margin
    with app_of(env, ask=Consenting, scopes=consents_for("flow").scopes()) as app, TransferClient(app=app) as transfer:
        app.login()
        transfer.task_list()
        transfer.task_list()
    assert not [one for one in globus.server.log.matching("task_list") if one.status != 200]


def test_a_revoked_login_is_an_error_not_a_question(globus: StandIns, env: dict[str, str], app: GlobusApp) -> None:
    globus.auth.rescind()
    with FlowsClient(app=app) as flows, pytest.raises(NotLoggedIn, match=r"revoked or has expired.*mhfd login"):
        flows.list_flows()
    code, said = mhfd(env, "whoami", "--for", "flow")
    assert (code, "revoked" in said, "Traceback" in said) == (1, True, False)
    assert mhfd(env, "logout")[0] == 0


def test_no_network_logs_nobody_out(env: dict[str, str], app: GlobusApp, file: Path) -> None:
    env |= {"GLOBUS_SDK_SERVICE_URL_AUTH": "http://127.0.0.1:9/"}
    code, said = mhfd(env, "whoami", "--for", "flow")
    assert (code, "cannot be reached" in said, "Traceback" in said) == (0, True, False)
    code, said = mhfd(env, "logout")
    assert (code, "https://app.globus.org/consents" in said, "Traceback" in said) == (1, True, False)
    assert not file.exists()


def test_a_damaged_file(globus: StandIns, env: dict[str, str], app: GlobusApp, file: Path) -> None:
    text = file.read_text()
    file.write_text(text[:-40])
    code, said = mhfd(env, "whoami", "--for", "flow")
    assert (code, "is damaged: `mhfd login` writes it anew" in said, "Traceback" in said) == (1, True, False)
    assert log_in(env, "--for", "flow")[0] == 0
    assert mhfd(env, "whoami", "--for", "flow")[0] == 0
    file.write_text(text[:-40])
    code, said = mhfd(env, "logout")
    assert (code, file.exists()) == (1, False)
    file.touch(0o644)
    file.write_text(text)
    code, said = mhfd(env, "whoami", "--for", "flow")
    assert (code, "chmod 600" in said) == (1, True)


def test_a_home_that_cannot_be_written(env: dict[str, str]) -> None:
    """Said before a person is asked."""
    code, said = mhfd(env | {"MHFD_GLOBUS_TOKENS": "/proc/mhfd/tokens.json"}, "login", "--for", "flow")
    assert (code, "cannot write the tokens to /proc/mhfd/tokens.json" in said, "Traceback" in said) == (1, True, False)
    code, said = mhfd(env | {"MHFD_GLOBUS_TOKENS": "/dev/null/tokens.json"}, "login", "--for", "flow")
    assert (code, "cannot read the tokens in /dev/null/tokens.json" in said, "Traceback" in said) == (1, True, False)


def test_two_who_log_in_at_once(globus: StandIns, env: dict[str, str], file: Path) -> None:
    """Neither waits for the other, and the file is whole in the end."""
    both = threading.Barrier(2, timeout=DEADLINE_S)
    ends: list[tuple[int, str]] = []

    def person(address: str) -> str:
        code = code_of(address)
        both.wait()
        return code

    threads = [
        threading.Thread(target=lambda: ends.append(log_in(env, "--for", "flow", person=person))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [code for code, _ in ends] == [0, 0], ends
    assert mhfd(env, "whoami", "--for", "flow")[0] == 0
    assert set(json.loads(file.read_text())["logins"]) == {f"production/user/{NATIVE_ID}"}


def test_many_processes_renew_at_once(file: Path, env: dict[str, str]) -> None:
    """No one's tokens are lost when several write."""
    program = """
import sys, pathlib
from globus_sdk.token_storage import TokenStorageData
from mhfd_client.globus.tokens import Tokens
tokens = Tokens(pathlib.Path(sys.argv[1]), sys.argv[2], strict=True)
for n in range(20):
    tokens.store_token_data_by_resource_server({f"s{n}": TokenStorageData(f"s{n}", None, "x", "t", "r", 1, "Bearer")})
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(file), str(n)], env=env) for n in range(4)]
    assert [one.wait(DEADLINE_S) for one in running] == [0, 0, 0, 0]
    logins = json.loads(file.read_text())["logins"]
    assert {name: len(found) for name, found in logins.items()} == {"0": 20, "1": 20, "2": 20, "3": 20}


def test_a_station_with_a_secret(globus: StandIns, env: dict[str, str], file: Path) -> None:
    env |= {"MHFD_CLIENT_ID": CLIENT_ID, "MHFD_CLIENT_SECRET": CLIENT_SECRET}
    assert mhfd(env, "whoami", "--for", "flow", "--flow-id", FLOW)[0] == 0
    code, said = mhfd(env, "login", "--for", "flow", "--flow-id", FLOW)
    assert code == 0, said
    assert f"client {CLIENT_ID}: acts as itself" in said
    with app_of(env) as app, TransferClient(app=app) as transfer:
        transfer.task_list()
        globus.auth.expire()
        transfer.task_list()
    code, told = mhfd(env, "whoami", "--for", "flow")
    wrong = env | {"MHFD_CLIENT_SECRET": "wrong-secret"}
    file.unlink()
    code, refused = mhfd(wrong, "login", "--for", "flow")
    assert (code, "refuses the client id and secret" in refused) == (1, True)
    assert mhfd(wrong, "whoami", "--for", "flow")[0] == 1
    for text in (said, told, refused):
        assert CLIENT_SECRET not in text
        assert "wrong-secret" not in text
    with app_of(wrong) as app, TransferClient(app=app) as transfer, pytest.raises(LoginRefused, match="invalid_client"):
        transfer.task_list()


def test_a_hostile_environment(env: dict[str, str], tmp_path: Path) -> None:
    """A loose umask, a state folder that is relative, names from elsewhere: the file is still its owner's alone."""
    env |= {"XDG_STATE_HOME": "relative", "GLOBUS_SDK_VERIFY_SSL": "false", "PYTHONWARNINGS": "ignore"}
    before = os.umask(0)
    try:
        assert log_in(env, "--for", "flow")[0] == 0
    finally:
        os.umask(before)
    file = tmp_path / ".local" / "state" / "mhfd" / "login" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    env |= {"MHFD_CLIENT_SECRET": "only-half"}
    code, said = mhfd(env, "whoami")
    assert (code, "MHFD_CLIENT_ID is not set" in said, "only-half" in said) == (2, True, False)


def test_no_token_is_ever_shown(
    globus: StandIns, env: dict[str, str], app: GlobusApp, caplog: pytest.LogCaptureFixture, file: Path
) -> None:
    """Not in a log of everything, not in a repr, not in an error or what led to it, not in what commands print."""
    caplog.set_level(logging.DEBUG)
    shown = []
    with FlowsClient(app=app) as flows, TransferClient(app=app) as transfer, AuthClient(app=app) as auth:
        flows.list_flows()
        transfer.task_list()
        auth.userinfo()
        globus.auth.expire()
        flows.list_flows()
        storage = app.token_storage.token_storage
        shown += [
            repr(one)
            for one in (app, flows, storage, vars(storage), *storage.get_token_data_by_resource_server().values())
        ]
        for _, said in (mhfd(env, "whoami", "--for", "flow"), mhfd(env, "whoami", "--json"), log_in(env, "--again")):
            shown.append(said.replace(file.read_text(), ""))
        globus.auth.rescind()
        with pytest.raises(NotLoggedIn) as caught:
            flows.list_flows()
    error: BaseException | None = caught.value
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        assert not hasattr(error, "http_status"), "what Globus answered holds the request, and that the token"
        error = error.__cause__ or error.__context__
    assert globus.auth.issued
    for text in [caplog.text, *shown]:
        assert not [secret for secret in globus.auth.issued if secret in text]
