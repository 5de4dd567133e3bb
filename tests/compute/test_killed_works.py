"""Long work on a real endpoint, whose worker is killed in the middle, and so is who asked: one result."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until
from tests.rigs.remote.hashing import NAME, expected

FILES = 40


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

    def hashed(self) -> float:
        """Files, as it was last heard."""
        told = [line["progress"]["done"] for line in self.lines() if line.get("progress")]
        return float(told[-1]) if told else 0.0

    def over(self) -> bool:
        self.lines()
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.soak
def test_one_result_whoever_is_killed(service: Service, tmp_path: Path) -> None:
    with ChildEndpoint(service, tmp_path / "e", site=f"\n[functions.{NAME}]\n") as endpoint:
        folder = endpoint.root / "images"
        folder.mkdir()
        for number in range(FILES):
            (folder / f"{number:03}.tif").write_bytes(os.urandom(20_000))
        env = {**environment(service.url, tmp_path / "globus"), "XDG_STATE_HOME": str(tmp_path / "state")}
        request = {"key": "k", "into": str(endpoint.root), "turn_s": 2.0, "folder": str(folder), "slow_ms": 300.0}
        file = tmp_path / "asked.json"
        plain = {"endpoint": endpoint.id, "token": str(uuid.uuid4()), "ledger": str(tmp_path / "out.jsonl")}
        file.write_text(json.dumps(plain | {"request": request}))
        first = Client(file, env, 1)
        until(lambda: first.hashed() >= 5, "nothing is hashed")
        endpoint.kill_worker()
        before = first.hashed()
        until(lambda: first.hashed() > before + 5, "it does not go on")
        first.kill()
        second = Client(file, env, 2)
        until(second.over, "it does not end")
        (end,) = [line for line in second.lines() if line.get("state") not in ("more", "elsewhere", None)]
        third = Client(file, env, 3)
        until(third.over, "it does not end")
        assert third.lines()[-1] == end, "the same result, for ever"
    table = expected(folder)
    assert (end["state"], end["result"]["files"]) == ("done", FILES)
    assert end["result"]["digest"] == hashlib.sha256(table).hexdigest()
    assert Path(end["artefacts"][0]["path"]).read_bytes() == table
