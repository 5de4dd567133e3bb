"""Who this station is to Globus: the one place where a `GlobusApp` is made.

A person logs in once with `mhfd login` (a native app); an unattended station uses a client id and secret. Outside of
`mhfd login` nothing here ever asks anybody: what lacks a login raises `NotLoggedIn`, with or without a terminal.
Needs the extra `globus`, and loads it only when an app is made.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import SecretStr

from mhfd import documentation
from mhfd.errors import needing_extra
from mhfd_client.errors import NoClient
from mhfd_client.files import text_of
from mhfd_client.globus.ids import id_of
from mhfd_client.globus.private_names import APPLICATION, anything, must_be_there
from mhfd_client.settings.load import load
from mhfd_client.settings.options import Settings
from mhfd_client.settings.places import login_dir

if TYPE_CHECKING:
    from globus_sdk import GlobusApp, Scope
    from globus_sdk.login_flows import LoginFlowManager

    from mhfd_client.globus.clients import Confidential, Native
    from mhfd_client.globus.tokens import Tokens

Service = Literal["compute", "flows", "transfer", "timers"]

APP_NAME: Final = "mhfd"
_COMPUTE: Final[tuple[Service, ...]] = ("compute",)
ENVIRONMENT_PAIRS: Final = (
    ("MHFD_CLIENT_ID", "MHFD_CLIENT_SECRET"),
    ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"),
)
_RECIPE: Final = (
    "no application is registered for logging in to Globus Flows and Transfer. Register one, which takes two minutes "
    "and costs nothing: at https://app.globus.org/settings/developers choose 'Register a thick client or script that "
    "will be installed and run by users on their devices', give it a name, and set globus.client_id (or "
    f"MHFD_GLOBUS_CLIENT_ID) to the Client UUID that is shown ({documentation.page('how-to/login')})"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The application that asks for tokens, and where its id was found."""

    client_id: str
    secret: SecretStr | None
    origin: str

    @property
    def unattended(self) -> bool:
        """The application acts as itself; nobody logs in."""
        return self.secret is not None


def credentials(
    settings: Settings, *, services: Collection[Service] = _COMPUTE, env: Mapping[str, str] | None = None
) -> Credentials:
    """The first of: MHFD_CLIENT_ID and _SECRET; `globus.client_id`; those of Globus Compute; for Compute alone, the
    public application of the Globus Compute SDK.

    Args:
        settings: For the section `globus`.
        services: What will be asked of Globus.
        env: The environment; nothing for this process's.
    """
    env = os.environ if env is None else env
    ours, computes = (_pair(env, *names) for names in ENVIRONMENT_PAIRS)
    if ours is not None:
        if ours.secret is None:
            raise NoClient(
                "MHFD_CLIENT_ID: its MHFD_CLIENT_SECRET is not set; set both for a station that logs in by itself, or "
                "globus.client_id (MHFD_GLOBUS_CLIENT_ID) for a login by a person"
            )
        return ours
    if settings.globus.client_id is not None:
        file = settings.globus.secret_file
        secret = None if file is None else _secret(file)
        return Credentials(_client_id(settings.globus.client_id, "globus.client_id"), secret, "globus.client_id")
    if settings.globus.secret_file is not None:
        raise NoClient("globus.secret_file: says nothing without globus.client_id; set both")
    if computes is not None:
        return computes
    if set(services) <= {"compute"}:
        return Credentials(_public_client(), None, "the Globus Compute SDK's own")
    raise NoClient(f"globus.client_id: {_RECIPE}")


def globus_app(
    settings: Settings | None = None,
    *,
    services: Collection[Service] = _COMPUTE,
    scopes: Mapping[str, Iterable[Scope]] | None = None,
    env: Mapping[str, str] | None = None,
    ask: type[LoginFlowManager] | None = None,
) -> GlobusApp:
    """The app that service clients are made with: `FlowsClient(app=globus_app(settings, services=["flows"]))`.

    A client adds the scopes it needs. What the login does not cover is `NotLoggedIn` at the first request.

    Args:
        settings: The station's; nothing for those that a command without arguments would find.
        services: What will be asked of Globus; decides whether an application of one's own is needed.
        scopes: Scopes by resource server, beside those of the clients.
        env: The environment; nothing for this process's.
        ask: How a person is asked; only `mhfd login` gives it. Nothing: nobody is asked.
    """
    needs_extra()
    from globus_sdk import ClientApp, GlobusAppConfig, UserApp

    from mhfd_client.globus.clients import Confidential, Nobody, refuse

    settings = load(env=env).settings if settings is None else settings
    found = credentials(settings, services=services, env=env)
    tokens = tokens_of(found, settings, env=env, strict=ask is not None)
    required = {server: list(wanted) for server, wanted in (scopes or {}).items()}
    login = login_client(found)
    if isinstance(login, Confidential):
        config = GlobusAppConfig(token_storage=tokens, token_validation_error_handler=refuse)
        return ClientApp(APP_NAME, login_client=login, scope_requirements=required, config=config)
    config = GlobusAppConfig(
        token_storage=tokens,
        token_validation_error_handler=refuse,
        request_refresh_tokens=True,
        login_flow_manager=(ask or Nobody)(login, request_refresh_tokens=True),
    )
    return UserApp(APP_NAME, login_client=login, scope_requirements=required, config=config)


def login_client(found: Credentials) -> Native | Confidential:
    """What asks Globus Auth for tokens, renews and revokes them."""
    from mhfd_client.globus.clients import Confidential, Native

    if found.secret is not None:
        return Confidential(found.client_id, found.secret.get_secret_value(), app_name=APP_NAME)
    return Native(found.client_id, app_name=APP_NAME)


def tokens_of(
    found: Credentials, settings: Settings, *, env: Mapping[str, str] | None = None, strict: bool = False
) -> Tokens:
    """Where the tokens of this application are kept."""
    from globus_sdk.config import get_environment_name

    from mhfd_client.globus.tokens import Tokens

    kind = "client" if found.unattended else "user"
    path = settings.globus.tokens or login_dir(env) / "tokens.json"
    namespace = f"{get_environment_name()}/{kind}/{found.client_id}"
    return Tokens(path.expanduser().absolute(), namespace, strict=strict)


def needs_extra() -> None:
    """Refuse, with the command that helps, where the extra is not installed."""
    with needing_extra("globus", "Globus needs more packages; run"):
        import globus_compute_sdk  # noqa: F401
        import globus_sdk  # noqa: F401


def who_of(app: GlobusApp) -> str:
    """Who acts, as far as the tokens tell: enough not to mix up two accounts of one person."""
    return str(getattr(app.token_storage, "identity_id", None) or app.client_id)


def _public_client() -> str:
    """The id of the application that the Globus Compute SDK logs in with. ReleaseUnknown."""
    needs_extra()
    try:
        module: Any = import_module(APPLICATION.owner)
    except ImportError:
        module = None
    must_be_there(module, APPLICATION, anything)
    return str(module.DEFAULT_CLIENT_ID)


def _client_id(text: str, key: str) -> str:
    return str(id_of(text, key, error=NoClient))


def _pair(env: Mapping[str, str], id_name: str, secret_name: str) -> Credentials | None:
    client, secret = env.get(id_name, ""), env.get(secret_name, "")
    if client:
        return Credentials(_client_id(client, id_name), SecretStr(secret) if secret else None, f"environment {id_name}")
    if secret:
        raise NoClient(f"{secret_name}: its {id_name} is not set; set both or neither")
    return None


def _secret(file: Path) -> SecretStr:
    """The secret in a file that only its owner can read."""
    name = text_of(file)
    try:
        with file.open("rb") as f:
            about, text = os.fstat(f.fileno()), f.read(4096).decode("utf-8", "replace").strip()
    except OSError as e:
        raise NoClient(f"globus.secret_file: cannot read {name}: {e.strerror}") from None
    if os.name == "posix" and stat.S_IMODE(about.st_mode) & 0o077:
        raise NoClient(f"globus.secret_file: {name} can be read by others; run: chmod 600 '{name}'")
    if not text or len(text.split()) != 1:
        raise NoClient(f"globus.secret_file: {name} should hold the secret and nothing else")
    return SecretStr(text)
