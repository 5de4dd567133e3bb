"""What `identity` gives to globus-sdk: login clients and handlers whose refusals a person can act on.

Nothing here asks anybody anything, and no message holds a token: what Globus answered is named by its code only.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from globus_sdk import (
    AuthAPIError,
    ConfidentialAppAuthClient,
    GlobusApp,
    NativeAppAuthClient,
    OAuthClientCredentialsResponse,
    OAuthRefreshTokenResponse,
    OAuthTokenResponse,
)
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.login_flows import LoginFlowManager
from globus_sdk.token_storage import TokenValidationError
from globus_sdk.token_storage.validating_token_storage import (
    ExpiredTokenError,
    IdentityMismatchError,
    UnmetScopeRequirementsError,
)

from mhfd_client.errors import LoginRefused, NotLoggedIn

R = TypeVar("R")

_AGAIN = "run `mhfd login` on this machine, as the user that the station runs as"


def refuse(app: GlobusApp, error: TokenValidationError) -> None:
    """What a client's request ends in when its token is missing, too narrow or over."""
    if isinstance(error, IdentityMismatchError):
        raise LoginRefused("this is another Globus identity than the one that is logged in: `mhfd logout` first")
    if isinstance(error, UnmetScopeRequirementsError):
        raise NotLoggedIn(f"the Globus login does not cover all that is asked for (`mhfd whoami` shows it): {_AGAIN}")
    if isinstance(error, ExpiredTokenError):
        raise NotLoggedIn(f"the Globus login has expired: {_AGAIN}")
    raise NotLoggedIn(f"not logged in to Globus: {_AGAIN}")


class Nobody(LoginFlowManager):
    """Asks nobody: a service that wants a new login gets an error, and a station never hangs on a prompt."""

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> OAuthTokenResponse:
        """Refuse, with the words of Globus."""
        said = auth_parameters.session_message
        why = f"Globus asks for a new login ({said})" if said else "Globus asks for a new login or a further consent"
        raise NotLoggedIn(f"{why}: {_AGAIN}")


class Native(NativeAppAuthClient):
    """A login by a person, kept alive by refresh tokens."""

    def oauth2_refresh_token(
        self, refresh_token: str, *, body_params: dict[str, Any] | None = None
    ) -> OAuthRefreshTokenResponse:
        renew = super().oauth2_refresh_token
        message = f"the Globus login was revoked or has expired: {_AGAIN}"
        return _said(lambda: renew(refresh_token, body_params=body_params), NotLoggedIn, message)


class Confidential(ConfidentialAppAuthClient):
    """A client that acts as itself."""

    def oauth2_client_credentials_tokens(self, requested_scopes: Any = None) -> OAuthClientCredentialsResponse:
        get = super().oauth2_client_credentials_tokens
        message = "Globus refuses the client id and secret: make a new secret, and set it"
        return _said(lambda: get(requested_scopes), LoginRefused, message)


def _said(call: Callable[[], R], kind: type[NotLoggedIn] | type[LoginRefused], message: str) -> R:
    """What Globus Auth refuses, in our words. All else (no network, 5xx) goes through.

    Its own error holds the request, and that the token: ours is raised after it is gone.
    """
    try:
        return call()
    except AuthAPIError as error:
        if error.http_status not in (400, 401, 403):
            raise
        told = error.raw_json or {}
        code = str(told.get("error") or error.code)[:60]
    raise kind(f"{message} ({code})")
