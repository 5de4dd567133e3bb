"""Somebody who starts flows by hand: logged in, with two collections, a deployed flow and settings that name them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mhfd_client.cli import main
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings import load as settings
from tests.rigs.flow_rig import settings_file
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.stand_ins import Consenting, StandIns, variables
from tests.rigs.globus.transfer_state import Collection
from tests.rigs.globus.web import Server

SOMEBODY = "6d686664-0000-4000-8000-0000000000aa"


@dataclass
class Operator:
    """Who types, and what is there. A run that finds no images ends well without an endpoint."""

    globus: StandIns
    sem: Collection
    stage: Collection
    flow: str
    folder: Path
    config: Path

    def types(self, *words: object) -> Result:
        """`mhfd flow` and these words, with the settings."""
        return CliRunner().invoke(main, ["flow", *map(str, words), "--config", str(self.config)])

    def reads(self, *words: object) -> dict[str, Any]:
        """What it says to programs."""
        done = self.types(*words, "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def runs(self) -> list[Any]:
        return list(self.globus.flows.runs.values())

    def timers(self) -> list[Any]:
        return list(self.globus.timers.timers.values())

    def log_in(self, *, timers: bool = False, flow: bool = True) -> None:
        """As `mhfd login` does."""
        flows = [self.flow] if flow else []
        scopes = consents_for("flow", flows=flows, mapped=[self.stage.id], timers=timers).scopes()
        with globus_app(settings.load().settings, services=["flows"], scopes=scopes, ask=Consenting) as app:
            app.login(force=True)


@contextmanager
def operator(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """This process is theirs."""
    with Server() as server, StandIns(server) as globus:
        for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
            patch.delenv(name, raising=False)
        home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
        for name, value in {**variables(server.url), **home, "NO_PROXY": "127.0.0.1"}.items():
            patch.setenv(name, value)
        for name in ("sem/wafer7", "sem/reports", "stage"):
            (folder / name).mkdir(parents=True)
        sem = globus.collection(folder / "sem", name="microscope", kind="personal")
        stage = globus.collection(folder / "stage", name="cluster", kind="mapped")
        pairs = {
            "flow.source": sem.id,
            "flow.source_path": "/wafer7/",
            "flow.results_path": "/reports/",
            "flow.staging": stage.id,
            "flow.staging_root": str(folder / "stage"),
            "flow.mapped": [stage.id],
            "compute.endpoint": SOMEBODY,
            "compute.function": SOMEBODY,
        }
        globus.flows.pace = 20000.0  # no test here looks at how long a run waits
        made = Operator(globus, sem, stage, "", folder, settings_file(folder, pairs))
        made.log_in(flow=False)
        made.flow = str(made.reads("deploy")["id"])
        made.log_in(timers=True)
        yield made
