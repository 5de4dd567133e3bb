"""Long work on a real endpoint that is killed in the middle, as its worker is and who asked: one result."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until
from tests.rigs.remote.hashing import NAME, expected

FILES = 60


class Client:
    """One life of who asks."""

    def __init__(self, file: Path, env: dict[str, str], number: int) -> None:
        self._out = file.with_name(f"client{number}.out")
        command = [sys.executable, "-m", "tests.rigs.work_client", str(file)]
        with self._out.open("w") as out:
            self._process = subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT)

    def lines(self) -> list[dict[str, Any]]:
        whole = self._out.read_text().rpartition("\n")[0].splitlines()
        assert self._process.poll() in (None, 0, -signal.SIGKILL), "\n".join(whole)
        return [json.loads(line) for line in whole if line.startswith("{")]

    def well(self) -> bool:
        return bool(self.lines()) or self._process.poll() is None

    def over(self) -> bool:
        return self.well() and self._process.poll() is not None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def at_work(folder: Path, turn: int) -> bool:
    """Whether it is in the middle of that turn or of a later one, by its checkpoints."""
    newest = max((tuple(map(int, path.name.split("-")[1:])) for path in folder.glob("checkpoint-*")), default=(0, 0))
    return newest[0] >= turn and 1 <= newest[1] <= 6


@pytest.mark.soak
def test_one_result_whoever_is_killed(service: Service, tmp_path: Path) -> None:
    """At work, each of them: an idle worker that is killed leaves its pool standing still, which we cannot mend."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(ChildEndpoint(service, tmp_path / "e", site=f"\n[functions.{NAME}]\n"))

        def client(number: int) -> Client:
            return stack.enter_context(closing(Client(file, env, number)))

        folder = endpoint.root / "images"
        folder.mkdir()
        for number in range(FILES):
            (folder / f"{number:03}.tif").write_bytes(os.urandom(20_000))
        env = {**environment(service.url, tmp_path / "globus"), "XDG_STATE_HOME": str(tmp_path / "state")}
        request = {"key": "k", "into": str(endpoint.root), "turn_s": 4.0, "folder": str(folder), "slow_ms": 300.0}
        file = tmp_path / "asked.json"
        plain = {"endpoint": endpoint.id, "token": str(uuid.uuid4()), "ledger": str(tmp_path / "out.jsonl")}
        file.write_text(json.dumps(plain | {"request": request}))
        first, kept = client(1), endpoint.root / "mhfd-work-k"
        until(lambda: first.well() and at_work(kept, 1), "nothing is hashed")
        endpoint.kill_worker()
        until(lambda: first.well() and at_work(kept, 2), "no other worker goes on")
        endpoint.kill()
        endpoint.start()
        until(lambda: first.well() and at_work(kept, 3), "the endpoint does not go on")
        first.close()
        second = client(2)
        until(second.over, "it does not end")
        (end,) = [line for line in second.lines() if line.get("state") not in ("more", "elsewhere", None)]
        third = client(3)
        until(third.over, "it does not end")
        assert third.lines()[-1] == end, "the same result, for ever"
    table = expected(folder)
    assert (end["state"], end["result"]["files"]) == ("done", FILES)
    assert end["result"]["digest"] == hashlib.sha256(table).hexdigest()
    assert Path(end["artefacts"][0]["path"]).read_bytes() == table
