"""Globus Flows and Transfer in virtual time: our shipped definition, run by our interpreter, with providers that take
as long as is assumed and fail as often. Files are names and sizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks._virtual_centre import REPORT_BYTES, Assumed, Centre, Chance, answer
from benchmarks._virtual_time import EPOCH_S, VirtualTime

from mhfd_client.errors import FlowsUnreachable, InputRefused
from mhfd_client.flow.reports import Collected
from mhfd_client.flow.service import OVER, Run, Start
from mhfd_client.runners import Job
from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Execution, Pause
from mhfd_flows.shipped import FLOWS

ACTIVE: Final = 3
QUEUED: Final = 100
LIST_LAG_S: Final = 5.0
STATE_BYTES: Final = 200_000
_AT: Final = "https://transfer.actions.globus.org/"
_ENTRY: Final = {
    "DATA_TYPE": "file",
    "type": "file",
    "permissions": "0644",
    "user": "u" * 16,
    "group": "g" * 16,
    "last_modified": "2026-01-01 00:00:00+00:00",
    "link_target": None,
    "link_user": None,
    "link_group": None,
    "link_last_modified": None,
    "link_size": None,
}


class Lanes:
    """Tasks of Transfer of one kind: three are active, a hundred wait."""

    def __init__(self, time: VirtualTime, held_s: Callable[[], float]) -> None:
        self._time, self._held_s = time, held_s
        self._waiting: deque[Callable[[], None]] = deque()
        self.active = self.most = self.longest = 0
        self.busy_s = 0.0

    def add(self, seconds: Callable[[], float], done: Callable[[], None]) -> None:
        """One more. UnableToRun when too many wait."""
        if len(self._waiting) >= QUEUED:
            raise UnableToRun("100 tasks wait already")
        self._waiting.append(lambda: self._run(seconds(), done))
        self.longest = max(self.longest, len(self._waiting))
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self.active < ACTIVE:
            self.active += 1
            self.most = max(self.most, self.active)
            self._waiting.popleft()()

    def _run(self, seconds: float, done: Callable[[], None]) -> None:
        self.busy_s += seconds

        def end() -> None:
            if held := self._held_s():  # the other side is away: it stays active until that is back
                self._time.after(held, end)
                return
            self.active -= 1
            done()
            self._begin()

        self._time.after(seconds, end)


@dataclass(slots=True)
class _Doing:
    status: Any = "ACTIVE"
    details: Any = field(default_factory=dict)
    cancelled: bool = False


class VirtualFlows:
    """As `flow.service.FlowService`, with everything behind it."""

    def __init__(self, time: VirtualTime, centre: Centre, assumed: Assumed, chance: Chance) -> None:
        self.time, self.centre, self.assumed, self.chance = time, centre, assumed, chance
        self.transfers, self.deletions = Lanes(time, self._held_s), Lanes(time, self._held_s)
        self.runs: dict[str, Execution] = {}
        self.largest = self.made = 0
        self.takes = FLOWS["focus_check"].most  # images, by the schema of what is deployed
        self.endings: dict[str, int] = {}
        self.left: set[str] = set()
        self.results: dict[str, set[str]] = {}  # by the run's key: the images whose reports are back
        self._listed: dict[str, tuple[str, float]] = {}  # key -> run, from when the list has it
        self._staged: dict[str, dict[str, int]] = {}
        self._sizes: dict[str, int] = {}
        self._definition = FLOWS["focus_check"].definition

    # -- the service

    def start(self, key: str, body: Mapping[str, Any], label: str, tags: Collection[str] = ()) -> Start:
        """Make a run; the answer may be lost."""
        if (many := len(body["batch"]["images"])) > self.takes:
            raise InputRefused(f"422: batch.images: {many} are more than {self.takes}, pretended")
        fails = self.chance.fails("start a run")
        how = self.chance.random.random() if fails else 1.0
        if how < 1 / 3:
            return Start(wait_s=10.0, why="429, pretended")
        if how < 2 / 3:
            return Start(why="502 before it was made, pretended")
        run = self.chance.uuid()
        self._listed[key] = run, self.time.now + LIST_LAG_S
        self._make(run, body)
        return Start(why="502 after it was made, pretended") if fails else Start(run, clock_s=self.time.today_s())

    def find(self, keys: Collection[str]) -> dict[str, str]:
        """The runs of these keys, as far as the list has them."""
        self._may_fail("look at the list of runs")
        now = self.time.now
        return {key: self._listed[key][0] for key in keys if key in self._listed and self._listed[key][1] <= now}

    def look(self, run: str) -> Run:
        """How it stands."""
        self._may_fail("look at a run")
        one = self.runs[run]
        if one.status not in OVER:
            return Run(run, one.status, one.at)
        error, why = one.error or ("", "")
        moments = {f"{e.state}{e.code[6:]}": e.at for e in one.log if e.state and e.code[:6] == "Action"}
        output = one.state if one.status == "SUCCEEDED" else {}
        return Run(run, one.status, one.at, error, why, output, EPOCH_S, moments)

    def cancel(self, run: str) -> None:
        """End it."""
        self.runs[run].cancel()

    def close(self) -> None:
        """Nothing is left behind."""

    def _may_fail(self, what: str) -> None:
        if self.chance.fails(what):
            raise FlowsUnreachable("503, pretended")

    def _make(self, run: str, body: Mapping[str, Any]) -> None:
        self.made += 1
        source = str(body["source"]["path"])
        self._sizes.update({source + image["path"]: image["size"] for image in body["batch"]["images"]})
        actions = {
            f"{_AT}ls": _Action(self, "list", self._ls),
            f"{_AT}mkdir": _Action(self, "make a folder", self._mkdir),
            f"{_AT}transfer": _Action(self, "transfer", self._transfer),
            f"{_AT}delete": _Action(self, "delete", self._delete),
            "https://compute.actions.globus.org/v3": _Action(self, "score", self._score),
        }
        one = self.runs[run] = Execution(self._definition, body, actions, now=self.time.today_s, run_id=run)
        self._step(run, one, one.steps())

    def _step(self, run: str, one: Execution, steps: Iterator[Pause]) -> None:
        pause = next(steps, None)
        self.largest = max(self.largest, one.largest)
        assert one.largest < STATE_BYTES
        if pause is not None:
            self.time.after(pause.seconds + self.assumed.state_s, lambda: self._step(run, one, steps))
            return
        error = one.error[0] if one.error else one.status
        self.endings[error] = self.endings.get(error, 0) + 1
        for image in one.state["batch"]["images"]:
            self._sizes.pop(str(one.state["source"]["path"]) + image["path"], None)
        if f"/mhfd-{run}/" in self._staged:
            self.left.add(run)

    def forget(self, key: str) -> None:
        """Its reports are in the journal: nobody asks for it any more."""
        self.results.pop(key, None)
        if known := self._listed.pop(key, None):
            self.runs.pop(known[0], None)

    # -- what is done

    def _there(self, collection: str) -> None:
        if collection == CENTRE and not self.centre.up:
            raise UnableToRun("the collection is not there, pretended")

    def _ls(self, asked: Mapping[str, Any], doing: _Doing) -> None:
        self._there(asked["endpoint_id"])
        found = self._staged.get(_folder(asked["path"]), {})
        told = [_ENTRY | {"name": name, "size": size} for name, size in sorted(found.items())]
        doing.status, doing.details = "SUCCEEDED", {"DATA": told}

    def _mkdir(self, asked: Mapping[str, Any], doing: _Doing) -> None:
        self._there(asked["endpoint_id"])
        self._staged[_folder(asked["path"])] = {}
        doing.status = "SUCCEEDED"

    def _transfer(self, asked: Mapping[str, Any], doing: _Doing) -> None:
        items = asked["DATA"]
        if asked["destination_endpoint"] == CENTRE:
            come = {one["destination_path"]: self._sizes[one["source_path"]] for one in items}
            total, do = sum(come.values()), lambda: self._bring(come)
        else:
            scored = self._staged[_folder(items[0]["source_path"])]
            key = items[0]["destination_path"].rstrip("/").rpartition("/")[2]
            total, do = REPORT_BYTES * len(scored), lambda: self.results.setdefault(key, set()).update(scored)
        rate = self.assumed.transfer_bytes_s / ACTIVE
        self.transfers.add(lambda: self._least() + total / rate, lambda: self._done("transfer", doing, do))

    def _bring(self, come: Mapping[str, int]) -> None:
        for path, size in come.items():
            self._staged[_folder(path)][path.rpartition("/")[2]] = size

    def _delete(self, asked: Mapping[str, Any], doing: _Doing) -> None:
        def gone() -> None:
            for one in asked["DATA"]:
                self._staged.pop(_folder(one["path"]), None)

        self.deletions.add(self._least, lambda: self._done("delete", doing, gone))

    def _score(self, asked: Mapping[str, Any], doing: _Doing) -> None:
        if not self.centre.up:
            raise UnableToRun("the endpoint is not running, pretended")
        (task,) = asked["tasks"]
        names = list(task["kwargs"]["paths"])

        def scored() -> None:
            output = answer(names, task["kwargs"], self.centre)
            done = [{"task_id": self.chance.uuid(), "output": output}]
            doing.status, doing.details = "SUCCEEDED", {"results": done, "result": [output]}

        self.centre.work(names, lambda: self._done("score", doing, scored))

    def _done(self, what: str, doing: _Doing, do: Callable[[], None]) -> None:
        """It has come to its end."""
        if self.chance.fails(what):
            doing.status, doing.details = "FAILED", {"message": "pretended"}
        elif not doing.cancelled:
            do()
            doing.status = doing.status if doing.status != "ACTIVE" else "SUCCEEDED"

    def _held_s(self) -> float:
        until = self.centre.down_until
        return 0.0 if until is None else until - self.time.now + self._least()

    def _least(self) -> float:
        return self.chance.random.uniform(*self.assumed.transfer_least_s)


CENTRE: Final = "00000000-0000-4000-8000-00000000c0de"


class _Action:
    """A provider."""

    def __init__(self, flows: VirtualFlows, name: str, do: Callable[[Mapping[str, Any], _Doing], None]) -> None:
        self._flows, self._name, self._do = flows, name, do
        self._doing: dict[str, _Doing] = {}

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        """Start it."""
        if self._flows.chance.fails(f"begin to {self._name}"):
            raise UnableToRun("503, pretended")
        doing = _Doing()
        self._do(parameters, doing)
        action = self._flows.chance.uuid()
        self._doing[action] = doing
        return ActionAnswer("ACTIVE", action)  # looked at first two seconds later

    def status(self, action_id: str) -> ActionAnswer:
        """How it stands now."""
        doing = self._doing[action_id]
        return ActionAnswer(doing.status, action_id, doing.details)

    def cancel(self, action_id: str) -> None:
        """It need not go on."""
        self._doing[action_id].cancelled = True


class VirtualFiles:
    """As `flow.reports`: images that stay as they are, and the reports that runs brought back."""

    def __init__(self, flows: VirtualFlows, report: Any) -> None:
        self._flows, self._report = flows, report

    def unfit(self, job: Job) -> None:
        """Nothing is wrong with it."""
        return

    def collect(
        self, folder: Path, aside: Path, jobs: Sequence[Job], seen: Sequence[str], answered: Sequence[str] = ()
    ) -> Collected:
        """The reports of these, each read and its image hashed again."""
        there = self._flows.results.get(folder.name, set())
        found = Collected()
        for n, (job, path) in enumerate(zip(jobs, seen, strict=True)):
            if path.rpartition("/")[2] in there:
                self._flows.time.spend(job.size / self._flows.assumed.read_bytes_s)
                found.reports[n] = self._report
        return found

    def discard(self, folder: Path) -> None:
        """They are in the journal."""
        self._flows.forget(folder.name)


def _folder(path: str) -> str:
    """The folder of a run, whatever is asked of it."""
    run = next(part for part in path.split("/") if part.startswith("mhfd-"))
    return f"/{run}/"
