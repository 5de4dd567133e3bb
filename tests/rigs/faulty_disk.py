"""Watches whose own folder fails once, at any call that is made on it: what fails, and what must be true afterwards.

A process that has loaded the station already is forked for each run (`python -m tests.rigs.faulty_disk`); below it lies
`faulty_disk.c`. The command, the arrival, the journal, the runner, its workers, the judge, the sidecars and the alerts
are the real ones; the scoring is quick.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from mhfd_client.results.sidecars import sidecar_of
from mhfd_client.station.inbox import GivenLabel, put

Mode = Literal["eio", "full", "short", "kill"]
MODES: Final[tuple[Mode, ...]] = ("eio", "full", "short", "kill")
IMAGES: Final = 12
_LIMIT_S: Final = 120.0
_TIMES: Final = {"arrival.settle_s": 0.05, "arrival.settle_closed_s": 0.02, "arrival.list_s": 0.2}
_QUICK: Final = {**_TIMES, "runner.backoff_s": 0.05, "alerts.out_of_focus": 1, "alerts.of_last": 3}
_IMAGES: Final = """
    SELECT i.*, v.outcome, v.sentence, r.finding
    FROM image i JOIN verdict v ON v.id = i.verdict JOIN report r ON r.id = i.report ORDER BY path
"""
_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000000"
    "03a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


def built(folder: Path) -> Path:
    """The library that makes calls fail."""
    if sys.platform != "linux":
        pytest.skip("calls are made to fail by preloading a library: Linux only")
    command = shlex.split(os.environ.get("CC", "")) or [shutil.which("cc") or ""]
    if not command[0] and importlib.util.find_spec("ziglang"):
        command = [sys.executable, "-m", "ziglang", "cc"]
    if not command[0]:
        pytest.fail("no C compiler: install one (Debian: apt-get install gcc; pip: ziglang), or name it in CC")
    library, source = folder / "faulty_disk.so", Path(__file__).with_suffix(".c")
    flags = ["-std=gnu11", "-O1", "-U_FORTIFY_SOURCE", "-fPIC", "-shared"]
    done = subprocess.run(
        [*command, *flags, "-o", library, source, "-ldl"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:4000]
    return library


@dataclass(frozen=True, slots=True)
class Fault:
    """The n-th call on the state folder fails so; 0: none does."""

    at: int = 0
    mode: Mode = "eio"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a watch ended."""

    code: int
    said: str
    calls: int
    failed: str  # the call that failed


class Rig:
    """Starts watches, one at a time."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._folder = folder
        self._runs = 0
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "LD_PRELOAD": str(library)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.faulty_disk", str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def workplace(self) -> Path:
        """A folder with images, and a state folder with what a person has said of one of them."""
        self._runs += 1
        folder = self._folder / str(self._runs)
        (folder / "root").mkdir(parents=True)
        for number in range(1, IMAGES + 1):
            (folder / "root" / f"s{number:03}.png").write_bytes(_PNG)
        put(folder / "state", GivenLabel(image=2, sharp=True, who="tester"))
        return folder

    def watch(self, folder: Path, fault: Fault = Fault()) -> Ended:
        """Watch the folder until nothing happens."""
        counter = folder / "counter"
        counter.write_bytes(bytes(4096))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "at": fault.at, "mode": fault.mode}) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        data = counter.read_bytes()
        calls = int.from_bytes(data[:4], sys.byteorder)
        return Ended(code, (folder / "said").read_text(), calls, data[8:].partition(b"\0")[0].decode())


def complaint(rig: Rig, fault: Fault) -> str:
    """What is wrong after a run with this fault and, where that ended the watch, another without; empty: nothing."""
    folder = rig.workplace()
    first = rig.watch(folder, fault)
    found = list(_wrong(folder, rig, first, fault))
    if found:
        return f"{fault.mode} at {fault.at} ({first.failed}): {'; '.join(found)}\n{first.said[-1500:]}"
    shutil.rmtree(folder)
    return ""


def _wrong(folder: Path, rig: Rig, first: Ended, fault: Fault) -> Iterator[str]:
    wanted = {0, 1} if fault.mode != "kill" else {0, -signal.SIGKILL}
    if first.code not in wanted:
        yield f"exit code {first.code}"
    if first.code == 1 and "Error: " not in first.said:
        yield "ended without a word"
    if first.code == 1 and "watching " in first.said and not _all_recorded(folder / "state"):
        yield "ended the watch"
    if "Traceback" in first.said:
        yield "a traceback"
    if first.code:
        second = rig.watch(folder)
        if second.code or "Traceback" in second.said:
            yield f"cannot be started again: exit code {second.code}, {second.said[-1500:]}"
    yield from judged(folder)


def judged(folder: Path) -> Iterator[str]:
    """What must be true of a run that has ended, whatever happened."""
    state = folder / "state"
    for name in ("journal.db", "alerts.db"):
        db = sqlite3.connect(state / name)
        if (sound := db.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            yield f"{name}: {sound}"
        db.close()
    db = sqlite3.connect(state / "journal.db")
    db.row_factory = sqlite3.Row

    def ask(sql: str) -> list[Any]:
        return [dict(row) for row in db.execute(sql)]

    images = ask(_IMAGES)
    names = [f"s{number:03}.png" for number in range(1, IMAGES + 1)]
    if [row["path"] for row in images] != names:
        rows = ask("SELECT path, state FROM image ORDER BY path")
        yield f"images: {rows}"
    for row in images:
        wanted = "out_of_focus" if row["path"] == "s009.png" else "in_focus"
        if (row["state"], row["finding"], row["outcome"]) != ("recorded", "ok", wanted):
            yield f"{row['path']}: {row['state']}, {row['finding']}, {row['outcome']}: {row['sentence']}"
        yield from _sidecar(state, row)
    if ask("SELECT 1 FROM report GROUP BY image HAVING count(*) > 1"):
        yield "an image has two reports"
    if ask("SELECT 1 FROM verdict GROUP BY image, outcome, sentence, reason, detail HAVING count(*) > 1"):
        yield "a verdict was given twice"
    if (labels := [(row["image"], row["sharp"]) for row in ask("SELECT * FROM label")]) != [(2, 1)]:
        yield f"labels: {labels}"
    if list((state / "inbox").glob("*.json")):
        yield "the label still waits"
    # Whether pictures are kept again is known by the next one, which may not come.
    if wrong := ask("SELECT kind, path, why FROM trouble WHERE until_ns IS NULL AND kind != 'pictures'"):
        yield f"troubles are left: {wrong}"
    db.close()


def _all_recorded(state: Path) -> bool:
    """All is done, and only the last word could not be said."""
    with closing(sqlite3.connect(state / "journal.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM image WHERE state = 'recorded'").fetchone()
    return int(count) == IMAGES


def _sidecar(state: Path, row: dict[str, Any]) -> Iterator[str]:
    file = sidecar_of(state, row["path"])
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError) as e:
        yield f"{row['path']}: its sidecar: {e}"
        return
    if (told["verdict"]["outcome"], told["verdict"]["sentence"]) != (row["outcome"], row["sentence"]):
        yield f"{row['path']}: its sidecar says {told['verdict']['sentence']}, the journal {row['sentence']}"


# -- the process that is forked


def _main(library: str) -> None:
    import ctypes

    from mhfd_client import cli
    from mhfd_client.runners.local import LocalRunner
    from mhfd_client.station import assembly

    arm = ctypes.CDLL(library).mhfd_fault_arm
    setattr(assembly, "LocalRunner", partial(LocalRunner, score="tests.rigs.faulty_jobs:score"))  # noqa: B010
    for line in sys.stdin:
        asked = json.loads(line)
        folder = Path(asked["folder"])
        if not (child := os.fork()):
            os.setsid()
            said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            os.environ |= {
                "MHFD_FAULT_FOLDER": str(folder / "state"),
                "MHFD_FAULT_COUNTER": str(folder / "counter"),
                "MHFD_FAULT_AT": str(asked["at"]),
                "MHFD_FAULT_MODE": asked["mode"],
                "MHFD_FAULT_VICTIM": str(os.getpid()),
            }
            arm()
            pairs = [part for key, value in _QUICK.items() for part in ("--set", f"{key}={value}")]
            argv = ["watch", str(folder / "root"), "--state", str(folder / "state"), "--no-page", "--quiet"]
            try:
                cli.main([*argv, "--workers", "1", "--until-idle", "0.4", *pairs])
            except SystemExit as e:
                code = e.code
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
        killer = threading.Timer(_LIMIT_S, os.kill, (child, signal.SIGTERM))
        killer.start()
        _, status = os.waitpid(child, 0)
        killer.cancel()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1])
