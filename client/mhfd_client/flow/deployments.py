"""The flows that we deployed: made once, found again, and told apart when their definition differs from ours.

The service gives a new id to each flow that is made, and has no key that would stop a second one: so ids are kept in a
file of this user's, a flow carries its name and digest as keywords, and before one is made it is looked for. Starts no
run.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from uuid import UUID

import mhfd
from mhfd_client.errors import FlowError, FlowMissing, FlowObsolete, FlowRefused, FlowsUnreachable
from mhfd_client.globus.ids import id_of
from mhfd_client.kept import kept
from mhfd_client.printing import printable
from mhfd_client.settings import places
from mhfd_flows.build import FlowRecipe
from mhfd_flows.shipped import FLOWS

if TYPE_CHECKING:
    from globus_sdk import FlowsClient

R = TypeVar("R")

ROLES: Final = ("flow_viewers", "flow_starters", "flow_administrators", "run_managers", "run_monitors")
_EVERYBODY: Final = {"flow_viewers": "public", "flow_starters": "all_authenticated_users"}
_log = logging.getLogger("mhfd")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow at the service. `did`: what was done about it just now."""

    name: str
    id: UUID
    digest: str
    """Of the definition and the schema that were deployed last, by any mhfd."""
    version: str
    did: Literal["made", "found", "updated", "unchanged"] = "unchanged"
    altered: bool = False
    """The service's definition is not the one of that digest: somebody changed it there."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"id": str(self.id)}


def principal(text: str, role: str) -> str:
    """A person, client or group as Flows names them; UsageError for what it would not know."""
    if text == _EVERYBODY.get(role) or text.startswith("urn:globus:"):
        return text
    group, bare = text.startswith("group:"), text.removeprefix("group:")
    more = f", or {_EVERYBODY[role]}" if role in _EVERYBODY else ""
    do = f"give the id of an identity (`mhfd whoami --json` shows one's own), group:ID{more}"
    return f"urn:globus:{'groups:id' if group else 'auth:identity'}:{id_of(bare, role, do=do)}"


def deploy(
    flows: FlowsClient,
    shipped: FlowRecipe,
    *,
    who: str,
    roles: Mapping[str, list[str]] | None = None,
    update: bool = False,
    flow_id: UUID | None = None,
    subscription: UUID | None = None,
) -> Deployed:
    """Make the flow, or find it: as often as one likes, there is one.

    Args:
        flows: The service, with somebody's leave.
        shipped: One of ours.
        who: Whose flows they are: `identity.who_of`.
        roles: Who may do what, by the service's own names; those that are not given stay as they are.
        update: Change what is deployed to what this mhfd has, and to these roles; FlowObsolete without.
        flow_id: A flow that somebody else deployed, or that this machine has forgotten.
        subscription: That the flow belongs to.
    """
    wanted = {role: list(who) for role, who in (roles or {}).items() if who}
    about: dict[str, Any] = {**_about(shipped), **wanted}
    if subscription is not None:
        about["subscription_id"] = str(subscription)
    with _kept() as ids:
        key = _key(flows, shipped, who)
        document, known = _at_service(flows, shipped, flow_id or ids.get(key))
        if document is None:
            document = _make(flows, shipped, about)
            found = _deployed(shipped, document, "made")
        else:
            found = _deployed(shipped, document, known)
        ids[key] = str(found.id)
        differs = sorted(role for role, who in wanted.items() if set(document.get(role) or []) != set(who))
        if not (found.digest != shipped.digest or found.altered or differs):
            return found
        if update:
            document = asked(lambda: flows.update_flow(found.id, **about).data)
            return _deployed(shipped, document, "updated")
    if found.digest != shipped.digest:
        raise FlowObsolete(_obsolete(shipped, found))
    if differs:
        raise FlowError(f"flow {found.id}: other {', '.join(differs)} are deployed; --update makes them these")
    return found


def find(flows: FlowsClient, shipped: FlowRecipe, *, who: str, flow_id: UUID | None = None) -> Deployed:
    """The flow to start; FlowMissing when there is none, FlowObsolete when it is not this mhfd's."""
    with _kept() as ids:
        document, did = _at_service(flows, shipped, flow_id or ids.get(_key(flows, shipped, who)))
        if document is None:
            raise FlowMissing(f"{shipped.name} is not deployed: run `mhfd flow deploy {shipped.name}`")
        found = _deployed(shipped, document, did)
        ids[_key(flows, shipped, who)] = str(found.id)
    if found.digest != shipped.digest:
        raise FlowObsolete(_obsolete(shipped, found))
    return found


def ours(document: Mapping[str, Any]) -> FlowRecipe | None:
    """Which of our flows the service's document is, by its keywords; of this mhfd or another."""
    return FLOWS.get(_word(document, "mhfd:") or "")


def obsolete(document: Mapping[str, Any]) -> str | None:
    """In words, when the service's document is one of our flows as another mhfd, or somebody since, has made it."""
    shipped = ours(document)
    if shipped is None:
        return None
    found = _deployed(shipped, document, "found")
    if found.altered:
        return f"flow {found.id} was changed at the service; run: mhfd flow deploy {shipped.name} --update"
    return _obsolete(shipped, found) if found.digest != shipped.digest else None


def asked(call: Callable[[], R], *, of: str = "Globus Flows", login: str = "mhfd login --for flow") -> R:
    """Ask the service; its refusals in our words. Ours are raised after its own are gone: those hold the token.

    `of`: what it is called; `login`: what may help.
    """
    from globus_sdk import GlobusAPIError, GlobusError, NetworkError

    refused: FlowError
    try:
        return call()
    except GlobusAPIError as error:
        refused = _refused(int(error.http_status), _short(str(error.message or error.code)), of, login)
    except NetworkError as error:
        refused = FlowsUnreachable(f"{of} cannot be reached ({_short(str(error))}): check the network")
    except GlobusError as error:
        refused = FlowRefused(f"{type(error).__name__}: {_short(str(error))}; `{login}` may help")
    raise refused


def _refused(status: int, said: str, of: str, login: str) -> FlowError:
    if status == 404:
        return FlowMissing(f"{of} does not know it, or does not show it to us: {said}")
    if status == 401:
        return FlowRefused(f"Globus does not know us any more: run `{login}`: {said}")
    if status == 403:
        return FlowRefused(f"we may not do that: ask the flow's owner, or `{login}`: {said}")
    if status == 429:
        return FlowsUnreachable(f"{of} asks us to wait; try again in a minute: {said}")
    if status >= 500:
        return FlowsUnreachable(f"{of} is in trouble itself ({status}); try again later: {said}")
    return FlowRefused(f"{of} does not take it ({status}): {said}")


def _at_service(
    flows: FlowsClient, shipped: FlowRecipe, known: UUID | str | None
) -> tuple[dict[str, Any] | None, Literal["found", "unchanged"]]:
    """What the service has under the id that we know, else of ours under any."""
    if known is not None:
        try:
            document = dict(asked(lambda: flows.get_flow(str(known)).data))
        except FlowMissing:
            if isinstance(known, UUID):
                raise
            _log.warning("flow %s of %s is gone; another is looked for", known, shipped.name)
        else:
            if _word(document, "mhfd:") not in (shipped.name, None):
                raise FlowRefused(f"flow {known} is {_word(document, 'mhfd:')}, not {shipped.name}: correct the id")
            return document, "unchanged"
    return _search(flows, shipped), "found"


def _search(flows: FlowsClient, shipped: FlowRecipe) -> dict[str, Any] | None:
    """A flow of ours that this machine has forgotten, or whose making was not answered: the latest of one's own."""
    pages = asked(
        lambda: list(flows.paginated.list_flows(filter_roles="flow_owner", filter_fulltext=f"mhfd:{shipped.name}"))
    )
    listed = [flow for page in pages for flow in page["flows"]]
    ours = [flow for flow in listed if _word(flow, "mhfd:") == shipped.name]
    if len(ours) > 1:
        _log.warning("%d flows are called %s; the latest is used", len(ours), shipped.name)
    latest = max(ours, key=lambda flow: str(flow.get("created_at")), default=None)
    return None if latest is None else dict(asked(lambda: flows.get_flow(latest["id"]).data))


def _make(flows: FlowsClient, shipped: FlowRecipe, about: dict[str, Any]) -> dict[str, Any]:
    """One call that is not repeated: each that arrives makes a flow. Without an answer it is looked for."""
    try:
        with flows.retry_config.tune(max_retries=0):
            return dict(asked(lambda: flows.create_flow(**about).data))
    except FlowsUnreachable:
        found = _search(flows, shipped)
        if found is None:
            raise
        return found


def _about(shipped: FlowRecipe) -> dict[str, Any]:
    return {
        "title": shipped.title,
        "subtitle": shipped.subtitle,
        "definition": shipped.document,
        "input_schema": shipped.input_schema,
        "description": f"{shipped.subtitle}. Deployed by mhfd {mhfd.__version__}; `mhfd flow show` explains it.",
        "keywords": ["mhfd", f"mhfd:{shipped.name}", f"digest:{shipped.digest}", f"version:{mhfd.__version__}"],
    }


def _deployed(
    shipped: FlowRecipe, document: Mapping[str, Any], did: Literal["made", "found", "updated", "unchanged"]
) -> Deployed:
    digest = _word(document, "digest:") or "unknown"
    altered = digest == shipped.digest and document.get("definition") != shipped.document
    return Deployed(shipped.name, UUID(document["id"]), digest, _word(document, "version:") or "unknown", did, altered)


def _word(document: Mapping[str, Any], prefix: str) -> str | None:
    words = [str(word) for word in document.get("keywords") or ()]
    return next((word.removeprefix(prefix) for word in words if word.startswith(prefix)), None)


def _obsolete(shipped: FlowRecipe, found: Deployed) -> str:
    return (
        f"flow {found.id} is obsolete: it is {shipped.name} of mhfd {found.version} ({found.digest}), and this mhfd "
        f"({mhfd.__version__}) has {shipped.digest}; run: mhfd flow deploy {shipped.name} --update"
    )


def _short(text: str) -> str:
    return printable(re.sub(r"\s+", " ", text)[:600])


def _key(flows: FlowsClient, shipped: FlowRecipe, who: str) -> str:
    """Whose flow, where: a flow of one account or service is none of another's."""
    return f"{flows.base_url} {who} {shipped.name}"


def _kept() -> AbstractContextManager[dict[str, str]]:
    """The ids of flows that this user knows, to be changed in place."""
    path = places.state_home() / "flows.json"
    return kept(path, dict, _read, dict, without="they are looked for at the service")


def _read(plain: Any) -> dict[str, str]:
    return {str(key): str(UUID(id_)) for key, id_ in plain.items()}
