"""Auth, Transfer, Flows and Timers on one server: what login and flows need. Compute is added by whoever has a broker.

`variables` makes the unmodified globus-sdk of a process find them.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from globus_sdk import OAuthTokenResponse
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.login_flows import LoginFlowManager

from tests.rigs.globus import auth_routes, flows_routes, timers_routes, transfer_routes
from tests.rigs.globus.auth_state import Auth, data_access
from tests.rigs.globus.flows_state import FlowsState
from tests.rigs.globus.transfer_state import Collection, Kind, TransferState
from tests.rigs.globus.web import Server


def variables(url: str) -> dict[str, str]:
    """Where the services are, for globus-sdk."""
    return {f"GLOBUS_SDK_SERVICE_URL_{name}": f"{url}/" for name in ("AUTH", "FLOWS", "TIMER", "TRANSFER")}


class StandIns:
    """The states behind a server, which is somebody else's to start and stop."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tasks: Mapping[str, Any] = {}
        """The tasks of the stand-in of Compute on the same server, where there is one."""
        self.auth, self.transfer = Auth(), TransferState()
        self.flows = FlowsState(self.auth, self.transfer, lambda: (self.server.url, self.tasks))
        self.timers = timers_routes.TimersState(self.auth, self.flows)
        auth_routes.add_routes(server, self.auth)
        transfer_routes.add_routes(server, self.transfer, self.auth)
        flows_routes.add_routes(server, self.flows, self.auth)
        timers_routes.add_routes(server, self.timers, self.auth)

    def collection(self, root: Path, *, name: str = "collection", kind: Kind = "guest") -> Collection:
        """A folder becomes a collection; a mapped one has its scope in Auth."""
        made = self.transfer.add(root, name=name, kind=kind)
        if kind == "mapped":
            self.auth.know(data_access(made.id), made.id)
        return made

    def reset(self) -> None:
        """Well again. What is registered, and who is logged in, stays."""
        self.transfer.reset()
        self.flows.reset()
        self.auth.refuses = False

    def close(self) -> None:
        self.flows.close()
        self.transfer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def code_of(address: str) -> str:
    """What a person does: open the address, allow, copy the code. AssertionError with the page when there is none."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        page = answer.read().decode()
    found = re.search(r'id="auth_code" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


class Consenting(LoginFlowManager):
    """Logs in as the stand-in's person, without a terminal: for tests of what comes after."""

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> OAuthTokenResponse:
        address = self._get_authorize_url(auth_parameters, f"{self.login_client.base_url.rstrip('/')}/v2/web/auth-code")
        return self.login_client.oauth2_exchange_code_for_tokens(code_of(address))
