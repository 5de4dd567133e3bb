"""The consents that a station needs in Globus, as scopes and in words a person understands.

Asked for at once, in one visit to the browser. Looks nothing up and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhfd_client.errors import NoClient
from mhfd_client.globus.identity import Service
from mhfd_client.globus.ids import id_of

if TYPE_CHECKING:
    from globus_sdk import Scope

_SERVICES: Final[dict[str, tuple[Service, ...]]] = {
    "local": ("compute",),
    "compute": ("compute",),
    "flow": ("compute", "flows", "transfer"),
}
_NAMES: Final = {
    "auth.globus.org": "who you are",
    "funcx_service": "Compute: run functions on endpoints",
    "flows.globus.org": "Flows: deploy flows, watch and cancel runs",
    "transfer.api.globus.org": "Transfer: move files between collections",
    "524230d7-ea86-4a52-8312-86065a9e0417": "Timers: start flows at times that were set",
}


@dataclass(frozen=True, slots=True)
class Consents:
    """What is asked for. `flows`: that may be started; `mapped`: mapped collections that they and we may use; `timers`:
    timers may start these flows, too."""

    services: tuple[Service, ...]
    flows: tuple[str, ...] = ()
    mapped: tuple[str, ...] = ()
    timers: bool = False

    def scopes(self) -> dict[str, list[Scope]]:
        """By resource server."""
        from globus_sdk.scopes import (
            AuthScopes,
            ComputeScopes,
            FlowsScopes,
            GCSCollectionScopes,
            SpecificFlowScopes,
            TimersScopes,
            TransferScopes,
        )

        transfer = TransferScopes.all
        for collection in self.mapped:
            transfer = transfer.with_dependency(GCSCollectionScopes(collection).data_access.with_optional(True))
        found = {"auth.globus.org": [AuthScopes.openid, AuthScopes.profile, AuthScopes.email]}
        if "compute" in self.services:
            found[str(ComputeScopes.resource_server)] = [ComputeScopes.all]
        if "flows" in self.services:
            found[str(FlowsScopes.resource_server)] = [FlowsScopes.all]
        if "transfer" in self.services:
            found[str(TransferScopes.resource_server)] = [transfer]
        for flow in self.flows:
            scope = SpecificFlowScopes(flow).user
            found[flow] = [scope.with_dependency(transfer) if self.mapped else scope]
        if self.timers:
            started = [scope for flow in self.flows for scope in found[flow]]
            found[str(TimersScopes.resource_server)] = [TimersScopes.timer.with_dependencies(started)]
        return found

    def words(self) -> Iterator[str]:
        """Each thing in one line, as it follows 'mhfd asks for leave to'."""
        yield "know who you are: your name and e-mail address in Globus"
        if "compute" in self.services:
            yield "run functions, as you, on Compute endpoints that let you"
        if "flows" in self.services:
            yield "deploy flows, as you, and watch and cancel their runs"
        if "transfer" in self.services:
            yield "list and move files, as you, on collections that let you"
        for flow in self.flows:
            yield f"start the flow {flow}, which moves images and runs the function as you, also while you are away"
        if self.timers:
            yield "make timers that start it at times that you set, see them and delete them"
        for collection in self.mapped:
            yield f"do so on the collection {collection}, which gives access only to those who ask for it by name"


def consents_for(
    runner: str, *, flows: Sequence[str] = (), mapped: Sequence[str] = (), timers: bool = False
) -> Consents:
    """What a runner needs. NoClient for an id that is none."""
    services = _SERVICES["flow" if flows or mapped else runner]
    return Consents(
        services,
        tuple(str(id_of(text, "flow", error=NoClient)) for text in flows),
        tuple(str(id_of(text, "collection", error=NoClient)) for text in mapped),
        timers,
    )


def name_of(server: str) -> str:
    """A resource server in words."""
    return _NAMES.get(server, f"flow {server}: start runs of it")
