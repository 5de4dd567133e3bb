"""Long work by real processes that are killed and stopped at random, on a real folder, until its result is there."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import pytest
from tests.rigs.facility import Facility
from tests.rigs.remote import hashing

from mhfd.remote.long import machine, running
from mhfd.remote.long.claims import LeaseTimes
from mhfd.remote.long.turn import LongWork

pytestmark = pytest.mark.soak

_FILES: Final = 150
_AT_ONCE: Final = 4
_MOST_S: Final = 400.0


def asks(out: Path, data: Path, saved: Path, said: Path, boot: str) -> None:
    """One task on a worker of a machine of that name: its leases are short, and it says which saves counted."""
    running.TIMES = LeaseTimes(beat_s=0.1, lease_s=0.6, watch_s=0.3)  # type: ignore[misc]
    machine._boot = lambda: boot  # type: ignore[assignment]
    save = LongWork.save

    def told(self: LongWork, data: bytes, done: float, *rest: Any, **more: Any) -> None:
        began = time.monotonic()
        save(self, data, done, *rest, **more)
        with saved.open("ab", buffering=0) as file:
            file.write(f"{self._lease.number} {done:.0f} {began} {time.monotonic()}\n".encode())

    LongWork.save = told  # type: ignore[method-assign]
    answer = hashing.hash_folder(key="a", into=str(out), folder=str(data), slow_ms=30, turn_s=1.0)
    if answer["state"] in ("done", "failed", "cancelled"):
        with said.open("ab", buffering=0) as file:
            file.write(json.dumps(answer).encode() + b"\n")
    elif answer["errors"]:
        with said.with_suffix(".errors").open("ab", buffering=0) as file:
            file.write(json.dumps(answer["errors"]).encode() + b"\n")


@pytest.mark.parametrize("seed", range(3))
def test_one_result_though_workers_are_killed_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    facility, dice = Facility(tmp_path, monkeypatch), random.Random(seed)  # noqa: S311 - dice
    facility.allow(functions={hashing.NAME: {}})
    for number in range(_FILES):
        (facility.data / f"f{number:02}").write_bytes(dice.randbytes(dice.randint(1, 200_000)))
    saved, said = tmp_path / "saved", tmp_path / "said"
    fork, workers = multiprocessing.get_context("fork"), list[BaseProcess]()
    killed = stopped = 0
    until = time.monotonic() + _MOST_S
    while not said.exists():
        assert time.monotonic() < until, "it does not end"
        workers = [one for one in workers if one.is_alive()]
        while len(workers) < _AT_ONCE:
            boot = dice.choice(["here", "here", "there"])
            workers.append(fork.Process(target=asks, args=(facility.out, facility.data, saved, said, boot)))
            workers[-1].start()
        workers[0].join(dice.uniform(0.0, 0.5))
        victim = dice.choice(workers)
        with contextlib.suppress(ProcessLookupError):
            match dice.choice(["kill", "stop", "wake", "nothing"]):
                case "kill":
                    os.kill(victim.pid or 0, signal.SIGKILL)
                    killed += 1
                case "stop":
                    os.kill(victim.pid or 0, signal.SIGSTOP)
                    stopped += 1
                case "wake":
                    for one in workers:
                        os.kill(one.pid or 0, signal.SIGCONT)
    for one in workers:  # who slept wakes up, and finds that it is over
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid or 0, signal.SIGCONT)
    for one in workers:
        one.join(60)
    results = said.read_text().splitlines()
    assert len(set(results)) == 1
    done = json.loads(results[0])
    summed = subprocess.run(
        ["sha256sum", *sorted(file.name for file in facility.data.iterdir())], cwd=facility.data, capture_output=True
    )
    assert Path(done["artefacts"][0]["path"]).read_bytes() == summed.stdout
    assert done["result"]["digest"] == hashlib.sha256(summed.stdout).hexdigest()
    _judge([tuple(map(float, line.split())) for line in saved.read_text().splitlines()])
    assert killed > 0
    assert stopped > 0
    assert done["taken_up"] > 1


def _judge(saves: list[tuple[float, ...]]) -> None:
    """Of each save that counted: its turn, its place, when it began and when it had returned at the latest."""
    saves.sort()
    places = [place for _, place, _, _ in saves]
    assert places == sorted(set(places)), "what counted was done again"
    for turn, together in itertools.groupby(saves, key=lambda one: one[0]):
        first = min(end for _, _, _, end in together)
        late = [one for one in saves if one[0] < turn and one[2] > first]
        assert late == [], "an earlier turn saved after a later one had"
