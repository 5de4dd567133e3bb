"""Globus Auth over HTTP: logging in with a browser, with a secret, renewing, revoking, and who one is.

What is sent is checked against the names of the documented fields: a wrong call of a client fails here as it would
there. The page that a browser gets shows the code at once: the person of this stand-in has nothing against it.
"""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

from tests.rigs.globus.auth import IDENTITY
from tests.rigs.globus.auth_state import Auth, Code, Token
from tests.rigs.globus.web import Refused, Request, Server

CODE_LIFE_S: Final = 600.0
_GRANTS: Final = {
    "authorization_code": {"code", "code_verifier", "redirect_uri"},
    "refresh_token": {"refresh_token"},
    "client_credentials": {"scope"},
}
_AUTHORIZE: Final = {
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "access_type",
    "prefill_named_grant",
    "prompt",
    "session_message",
    "session_required_identities",
    "session_required_single_domain",
    "session_required_policies",
    "session_required_mfa",
}


def add_routes(server: Server, auth: Auth) -> None:
    """Auth, on this server."""
    routes = _Routes(server, auth)
    for method, pattern, answer in (
        ("GET", "/.well-known/openid-configuration", routes.configuration),
        ("GET", "/jwk.json", lambda request: {"keys": [auth.public_key()]}),
        ("GET", "/v2/oauth2/authorize", routes.authorize),
        ("POST", "/v2/oauth2/token", routes.token),
        ("POST", "/v2/oauth2/token/revoke", routes.revoke),
        ("POST", "/v2/oauth2/token/introspect", routes.introspect),
        ("GET", "/v2/oauth2/userinfo", routes.userinfo),
        ("GET", "/v2/api/identities", routes.identities),
        ("GET", "/v2/api/identities/([0-9a-f-]{36})/consents", routes.consents),
    ):
        server.route(method, pattern, answer)


def no_other(given: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    """Refuse names that the documentation does not have."""
    if unknown := sorted(set(given) - set(allowed)):
        raise Refused(400, f"{where}: unknown {', '.join(unknown)}", body={"error": "invalid_request"})


class _Routes:
    def __init__(self, server: Server, auth: Auth) -> None:
        self._server, self._auth = server, auth

    def configuration(self, request: Request) -> Any:
        url = self._server.url
        return {
            "issuer": "https://auth.globus.org",
            "authorization_endpoint": f"{url}/v2/oauth2/authorize",
            "token_endpoint": f"{url}/v2/oauth2/token",
            "revocation_endpoint": f"{url}/v2/oauth2/token/revoke",
            "userinfo_endpoint": f"{url}/v2/oauth2/userinfo",
            "jwks_uri": f"{url}/jwk.json",
            "id_token_signing_alg_values_supported": ["RS512"],
        }

    def authorize(self, request: Request) -> Any:
        asked = request.query
        no_other(asked, _AUTHORIZE, "authorize")
        if asked.get("client_id") not in self._auth.natives:
            return _page("Unknown application")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return _page("A native application must use the authorization code grant with PKCE")
        if self._auth.refuses:
            return _page("You have denied the request")
        try:
            scopes = self._auth.parsed(asked["scope"])
        except Refused as e:
            return _page(str(e.body.get("error_description")))
        made = self._auth.code(
            Code(
                client=asked["client_id"],
                identity=self._auth.person,
                scopes=scopes,
                challenge=asked["code_challenge"],
                redirect=asked["redirect_uri"],
                refresh=asked.get("access_type") == "offline",
                until=time.time() + CODE_LIFE_S,
            )
        )
        return _page("Native App Authorization Code", made)

    def token(self, request: Request) -> Any:
        form = request.body or {}
        grant = form.get("grant_type", "")
        if grant not in _GRANTS:
            raise Refused(400, body={"error": "unsupported_grant_type"})
        no_other(form, {"grant_type", "client_id", *_GRANTS[grant]}, "token")
        client = self._client(request, secret=grant == "client_credentials")
        if grant == "authorization_code":
            return self._auth.exchange(form["code"], client, form.get("code_verifier", ""), form["redirect_uri"])
        if grant == "refresh_token":
            return self._auth.refreshed(form["refresh_token"], client)
        scopes = self._auth.parsed(form.get("scope", ""))
        if not scopes:
            raise Refused(400, body={"error": "invalid_scope"})
        identity = self._auth.acts_as.get(client, client)
        self._auth.consent(client, identity, scopes)
        return self._auth.grant(client, identity, scopes)

    def revoke(self, request: Request) -> Any:
        no_other(request.body or {}, {"token", "client_id", "token_type_hint"}, "revoke")
        self._client(request)
        self._auth.revoke(request.body["token"])
        return {"active": False}

    def introspect(self, request: Request) -> Any:
        self._client(request, secret=True)
        found = self._auth.valid(request.body["token"])
        if found is None:
            return {"active": False}
        return {
            "active": True,
            "scope": found.scope,
            "sub": found.identity,
            "client_id": found.client,
            "aud": [found.server],
            "exp": int(found.expires_at),
            "username": IDENTITY["username"],
        }

    def userinfo(self, request: Request) -> Any:
        token = self._bearer(request)
        if "openid" not in token.scope.split():
            raise Refused(403, body=_errors("FORBIDDEN", "Missing scope openid"))
        return _person(token.identity) | {"identity_set": [_person(token.identity)]}

    def identities(self, request: Request) -> Any:
        self._bearer(request)
        wanted = request.query.get("ids", "").split(",")
        return {"identities": [_person(one) | {"id": one} for one in wanted if one]}

    def consents(self, request: Request) -> Any:
        token = self._bearer(request)
        if request.groups[0] != token.identity:
            raise Refused(403, body=_errors("FORBIDDEN", "These are another identity's"))
        return {"consents": self._auth.consents(token.identity, token.client)}

    def _bearer(self, request: Request) -> Token:
        token = self._auth.valid(request.bearer)
        if token is None or token.server != "auth.globus.org":
            raise Refused(401, body=_errors("UNAUTHORIZED", "Call must be authenticated"))
        return token

    def _client(self, request: Request, *, secret: bool = False) -> str:
        """Who asks: an application with its secret, or a native one by its id alone."""
        kind, _, packed = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, given = base64.b64decode(packed).decode().partition(":")
            if name in self._auth.secrets and given == self._auth.secrets[name]:
                return name
        elif not secret and (request.body or {}).get("client_id") in self._auth.natives:
            return str(request.body["client_id"])
        raise Refused(401, body={"error": "invalid_client"})


def _person(identity: str) -> dict[str, Any]:
    if identity == IDENTITY["sub"]:
        return {**IDENTITY, "preferred_username": IDENTITY["username"]}
    username = f"{identity}@clients.auth.globus.org"
    return {**IDENTITY, "sub": identity, "id": identity, "preferred_username": username, "username": username}


def _errors(code: str, detail: str) -> dict[str, Any]:
    return {"errors": [{"status": "401", "code": code, "title": code.title(), "detail": detail, "id": "stand-in"}]}


def _page(title: str, code: str | None = None) -> bytes:
    shown = f'<input id="auth_code" value="{html.escape(code)}" readonly>' if code else ""
    return f"<!doctype html><title>Stand-in</title><h1>{html.escape(title)}</h1>{shown}".encode()
