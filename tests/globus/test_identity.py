"""Identity without a service: which application is used, and how the file of tokens is guarded."""

from __future__ import annotations

import json
import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from globus_sdk import ClientApp, FlowsClient, UserApp
from globus_sdk.token_storage import TokenStorageData

from mhfd_client.errors import NoClient, NotLoggedIn, TokensRefused
from mhfd_client.globus.identity import Service, credentials, globus_app
from mhfd_client.globus.tokens import Tokens
from mhfd_client.settings import load as settings
from mhfd_client.settings.options import Settings

MINE, THEIRS = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SECRET = "s3cr3t-of-a-client"  # noqa: S105 - made up


def loaded(env: Mapping[str, str] | None = None, **keys: object) -> Settings:
    args = {f"globus.{name}": value for name, value in keys.items()}
    return settings.load(env={"HOME": "/nowhere"} | dict(env or {}), args=args).settings


def token(server: str = "transfer.api.globus.org", text: str = "Ag-token") -> TokenStorageData:
    return TokenStorageData(server, str(uuid.UUID(int=9)), "scope", text, f"{text}-refresh", 2_000_000_000, "Bearer")


def text_of(tokens: Tokens) -> str | None:
    found = tokens.get_token_data("t")
    return None if found is None else found.access_token


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "login" / "tokens.json"


def test_the_more_specific_application_is_used(tmp_path: Path) -> None:
    pair = {"GLOBUS_COMPUTE_CLIENT_ID": THEIRS, "GLOBUS_COMPUTE_CLIENT_SECRET": "x"}
    assert credentials(loaded(), env=pair).client_id == THEIRS
    assert credentials(loaded(), env=pair).unattended
    assert credentials(loaded(client_id=MINE), env=pair).client_id == MINE
    assert not credentials(loaded(client_id=MINE), env=pair).unattended
    ours = pair | {"MHFD_CLIENT_ID": str(uuid.UUID(int=3)), "MHFD_CLIENT_SECRET": "y"}
    assert credentials(loaded(client_id=MINE), env=ours).origin == "environment MHFD_CLIENT_ID"
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_text(f"{SECRET}\n")
    found = credentials(loaded(client_id=MINE, secret_file=file), env={})
    assert found.secret is not None
    assert found.secret.get_secret_value() == SECRET
    assert SECRET not in repr(found)


def test_compute_alone_logs_in_as_its_sdk_does() -> None:
    from globus_compute_sdk.sdk.auth.globus_app import DEFAULT_CLIENT_ID

    assert credentials(loaded(), env={}).client_id == DEFAULT_CLIENT_ID
    services: tuple[Service, ...] = ("flows", "transfer")
    for service in services:
        with pytest.raises(NoClient, match="two minutes"):
            credentials(loaded(), services=["compute", service], env={})


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"MHFD_CLIENT_ID": MINE}, "MHFD_CLIENT_SECRET is not set"),
        ({"MHFD_CLIENT_SECRET": SECRET}, "its MHFD_CLIENT_ID is not set"),
        ({"MHFD_CLIENT_ID": "me", "MHFD_CLIENT_SECRET": SECRET}, "MHFD_CLIENT_ID = 'me': is no id"),
        ({"MHFD_CLIENT_ID": SECRET * 4, "MHFD_CLIENT_SECRET": SECRET}, "MHFD_CLIENT_ID: is no id"),
        ({"GLOBUS_COMPUTE_CLIENT_SECRET": SECRET}, "its GLOBUS_COMPUTE_CLIENT_ID is not set"),
    ],
)
def test_half_a_pair_is_refused_without_its_secret(env: dict[str, str], words: str) -> None:
    with pytest.raises(NoClient, match=words) as caught:
        credentials(loaded(), env=env)
    assert SECRET not in str(caught.value)


def test_a_secret_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o640)
    with pytest.raises(NoClient, match="chmod 600") as caught:
        credentials(loaded(client_id=MINE, secret_file=file), env={})
    assert SECRET not in str(caught.value)
    file.chmod(0o600)
    file.write_text("two words")
    with pytest.raises(NoClient, match="nothing else"):
        credentials(loaded(client_id=MINE, secret_file=file), env={})
    with pytest.raises(NoClient, match="No such file"):
        credentials(loaded(client_id=MINE, secret_file=tmp_path / "none"), env={})
    with pytest.raises(NoClient, match=r"without globus\.client_id"):
        credentials(loaded(secret_file=file), env={})


def test_nobody_is_asked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a terminal or without: what lacks a login is an error that says what to do."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    app = globus_app(loaded(client_id=MINE, tokens=file), services=["flows"], env={})
    assert isinstance(app, UserApp)
    with FlowsClient(app=app) as client, pytest.raises(NotLoggedIn, match="run `mhfd login`"):
        client.list_flows()
    with pytest.raises(NotLoggedIn, match="further consent"):
        app.login(force=True)
    assert not file.exists()
    app.close()


def test_an_unattended_station_is_a_client(file: Path) -> None:
    env = {"MHFD_CLIENT_ID": MINE, "MHFD_CLIENT_SECRET": SECRET}
    with globus_app(loaded(tokens=file), services=["flows"], env=env) as app:
        assert isinstance(app, ClientApp)
        assert SECRET not in repr(app) + repr(vars(app))


def test_tokens_are_for_their_owner_only(file: Path) -> None:
    before = os.umask(0o000)
    try:
        Tokens(file, "a").store_token_data_by_resource_server({"t": token()})
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}


def test_logins_do_not_meet(file: Path) -> None:
    one, two = Tokens(file, "one"), Tokens(file, "two")
    one.store_token_data_by_resource_server({"t": token(text="first"), "f": token("f")})
    two.store_token_data_by_resource_server({"t": token(text="second")})
    assert text_of(one) == "first"
    assert two.get_token_data("f") is None
    assert one.remove_token_data("t")
    assert not one.remove_token_data("t")
    assert one.remove_token_data("f")
    assert two.get_token_data("t") is not None
    assert two.remove_token_data("t")
    assert not file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_tokens_others_can_read_are_not_used(file: Path, mode: int) -> None:
    tokens = Tokens(file, "a")
    tokens.store_token_data_by_resource_server({"t": token()})
    file.chmod(mode)
    with pytest.raises(TokensRefused, match=f"Run: chmod 600 '{file}'"):
        tokens.get_token_data("t")
    file.chmod(0o600)
    file.parent.chmod(0o777)
    with pytest.raises(TokensRefused, match="chmod 700"):
        tokens.get_token_data("t")
    file.parent.chmod(0o700)
    elsewhere = file.rename(file.with_name("elsewhere"))
    file.symlink_to(elsewhere)
    with pytest.raises(TokensRefused, match="it is a link"):
        tokens.get_token_data("t")


@pytest.mark.parametrize(
    "text",
    [
        '{"Ag-token',
        "[]",
        '{"format": 2, "logins": {"a": "Ag-token"}}',
        '{"format": 1, "logins": ["Ag-token"]}',
        '{"format": 1, "logins": {"a": "Ag-token"}}',
        json.dumps({"format": 1, "logins": {"a": {"t": {"access_token": ["Ag-token"]}}}}),
        json.dumps({"format": 1, "logins": {"a": {"t": "Ag-token"}}}),
        "\udcff".join("Ag-token"),
    ],
)
def test_a_damaged_file_is_named_and_written_anew_by_a_login(file: Path, text: str) -> None:
    file.parent.mkdir(0o700)
    file.touch(0o600)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(TokensRefused, match="is damaged: `mhfd login` writes it anew") as caught:
        Tokens(file, "a").get_token_data("t")
    assert "Ag-token" not in str(everything(caught.value))
    Tokens(file, "a", strict=True).store_token_data_by_resource_server({"t": token()})
    assert Tokens(file, "a").get_token_data("t") is not None
    file.write_text("{")
    Tokens(file, "a").forget()
    assert not file.exists()


def everything(error: BaseException | None) -> list[str]:
    """All that a careful crash report would show of an error and what led to it."""
    seen = []
    while error is not None:
        seen += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        error = error.__cause__ or error.__context__
    return seen


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A login says so; a watch that renews a token goes on with it in memory, and says so once."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "tokens.json"
    with pytest.raises(TokensRefused, match=r"cannot write .*; set globus\.tokens"):
        Tokens(path, "a", strict=True).store_token_data_by_resource_server({"t": token()})
    kept = tmp_path / "login" / "tokens.json"
    Tokens(kept, "a").store_token_data_by_resource_server({"t": token(text="old")})
    tokens = Tokens(kept, "a")
    (kept.parent / ".tokens.json.part").mkdir()  # as root, a folder without rights would not stop us
    for text in ("new", "newer"):
        tokens.store_token_data_by_resource_server({"t": token(text=text)})
    assert text_of(tokens) == "newer"
    assert len(caplog.records) == 1
    assert "newer" not in caplog.text
    (kept.parent / ".tokens.json.part").rmdir()
    tokens.store_token_data_by_resource_server({"t": token(text="newest")})
    assert text_of(Tokens(kept, "a")) == "newest"
