"""A third function, which does long work: the SHA-256 of every file in a folder, as `sha256sum` writes them.

A file a checkpoint. What is too large for an answer, the table, grows in the work's own folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from mhfd import shim
from mhfd.contract.request import Code, Name
from mhfd.contract.work import WorkRequest
from mhfd.remote.long.running import LongVerb, LongWork, answer
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots

NAME: Final = "mhfd_hash_folder"
_CHUNK: Final = 1 << 20
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class HashRequest(WorkRequest):
    """Hash the files below this folder."""

    folder: Name
    slow_ms: float = Field(0.0, ge=0.0, description="so much longer each file takes")


def hash_folder(**request: Any) -> dict[str, Any]:
    """A HashRequest's fields in, a WorkAnswer's out; its result: files, bytes, and the digest of the table."""
    return answer(VERB, request)


def _hashed(request: HashRequest, work: LongWork) -> dict[str, Any]:
    at = json.loads(work.saved() or b'{"files": 0, "bytes": 0, "table": 0}')
    path = work.folder / "SHA256SUMS"
    with path.open("r+b" if path.exists() else "x+b") as table, _opened(request, work) as top:
        table.truncate(at["table"])  # what was written after the last checkpoint is written again
        known = {line.partition(b"  ")[2] for line in table.read().splitlines()}
        table.seek(0, os.SEEK_END)
        names = _files(top)
        for name in names:
            if name in known:
                continue
            digest, size = _digest(top, name, request, work, at, len(names))
            table.write(f"{digest}  ".encode() + name + b"\n")
            table.flush()
            os.fsync(table.fileno())
            at = {"files": at["files"] + 1, "bytes": at["bytes"] + size, "table": table.tell()}
            work.save(json.dumps(at).encode(), at["files"], len(names), "files", os.fsdecode(name))
    found = work.artefact(path, "sha256sum")
    return {"files": at["files"], "bytes": at["bytes"], "digest": found.sha256}


@contextmanager
def _opened(request: HashRequest, work: LongWork) -> Iterator[int]:
    """The folder that is asked for, open for reading."""
    with Roots.of(work.site, "read").folder(request.folder) as found:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found)
        try:
            yield fd
        finally:
            os.close(fd)


def _files(top: int) -> list[bytes]:
    """Their names from there on, sorted; no links."""
    found = []
    for folder, _, files, fd in os.fwalk(".", dir_fd=top):
        found += [
            os.fsencode(Path(folder, name))
            for name in files
            if stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
        ]
    return sorted(found, key=lambda name: name.split(b"/"))


def _digest(
    top: int, name: bytes, request: HashRequest, work: LongWork, at: dict[str, int], files: int
) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=top), "rb") as file:
            while part := file.read(_CHUNK):
                work.ledger.reads(len(part))
                digest.update(part)
                size += len(part)
                work.beat(at["files"], files, "files", os.fsdecode(name))
    except OSError as e:
        why = f"it cannot be read: {e.strerror or e}"
        raise Refusal(problem(Code.UNAVAILABLE, why, "look at the file; ask again", path=os.fsdecode(name))) from None
    time.sleep(request.slow_ms / 1000)
    return digest.hexdigest(), size


VERB: Final = LongVerb(NAME, HashRequest, _hashed)
FUNCTION = shim.function(
    NAME,
    module="tests.rigs.remote.hashing",
    entry="hash_folder",
    summary="Hash the files below a folder: the fields of a HashRequest in, those of a WorkAnswer out.",
)


def expected(folder: Path) -> bytes:
    """The table, made otherwise."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    names = sorted((os.fsencode(path.relative_to(folder)).split(b"/"), path) for path in files)
    lines = [hashlib.sha256(path.read_bytes()).hexdigest().encode() + b"  " + b"/".join(name) for name, path in names]
    return b"".join(line + b"\n" for line in lines)
