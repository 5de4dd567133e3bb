"""A work by runs of a flow, for files of this machine that no endpoint sees: which flow, with which settings.

A run is found again by what is noted of it beside the kept work: Flows does not know a work by its key. So one process
of this machine follows such a work at a time.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.compute import registration
from mhfd_client.compute.reach import own_client
from mhfd_client.errors import RunnerError
from mhfd_client.flow.from_settings import recipe_for, work_runner
from mhfd_client.runners import Runner
from mhfd_client.settings.load import dotted, load
from mhfd_client.works.kept_work import KeptWork

_SECTIONS = ("flow", "compute")


def chosen(function: str, key: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the way, by their dotted names. UsageError; SettingsError.

    Args:
        function: The work's.
        key: The work's, of which a flow of several works makes the keys of these.
        own: Its fields: the one that the flow brings is a folder of this machine.
        given: What differs from this user's settings.
    """
    recipe = recipe_for(function)
    brings, most = recipe.asked.brings, recipe.input_schema["properties"]["request"]["properties"]["key"]["maxLength"]
    if len(key) > most:
        raise UsageError(f"key: {key!r} has {len(key)} characters; flow {recipe.name} takes at most {most}")
    if brings is not None and not isinstance(own.get(brings), str):
        raise UsageError(f"request: {brings} has to name a folder of this machine, which the flow brings")
    settings = dotted(load(args=given).settings, *_SECTIONS)
    if settings.get("compute.endpoint") is None:
        raise UsageError("endpoint: must be given, or compute.endpoint set")
    return settings


@contextmanager
def flow_runner(kept: KeptWork) -> Iterator[Runner]:
    """The runner of this work. RunnerError while another process has it; SettingsError, LoginError, FlowError."""
    runs_file = None if kept.lines is None else kept.lines.tasks
    recipe = recipe_for(kept.function)
    brings = recipe.asked.brings
    with _alone(kept), own_client() as client:
        ids = {name: registration.find(client, name, endpoint=kept.endpoint) for name in recipe.functions}
        with closing(
            work_runner(
                load(args=kept.settings).settings,
                kept.function,
                ids,
                folder=None if brings is None else kept.request[brings],
                runs_file=runs_file,
            )
        ) as runner:
            yield runner


@contextmanager
def _alone(kept: KeptWork) -> Iterator[None]:
    """No other process of this machine follows it: each would start a run of its own."""
    if kept.lines is None:
        yield
        return
    try:
        with files.held(files.opened_lock(kept.lines.path.with_suffix(".lock")), wait_s=0.0):
            yield
    except TimeoutError:
        raise RunnerError(
            f"work {kept.key} is followed by another process of this machine, and by a flow that can only be one: look "
            f"with `mhfd work show {kept.key}`, or end the other one"
        ) from None
