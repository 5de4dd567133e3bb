"""A worker process: reads jobs from its standard input, scores them one by one, writes replies to its output.

Started by `process.py` with `python -P -m mhfd_client.runners.worker PARENT_PID`. One line a message. In: the set-up,
then jobs, as JSON. Out: `KIND ID TIME PAYLOAD`. Whatever a library prints goes to the error stream instead.

Where learned packages are named, an image's report goes out first, as `measured`; then each package is named before it
is asked (`asking`), what it says follows (`said`), and `estimated` ends the image. So the parent has the report,
whatever a package does, and knows which one it was.

It ends when its parent does, however that happens: the end of its input ends it even while it scores, and on Linux
the kernel kills it. It writes no file but the picture that its scoring function makes, and never decides what a
failure means; that is the parent's.
"""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.errors import MhfdError, UsageError
from mhfd.limits import Limits
from mhfd_client.journal.folder import picture_of
from mhfd_client.runners.memory import limit
from mhfd_client.runners.process import SCHEMA_VERSION, Unpictured

if TYPE_CHECKING:
    from mhfd_client.runners.estimates.estimating import Estimator

Score = Callable[..., FocusReport | Unpictured]
Answer = tuple[str, int, str]  # kind, image, payload


def main(argv: list[str]) -> int:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and a service manager address the whole group:
        signal.signal(number, signal.SIG_IGN)  # the station ends its workers when they are done
    _die_with(int(argv[1]))
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, jobs), daemon=True).start()
    set_up = json.loads(jobs.get())
    if set_up.get("schema_version", 1) != SCHEMA_VERSION:
        _reply(replies, "broken", 0, "mhfd was exchanged while the station ran: start the station again")
        return 1
    memory: int | None = set_up["memory_bytes"]
    estimator: Estimator | None = None
    try:
        score: Score = pkgutil.resolve_name(set_up["score"])
        _open_device(set_up["device"])
        if set_up["models"]:
            estimator = _estimator(set_up)
        if memory is not None:
            limit(memory, threads=set_up["threads"])
    except Exception as e:
        _reply(replies, "broken", 0, f"{type(e).__name__}: {e}")
        return 1
    _reply(replies, "ready", 0, str(os.getpid()))
    options: dict[str, Any] = {"device": set_up["device"], "threads": set_up["threads"]}
    if set_up["limits"] is not None:
        options["limits"] = Limits(**set_up["limits"])
    if estimator is not None:
        options["look"] = estimator.look
    pictures = set_up["thumbnails"]
    missed: bool | None = None  # the last picture was not kept; None: not said yet
    while True:
        job = json.loads(jobs.get())
        _reply(replies, "started", job["id"])
        here = options | ({"thumbnail": str(picture_of(Path(pictures), job["id"]))} if pictures else {})
        answer, why = _one(job, score, here, memory)
        if pictures and bool(why) is not missed:
            missed = bool(why)
            _reply(replies, "unpictured" if missed else "pictured", job["id"], why)
        if estimator is None or answer[0] != "scored":
            _reply(replies, *answer)
        else:
            _reply(replies, "measured", *answer[1:])
            for kind, payload in estimator.says(FocusReport.model_validate_json(answer[2]), job):
                _reply(replies, kind, job["id"], payload)
            _reply(replies, "estimated", job["id"])


def _estimator(set_up: dict[str, Any]) -> Estimator:
    from mhfd_client.runners.estimates.estimating import Estimator

    return Estimator(set_up["models"], Path(set_up["library"]), set_up["instrument"])


def _one(job: dict[str, Any], score: Score, options: dict[str, Any], memory: int | None) -> tuple[Answer, str]:
    """Score one image, and why its picture was not kept."""
    why = ""

    def apart(*args: Any, **more: Any) -> FocusReport:
        nonlocal why
        scored = score(*args, **more)
        if isinstance(scored, Unpictured):
            why = scored.why
            return scored.report
        return scored

    return _scored(job, apart, options, memory), why


def _scored(
    job: dict[str, Any], score: Callable[..., FocusReport], options: dict[str, Any], memory: int | None
) -> Answer:
    """What is said of an image must be said of the file that arrival saw."""
    try:
        seen = _stat(job["path"])
        if seen != (job["size"], job["mtime_ns"]):
            return "changed", job["id"], "the file changed before it was read"
        report = score(job["path"], params=Params.model_validate(job["params"]), **options)
        if not isinstance(report, FocusReport):
            raise UsageError(f"score: the function returned {type(report).__name__}, not FocusReport")
        if _stat(job["path"]) != seen:
            return "changed", job["id"], "the file changed while it was read"
        if report.finding is Finding.UNREADABLE:
            with open(job["path"], "rb") as f:  # noqa: PTH123 - names that are no UTF-8
                f.read(1)
        return "scored", job["id"], report.model_dump_json()
    except UsageError as e:
        return "wrong", job["id"], str(e)
    except OSError as e:
        return "unavailable", job["id"], f"the file cannot be opened: {e.strerror or e}"
    except MemoryError:
        much = "more memory than there is" if memory is None else f"more than {memory / 1e9:.3g} GB of memory"
        return "raised", job["id"], f"needs {much}; crop it, or raise memory_gb"
    except Exception as e:
        return "raised", job["id"], f"makes scoring fail with {type(e).__name__}: {e}"


def _stat(path: str) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - names that are no UTF-8
    return found.st_size, found.st_mtime_ns


def _reply(out: IO[bytes], kind: str, number: int, payload: str = "") -> None:
    text = payload.encode("utf-8", "backslashreplace").replace(b"\n", b" ")
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, and so are we in a moment
        out.write(b"%s %d %d %s\n" % (kind.encode(), number, time.time_ns(), text))
        out.flush()


def _read(source: IO[bytes], jobs: queue.SimpleQueue[bytes]) -> None:
    for line in source:
        jobs.put(line)
    os._exit(0)  # the parent closed us, or died: also in the middle of an image


def _die_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:  # noqa: PTH123 - a kernel file
        f.write("500")  # when memory runs out, the image goes, not the station


def _open_device(device: str) -> None:
    """What a GPU's driver takes once is the worker's own, and no image's."""
    if device == "cpu":
        return
    from mhfd.detector.choose import choose

    with contextlib.suppress(MhfdError):  # said with the first image
        choose(Params(), device=device)


if __name__ == "__main__":
    try:
        code = main(sys.argv)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)  # at once: a thread still reads the input, and the interpreter cannot be taken down around it
