"""What a watch says to who supervises it, on a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from mhfd_client.cli import main
from mhfd_client.journal.journal import Journal
from mhfd_client.service.notify import EVERY_S, Supervisor


@pytest.mark.parametrize("abstract", [False, True])
def test_it_says_that_it_is_ready_and_turns_but_not_all_the_time(tmp_path: Path, abstract: bool) -> None:
    times = [0.0, 1.0, EVERY_S, EVERY_S + 1]
    name = f"@mhfd-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + name[1:] if abstract else name)
        supervisor = Supervisor({"NOTIFY_SOCKET": name}, clock=lambda: times.pop(0))
        supervisor.ready()
        while times:
            supervisor.turns()
        heard.setblocking(False)
        said = [heard.recv(100).decode() for _ in range(3)]
        assert [line.split("\n")[0] for line in said] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
        with pytest.raises(BlockingIOError):
            heard.recv(100)


@pytest.mark.parametrize("env", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_a_watch_goes_on_where_nobody_listens(env: dict[str, str]) -> None:
    Supervisor(env).ready()


def test_a_watch_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its exit codes tell systemd what starting it again would help."""
    folder, state = tmp_path / "images", tmp_path / "state"
    words = ["watch", str(folder), "--state", str(state), "--no-page", "--until-idle", "0.1"]
    gone = CliRunner().invoke(main, words)
    assert (gone.exit_code, "is the share mounted" in gone.output) == (1, True)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        ended = CliRunner().invoke(main, words)
        assert ended.exit_code == 0, ended.output
        heard.setblocking(False)
        assert [heard.recv(100).split(b"=")[0] for _ in range(2)] == [b"READY", b"WATCHDOG"]
    with Journal.open(state, root=str(folder)):
        taken = CliRunner().invoke(main, words)
    assert (taken.exit_code, "is in use by process" in taken.output) == (3, True)
