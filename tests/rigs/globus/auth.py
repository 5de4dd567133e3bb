"""The part of Globus Auth that clients with a secret, and endpoints, need: tokens and who one is.

A client's access token says which resource server it is for. The secret `wrong` is wrong.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from tests.rigs.globus.web import Refused, Request, Server

OWNER: Final = "6d686664-0000-4000-8000-000000000001"
CLIENT_ID: Final = "6d686664-0000-4000-8000-000000000002"
CLIENT_SECRET: Final = "not-a-secret"  # noqa: S105
IDENTITY: Final[dict[str, str]] = {
    "sub": OWNER,
    "id": OWNER,
    "username": "operator@stand-in.test",
    "name": "Operator",
    "email": "operator@stand-in.test",
    "status": "used",
    "identity_type": "login",
}
SCOPES: Final[dict[str, str]] = {
    "funcx_service": "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all",
    "auth.globus.org": "openid email profile urn:globus:auth:scope:auth.globus.org:manage_projects",
    "transfer.api.globus.org": "urn:globus:auth:scope:transfer.api.globus.org:all",
    "flows.globus.org": (
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/manage_flows "
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/view_flows "
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run "
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run_status "
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run_manage "
        "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/all"
    ),
}
"""Resource server -> its scopes."""


def add_routes(server: Server) -> None:
    """Auth, on this server."""
    server.route("POST", "/v2/oauth2/token", _token)
    server.route("POST", "/v2/oauth2/token/revoke", lambda request: {"active": False})
    server.route("GET", "/v2/oauth2/userinfo", _userinfo)


def _token(request: Request) -> Any:
    kind, _, packed = request.headers.get("authorization", "").partition(" ")
    secret = base64.b64decode(packed).decode().partition(":")[2] if kind == "Basic" else ""
    if secret in ("", "wrong"):
        raise Refused(401, body={"error": "invalid_client"})
    wanted = (request.body or {}).get("scope", SCOPES["funcx_service"]).split()
    # Only the resource servers asked for, or the SDK refuses the answer.
    tokens = [_issued(server, known) for server, known in SCOPES.items() if any(one in known.split() for one in wanted)]
    tokens += [_issued(_owner_of(one), one) for one in wanted if not any(one in s.split() for s in SCOPES.values())]
    if not tokens:
        raise Refused(400, body={"error": "invalid_scope"})
    return {**tokens[0], "other_tokens": tokens[1:]}


def _owner_of(scope: str) -> str:
    """A scope of something registered, such as a flow: its id is in the scope's address."""
    return scope.rstrip("/").split("/")[-2] if scope.count("/") > 3 else "unknown"


def _issued(server: str, scopes: str) -> dict[str, Any]:
    return {
        "access_token": f"access-{server}",
        "refresh_token": None,
        "expires_in": 172800,
        "resource_server": server,
        "scope": scopes,
        "state": "_default",
        "token_type": "Bearer",
    }


def _userinfo(request: Request) -> Any:
    if request.bearer is None:
        raise Refused(401, body={"error": "unauthorized"})
    return {**IDENTITY, "preferred_username": IDENTITY["username"], "identity_set": [IDENTITY]}
