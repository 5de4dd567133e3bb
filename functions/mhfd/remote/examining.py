"""`examine`: how this endpoint is, for `mhfd doctor --endpoint` and for whoever measures it.

Tells nothing of files outside the administrator's folders, writes nothing, and takes bounded time: at most so many
files, and no more of them is read than their hash needs.
"""

import hashlib
import math
import os
import pwd
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from mhfd import shim
from mhfd.contract.examination import Examination, ExamineRequest, FileSeen, FunctionSeen, RootSeen
from mhfd.contract.params import Params
from mhfd.contract.request import Code, Problem
from mhfd.detector.choose import choose
from mhfd.errors import MhfdError
from mhfd.remote import alarm, gpus, patience, worker
from mhfd.remote.ledger import Ledger
from mhfd.remote.refusal import Refusal, problem, read
from mhfd.remote.roots import RootedFile, Roots
from mhfd.remote.task import Verb, perform
from mhfd.site import Site

_CHUNK: Final = 1 << 20
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an ExamineRequest in, those of an Examination out."""
    return perform(Verb("mhfd_examine", partial(read, ExamineRequest), _examined, _turned_away, _echoed), fields)


def _echoed(request: ExamineRequest) -> Examination | None:
    return _said([], request) if request.only_echo else None


def _turned_away(found: list[Problem], request: ExamineRequest | None) -> Examination:
    return _said(found, request)


def _examined(request: ExamineRequest, site: Site, ledger: Ledger) -> Examination:
    errors: list[Problem] = []
    notes: list[Problem] = []
    backend, device = "none", "none"
    try:
        detector = choose(Params(), device=site.device, threads=site.threads)
        backend, device = detector.name, detector.device
    except MhfdError as e:
        remedy = "ask the endpoint's administrator: `device` in the site's configuration"
        errors.append(problem(Code.NO_DEVICE, str(e), remedy))
    ledger.device = device
    files: list[FileSeen | None] = []
    roots, until = Roots.of(site, "read"), time.monotonic() + (site.max_seconds or math.inf)
    for index, path in enumerate(request.paths):
        try:
            with roots.file(path) as opened:
                sha256, why = _hash(path, opened, site, ledger, until) if request.hash else (None, "")
                files.append(_seen(opened, sha256))
            ledger.seen += 1
            if why:
                remedy = "name a file that an image may be, to have it hashed"
                notes.append(problem(Code.NOT_HASHED, why, remedy, index=index, path=path))
        except Refusal as e:
            files.append(None)
            errors.append(e.problem.model_copy(update={"index": index}))
    return _said(
        errors,
        request,
        notes=tuple(notes),
        site=site.name,
        backend=backend,
        device=device,
        chosen=site.device,
        gpus=os.environ.get(gpus.VARIABLE),
        roots=(
            *(_root(str(root), "read") for root in site.read_roots),
            *(_root(str(r), "write") for r in site.write_roots),
        ),
        files=tuple(files),
        functions=tuple(_functions(site)) if request.functions else (),
    )


def _said(errors: list[Problem], request: ExamineRequest | None, **fields: Any) -> Examination:
    return Examination(
        schema_version=3 if request is not None and request.functions else 2,
        echo=None if request is None else request.echo,
        ok=not errors,
        errors=tuple(errors),
        versions=worker.versions(),
        user=worker.user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        since_ns=worker.started_ns,
        tasks_before=worker.tasks_before(),
        now_ns=time.time_ns(),
        **fields,
    )


def _functions(site: Site) -> Iterator[FunctionSeen]:
    whole = site.whole or site  # what we are told of ourselves is our part of it
    for name in sorted({*shim.FUNCTIONS, *whole.functions}):
        limits, part = whole.limits_of(name), whole.of_function(name)
        yield FunctionSeen(
            name=name,
            here=name in shim.FUNCTIONS,
            allowed=limits.allowed,
            purpose=limits.purpose,
            max_seconds=part.max_seconds,
            gpus=limits.gpus,
            read_roots=tuple(map(str, part.read_roots)),
            write_roots=tuple(map(str, part.write_roots)),
        )


def _root(path: str, use: str) -> RootSeen:
    """Whether the account that tasks run as may do there what the administrator allows."""
    needed = os.R_OK | os.X_OK if use == "read" else os.W_OK | os.X_OK
    try:
        there, usable = patience.asked(path, lambda: (os.path.isdir(path), os.access(path, needed)))  # noqa: PTH112
    except patience.Silent:
        return RootSeen(path=path, use=use, usable=False, why="it does not answer: its disk or file server may be away")
    if not there:
        return RootSeen(path=path, use=use, usable=False, why="there is no such folder")
    return RootSeen(path=path, use=use, usable=usable, why=None if usable else f"{worker.user()} may not {use} there")


def _seen(opened: RootedFile, sha256: str | None) -> FileSeen:
    status = opened.status
    return FileSeen(
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        owner=_name(status.st_uid),
        mode=f"{status.st_mode & 0o7777:04o}",
        writable=os.access(f"/proc/self/fd/{opened.fd}", os.W_OK),
        sha256=sha256,
    )


def _hash(path: str, opened: RootedFile, site: Site, ledger: Ledger, until: float) -> tuple[str | None, str]:
    """Of the bytes, where it is a file no larger than an image may be; or why there is none."""
    mode, size = opened.status.st_mode, opened.status.st_size
    if not stat.S_ISREG(mode):
        kind = next((word for is_one, word in _KINDS if is_one(mode)), "no file")
        return None, f"it is {kind}: nothing was read"
    if size > site.max_bytes:
        return None, f"{size} bytes are more than an image may have here ({site.max_bytes}): nothing was read"
    left = min(site.max_image_seconds, until - time.monotonic())
    ledger.reads(size if left > 0 else 0)
    digest = hashlib.sha256()
    try:
        if left <= 0:
            raise alarm.Overdue
        with ledger.working(), alarm.ended_after(left):
            at = 0
            while at < size and (part := os.pread(opened.fd, min(_CHUNK, size - at), at)):
                digest.update(part)
                at += len(part)
    except alarm.Overdue:
        why = f"hashing it was ended after {max(left, 0):.3g} s"
        raise Refusal(problem(Code.OUT_OF_TIME, why, "ask for it alone, or without `hash`", path=path)) from None
    except OSError as e:
        why = f"it cannot be read: {e.strerror or e}"
        raise Refusal(problem(Code.UNAVAILABLE, why, "check the disk; send it again", path=path)) from None
    return digest.hexdigest(), ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
