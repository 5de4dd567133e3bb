"""Which torch is installed, and that nobody gets gigabytes without a word. By the real pip, with no index to ask."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.torch_wheel import LARGE, SIZE


def asked(*goals: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = REPOSITORY / "tests" / "rigs" / "torch_wheel.py"
    rest = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    nothing = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    return subprocess.run(
        [sys.executable, str(program), *goals],
        env=rest | nothing | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_what_somebody_has_said_is_taken() -> None:
    said = asked(TORCH="torch==9.9")
    assert (said.returncode, said.stdout, said.stderr) == (0, "torch==9.9\n", "")


@pytest.mark.parametrize(("goals", "command"), [(("demo-learn",), "make demo-learn"), ((), "make test-learn")])
def test_without_a_terminal_it_stops_and_says_how_to_agree(goals: tuple[str, ...], command: str) -> None:
    said = asked(*goals, TORCH="")
    assert (said.returncode, said.stdout) == (3, "")
    assert SIZE in said.stderr
    assert said.stderr.endswith(f"To agree to it: {command} TORCH={LARGE}\n")


def test_an_installation_without_a_word_is_none() -> None:
    """As `make` does it: nothing is made."""
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo-learn"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert "tests/rigs/torch_wheel.py demo-learn) &&" in made.stdout
