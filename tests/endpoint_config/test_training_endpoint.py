"""A third function in long work beside focus checks, on a real endpoint: two purposes are two processes.

The endpoint is what `mhfd endpoint init --train` writes, started by its own program; each of these starts one.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import pytest
import tifffile
from globus_compute_sdk import Client, Executor
from globus_compute_sdk.errors import TaskExecutionFailed
from tests.rigs.globus import unprivileged
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import DEADLINE_S, until
from tests.rigs.remote.hashing import FUNCTION, NAME, expected

from mhfd import shim, simulate
from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client import work
from mhfd_client.compute import registration

Executors = Callable[..., Executor]

FILES: Final = 120
TABLE: Final = f'\n[functions.{NAME}]\npurpose = "train"\n'

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore:\\nEnvironment differences:UserWarning")]


@pytest.fixture
def endpoint(service: Service, sdk_client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[CoreEndpoint]:
    monkeypatch.setitem(shim.FUNCTIONS, NAME, FUNCTION)
    way, why_not = unprivileged.way()
    if way is None:
        pytest.skip(why_not)
    further = {NAME: str(registration.register(sdk_client, NAME).id)}
    with (
        unprivileged.home(way) as home,
        CoreEndpoint(service, home, way, options=["--train"], tables=TABLE, further=further) as running,
    ):
        yield running


class Asking:
    """Whoever trains, and whoever checks, each by an executor of their own."""

    def __init__(self, endpoint: CoreEndpoint, executor: Executors) -> None:
        self.endpoint = endpoint
        self._focus = executor(endpoint.id)
        self._train = executor(endpoint.id, user_endpoint_config={"purpose": "train"})
        self.folder, self.out = endpoint.root / "hashed", endpoint.staging
        self.folder.mkdir()
        for n in range(FILES):
            (self.folder / f"{n:03}").write_bytes(os.urandom(1000 + n))
        self.image = endpoint.root / "tile.tif"
        tifffile.imwrite(self.image, simulate.focus_series((256, 256), seed=5, defocus_um=[0.0])[0])

    def work(self, key: str, *, turn_s: float = 5, slow_ms: float = 100, cancel: bool = False) -> Future[Any]:
        """One request for long work."""
        request = {"key": key, "into": str(self.out), "folder": str(self.folder), "turn_s": turn_s, "slow_ms": slow_ms}
        asked = {**request, "cancel": cancel}
        sent: Future[Any] = self._train.submit_to_registered_function(self.endpoint.functions[NAME], kwargs=asked)
        return sent

    def begun(self, key: str, *, slow_ms: float) -> Future[Any]:
        """The same, once a worker has taken it up: who asks meanwhile does not."""
        under_way = self.work(key, turn_s=600, slow_ms=slow_ms)
        until(lambda: list((self.out / f"mhfd-work-{key}").glob("claim-*")), lambda: f"nobody takes up {key}")
        return under_way

    def answer(self, key: str, **options: Any) -> WorkAnswer:
        return WorkAnswer.model_validate(self.work(key, **options).result(DEADLINE_S))

    def check(self) -> float:
        """A focus check: seconds until its worker had the answer. What follows is polled for, twice half a second."""
        sent = time.time()
        function = self.endpoint.functions["mhfd_focus"]
        asked = self._focus.submit_to_registered_function(function, kwargs={"paths": [str(self.image)]})
        answer = asked.result(DEADLINE_S)
        assert answer["ok"], answer
        return float(answer["ended_ns"]) / 1e9 - sent


@pytest.fixture
def asking(endpoint: CoreEndpoint, executor: Executors) -> Asking:
    return Asking(endpoint, executor)


def test_a_training_blocks_no_focus_check(asking: Asking) -> None:
    asking.check()
    asking.answer("warm", slow_ms=0)
    alone = [asking.check() for _ in range(15)]
    turns, answers, beside = 0, list[WorkAnswer](), list[float]()
    under_way = asking.work("long")
    while not answers or answers[-1].state is not WorkState.DONE:
        beside.append(asking.check())
        if under_way.done():
            turns += 1
            answers.append(WorkAnswer.model_validate(under_way.result()))
            assert answers[-1].state in (WorkState.MORE, WorkState.DONE), answers[-1]
            under_way = asking.work("long")
    under_way.result(DEADLINE_S)
    assert turns > 1
    assert answers[-1].taken_up == turns
    (made,) = answers[-1].artefacts
    assert Path(made.path).read_bytes() == expected(asking.folder)
    lines = asking.endpoint.processes().values()
    assert sum(line.startswith("Globus Compute Endpoint (") and "uep." in line for line in lines) == 2, lines
    print(  # noqa: T201 - a figure
        f"a focus check, until its worker has the answer, beside a training of {turns} turns: median "
        f"{statistics.median(beside) * 1000:.0f} ms (of {len(beside)}), longest {max(beside) * 1000:.0f} ms; alone "
        f"{statistics.median(alone) * 1000:.0f} ms (of {len(alone)}), longest {max(alone) * 1000:.0f} ms"
    )


def test_what_is_asked_while_a_turn_runs(asking: Asking) -> None:
    """How far it is, and to end it: neither waits for the turn, which would take minutes."""
    asking.answer("warm", slow_ms=0)
    under_way = asking.begun("slow", slow_ms=500)
    heard = list[WorkAnswer]()

    def twice() -> bool:
        heard.append(asking.answer("slow", turn_s=600, slow_ms=500))
        done = [one.progress.done for one in heard if one.progress is not None and one.state is WorkState.ELSEWHERE]
        return len(set(done)) > 1

    until(twice, lambda: f"no progress was heard: {heard[-1]}")
    assert not under_way.done()
    asked = asking.answer("slow", turn_s=600, slow_ms=500, cancel=True)
    assert asked.state in (WorkState.ELSEWHERE, WorkState.CANCELLED)
    ended = WorkAnswer.model_validate(under_way.result(DEADLINE_S))
    assert ended.state is WorkState.CANCELLED
    assert asking.answer("slow", turn_s=600, slow_ms=500).state is WorkState.CANCELLED, "for ever"


def test_a_person_has_it_done(asking: Asking) -> None:
    """From a notebook; who forgets the option is refused, and told what to write."""
    request = {"folder": str(asking.folder), "slow_ms": 10.0, "turn_s": 1.0}
    forgotten = work(NAME, request, endpoint=asking.endpoint.id, into=str(asking.out), progress=False)
    assert [one.code for one in forgotten.errors] == [Code.NOT_ALLOWED]
    assert "purpose" in forgotten.errors[0].why
    options = {"purpose": "train"}
    done = work(NAME, request, endpoint=asking.endpoint.id, into=str(asking.out), options=options, progress=False)
    assert done.state is WorkState.DONE
    assert Path(done.artefacts[0].path).read_bytes() == expected(asking.folder)


def test_two_works_take_turns_and_leave_one_worker_to_answer(asking: Asking) -> None:
    asking.answer("warm", slow_ms=0)
    under_way = asking.begun("first", slow_ms=300)
    waits = asking.answer("second", slow_ms=0)
    assert (waits.state, waits.taken_up, [note.code for note in waits.notes]) == (WorkState.ELSEWHERE, 0, ["busy"])
    assert asking.answer("first", turn_s=600, slow_ms=300).state is WorkState.ELSEWHERE
    assert not under_way.done()
    asking.answer("first", turn_s=600, slow_ms=300, cancel=True)
    assert WorkAnswer.model_validate(under_way.result(DEADLINE_S)).state is WorkState.CANCELLED
    assert asking.answer("second", slow_ms=0).state is WorkState.DONE


def test_a_worker_that_is_killed_in_the_middle(asking: Asking) -> None:
    """What was done stays done; whoever asks again goes on, and the other worker answers meanwhile."""
    asking.answer("warm", slow_ms=0)
    under_way = asking.begun("killed", slow_ms=200)
    found = list[WorkAnswer]()

    def begun() -> bool:
        found.append(asking.answer("killed", turn_s=600, slow_ms=200))
        return found[-1].progress is not None and found[-1].progress.done >= 3

    until(begun, lambda: f"it does not begin: {found[-1]}")
    (claim,) = (asking.out / "mhfd-work-killed").glob("claim-*")
    os.kill(json.loads(claim.read_text())["holder"]["pid"], signal.SIGKILL)
    with pytest.raises(TaskExecutionFailed, match="WorkerLost"):
        under_way.result(DEADLINE_S)
    went_on = asking.answer("killed", turn_s=600, slow_ms=200)
    assert (went_on.state, went_on.taken_up) == (WorkState.DONE, 2)
    assert Path(went_on.artefacts[0].path).read_bytes() == expected(asking.folder)
