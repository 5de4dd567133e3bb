"""The demo of the flow, small: nothing is lost, whatever goes wrong; and with many faults, for `make soak`."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.broker import HOW, installed

pytestmark = pytest.mark.globus


def shown(*arguments: str, patience_s: float) -> None:
    if installed() is None:
        pytest.skip(HOW)
    done = subprocess.run(
        [sys.executable, "-m", "tests.rigs.globus.demo_flow", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(r"(\d+) of (\d+) judged once; (\d+) faults survived", last)
    assert found, last
    assert found[1] == found[2]
    assert int(found[3]) > 0


def test_a_small_demo() -> None:
    shown("--sections", "20", "--faults", "3", "--kills", "1", "--seed", "7", patience_s=280)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_five_hundred_images_and_any_faults() -> None:
    """The seed is another each time, and printed."""
    shown("--sections", "490", "--faults", "45", "--kills", "6", patience_s=1700)
