"""Functions are registered once, found again, and told apart: the real SDK, at the stand-in of the service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from tests.rigs.globus.service import Service
from tests.rigs.other_code import old_shim

from mhfd import shim
from mhfd_client.cli import main
from mhfd_client.compute import registration
from mhfd_client.compute.registration import NAMES, FunctionState
from mhfd_client.compute.service import client_of
from mhfd_client.errors import FunctionNotAllowed, FunctionObsolete, FunctionUnknown, ServiceUnreachable
from mhfd_client.settings import places

REGISTERED = "POST /v3/functions"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """As `mhfd` itself makes it."""
    made = client_of()
    yield made
    made._compute_web_client.v2.close()
    made._compute_web_client.v3.close()
    made.app.close()


@pytest.fixture
def endpoint(service: Service) -> Callable[..., UUID]:
    """Make an endpoint that the service knows, restricted to these functions; nothing of it runs."""

    def known(*allowed: UUID) -> UUID:
        about = {"display_name": "restricted", "allowed_functions": [str(id_) for id_ in allowed]}
        return UUID(service.compute.add_endpoint(about, str(uuid4())).id)

    return known


def of_an_older_mhfd(client: Any, name: str = "mhfd_focus") -> UUID:
    """Registered by a version whose code was other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(shim.FUNCTIONS, name, getattr(old_shim, name))
        return registration.ensure(client, name)


def test_the_same_code_keeps_its_id(service: Service, client: Any) -> None:
    first = registration.ensure(client, "mhfd_focus")
    assert registration.ensure(client, "mhfd_focus") == first
    assert registration.ensure(client, "mhfd_examine") != first
    assert service.log.count(REGISTERED) == 2
    assert [f.state for f in registration.known(client)] == [FunctionState.CURRENT] * 2


def test_what_runs_on_one_endpoint_alone_is_not_given_to_others(service: Service, client: Any) -> None:
    alone = uuid4()
    bound = registration.register(client, "mhfd_focus", endpoint=alone)
    assert service.compute.functions[str(bound.id)]["ha_endpoint_id"] == str(alone)
    assert registration.register(client, "mhfd_focus", endpoint=alone) == bound
    assert registration.register(client, "mhfd_focus", endpoint=uuid4()).id != bound.id
    assert registration.ensure(client, "mhfd_focus") != bound.id
    shared = CliRunner().invoke(main, ["function", "register", "--high-assurance", str(alone), "--public"])
    assert shared.exit_code == 2
    assert "cannot be shared" in shared.output


def test_what_travels_is_source_and_says_what_it_is(service: Service, client: Any) -> None:
    told = client.get_function(registration.ensure(client, "mhfd_focus"))
    assert "def mhfd_focus(" in told["function_code"]
    assert registration.digest_of("mhfd_focus") in told["description"]


def test_an_id_that_the_service_forgot_is_registered_again(service: Service, client: Any) -> None:
    first = registration.ensure(client, "mhfd_focus")
    client.delete_function(first)
    assert [f.state for f in registration.known(client)] == [FunctionState.GONE]
    second = registration.ensure(client, "mhfd_focus")
    assert second != first
    assert [f.id for f in registration.known(client)] == [second]


def test_whom_it_is_shared_with_is_part_of_it(service: Service, client: Any) -> None:
    group = uuid4()
    private = registration.register(client, "mhfd_focus")
    shared = registration.register(client, "mhfd_focus", group=group)
    assert shared.id != private.id
    assert shared.shared == f"group {group}"
    assert registration.register(client, "mhfd_focus", group=group).id == shared.id
    assert registration.register(client, "mhfd_focus", public=True).id not in (private.id, shared.id)
    assert service.log.count(REGISTERED) == 3
    registration.ensure(client, "mhfd_focus")
    assert service.log.count(REGISTERED) == 3


def test_other_code_is_another_function_and_the_old_one_is_named(service: Service, client: Any) -> None:
    old = of_an_older_mhfd(client)
    new = registration.ensure(client, "mhfd_focus")
    assert new != old
    assert {f.id: f.state for f in registration.known(client)} == {
        old: FunctionState.OBSOLETE,
        new: FunctionState.CURRENT,
    }
    with pytest.raises(FunctionObsolete, match="mhfd function register") as obsolete:
        registration.find(client, "mhfd_focus", endpoint=uuid4(), pinned=old)
    assert str(old) in str(obsolete.value)
    assert registration.find(client, "mhfd_focus", endpoint=uuid4(), pinned=new) == new


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"functions": [{"id": 7}]}', b'{"functions": [{}]}', b"\xff"])
def test_a_damaged_file_costs_a_registration(service: Service, client: Any, content: bytes) -> None:
    registration.ensure(client, "mhfd_focus")
    (places.state_home() / "functions.json").write_bytes(content)
    found = registration.ensure(client, "mhfd_focus")
    assert registration.ensure(client, "mhfd_focus") == found
    assert service.log.count(REGISTERED) == 2


def test_where_ids_cannot_be_kept_it_still_works(
    service: Service, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert registration.ensure(client, "mhfd_focus") != registration.ensure(client, "mhfd_focus")


def test_processes_that_begin_together_register_once(service: Service, globus_env: dict[str, str]) -> None:
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()", "function", "register", "--json"]
    begun = [subprocess.Popen(command, env=globus_env, stdout=subprocess.PIPE) for _ in range(3)]
    told = [json.loads(process.communicate()[0]) for process in begun]
    assert len({json.dumps([f["id"] for f in one["functions"]]) for one in told}) == 1
    assert service.log.count(REGISTERED) == len(registration.NAMES)


def test_an_endpoint_that_allows_ours_is_called_by_the_id_it_allows(
    service: Service, client: Any, endpoint: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A facility's function, which this user did not register and whose id nobody told."""
    facilitys = registration.ensure(client, "mhfd_focus")
    restricted = endpoint(of_an_older_mhfd(client), registration.ensure(client, "mhfd_examine"), facilitys)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    service.log.clear()
    assert registration.find(client, "mhfd_focus", endpoint=restricted) == facilitys
    assert not service.log.count(REGISTERED)


def test_an_endpoint_that_allows_old_code_only_is_named(service: Service, client: Any, endpoint: Any) -> None:
    old = of_an_older_mhfd(client)
    with pytest.raises(FunctionObsolete, match=str(old)) as obsolete:
        registration.find(client, "mhfd_focus", endpoint=endpoint(old))
    assert f"mhfd endpoint pin NAME {registration.ensure(client, 'mhfd_focus')}" in str(obsolete.value)


def test_an_endpoint_that_does_not_allow_ours_is_named(service: Service, client: Any, endpoint: Any) -> None:
    with pytest.raises(FunctionNotAllowed, match="administrator") as refused:
        registration.find(client, "mhfd_focus", endpoint=endpoint(uuid4()))
    assert f"mhfd endpoint pin NAME {registration.ensure(client, 'mhfd_focus')}" in str(refused.value)


def test_a_list_that_is_not_ours_to_see_does_not_matter(service: Service, client: Any, endpoint: Any) -> None:
    service.fail("allowed_functions", 403)
    mine = registration.ensure(client, "mhfd_focus")
    assert registration.find(client, "mhfd_focus", endpoint=endpoint(uuid4())) == mine


def test_an_id_that_is_something_else_is_named(service: Service, client: Any) -> None:
    with pytest.raises(FunctionUnknown, match="not known"):
        registration.find(client, "mhfd_focus", endpoint=uuid4(), pinned=uuid4())
    pinned = registration.ensure(client, "mhfd_examine")
    with pytest.raises(FunctionUnknown, match="'mhfd_examine', not mhfd_focus"):
        registration.find(client, "mhfd_focus", endpoint=uuid4(), pinned=pinned)
    with pytest.raises(FunctionUnknown, match="there are: mhfd_focus, mhfd_examine"):
        registration.ensure(client, "mhfd_fokus")


def test_a_service_that_hangs_up_is_unreachable(service: Service, client: Any) -> None:
    client._compute_web_client.v3.retry_config.max_retries = 0
    service.fail(REGISTERED, "drop")
    with pytest.raises(ServiceUnreachable):
        registration.ensure(client, "mhfd_focus")
    assert not registration.known(client)


def test_as_commands(service: Service) -> None:
    nothing = CliRunner().invoke(main, ["function", "list"])
    assert nothing.exit_code == 0
    assert "run: mhfd function register" in nothing.output
    made = CliRunner().invoke(main, ["function", "register", "--json"])
    told = json.loads(made.output)
    ids = [f["id"] for f in told["functions"]]
    assert [f["name"] for f in told["functions"]] == list(NAMES)
    assert told["pin"] == f"mhfd endpoint pin NAME {' '.join(ids[:2])}", "those of images alone run everywhere"
    again = CliRunner().invoke(main, ["function", "register"])
    assert again.exit_code == 0
    assert told["pin"] in again.output
    assert f"and where mhfd_train may run: mhfd endpoint pin NAME --add mhfd_train={ids[2]}" in again.output
    listed = CliRunner().invoke(main, ["function", "list"])
    assert all(f"{id_}  current" in listed.output for id_ in ids)
    assert json.loads(CliRunner().invoke(main, ["function", "list", "--json"]).output)[0]["state"] == "current"


def test_the_command_names_what_is_obsolete(service: Service, client: Any) -> None:
    old = of_an_older_mhfd(client)
    told = CliRunner().invoke(main, ["function", "register"])
    assert f"mhfd_focus {old} is obsolete" in told.output
    assert f"{old}  obsolete" in CliRunner().invoke(main, ["function", "list"]).output


def test_group_and_public_exclude_each_other() -> None:
    told = CliRunner().invoke(main, ["function", "register", "--public", "--group", str(uuid4())])
    assert told.exit_code == 2
    assert "exclude" in told.output


def test_without_a_login_the_remedy_is_named(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_ID")
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_SECRET")
    told = CliRunner().invoke(main, ["function", "register"])
    assert told.exit_code == 1
    assert "mhfd login" in told.output
