"""A client that is killed in the middle of a work: another process goes on by the key; the real SDK, a real worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.remote import hashing

FILES = 12
MAIN = """
from mhfd import shim
from tests.rigs.remote import hashing
shim.FUNCTIONS[hashing.NAME] = hashing.FUNCTION
from mhfd_client.cli import main
main(prog_name="mhfd")
"""


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["thread", "workers"])
def test_whoever_is_killed_the_work_is_done_once(
    compute_endpoint: Callable[..., ChildEndpoint],
    globus_env: dict[str, str],
    tmp_path: Path,
    state_home: Path,
    kind: str,
) -> None:
    endpoint = compute_endpoint(kind=kind, site=f"[functions.{hashing.NAME}]\n")
    data = endpoint.root / "run"
    data.mkdir()
    for number in range(FILES):
        (data / f"{number}.tif").write_bytes(bytes([number]) * 1000)
    request = tmp_path / "hash.json"
    request.write_text(json.dumps({"folder": str(data), "slow_ms": 200, "turn_s": 1}))

    def client(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, "work", *words],
            env=globus_env | {"XDG_STATE_HOME": str(state_home.parent)},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    begin = ("begin", hashing.NAME, "--endpoint", endpoint.id, "--request", str(request), "--key", "wafer7")
    with client(*begin) as first:
        assert first.stdout is not None
        assert first.stderr is not None
        assert first.stdout.readline().startswith("wafer7  ")
        for line in first.stderr:
            if f"of {FILES} files" in line:
                break
        else:
            pytest.fail("it ended before it was killed")
        first.kill()
    with client("follow", "wafer7", "--json") as second, client("follow", "wafer7", "--json") as third:
        ends: list[Any] = [one.communicate(timeout=120) for one in (second, third)]
    assert (second.returncode, third.returncode) == (0, 0), ends
    told = [json.loads(out) for out, _ in ends]
    assert told[0]["answer"]["result"] == told[1]["answer"]["result"]
    answer = told[0]["answer"]
    assert (answer["state"], answer["result"]["files"]) == ("done", FILES)
    assert answer["taken_up"] > 1
    (artefact,) = answer["artefacts"]
    assert Path(artefact["path"]).read_bytes() == hashing.expected(data)
    assert [path.name for path in (endpoint.root / "mhfd-works").iterdir()] == ["mhfd-work-wafer7"]
