"""A compute runner for tests: the real SDK, a real endpoint, and functions that do what a file says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService, Task, client_of, let_go
from tests.rigs import far_jobs

if TYPE_CHECKING:
    from tests.rigs.globus.child_endpoint import ChildEndpoint
    from tests.rigs.globus.service import Service

_ids: dict[tuple[str, str], UUID] = {}


def far_runner(
    service: Service, endpoint: ChildEndpoint, *, ledger: Path | None = None, focus: str = "focus", **options: Any
) -> ComputeRunner:
    """Small batches, several at once, and little patience. `focus`: which function of `far_jobs` scores."""

    def open_endpoint(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        client = client_of(retries=False)
        scores, examines = (_registered(service, client, name) for name in (focus, "examine"))
        far = EndpointService(client, UUID(endpoint.id), sent=sent)
        known = {"mhfd_focus": scores, "mhfd_examine": examines}
        find = partial(_registered, service, client)
        return CallableEndpoint(
            far, known, lambda name: find(name.removeprefix("mhfd_")), let_go=lambda: let_go(client)
        )

    options = {"batch": 2, "tasks": 2, "backoff_s": 0.01, **options}
    return ComputeRunner(UUID(endpoint.id), open_endpoint, ledger=ledger, **options)


def _registered(service: Service, client: Any, name: str) -> UUID:
    if (service.url, name) not in _ids:
        from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

        client.fx_serializer = ComputeSerializer(strategy_code=PureSourceTextInspect, strategy_data=JSONData)
        _ids[service.url, name] = UUID(client.register_function(getattr(far_jobs, name)))
    return _ids[service.url, name]
