"""From a station's settings to its compute runner: what a person can have got wrong is said before it starts.

Whether the endpoint is there is not asked here: a station that comes up after a power cut must start without a network.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from mhfd.errors import needing_extra
from mhfd_client.compute import registration
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.flying_images import FOCUS
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService, Task, client_of, let_go
from mhfd_client.errors import FunctionNotAllowed, SettingsError
from mhfd_client.globus.ids import id_of
from mhfd_client.settings.options import Settings

LEDGER = "compute.jsonl"
"""In the state folder: which tasks of the service are out."""


def compute_runner(settings: Settings, *, root: str, state_dir: Path) -> ComputeRunner:
    """The runner that `runner.kind = "compute"` means. SettingsError; ExtraMissing without its libraries."""
    chosen = settings.compute
    if chosen.endpoint is None:
        raise SettingsError("compute.endpoint: must be set with runner.kind 'compute'; give --endpoint or set it")
    with needing_extra("globus", "runner.kind = compute needs globus-compute-sdk"):
        import globus_compute_sdk  # noqa: F401
    endpoint, pinned = endpoint_of(chosen.endpoint), None
    if chosen.function is not None:
        pinned = id_of(chosen.function, "compute.function", do="`mhfd function list` shows them", error=SettingsError)
    paths = PathMap(chosen.map)
    paths.there(root)  # refused now, not image by image

    def open_endpoint(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        client = client_of(retries=False)
        try:
            find = partial(registration.find, client, endpoint=endpoint)
            functions = {FOCUS: find(FOCUS, pinned=pinned)}
            with suppress(FunctionNotAllowed):  # it only tells more of what is wrong
                functions["mhfd_examine"] = find("mhfd_examine")
            config = chosen.user_endpoint_config
            far = EndpointService(client, endpoint, fast_poll_s=chosen.poll_s, config=config, sent=sent)
        except BaseException:
            let_go(client)
            raise
        return CallableEndpoint(far, functions, find, let_go=lambda: let_go(client))

    return ComputeRunner(
        endpoint,
        open_endpoint,
        there=paths.there,
        ledger=state_dir / LEDGER,
        batch=chosen.batch,
        tasks=chosen.tasks,
        deadline_s=settings.runner.deadline_s,
        attempts=settings.runner.attempts,
        backoff_s=settings.runner.backoff_s,
        give_up_s=chosen.meanwhile_s,
    )
