"""What the stand-in of Globus Auth knows: applications, scopes, tokens, and what people have consented to.

Read in public documentation and in globus-sdk: the grants, the shape of a token answer, that a refresh token stays
the same, that a consent belongs to a path of scopes (flow -> transfer -> collection) of one person with one
application, that `data_access` exists for mapped collections only. Guessed: the words of errors. One person lives
here, who consents to everything that the address asks for unless `refuses` is set; sessions, MFA and policies do not
exist.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from globus_sdk.scopes import GCSCollectionScopes, Scope, ScopeParser, SpecificFlowScopes, TransferScopes

from tests.rigs.globus.auth import CLIENT_ID, CLIENT_SECRET, OWNER, SCOPES
from tests.rigs.globus.web import Refused

NATIVE_ID: Final = "6d686664-0000-4000-8000-000000000003"
TRANSFER: Final = str(TransferScopes.all)
LIFE_S: Final = 172800


def data_access(collection: str) -> str:
    """The scope that a mapped collection asks for."""
    return str(GCSCollectionScopes(collection).data_access)


def flow_scope(flow: str) -> str:
    """The scope that starts one flow."""
    return str(SpecificFlowScopes(flow).user)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token stands for; its text is the key under which it is known."""

    kind: str
    server: str
    scope: str
    identity: str
    client: str
    expires_at: float
    family: str  # of one login: revoking its refresh token ends the access tokens too


@dataclass(frozen=True, slots=True)
class Code:
    """A person has consented; the application has not come for its tokens yet."""

    client: str
    identity: str
    scopes: tuple[Scope, ...]
    challenge: str
    redirect: str
    refresh: bool
    until: float


class Auth:
    """Applications, tokens, consents. Thread-safe."""

    def __init__(self) -> None:
        self.person = OWNER
        self.refuses = False
        self.life_s: float = LIFE_S
        self.natives = {NATIVE_ID}
        self.secrets = {CLIENT_ID: CLIENT_SECRET}
        self.acts_as = {CLIENT_ID: OWNER}
        """Whom a client with a secret is, if not itself: in the rig, all belongs to one person."""
        self.issued: list[str] = []
        """Every token that was ever given out: none of them may turn up in a log."""
        self._servers = {scope: server for server, scopes in SCOPES.items() for scope in scopes.split()}
        self._tokens: dict[str, Token] = {}
        self._codes: dict[str, Code] = {}
        self._consents: dict[tuple[str, ...], int] = {}  # (identity, client, scope, dependency, ...) -> id
        self._lock = threading.RLock()
        self._key: Any = None

    def know(self, scope: str, server: str) -> None:
        """There is this scope, and it is this resource server's."""
        with self._lock:
            self._servers[scope] = server

    # Tokens

    def consent(self, client: str, identity: str, scopes: tuple[Scope, ...]) -> None:
        """The person agrees to all of it."""
        with self._lock:
            for scope in scopes:
                self._agree((identity, client), scope)

    def code(self, code: Code) -> str:
        """What the person's browser shows after consenting."""
        self.consent(code.client, code.identity, code.scopes)
        text = secrets.token_urlsafe(22)
        with self._lock:
            self._codes[text] = code
        return text

    def exchange(self, text: str, client: str, verifier: str, redirect: str) -> dict[str, Any]:
        """Tokens for a code, once."""
        with self._lock:
            code = self._codes.pop(text, None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if code is None or code.until < time.time() or (code.client, code.redirect) != (client, redirect):
            raise Refused(400, body={"error": "invalid_grant"})
        if code.challenge != digest:
            raise Refused(400, body={"error": "invalid_grant", "error_description": "code verifier mismatch"})
        return self.grant(client, code.identity, code.scopes, refresh=code.refresh)

    def parsed(self, text: str) -> tuple[Scope, ...]:
        """The scopes that a request names; one that does not exist is refused, as the real service does."""
        scopes = tuple(ScopeParser.parse(text))
        for scope in scopes:
            self._known(scope)
        return scopes

    def grant(self, client: str, identity: str, scopes: tuple[Scope, ...], *, refresh: bool = False) -> dict[str, Any]:
        """One token for each resource server, in the shape of Auth's answer."""
        family = str(uuid.uuid4())
        by_server: dict[str, list[str]] = {}
        for scope in scopes:
            by_server.setdefault(self._servers[scope.scope_string], []).append(scope.scope_string)
        made = [
            self._issued(Token("access", server, " ".join(names), identity, client, 0, family), refresh=refresh)
            for server, names in by_server.items()
        ]
        answer = {**made[0], "other_tokens": made[1:]}
        if any(scope.scope_string == "openid" for scope in scopes):
            answer["id_token"] = self._id_token(client, identity)
        return answer

    def refreshed(self, text: str, client: str) -> dict[str, Any]:
        """A new access token; the refresh token stays."""
        with self._lock:
            known = self._tokens.get(text)
        if known is None or known.kind != "refresh" or known.client != client:
            raise Refused(400, body={"error": "invalid_grant"})
        access = Token("access", known.server, known.scope, known.identity, client, 0, known.family)
        return {**self._issued(access, refresh=False), "refresh_token": text, "other_tokens": []}

    def revoke(self, text: str) -> None:
        """This token is worth nothing any more; of a refresh token, nor are the access tokens of its server."""
        with self._lock:
            gone = self._tokens.pop(text, None)
            if gone is not None and gone.kind == "refresh":
                same = (gone.family, gone.server)
                self._tokens = {k: t for k, t in self._tokens.items() if (t.family, t.server) != same}

    def rescind(self, identity: str = OWNER) -> None:
        """The person takes back every consent: no token of theirs is worth anything any more."""
        with self._lock:
            self._tokens = {k: t for k, t in self._tokens.items() if t.identity != identity}
            self._consents = {k: n for k, n in self._consents.items() if k[0] != identity}

    def expire(self, server: str | None = None) -> None:
        """The access tokens of a server, or all, are over now. Clients do not know it yet."""
        with self._lock:
            for text, token in list(self._tokens.items()):
                if token.kind == "access" and server in (None, token.server):
                    del self._tokens[text]

    def valid(self, text: str | None) -> Token | None:
        """What a bearer token stands for, while it does."""
        with self._lock:
            found = self._tokens.get(text or "")
        return found if found is not None and found.kind == "access" and found.expires_at > time.time() else None

    def live(self) -> list[Token]:
        """Every token that has been neither revoked nor expired."""
        with self._lock:
            return [token for token in self._tokens.values() if token.expires_at > time.time()]

    # Consents

    def consented(self, identity: str, client: str, *path: str) -> bool:
        """Whether the person lets this application go down this path of scopes."""
        with self._lock:
            return (identity, client, *path) in self._consents

    def consents(self, identity: str, client: str) -> list[dict[str, Any]]:
        """Auth's documents of them, as globus-sdk reads them."""
        with self._lock:
            known = {k: n for k, n in self._consents.items() if k[:2] == (identity, client)}
        then = "2026-01-01T00:00:00.000000+00:00"
        return [
            {
                "id": number,
                "client": client if len(path) == 3 else path[-2],
                "scope": str(uuid.uuid5(uuid.NAMESPACE_URL, path[-1])),
                "scope_name": path[-1],
                "effective_identity": identity,
                "dependency_path": [known[path[:end]] for end in range(3, len(path) + 1)],
                "created": then,
                "updated": then,
                "last_used": then,
                "status": "approved",
                "allows_refresh": True,
                "auto_approved": False,
                "atomically_revocable": len(path) > 3,
            }
            for path, number in known.items()
        ]

    def _agree(self, path: tuple[str, ...], scope: Scope) -> None:
        path = (*path, scope.scope_string)
        self._consents.setdefault(path, len(self._consents) + 1)
        below = list(scope.dependencies)
        if scope.scope_string.endswith("_user") and "/flow_" in scope.scope_string:
            below.append(Scope(TRANSFER))  # a flow's scope includes what its actions need
        for dependency in below:
            self._agree(path, dependency)

    def _known(self, scope: Scope) -> None:
        if scope.scope_string not in self._servers:
            raise Refused(400, body={"error": "invalid_scope", "error_description": f"Unknown scope {scope!s}"})
        for dependency in scope.dependencies:
            self._known(dependency)

    def _issued(self, token: Token, *, refresh: bool) -> dict[str, Any]:
        life = self.life_s
        access, again = f"Ag{secrets.token_urlsafe(40)}", f"Rf{secrets.token_urlsafe(40)}"
        about = (token.server, token.scope, token.identity, token.client)
        with self._lock:
            self.issued += [access, again]
            self._tokens[access] = Token("access", *about, time.time() + life, token.family)
            if refresh:
                self._tokens[again] = Token("refresh", *about, time.time() + 86400 * 180, token.family)
        return {
            "access_token": access,
            "refresh_token": again if refresh else None,
            "expires_in": int(life),
            "resource_server": token.server,
            "scope": token.scope,
            "state": "_default",
            "token_type": "Bearer",
        }

    # Identity tokens

    def public_key(self) -> dict[str, Any]:
        from jwt.algorithms import RSAAlgorithm

        found: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self._private().public_key()))
        return {**found, "alg": "RS512", "use": "sig"}

    def _id_token(self, client: str, identity: str) -> str:
        import jwt

        now = int(time.time())
        told = {"sub": identity, "aud": client, "iss": "https://auth.globus.org", "iat": now, "exp": now + 3600}
        return jwt.encode(told, self._private(), algorithm="RS512")

    def _private(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self._lock:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key
