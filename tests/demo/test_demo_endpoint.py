"""The demo of an endpoint, small: it starts all it needs, loses nothing, and leaves no process behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.broker import HOW, installed

pytestmark = pytest.mark.globus


def test_a_small_demo(tmp_path: Path) -> None:
    if installed() is None:
        pytest.skip(HOW)
    done = subprocess.run(
        [sys.executable, "-m", "tests.rigs.globus.demo_endpoint", "--sections", "10", "--calls", "5"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(r"(\d+) of (\d+) judged once; median \d+ ms \(stock polls \d+ ms\)", last)
    assert found, last
    assert found[1] == found[2]
