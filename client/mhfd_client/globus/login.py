"""Log in to Globus, say who is logged in, log out. What `mhfd login`, `whoami` and `logout` do; they print it.

A person is asked only here, and only with a terminal.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mhfd import documentation
from mhfd.errors import needing_extra
from mhfd_client.errors import LoginError, LoginRefused, NotLoggedIn, TokensRefused
from mhfd_client.globus.consents import Consents, name_of
from mhfd_client.globus.identity import Credentials, credentials, globus_app, login_client, tokens_of
from mhfd_client.printing import printable
from mhfd_client.settings.options import Settings

with needing_extra("globus", "Globus needs more packages; run"):
    from globus_sdk import (
        AuthAPIError,
        AuthClient,
        GlobusAPIError,
        GlobusApp,
        GlobusError,
        NetworkError,
        OAuthTokenResponse,
    )
    from globus_sdk.gare import GlobusAuthorizationParameters
    from globus_sdk.login_flows import CommandLineLoginFlowManager
    from globus_sdk.token_storage.validating_token_storage import IdentityMismatchError

CONSENTS: Final = "https://app.globus.org/consents"


@dataclass(frozen=True, slots=True)
class Granted:
    """One token: what it is good for, and how long. `renews`: without anybody."""

    server: str
    scope: str
    until: float
    renews: bool

    @property
    def over(self) -> bool:
        """Whether it is good for nothing any more."""
        return self.until < time.time() and not self.renews


@dataclass(frozen=True, slots=True)
class Who:
    """Who this station is. `username` is None when Globus could not be asked; `trouble` then says why."""

    client_id: str
    origin: str
    unattended: bool
    file: Path
    identity: str | None
    username: str | None
    name: str | None
    granted: tuple[Granted, ...]
    missing: tuple[str, ...]
    trouble: str | None

    @property
    def logged_in(self) -> bool:
        """All that was asked about is there. A network that is down does not log anybody out."""
        return not self.missing and (self.unattended or bool(self.granted))


class Terminal(CommandLineLoginFlowManager):
    """Shows an address, asks for the code that the browser then shows."""

    def print_authorize_url(self, authorize_url: str) -> None:
        """What a person is to do."""
        import click

        click.echo(f"1. Open this address in a browser, on any machine:\n\n{printable(authorize_url)}\n")
        click.echo("2. Log in there, read what is asked, choose Allow, and copy the code that is shown.")

    def prompt_for_code(self) -> str:
        """What a person types."""
        import click

        return str(click.prompt("3. The code", type=str)).strip()

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> OAuthTokenResponse:
        """Ask a person for the code."""
        try:
            return super().run_login_flow(auth_parameters)
        except AuthAPIError as e:
            if e.http_status not in (400, 401, 403):
                raise
        raise LoginRefused("Globus does not take this code: it is good once, for ten minutes; run `mhfd login` again")


def log_in(
    settings: Settings,
    consents: Consents,
    *,
    again: bool = False,
    say: Callable[[str], None],
    env: Mapping[str, str] | None,
) -> None:
    """Ask a person, unless this leave is there already; a station with a secret gets its tokens without."""
    found = credentials(settings, services=consents.services, env=env)
    tokens_of(found, settings, env=env).prepare()
    with globus_app(settings, services=consents.services, scopes=consents.scopes(), env=env, ask=Terminal) as app:
        if found.unattended:
            _asked(lambda: app.login(force=True))
            return
        if not again and not _asked(app.login_required):
            say("already logged in; --again asks once more")
            return
        if not sys.stdin.isatty():
            raise NotLoggedIn(
                "logging in needs a terminal, and a person at it; a station without one has a client id and secret "
                f"({documentation.page('how-to/login')})"
            )
        say("mhfd asks for leave to")
        for words in consents.words():
            say(f"  - {words}")
        say("`mhfd logout` gives all of it back.")
        _asked(lambda: app.login(force=True))


def who(settings: Settings, consents: Consents, *, env: Mapping[str, str] | None = None) -> Who:
    """Who is logged in, what for, and which consents are missing. Asks Globus for the name, if it answers."""
    found = credentials(settings, services=consents.services, env=env)
    tokens = tokens_of(found, settings, env=env)
    stored = tokens.get_token_data_by_resource_server()
    granted = tuple(
        Granted(one.server, one.scope, one.until, found.unattended or one.renews)
        for one in (
            Granted(server, data.scope, data.expires_at_seconds, data.refresh_token is not None)
            for server, data in stored.items()
        )
    )
    identity = next((data.identity_id for data in stored.values() if data.identity_id), None)
    missing: list[str] = []
    username = name = trouble = None
    scopes = consents.scopes()
    if not found.unattended:
        missing = [name_of(server) for server, wanted in scopes.items() if not _covers(granted, server, wanted)]
    if granted or found.unattended:
        with globus_app(settings, services=consents.services, scopes=scopes, env=env) as app:
            try:
                told = _asked(lambda: _userinfo(app))
                identity, username, name = told["sub"], told.get("preferred_username"), told.get("name")
                if not missing and _asked(app.login_required):
                    missing.append(
                        f"a consent for {'a flow that timers start, or ' if consents.timers else ''}a mapped collection"
                    )
            except NotLoggedIn as e:
                missing, trouble = missing or [name_of(server) for server in scopes], str(e)
            except LoginRefused as e:
                missing, trouble = [name_of(server) for server in scopes], str(e)
            except LoginError as e:
                trouble = str(e)
    return Who(
        found.client_id,
        found.origin,
        found.unattended,
        tokens.path,
        identity,
        username,
        name,
        granted,
        tuple(missing),
        trouble,
    )


def log_out(settings: Settings, *, env: Mapping[str, str] | None = None) -> int:
    """Make every token of this station's login worthless, and delete them. How many there were.

    Deleted in any case; LoginError when Globus could not be told.
    """
    found = credentials(settings, env=env)
    tokens = tokens_of(found, settings, env=env)
    try:
        stored = tokens.get_token_data_by_resource_server()
    except TokensRefused:
        tokens.forget()
        raise LoginError(
            "the tokens could not be read, so Globus was not told; the file is deleted. Take the leave back at "
            f"{CONSENTS}"
        ) from None
    texts = [text for data in stored.values() for text in (data.refresh_token, data.access_token) if text is not None]
    told = _revoked(found, texts)
    for server in stored:
        tokens.remove_token_data(server)
    if not told:
        raise LoginError(f"logged out here, but Globus could not be told: take the leave back at {CONSENTS}")
    return len(stored)


def _revoked(found: Credentials, texts: Iterable[str]) -> bool:
    """Whether Globus has heard of all of them. The SDK's own logout keeps the tokens when it has not."""
    try:
        with login_client(found) as client, client.retry_config.tune(max_retries=1):
            for text in texts:
                client.oauth2_revoke_token(text)
    except GlobusError:
        return False
    return True


def _userinfo(app: GlobusApp) -> dict[str, Any]:
    with AuthClient(app=app) as client, client.retry_config.tune(max_retries=1):
        return dict(client.userinfo().data)


def _covers(granted: Iterable[Granted], server: str, wanted: Iterable[Any]) -> bool:
    return any(
        one.server == server and not one.over and {str(scope.scope_string) for scope in wanted} <= {*one.scope.split()}
        for one in granted
    )


def _asked(call: Callable[[], Any]) -> Any:
    """What Globus answers, or a refusal in our words. The SDK's errors hold the request: ours are raised after."""
    kind: type[LoginError]
    try:
        return call()
    except IdentityMismatchError:
        kind, said = LoginRefused, "this is another Globus identity than the one that is logged in: `mhfd logout` first"
    except NetworkError as e:
        kind, said = (
            LoginError,
            f"Globus cannot be reached ({type(e.underlying_exception).__name__}): is the network up?",
        )
    except GlobusAPIError as e:
        kind, said = LoginError, f"Globus answers {e.http_status}: try again later"
        if e.http_status in (401, 403):
            kind, said = NotLoggedIn, "the Globus login was revoked or has expired: run `mhfd login`"
    raise kind(said)
