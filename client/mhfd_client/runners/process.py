"""One worker process, seen from the parent.

A thread of its own starts the process, passes its replies on and waits for its end: the kernel ties a child's life to
the *thread* that made it (PR_SET_PDEATHSIG), so that thread must live as long as the child. No scheduling here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd_client.runners import Job

SCHEMA_VERSION: Final = 4
"""Of the lines between a station and its workers, which may be of another mhfd when it was exchanged meanwhile."""

NO_PACKAGE: Final = "-"
"""Where a package is named: what all of them need, and none of them does."""

# Native libraries make as many threads as the machine has cores unless told; workers would fight over them.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class SetUp:
    """What every worker of a runner is told first."""

    score: str  # "module:function"
    device: str
    threads: int
    memory_bytes: int | None  # for an image, beyond what the worker takes for itself
    limits: dict[str, int | str] | None = None  # fields of `Limits`: the scoring function also takes `limits=`
    thumbnails: str | None = None  # a folder: the scoring function also takes `thumbnail=`, a file to write
    models: tuple[str, ...] = ()  # learned packages, by name or folder: the scoring function also takes `look=`
    library: str | None = None  # where the packages that a name means are
    instrument: str | None = None  # whose champion and challenger are meant
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Unpictured:
    """What a scoring function gives when it could not keep the picture: that is no matter of the image's."""

    report: FocusReport
    why: str


@dataclass(frozen=True, slots=True)
class WorkerReply:
    """What a worker said. Kind `ended`: it said its last."""

    worker: Worker
    kind: str
    id: int = 0
    at_ns: int = 0
    payload: bytes = b""


class Worker:
    """Starts at once; replies go to `inbox`, the last of them of kind `ended`."""

    def __init__(self, set_up: SetUp, inbox: queue.SimpleQueue[WorkerReply | None]) -> None:
        self._inbox = inbox
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self.end = ""  # how it ended, in words
        self._thread = threading.Thread(target=self._attend, args=(set_up,), daemon=True, name="mhfd-worker")
        self._thread.start()

    def send(self, job: Job, aside: Mapping[str, str] = MappingProxyType({})) -> None:
        """Only after its `ready`. A worker that just died is noticed by its `ended`, not here.

        `aside`: learned packages that are not asked of this image, and why.
        """
        plain = {f.name: getattr(job, f.name) for f in fields(job)}
        told = {"params": job.params.model_dump(mode="json"), "baselines": dict(job.baselines), "aside": dict(aside)}
        self._write(plain | told)

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        self._thread.join()

    def _write(self, message: dict[str, object]) -> None:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018 - set before `ready`
        with contextlib.suppress(BrokenPipeError, ValueError):  # it died; ValueError: and was buried
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _attend(self, set_up: SetUp) -> None:
        self.end = "its thread failed"
        try:
            process = self._start(set_up)
            with contextlib.suppress(BrokenPipeError), process:  # closing its input flushes what it no longer reads
                self._write(asdict(set_up))
                self._pass_on(process)
            self.end = _how(process.wait())
        except OSError as e:
            self.end = f"cannot be started: {e}"
        finally:  # whatever happens here, the runner must not wait for this worker
            self._inbox.put(WorkerReply(self, "ended"))

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - we asked for the pipe
        for line in process.stdout:
            kind, number, at, payload = line.rstrip(b"\n").split(b" ", 3)
            self._inbox.put(WorkerReply(self, kind.decode(), int(number), int(at), payload))

    def _start(self, set_up: SetUp) -> subprocess.Popen[bytes]:
        environ = dict(os.environ)
        environ.update(dict.fromkeys(_THREADS, str(set_up.threads)))
        environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        with self._lock:
            if self._killed:
                raise OSError("the runner was closed")
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mhfd_client.runners.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environ,
                start_new_session=True,  # Ctrl-C in the terminal is the station's alone
            )
            return self._process


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
