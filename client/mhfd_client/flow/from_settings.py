"""From settings to a flow runner, of images or of works: what a person can have got wrong is said before it starts.

Whether Globus answers is not asked for a station's: one that comes up after a power cut must start without a network.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from mhfd import documentation
from mhfd.errors import UsageError
from mhfd_client.errors import SettingsError
from mhfd_client.files import text_of
from mhfd_client.flow.deployments import find
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.run_words import long_flow
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.flow.runs_out import RUNS_FILE
from mhfd_client.flow.service import FlowService
from mhfd_client.flow.work_load import WorkLoad
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import credentials, globus_app, needs_extra, who_of
from mhfd_client.globus.ids import id_set
from mhfd_client.settings.options import FlowSettings, Settings
from mhfd_flows.build import FlowRecipe
from mhfd_flows.shipped import FLOWS

_NEEDED = ("id", "source", "source_here", "results_here", "staging", "staging_root")


def flow_runner(settings: Settings, *, root: str, state_dir: Path) -> FlowRunner:
    """The runner that `runner.kind = "flow"` means. SettingsError; NoClient; RunnerError without its libraries."""
    return runner_of(settings, folders_of(settings, root), runs_file=state_dir / RUNS_FILE)


def runner_of(
    settings: Settings,
    folders: Folders,
    *,
    runs_file: Path | None,
    wait_s: float | None = None,
    load: WorkLoad | None = None,
) -> FlowRunner:
    """The same with folders that are known. `wait_s`: how long few images wait for more, instead of the settings';
    `load`: what is carried instead of images.
    """
    needs_extra()
    credentials(settings, services=["flows"])
    return FlowRunner(
        lambda: flow_service(settings),
        folders,
        runs_file=runs_file,
        load=load,
        batch=settings.flow.batch,
        wait_s=settings.flow.wait_s if wait_s is None else wait_s,
        runs=settings.flow.runs,
        poll_s=settings.flow.poll_s,
        late_s=settings.flow.late_s,
        attempts=settings.runner.attempts,
        backoff_s=settings.runner.backoff_s,
    )


def work_runner(
    settings: Settings, work: str, ids: Mapping[str, UUID | str], *, folder: str | None, runs_file: Path | None
) -> FlowRunner:
    """A runner of works of registered functions, by the flow that is made for them. UsageError; SettingsError;
    FlowError while that flow is not deployed, or another's; LoginError.

    Args:
        settings: Where everything is; the flow is found by its name.
        work: What the work is called: by its function, or as the flow.
        ids: What the functions that the flow asks are registered as.
        folder: What the flow brings: a folder of this machine. None where it brings nothing.
        runs_file: Remembers what is out.
    """
    recipe = recipe_for(work)
    needs_extra()
    chosen = settings.model_copy(
        update={
            "flow": settings.flow.model_copy(update={"id": deployed(settings, recipe)}),
            "compute": settings.compute.model_copy(update={"function": str(ids[recipe.function])}),
        }
    )
    folders = folders_of(chosen, folder or str(chosen.flow.source_here), watched=folder is not None)
    if recipe.parts:
        folders = replace(folders, functions={name: str(ids[name]) for name in recipe.functions})
    return runner_of(chosen, folders, runs_file=runs_file, load=WorkLoad(folders, recipe))


def recipe_for(work: str) -> FlowRecipe:
    """The flow for long work that is called so, or that is. UsageError names those there are."""
    found = long_flow(work)
    if found is None:
        there = ", ".join(flow.work for flow in FLOWS.values() if flow.asked.long)
        raise UsageError(
            f"function: no flow does work of {work!r}; there are flows for {there}: ask the endpoint directly"
        )
    return found


def deployed(settings: Settings, recipe: FlowRecipe) -> str:
    """The id of this flow. FlowError; LoginError."""
    from globus_sdk import FlowsClient

    with globus_app(settings, services=["flows"]) as app, FlowsClient(app=app) as flows:
        return str(find(flows, recipe, who=who_of(app)).id)


def flow_service(settings: Settings) -> FlowService:
    """The flow of the settings, as whoever is logged in."""
    flow = flow_of(settings.flow)
    consents = consents_for("flow", flows=[flow], mapped=settings.flow.mapped)
    return FlowService(globus_app(settings, services=["flows"], scopes=consents.scopes()), flow)


def flow_of(chosen: FlowSettings) -> str:
    """The flow's id. SettingsError."""
    if chosen.id is None:
        raise SettingsError("flow.id: must be set; `mhfd flow deploy` prints it")
    return id_set("flow.id", chosen.id)


def folders_of(settings: Settings, root: str, *, watched: bool = True) -> Folders:
    """Where everything is, by each side's name. SettingsError.

    `watched`: the folder is watched, or brought as a whole, so that nothing must come back into it.
    """
    chosen = settings.flow
    missing = [f"flow.{name}" for name in _NEEDED if getattr(chosen, name) is None]
    missing += [f"compute.{name}" for name in ("endpoint", "function") if getattr(settings.compute, name) is None]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)}: must be set with runner.kind 'flow'; where each is found: "
            f"{documentation.page('how-to/microscope-to-gpu')}"
        )
    source = id_set("flow.source", chosen.source)
    here, results_here = Path(os.path.realpath(str(chosen.source_here))), Path(str(chosen.results_here)).absolute()
    real = os.path.realpath(root)
    if not Path(real).is_relative_to(here):
        raise SettingsError(
            f"flow.source_here: {text_of(real)} is not below {text_of(here)}; name the folder that the collection "
            "shows, and flow.source_path as the collection calls it"
        )
    if watched and Path(os.path.realpath(results_here)).is_relative_to(real):
        raise SettingsError(
            f"flow.results_here: {text_of(results_here)} lies in {text_of(real)}, where nothing is written; name one "
            "outside of it"
        )
    for key, path in (
        ("source_path", chosen.source_path),
        ("results_path", chosen.results_path),
        ("staging_path", chosen.staging_path),
        ("staging_root", str(chosen.staging_root)),
    ):
        if not path.startswith("/") or ".." in path.split("/"):
            raise SettingsError(f"flow.{key} = {path!r}: is no absolute path without '..'; write /folder")
    if not results_here.is_dir():
        raise SettingsError(f"flow.results_here: {text_of(results_here)} is no folder; make it")
    return Folders(
        flow=flow_of(chosen),
        endpoint=id_set("compute.endpoint", settings.compute.endpoint),
        function=id_set("compute.function", settings.compute.function),
        source=source,
        source_here=here,
        source_path=chosen.source_path,
        watched=Path(root),
        results=source if chosen.results is None else id_set("flow.results", chosen.results),
        results_here=results_here,
        results_path=chosen.results_path,
        staging=id_set("flow.staging", chosen.staging),
        staging_path=chosen.staging_path,
        staging_root=str(chosen.staging_root),
        mapped=tuple(id_set("flow.mapped", one) for one in chosen.mapped),
        user_endpoint_config=dict(chosen.user_endpoint_config),
    )
