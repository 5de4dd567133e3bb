"""Globus Flows, Transfer and Compute for works, in one process and in made-up time: files are moved, and hashed.

The deployed flow is run as in the dry run; what it asks for is done, with the rig's function called as the endpoint's
worker calls it. Faults are what a test asks for.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import pytest
from benchmarks._virtual_time import EPOCH_S, VirtualTime

from mhfd.contract.work import WorkAnswer
from mhfd.remote.long.turn import LongWork
from mhfd_client.errors import InputRefused
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.flow.service import FlowService, Run, Start, answers_in, moments_in
from mhfd_client.flow.work_load import WorkLoad
from mhfd_client.runners.work import Work
from mhfd_flows.build import FlowRecipe
from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Execution, Pause
from tests.rigs import flow_inputs
from tests.rigs.hash_flow import HASH_FLOW
from tests.rigs.remote.hashing import NAME, hash_folder

SEM, STAGE, SOMETHING = (f"6d686664-0000-4000-8000-00000000000{n}" for n in (1, 2, 9))
_TRANSFER: Final = "https://transfer.actions.globus.org/"
_save: Final = LongWork.save
_COMPUTE: Final = "https://compute.actions.globus.org/v3"


Verb = Callable[..., dict[str, Any]]


class WorkFlows:
    """As `flow.service.FlowService`, with everything behind it.

    Args:
        folder: Of both collections.
        recipe: The flow.
        verbs: What the functions do, by name.
        lost: So many answers to starts are lost; the runs are made.
        lag_s: How far the list of runs is behind.
        deaths: So many tasks die with their worker, each once its function has done a part.
    """

    def __init__(
        self,
        time: VirtualTime,
        folder: Path,
        *,
        lost: int = 0,
        lag_s: float = 0.0,
        deaths: int = 0,
        recipe: FlowRecipe = HASH_FLOW,
        verbs: Mapping[str, Verb] | None = None,
    ) -> None:
        self.time, self.lost, self.lag_s, self.deaths = time, lost, lag_s, deaths
        self.recipe, self._verbs = recipe, {NAME: hash_folder} if verbs is None else dict(verbs)
        self.ids = {name: f"6d686664-0000-4000-a000-{n:012}" for n, name in enumerate(recipe.functions)}
        self.sem, self.stage = folder / "sem", folder / "stage"
        for one in (self.sem / "results", self.stage):
            one.mkdir(parents=True, exist_ok=True)
        self.runs: dict[str, Execution] = {}
        self.asked: list[dict[str, Any]] = []
        """What the function was called with, each time."""
        self.names: list[str] = []
        """Which function that was."""
        self.silent: dict[str, int] = {}
        """Of a function's answers so many are lost, though it did its part."""
        self.late: dict[str, int] = {}
        """The same, and they come after the flow has waited for them."""
        self.broken: Callable[[str, Path], None] = lambda which, path: None
        """Called with each file that was moved: `bring` or `return`."""
        self.fails: str = ""
        """The address of what fails always, in part."""
        self.never = self.starts = 0
        """So many starts make nothing, and nobody says so."""
        self._keys: dict[str, tuple[str, float]] = {}

    def runner(self, *, state: Path | None = None, **options: Any) -> FlowRunner:
        """As a client has it."""
        folders = self.folders()
        given = {"wait_s": 1.0, "poll_s": 5.0, "attempts": 2} | options
        return FlowRunner(
            lambda: cast("FlowService", self),
            folders,
            runs_file=None if state is None else state / "works.jsonl",
            clock=self.time.clock,
            background=self.time.background(0.1),
            load=WorkLoad(folders, self.recipe),
            **given,
        )

    def folders(self) -> Folders:
        return Folders(
            flow=SOMETHING,
            endpoint=SOMETHING,
            function=SOMETHING,
            source=SEM,
            source_here=self.sem,
            source_path="/",
            watched=self.sem,
            results=SEM,
            results_here=self.sem / "results",
            results_path="/results",
            staging=STAGE,
            staging_path="/",
            staging_root=str(self.stage),
            functions=self.ids if self.recipe.parts else {},
        )

    def images(self, count: int) -> Path:
        """A folder with files."""
        made = self.sem / "run"
        (made / "deep").mkdir(parents=True, exist_ok=True)
        for n in range(count):
            (made / ("deep" if n % 2 else ".") / f"{n}.tif").write_bytes(bytes([n]) * (1000 + n))
        return made

    def staged(self) -> list[str]:
        return sorted(path.name for path in self.stage.iterdir())

    # -- the service

    def start(self, key: str, body: Mapping[str, Any], label: str, tags: Collection[str] = ()) -> Start:
        try:
            flow_inputs.check_input(self.recipe, body)
        except flow_inputs.InputRefused as e:
            raise InputRefused(f"Globus Flows does not start it (422): {e}") from None
        self.starts += 1
        if self.never:
            self.never -= 1
            return Start(why="502 before it was made")
        run = f"6d686664-0000-4000-9000-{len(self.runs):012}"
        doing = {
            f"{_TRANSFER}mkdir": _Doing(self, self._mkdir),
            f"{_TRANSFER}ls": _Doing(self, self._ls),
            f"{_TRANSFER}transfer": _Doing(self, self._transfer),
            f"{_TRANSFER}delete": _Doing(self, self._delete),
            _COMPUTE: _Doing(self, self._compute),
        }
        one = Execution(self.recipe.definition, body, doing, now=self.time.today_s, run_id=run)
        self.runs[run], self._keys[key] = one, (run, self.time.now + self.lag_s)
        self._step(one, one.steps())
        if self.lost:
            self.lost -= 1
            return Start(why="502 after it was made")
        return Start(run, clock_s=self.time.today_s())

    def find(self, keys: Collection[str]) -> dict[str, str]:
        return {key: self._keys[key][0] for key in keys if key in self._keys and self._keys[key][1] <= self.time.now}

    def look(self, run: str, *, answers: bool = False) -> Run:
        one = self.runs[run]
        error, why = one.error or ("", "")
        said = tuple(answers_in(json.loads(json.dumps([entry.as_json() for entry in one.log]))))
        output = one.state if one.status == "SUCCEEDED" else {}
        told = Run(run, one.status, one.at, error, str(why), output, EPOCH_S, answers=said if answers else ())
        return replace(
            told, moments=moments_in(entry.as_json() for entry in one.log), folder=one.state.get("folder", "")
        )

    def cancel(self, run: str) -> None:
        self.runs[run].cancel()

    def close(self) -> None:
        pass

    def _step(self, one: Execution, steps: Iterator[Pause]) -> None:
        pause = next(steps, None)
        if pause is not None:
            self.time.after(pause.seconds + 1.0, lambda: self._step(one, steps))

    # -- what is done

    def _there(self, collection: str, path: str) -> Path:
        return {SEM: self.sem, STAGE: self.stage}[collection] / path.strip("/")

    def _mkdir(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._there(asked["endpoint_id"], asked["path"]).mkdir()
        return {}

    def _ls(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        there = sorted(self._there(asked["endpoint_id"], asked["path"]).iterdir())
        return {"DATA": [{"name": path.name} for path in there[: asked["limit"]]]}

    def _transfer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        ends = asked["source_endpoint"], asked["destination_endpoint"]
        for one in asked["DATA"]:
            here, there = (
                self._there(*end) for end in zip(ends, (one["source_path"], one["destination_path"]), strict=True)
            )
            there.parent.mkdir(parents=True, exist_ok=True)
            if one.get("recursive"):
                shutil.copytree(here, there, dirs_exist_ok=True)
            else:
                shutil.copy(here, there)
            self.broken("bring" if ends[0] == SEM else "return", there)
        return {}

    def _delete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        for one in asked["DATA"]:
            shutil.rmtree(self._there(asked["endpoint"], one["path"]))
        return {}

    def _compute(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        (task,) = asked["tasks"]
        self.asked.append(dict(task["kwargs"]))
        named = next((name for name, id_ in self.ids.items() if id_ == task["function_id"]), self.recipe.function)
        self.names.append(named)
        with pytest.MonkeyPatch.context() as patch:
            if self.deaths:
                self.deaths -= 1
                patch.setattr(LongWork, "save", _saved_and_died)
            output = json.loads(json.dumps(self._verbs[named](**task["kwargs"])))
        if self.silent.get(named, 0) > 0:
            self.silent[named] -= 1
            raise WorkerDied
        if self.late.get(named, 0) > 0:
            self.late[named] -= 1
            raise AnswersLate
        return {"results": [{"task_id": SOMETHING, "output": output}], "result": [output]}


class WorkerDied(BaseException):
    """The task's worker was killed."""


class AnswersLate(BaseException):
    """The task is done, and nobody says so in time."""


def _saved_and_died(turn: LongWork, *said: Any) -> None:
    _save(turn, *said)
    raise WorkerDied


class _Doing:
    """A provider: what it is asked for is done when it is looked at first."""

    def __init__(self, flows: WorkFlows, do: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._flows, self._do = flows, do
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._late: set[str] = set()

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        action = str(len(self._asked))
        self._asked[action] = parameters
        if self._flows.fails and self._flows.fails in self._do.__name__:
            raise UnableToRun("it is pretended")
        return ActionAnswer("ACTIVE", action)

    def status(self, action_id: str) -> ActionAnswer:
        if action_id in self._late:
            return ActionAnswer("ACTIVE", action_id)
        try:
            return ActionAnswer("SUCCEEDED", action_id, self._do(self._asked[action_id]))
        except AnswersLate:
            self._late.add(action_id)
            return ActionAnswer("ACTIVE", action_id)
        except FileExistsError as error:
            return ActionAnswer("FAILED", action_id, {"message": str(error)})
        except WorkerDied:
            return ActionAnswer("FAILED", action_id, {"message": "the endpoint lost the worker that ran the task"})

    def cancel(self, action_id: str) -> None:
        """A task goes on to its end."""


def work(folder: Path | str | None, *, id_: int = 1, key: str = "hash-1", **fields: Any) -> Work:
    """Hash this folder of the microscope's."""
    request = {"schema_version": 1, "key": key, "into": "anywhere", "folder": folder and str(folder)} | fields
    return Work(id_, key, NAME, request, WorkAnswer.model_validate)
