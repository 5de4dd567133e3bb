"""From what a person types to a call that can run: who we are, is the endpoint there, what is it asked, which files.

Everything that a person can have got wrong is said here, before any image is handed over, and in bounded time.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from mhfd_client.compute import registration
from mhfd_client.compute.callable_endpoint import CallableEndpoint, OpenEndpoint
from mhfd_client.compute.flying_images import FOCUS
from mhfd_client.compute.service import EndpointService, client_of, let_go, submit_once
from mhfd_client.errors import EndpointOffline
from mhfd_client.globus.ids import id_of
from mhfd_client.globus.private_names import PATIENCE, is_there

_TIMEOUT_S: Final = 15.0
_RETRIES: Final = 2


def endpoint_of(text: object) -> UUID:
    """The id of an endpoint, as a person wrote it."""
    return id_of(text, "endpoint", do="`mhfd endpoint check NAME` shows it where the endpoint runs")


@contextmanager
def own_client() -> Iterator[Any]:
    """A client of whoever is logged in, for a short while."""
    client = hurried(client_of())
    try:
        yield client
    finally:
        let_go(client)


@contextmanager
def reach(endpoint: UUID, function: str = FOCUS, *, config: Mapping[str, Any] | None = None) -> Iterator[OpenEndpoint]:
    """What opens the endpoint, which is online, and whose function is known. ComputeError, LoginError.

    `config`: what is chosen of the endpoint's configuration.
    """
    with own_client() as client:
        status = EndpointService(client, endpoint).status()
        if not status.online:
            raise EndpointOffline(
                f"endpoint {endpoint} is {status.words}: nothing was handed over. Where it runs: "
                "globus-compute-endpoint start NAME"
            )
        find = partial(registration.find, client, endpoint=endpoint)
        known = {function: find(function)}
        submit_once(client)
        yield lambda sent: CallableEndpoint(EndpointService(client, endpoint, config=config, sent=sent), known, find)


def hurried(client: Any) -> Any:
    """The same client, for somebody who waits: a service that is silent is given up in seconds, not minutes."""
    for name in PATIENCE:
        owner = client if name.owner == "Client" else client.app  # renews tokens before it all
        if is_there(owner, name, _has_patience):
            web = attrgetter(name.path)(owner)
            web.retry_config.max_retries = min(_RETRIES, web.retry_config.max_retries)
            web.transport.http_timeout = _TIMEOUT_S
    return client


def _has_patience(web: Any) -> bool:
    return hasattr(web, "retry_config") and hasattr(web, "transport")
