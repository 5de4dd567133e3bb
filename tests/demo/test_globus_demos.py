"""`make demo-endpoint` and `make demo-flow` as commands: what a person sees while they wait, and when something fails.

Small, and on the endpoint that is there anyway, they run in tests/endpoint_config/test_core_endpoint.py; whole, and
with a broker and an endpoint of their own, in `make soak`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from benchmarks import compute
from tests.rigs import REPOSITORY
from tests.rigs.globus import broker, demo_endpoint, demo_flow, demo_table, unprivileged
from tests.rigs.globus.demo_check import Findings
from tests.rigs.globus.demo_stage import AGAIN_S, LEAST_S, Waiting, played, typed
from tests.rigs.globus.processes import Program, ProgramFailed
from tests.rigs.globus.waiting import until

PAGES: Final = {
    "compute": compute.POLLS | compute.SCORING,
    "flow": demo_table.COUNTS | dict(demo_table.TIMES.values()),
}


class Clock:
    """Turned by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_equal_lines_are_said_ever_more_rarely() -> None:
    said: list[str] = []
    clock = Clock()
    waiting = Waiting(said.append, clock)
    for second in range(100):
        clock.now = float(second)
        waiting.on("3 images seen; waiting for a run" if second < 90 else "4 images seen")
    assert said[0] == "  3 images seen; waiting for a run"
    assert [line for line in said if "... for" in line] == [
        f"  ... for {seconds:.0f} s now: 3 images seen; waiting for a run"
        for seconds in (AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S, 8 * AGAIN_S)
    ]
    assert said[-1] == "  4 images seen"


def test_what_changes_all_the_time_is_not_said_all_the_time() -> None:
    said: list[str] = []
    clock = Clock()
    waiting = Waiting(said.append, clock)
    for tenth in range(100):
        clock.now = tenth / 10
        waiting.on(f"{tenth} images seen")
    assert len(said) == 1 + 9.9 // LEAST_S


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    program = Program(["/nowhere/endpoint"], env=os.environ, cwd=tmp_path, output=tmp_path / "out", name="an endpoint")
    program.wait(60)
    with pytest.raises(ProgramFailed) as caught:
        program.alive()
    assert str(caught.value).splitlines() == [
        "an endpoint ended with exit code 127; the last that it said:",
        "    cannot start /nowhere/endpoint: No such file or directory",
    ]


def test_what_a_command_of_ours_said(tmp_path: Path) -> None:
    program = typed("mhfd simulate", "simulate", "--sections", "none", env=os.environ, folder=tmp_path)
    with pytest.raises(ProgramFailed, match=r"mhfd simulate ended with exit code 2; (?s:.*)--sections"):
        until(program.over, "it does not end")


def test_a_program_that_is_killed(tmp_path: Path) -> None:
    program = Program(["sleep", "600"], env=os.environ, cwd=tmp_path, output=tmp_path / "sleep.out")
    assert not program.over()
    program.kill()
    with pytest.raises(ProgramFailed, match=r"^sleep was killed by SIGKILL and said nothing$"):
        program.over()


@pytest.mark.globus
@pytest.mark.parametrize("demo", [demo_endpoint, demo_flow])
def test_a_broker_that_does_not_start(
    demo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo ends at once, and shows what the broker said."""
    if broker.installed() is None:
        pytest.skip(broker.HOW)
    server = tmp_path / "rabbitmq-server"
    server.write_text("#!/bin/sh\necho no space left for the broker\nexit 3\n")
    server.chmod(0o755)
    monkeypatch.setattr(broker, "installed", lambda: tmp_path)
    monkeypatch.setattr(unprivileged, "way", lambda: ("itself", ""))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert demo.main([]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "FAILED: the broker (rabbitmq) ended with exit code 3; the last that it said:",
        "    no space left for the broker",
    ]


def test_a_machine_without_a_broker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tests.rigs.globus.demo_stage.installed", lambda: None)
    assert played(lambda folder: 0) == 2
    assert "install rabbitmq-server" in capsys.readouterr().err


def shown(module: str, *arguments: str, patience_s: float) -> str:
    """What the whole command says at last."""
    if broker.installed() is None:
        pytest.skip(broker.HOW)
    done = subprocess.run(
        [sys.executable, "-m", f"tests.rigs.globus.{module}", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.soak
@pytest.mark.globus
def test_the_whole_demo_of_an_endpoint() -> None:
    last = shown("demo_endpoint", "--sections", "10", "--calls", "5", patience_s=280)
    found = re.fullmatch(r"(\d+) of (\d+) judged once; median \d+ ms \(stock polls \d+ ms\)", last)
    assert found, last
    assert found[1] == found[2]


@pytest.mark.soak
@pytest.mark.globus
@pytest.mark.timeout(1800)
def test_five_hundred_images_and_any_faults() -> None:
    """The seed is another each time, and printed."""
    last = shown("demo_flow", "--sections", "490", "--faults", "45", "--kills", "6", patience_s=1700)
    found = re.fullmatch(r"(\d+) of (\d+) judged once; (\d+) faults survived", last)
    assert found, last
    assert found[1] == found[2]
    assert int(found[3]) > 0


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_of_every_line_what_only_the_service_can_show(page: str) -> None:
    text = (REPOSITORY / "docs" / "benchmarks" / f"{page}.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    said = {row[0]: row[-1] for row in reversed(rows) if row[0] in PAGES[page]}  # below are tables of other things
    assert said == PAGES[page]


def test_the_table_that_is_printed_has_every_line() -> None:
    found = Findings(images=9, once=9, scored=12, repeated=3, repeats=Counter({"its run was cancelled": 3}))
    printed = demo_table.counted(found, {"station killed": 2, "token expired": 1}, runs=4).splitlines()[2:]
    rows = {row[0]: row[1:] for row in ([cell.strip() for cell in line.strip("|").split("|")] for line in printed)}
    assert {line: words for line, (_, words) in rows.items()} == demo_table.COUNTS
    assert rows["**faults that hit**"][0] == "3"
    assert rows["of them again, as a person cancelled their run"][0] == "3"
    assert rows["of them again for any other reason"][0] == "0"
