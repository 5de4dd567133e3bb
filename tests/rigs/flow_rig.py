"""A site for tests of the flow runner: two collections, a deployed flow, a login, and a real endpoint that scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tifffile

from mhfd.contract.params import Params
from mhfd_client.flow import deployments
from mhfd_client.flow.from_settings import flow_runner, work_runner
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.runners import Job
from mhfd_client.settings import load as settings
from mhfd_client.settings.options import Settings
from mhfd_flows.build import FlowRecipe
from mhfd_flows.shipped import FLOWS
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.stand_ins import Consenting, StandIns
from tests.rigs.globus.transfer_state import Collection
from tests.rigs.globus.unprivileged import hand_over
from tests.rigs.watched import picture

SHIPPED = FLOWS["focus_check"]
_functions: dict[str, str] = {}


@dataclass
class Site:
    """Everything that a station with this runner needs."""

    globus: StandIns
    sem: Collection
    stage: Collection
    endpoint: ChildEndpoint | CoreEndpoint
    folder: Path
    pairs: dict[str, Any]
    env: dict[str, str]
    functions: dict[str, str]
    """That the flow asks, by name."""
    made: int = 0
    jobs: list[Job] = field(default_factory=list)
    before: int = 0

    @property
    def root(self) -> Path:
        return self.sem.root / "run"

    @property
    def results(self) -> Path:
        return self.sem.root / "reports"

    def settings(self, **more: Any) -> Settings:
        given = self.pairs | {key.replace("__", "."): value for key, value in more.items()}
        return settings.load(env=self.env, args=given).settings

    def file(self, **more: Any) -> Path:
        """The same settings, as a station's file of them."""
        return settings_file(self.folder, self.pairs | {key.replace("__", "."): value for key, value in more.items()})

    def runner(self, *, lag_s: float = 0.2, hold_s: float = 0.2, **more: Any) -> FlowRunner:
        """As a watch would make it, with less patience."""
        hasty = partial(FlowRunner, lag_s=lag_s, hold_s=hold_s)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mhfd_client.flow.from_settings.FlowRunner", hasty)
            return flow_runner(self.settings(**more), root=str(self.root), state_dir=self.folder)

    def work_runner(self, function: str) -> FlowRunner:
        """As whoever follows a work would make it, of what lies in the watched folder."""
        hasty = partial(FlowRunner, lag_s=0.2, hold_s=0.2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mhfd_client.flow.from_settings.FlowRunner", hasty)
            return work_runner(
                self.settings(), function, self.functions, folder=str(self.root), runs_file=self.folder / "works"
            )

    def images(self, count: int) -> list[Job]:
        """New images, each with other bytes, moved in whole."""
        new = []
        for _ in range(count):
            self.made += 1
            part, path = self.root / f"{self.made:04}.part", self.root / f"S_{self.made:04}.tif"
            tifffile.imwrite(part, picture(self.made))
            part.rename(path)
            about = path.stat()
            new.append(Job(self.made, str(path), about.st_size, about.st_mtime_ns, Params()))
        self.jobs += new
        return new

    def scored(self) -> int:
        """How many images the endpoint has scored since this began, by the site's own log."""
        return _scored(self.endpoint) - self.before

    def staged(self) -> list[str]:
        return sorted(path.name for path in self.stage.root.iterdir())

    def runs(self) -> list[Any]:
        flow = self.pairs["flow.id"]
        return [run for run in list(self.globus.flows.runs.values()) if run.flow.id == flow]


@contextmanager
def site(
    service: Service,
    endpoint: ChildEndpoint | CoreEndpoint,
    folder: Path,
    env: dict[str, str],
    recipe: FlowRecipe = SHIPPED,
    functions: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Made on the stand-ins; somebody is logged in. `env`: of this process, else of one that watches.

    `functions`: ids of those that the flow asks; left out: the endpoint's, or new ones.
    """
    globus = service.globus
    (folder / "sem" / "run").mkdir(parents=True)
    (folder / "sem" / "reports").mkdir()
    stage_root = endpoint.staging / f"stage-{folder.name}"
    stage_root.mkdir()
    hand_over(stage_root, endpoint.staging)
    sem = globus.collection(folder / "sem", name="microscope", kind="personal")
    stage = globus.collection(stage_root, name="cluster", kind="mapped")
    env = env | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "home"), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        env.pop(name, None)
    from globus_sdk import FlowsClient

    chosen = settings.load(env=env).settings
    with globus_app(chosen, services=["flows"], env=env, ask=Consenting) as app, FlowsClient(app=app) as flows:
        app.login()
        found_by = {} if recipe is SHIPPED else {"keywords": deployments._about(recipe)["keywords"]}
        made = flows.create_flow(recipe.title, recipe.document, recipe.input_schema, **found_by)
        flow = str(made["id"])
        app.add_scope_requirements(consents_for("flow", flows=[flow], mapped=[stage.id]).scopes())
        app.login()
    known = {} if functions is None else dict(functions)
    for name in recipe.functions:
        known[name] = known.get(name) or endpoint.functions.get(name) or function_of(service, folder, name)
    pairs = {
        "runner.kind": "flow",
        "runner.backoff_s": 0.05,
        "flow.id": flow,
        "flow.source": sem.id,
        "flow.source_here": str(folder / "sem"),
        "flow.results_here": str(folder / "sem" / "reports"),
        "flow.results_path": "/reports",
        "flow.staging": stage.id,
        "flow.staging_root": str(stage_root),
        "flow.mapped": [stage.id],
        "flow.runs": 3,
        "flow.wait_s": 0.3,
        "flow.poll_s": 0.1,
        "compute.endpoint": endpoint.id,
        "compute.function": known[recipe.function],
    }
    globus.flows.limit_pace = 1.0
    yield Site(globus, sem, stage, endpoint, folder, pairs, env, known, before=_scored(endpoint))


@contextmanager
def site_here(
    service: Service,
    endpoint: ChildEndpoint | CoreEndpoint,
    folder: Path,
    patch: pytest.MonkeyPatch,
    recipe: FlowRecipe = SHIPPED,
    functions: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """The same, and this process is the one that watches."""
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        patch.delenv(name)
    with site(service, endpoint, folder, {}, recipe, functions) as made:
        for name, value in made.env.items():
            patch.setenv(name, value)
        yield made


def settings_file(folder: Path, pairs: Mapping[str, Any]) -> Path:
    """A station's settings as TOML; without those that are None."""
    sections: dict[str, list[str]] = {}
    for key, value in pairs.items():
        if value is not None:
            section, _, name = key.partition(".")
            sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
    made = folder / "mhfd.toml"
    made.write_text("\n".join(line for name, lines in sections.items() for line in (f"[{name}]", *lines)))
    return made


def function_of(service: Service, folder: Path, name: str = "mhfd_focus") -> str:
    """One of our functions, registered once a service."""
    known = f"{service.url} {name}"
    if known not in _functions:
        from mhfd import shim

        _functions[known] = registered(service, folder, shim.FUNCTIONS[name])
    return _functions[known]


def registered(service: Service, folder: Path, function: Callable[..., Any]) -> str:
    """A function, registered as its text; its id."""
    from globus_compute_sdk import Client
    from globus_compute_sdk.serialize import PureSourceTextInspect

    from tests.rigs.globus.sdk import redirected

    with redirected(service.url, folder / "register"):
        client = Client(code_serialization_strategy=PureSourceTextInspect())
        id_ = str(client.register_function(function))
        client._compute_web_client.v2.close()
        client._compute_web_client.v3.close()
        assert client.app is not None
        client.app.close()
    return id_


def _scored(endpoint: ChildEndpoint | CoreEndpoint) -> int:
    if not endpoint.log.exists():
        return 0
    return sum(json.loads(line).get("scored", 0) for line in endpoint.log.read_text().splitlines())
