"""A training that goes on where another one was ended: its checkpoints, copied from the other work's folder.

A work that was cancelled stays so for ever; what it had learned need not be lost. Only of the same plan on the same
dataset: anything else would be a result that nobody asked for. Links are not followed.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mhfd.contract.request import Code
from mhfd.contract.training import TrainingJob, TrainRequest
from mhfd.remote.long.running import LongWork, folder_name
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots
from mhfd.whole import whole

_JOB: Final = "training/job.json"
_CHECKPOINTS: Final = "training/checkpoints"
_TURN: Final = re.compile(r"files-(\d+)")
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_JOB: Final = 1 << 20
_MOST_FILES: Final = 32


def bring(request: TrainRequest, work: LongWork, digest: str) -> None:
    """What the training of the key `after` has kept, into this work's folder. A `Refusal` where there is none."""
    roots = Roots.of(work.site, "write")
    home = f"{request.into.rstrip('/')}/{folder_name(str(request.after))}"
    with roots.folder(home) as found:
        turns = [int(match[1]) for name in _names(found) if (match := _TURN.fullmatch(name))]
    own = f"{home}/files-{max(turns, default=0)}"
    try:
        with roots.file(f"{own}/{_JOB}") as opened:
            job = _job(os.pread(opened.fd, _MOST_JOB, 0), request)
    except Refusal as refused:
        if refused.problem.code != Code.CANNOT_WRITE:
            raise
        return  # it came to nothing
    if (job.plan, job.digest) != (request.plan, digest):
        raise _refused(request, "it is of another plan, or of another dataset")
    into = work.folder / _CHECKPOINTS
    into.mkdir(parents=True, exist_ok=True)
    with roots.folder(f"{own}/{_CHECKPOINTS}", make=True) as found:
        for name in sorted(_names(found))[:_MOST_FILES]:
            with contextlib.suppress(FileNotFoundError):  # it is being worked on, and has a newer one
                _copied(name, found, into, work)
    (into.parent / "job.json").write_text(job.model_dump_json())


def _names(folder: int) -> Iterator[str]:
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield from os.listdir(fd)  # noqa: PTH208 - of what is open
    finally:
        os.close(fd)


def _copied(name: str, folder: int, into: Path, work: LongWork) -> None:
    """Whole, or not at all."""
    with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb") as source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            return
        work.ledger.writes(status.st_size)
        with whole(into / name) as target:
            shutil.copyfileobj(source, target)


def _job(data: bytes, request: TrainRequest) -> TrainingJob:
    try:
        return TrainingJob.model_validate_json(data)
    except ValueError:
        raise _refused(request, "what it keeps cannot be read here") from None


def _refused(request: TrainRequest, why: str) -> Refusal:
    remedy = "leave `after` out: then the training begins anew"
    return Refusal(problem(Code.BAD_REQUEST, f"the training {request.after!r}: {why}", remedy, field="after"))
