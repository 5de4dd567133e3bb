"""A program between who trains and torchrun: nothing that it starts outlives it, and it outlives nobody.

torchrun gives each worker a session of its own, so that no signal to a group reaches them all. This process takes in
whatever loses its parent below it, and kills all of it when it is told to end, when its input ends or when its own
parent is gone. What is written to the error stream goes into a file of bounded size; its end is said at the end.

It is started by its path and imports nothing of mhfd: it has to be there before anything can go wrong.
"""

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_PDEATHSIG: Final = 1
_SUBREAPER: Final = 36
_TAIL: Final = 48 << 10
"""Bytes of the error stream that are said at the end: less than a pipe holds, so that nobody has to read at once."""
_GONE_S: Final = 30.0
"""A process that is not gone so long after SIGKILL hangs in the kernel: nobody can wait for it."""
_NODE: Final = ("SLURM_NODEID", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PALS_RANKID")
"""Who starts one process on each node says with one of these which it is."""


def main(argv: Sequence[str]) -> int:
    """Run a command, and end with its exit code."""
    asked = _arguments(argv)
    command = [word.replace("{node}", _node()) if asked.node else word for word in asked.command]
    ended, wake = os.pipe()
    for fd in (ended, wake):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: told.append(got))
    for number in (signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, lambda _got, _frame: None)
    _prctl(_SUBREAPER, 1)
    _prctl(_PDEATHSIG, signal.SIGUSR1)
    parent = os.getppid()
    log = _Log(None if asked.log is None else Path(asked.log), asked.most)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: _prctl(_PDEATHSIG, signal.SIGKILL),
    )
    assert child.stderr is not None  # noqa: S101 - a pipe
    errors = child.stderr.fileno()
    os.set_blocking(errors, False)
    watched = [ended, errors] + ([sys.stdin.fileno()] if asked.with_input else [])
    while child.poll() is None and not told and os.getppid() == parent:
        ready, _, _ = select.select(watched, [], [], 1.0)
        for fd in ready:
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, 1 << 16)
                if fd == errors and data:
                    log.add(data)
                elif fd == errors:
                    watched.remove(errors)
                elif fd != ended and not data:  # whoever started us has left
                    told.append(0)
    if child.poll() is None:
        _ask(child, asked.patience)
    _end_all(child.pid)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(errors, 1 << 16):
            log.add(data)
    with contextlib.suppress(OSError):  # nobody is there to read
        os.write(2, log.tail)
    code = child.wait()  # waited for by nobody else
    if told:  # how it ended is who told's doing: on several machines it must not hide why the first one failed
        return 0
    return code if code >= 0 else 128 - code


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--log", help="file for the error stream")
    parser.add_argument("--most", type=int, default=1 << 20, help="its bytes, after which the older half goes")
    parser.add_argument("--with-input", action="store_true", help="end when the input does")
    parser.add_argument("--patience", type=float, default=0.0, help="seconds for the command to end what it started")
    parser.add_argument("--node", action="store_true", help="put this node's number where {node} stands")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(argv)


def _node() -> str:
    return next((os.environ[name] for name in _NODE if name in os.environ), "0")


class _Log:
    """Two files of half the size: the second takes over when the first is full. A full disk is nobody's end."""

    def __init__(self, file: Path | None, most: int) -> None:
        self._file, self._half = file, most // 2
        self._size = file.stat().st_size if file is not None and file.is_file() else 0
        self.tail = b""

    def add(self, data: bytes) -> None:
        """What was said."""
        self.tail = (self.tail + data)[-_TAIL:]
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            if self._size + len(data) > self._half:
                self._file.replace(self._file.with_name(self._file.name + ".before"))
                self._size = 0
            with self._file.open("ab") as file:
                file.write(data)
            self._size += len(data)


def _ask(child: "subprocess.Popen[bytes]", patience: float) -> None:
    """Let the command end what it started on other machines, for so long."""
    if patience > 0:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)


def _end_all(child: int) -> None:
    """Kill whatever is below this process, until nothing is."""
    give_up = time.monotonic() + _GONE_S
    while time.monotonic() < give_up:
        left = _below(os.getpid())
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if all(_is_dead(pid) if pid == child else _reaped(pid) for pid in left):
            return
        time.sleep(0.01)


def _reaped(pid: int) -> bool:
    """Whether a process is gone. One that lost its parent is ours to wait for."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return not Path(f"/proc/{pid}").exists()


def _is_dead(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat").read_text()  # ours, and not waited for: it is there
    return stat.rpartition(")")[2].split()[0] in "ZX"


def _below(root: int) -> list[int]:
    """All processes that descend from one."""
    children: dict[int, list[int]] = {}
    for pid, parent in _all():
        children.setdefault(parent, []).append(pid)
    found, left = [], [root]
    while left:
        mine = children.get(left.pop(), [])
        found += mine
        left += mine
    return found


def _all() -> Iterator[tuple[int, int]]:
    """Each process and its parent."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            yield int(entry.parent.name), int(entry.read_text().rpartition(")")[2].split()[1])


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, int(value), 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
