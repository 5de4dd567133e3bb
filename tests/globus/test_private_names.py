"""What Globus' packages do not publish is looked for first, and said in words where it is gone: each is taken away."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Iterator
from importlib.metadata import version
from inspect import signature
from types import SimpleNamespace
from typing import Any

import pytest
from globus_compute_sdk import Client, Executor
from globus_compute_sdk.sdk.executor import _ResultWatcher
from tests.rigs import REPOSITORY

from mhfd.errors import ExtraMissing, needing_extra
from mhfd_client.compute import quick_executor, reach, service
from mhfd_client.errors import LoginError, ReleaseUnknown
from mhfd_client.globus import identity, private_names
from mhfd_client.settings.options import Settings

SLOW = "results are looked at every 0.5 s instead"
HALF_S = quick_executor.STOCK_S


@pytest.fixture(autouse=True)
def _nothing_was_said() -> Iterator[None]:
    private_names._say.cache_clear()
    yield
    private_names._say.cache_clear()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "mhfd.globus")
    return caplog


def web(**lacking: bool) -> SimpleNamespace:
    """A client of the SDK's, as far as its inside is used."""
    closed: list[str] = []

    def part(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            retry_config=SimpleNamespace(max_retries=5),
            transport=SimpleNamespace(http_timeout=60.0),
            close=lambda: closed.append(name),
        )

    app = SimpleNamespace(_login_client=part("login"), close=lambda: closed.append("app"))
    both = SimpleNamespace(v2=part("v2"), v3=part("v3"))
    return SimpleNamespace(_compute_web_client=both, app=app, closed=closed)


def words(name: private_names.PrivateName) -> str:
    """As they begin, with the release that is installed."""
    return f"{name.package} {version(name.package)} has no {name} as we know it: "


def test_the_release_that_is_installed_has_them_all() -> None:
    assert callable(getattr(Executor, private_names.WATCHER.path))
    assert callable(getattr(Executor, private_names.TAKEN.path))
    assert callable(getattr(Client, private_names.MISMATCH.path))
    assert signature(_ResultWatcher).parameters[private_names.POLL.path].default == HALF_S
    assert private_names.LOOP.path in inspect.getsource(_ResultWatcher.__init__)


@pytest.mark.parametrize("name", [private_names.WATCHER, private_names.TAKEN], ids=str)
def test_an_executor_without_it_is_slower_and_says_so_once(
    name: private_names.PrivateName, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(Executor, name.path)
    for _ in range(2):
        assert issubclass(quick_executor.executor_class(0.02, lambda _: None), Executor)
    assert said.messages == [words(name) + name.without]


def quickened(watcher: Any) -> Any:
    quick = quick_executor.executor_class(0.02, lambda _: None)
    quick.quicken(None, watcher)
    return watcher


def test_a_watcher_is_quickened_where_its_wait_is_what_we_know(said: pytest.LogCaptureFixture) -> None:
    assert quickened(SimpleNamespace(poll_period_s=HALF_S)).poll_period_s == 0.02
    assert quickened(SimpleNamespace(poll_period_s=4)).poll_period_s == 4
    assert said.messages == []


@pytest.mark.parametrize("watcher", [SimpleNamespace(), SimpleNamespace(poll_period_s="often")], ids=["gone", "other"])
def test_a_watcher_that_waits_otherwise_is_left_alone(watcher: Any, said: pytest.LogCaptureFixture) -> None:
    before = dict(vars(watcher))
    assert vars(quickened(watcher)) == before
    assert said.messages == [words(private_names.POLL) + SLOW]


def test_a_watcher_without_its_connection_is_ended_all_the_same(said: pytest.LogCaptureFixture) -> None:
    ended: list[bool] = []
    watcher = SimpleNamespace(
        shutdown=lambda **_: ended.append(True), join=lambda timeout: None, is_alive=lambda: False
    )
    quick_executor.end([watcher])
    assert ended == [True]
    assert said.messages == [words(private_names.LOOP) + private_names.LOOP.without]


@pytest.mark.parametrize("gone", ["_compute_web_client", "v3", "retry_config", "max_retries"])
def test_without_a_way_to_submit_once_nothing_is_submitted(gone: str) -> None:
    client = web()
    service.submit_once(client)
    assert client._compute_web_client.v3.retry_config.max_retries == 0
    owner: Any = client
    for name in ("_compute_web_client", "v3", "retry_config", "max_retries"):
        if name == gone:
            break
        owner = getattr(owner, name)
    delattr(owner, gone)
    with pytest.raises(ReleaseUnknown) as refused:
        service.submit_once(client)
    assert str(refused.value) == (
        f"{words(private_names.RETRIES)}{private_names.RETRIES.without}. "
        "Install the one that we know: pip install 'globus-compute-sdk==4.19.*'"
    )
    assert isinstance(refused.value, LoginError)


@pytest.mark.parametrize(
    ("of", "gone"), [("_compute_web_client", "v2"), ("_compute_web_client", "v3"), ("app", "_login_client")]
)
def test_somebody_who_waits_waits_longer(of: str, gone: str, said: pytest.LogCaptureFixture) -> None:
    client = web()
    delattr(getattr(client, of), gone)
    reach.hurried(client)
    (name,) = [one for one in private_names.PATIENCE if one.path.endswith(gone)]
    assert said.messages == [words(name) + name.without]
    rest = [*vars(client._compute_web_client).values(), *[v for v in [getattr(client.app, "_login_client", None)] if v]]
    assert len(rest) == 2
    assert {(one.retry_config.max_retries, one.transport.http_timeout) for one in rest} == {(2, 15.0)}


def test_what_can_be_closed_is_closed(said: pytest.LogCaptureFixture) -> None:
    client = web()
    service.let_go(client)
    assert client.closed == ["v2", "v3", "app"]
    assert said.messages == []
    other = web()
    del other._compute_web_client.v2
    service.let_go(other)
    assert other.closed == ["v3", "app"]
    assert said.messages == [words(private_names.CONNECTIONS[0]) + private_names.CONNECTIONS[0].without]


def test_a_client_that_compares_releases_otherwise(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    client = web()
    monkeypatch.setattr("globus_compute_sdk.Client", lambda **_: client)
    monkeypatch.setattr(service, "globus_app", lambda *_: client.app)
    assert service.client_of() is client
    assert said.messages == [words(private_names.MISMATCH) + private_names.MISMATCH.without]
    assert not hasattr(client, "_log_version_mismatch")


def test_without_the_public_application_one_is_to_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity.credentials(Settings(), env={}).origin == "the Globus Compute SDK's own"
    monkeypatch.delattr("globus_compute_sdk.sdk.auth.globus_app.DEFAULT_CLIENT_ID")
    with pytest.raises(ReleaseUnknown, match=r"register one and set globus\.client_id"):
        identity.credentials(Settings(), env={})
    monkeypatch.setitem(__import__("sys").modules, "globus_compute_sdk.sdk.auth.globus_app", None)
    with pytest.raises(ReleaseUnknown, match=r"register one and set globus\.client_id"):
        identity.credentials(Settings(), env={})


def test_a_part_that_a_release_does_not_have_is_no_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (("globus_compute_sdk.no_such_part", "x"), ("globus_compute_sdk.serialize", "NoSuchThing")):
        with pytest.raises(ExtraMissing) as missing, needing_extra("globus", "a flow needs globus-sdk"):
            exec(f"from {module} import {name}")  # noqa: S102 - as our modules do
        assert str(missing.value).startswith(
            f"globus-compute-sdk {version('globus-compute-sdk')} is made differently from the one we know: "
        )
        assert module in str(missing.value)
        assert str(missing.value).endswith("a release that has it: pip install --upgrade 'mhfd[globus]'")
    only = pytest.raises(ExtraMissing, match=r"^a flow needs globus-sdk: pip install 'mhfd\[globus\]'$")
    with only, needing_extra("globus", "a flow needs globus-sdk"):
        import no_such_package_at_all  # type: ignore[import-not-found]  # noqa: F401


def test_every_private_name_that_the_client_uses_is_on_the_list() -> None:
    """Whatever begins with an underscore and is reached through something that is not ours."""
    listed = {part for one in private_names.ALL for part in one.path.split(".") if part.startswith("_")}
    found = set()
    for path in (REPOSITORY / "client" / "mhfd_client").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not re.search(r"globus_(compute_)?sdk|globus\.private_names", text):
            continue
        tree = ast.parse(text)
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
                ours = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                if (not ours and node.attr not in own) or "super()" in ast.unparse(node.value):
                    found.add(node.attr)
    assert found
    assert found - listed == set()
