"""The rig as a program: that others can use it, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tifffile
from tests.rigs import REPOSITORY
from tests.rigs.globus.waiting import until

from mhfd import simulate

MHFD = str(Path(sys.executable).with_name("mhfd"))
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'tests.rigs.globus.cloud', *sys.argv[1:]])"

pytestmark = pytest.mark.usefixtures("broker")  # skipped without one


@contextmanager
def running(folder: Path, *more: str, parent: bool = False) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The program, or a parent that runs it; and what it said."""
    code = ["-c", PARENT] if parent else ["-m", "tests.rigs.globus.cloud"]
    command = [sys.executable, *code, "--dir", str(folder), "--kind", "thread", *more]
    with (
        (folder.parent / "errors.txt").open("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=REPOSITORY) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder.parent / "errors.txt").read_text()
            yield process, json.loads(line)
        finally:
            process.kill()


def live(pids: dict[str, int]) -> dict[str, int]:
    """Those that still run."""
    found = {}
    for name, pid in pids.items():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            found[name] = pid
    return found


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], marks=pytest.mark.soak, id="plain"),  # as the next, with less in between
        pytest.param(["--delay-ms", "4", "--fast-results"], id="far and fast"),
    ],
)
def test_it_can_be_used_and_ends_when_told(tmp_path: Path, more: list[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    tifffile.imwrite(data / "sharp.tif", simulate.focus_series((256, 256), seed=5, defocus_um=[0.0])[0])
    with running(tmp_path / "cloud", "--data", str(data), *more) as (process, told):
        assert set(live(told["pids"])) == {"cloud", "epmd", "rabbitmq", "endpoint"}
        command = [MHFD, "score", "--endpoint", told["endpoint"], str(data / "sharp.tif"), "--json"]
        scored = subprocess.run(command, env={**os.environ, **told["env"]}, capture_output=True, text=True)
        assert scored.returncode == 0, scored.stderr
        assert json.loads(scored.stdout)["finding"] == "ok"
        assert len(Path(told["log"]).read_text().splitlines()) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
        assert live(told["pids"]) == {}
    said = "".join(path.read_text() for path in (tmp_path / "cloud" / "endpoints").glob("*/endpoint.out"))
    assert ("instead of 0.5 s" in said) == bool(more)


@pytest.mark.soak  # another broker and endpoint, for what the kernel does with each program of the rig (`leash`)
def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    with running(tmp_path / "cloud", parent=True) as (process, told):
        process.kill()
        process.wait()
        until(lambda: not live(told["pids"]), lambda: f"these still run: {live(told['pids'])}")
