"""`mhfd_benchmark` on a real endpoint, by the real SDK: its worker is killed, and one test and one champion come of it.

The web service is a stand-in; broker, endpoint and its two workers are not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.benched import labelled, package, reached
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.waiting import until

from mhfd.learning.packages import Library
from mhfd.learning.promotion.life import Life, file_of


def holder(works: Path) -> int | None:
    """Who has the work in hand, once it has begun to measure."""
    if not any(works.glob("mhfd-work-*/files-*/measured/**/*.npy")):
        return None
    newest = max(works.glob("mhfd-work-*/claim-*"))
    return int(json.loads(newest.read_text())["holder"]["pid"])


def test_its_worker_is_killed_and_there_is_one_test_and_one_champion(
    compute_endpoint: Callable[..., ChildEndpoint],
    globus_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))
        globus_env[name] = str(tmp_path / folder)
    endpoint = compute_endpoint(workers=2, site="[functions.mhfd_benchmark]\n")
    root = endpoint.root
    mine = package(root / "trained", reach=reached(labelled(root / "labelled")))
    library = Library(root / "library")
    library.home.mkdir()
    request = tmp_path / "benchmark.json"
    asked = {"dataset": root / "labelled", "library": library.home, "instrument": "north", "trained": [mine.folder]}
    request.write_text(json.dumps(asked, default=str))
    words = ["work", "begin", "mhfd_benchmark", "--endpoint", endpoint.id, "--key", "north-1"]
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main(prog_name='mhfd')", *words]
    command += ["--into", str(root / "works"), "--request", str(request), "--json"]
    with subprocess.Popen(
        command, env=globus_env, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        try:
            until(lambda: client.poll() is not None or holder(root / "works"), "it has not begun")
            assert client.poll() is None, client.communicate()
            pid = holder(root / "works")
            assert pid
            os.kill(pid, signal.SIGKILL)
            out, err = client.communicate(timeout=240)
        finally:
            client.kill()
    assert client.returncode == 0, (out, err)
    answer: dict[str, Any] = json.loads(out[out.index("{") :])["answer"]
    assert answer["taken_up"] >= 2, "another worker went on with it"
    found = answer["result"]
    assert (found["challenger"], found["images"]) == (mine.name, 48)
    assert (found["decision"], found["test"]) == ("promoted", 1), found["line"]
    assert [one.decision for one in Life(library, file_of("focus", "north")).done()] == ["promoted"]
    assert library.champion_name("focus", "north") == mine.name
    assert {one["kind"] for one in answer["artefacts"]} == {"report", "package"}
