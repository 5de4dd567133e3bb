"""What a piece of work has saved, to go on from: a file a checkpoint, named by its turn and by its place in it.

What was damaged is not believed: the one before it is. Two are kept, of which the newer may be damaged.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from mhfd.contract.base import SCHEMA_VERSION
from mhfd.contract.work import Progress
from mhfd.remote.long.claims import Claims, must_be_known
from mhfd.remote.long.disk import WorkDisk

_NAME: Final = re.compile(r"checkpoint-([0-9]{6,12})-([0-9]{6,12})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One of them."""

    name: str
    data: bytes
    progress: Progress


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to go on from, and the names of what was damaged."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...] = ()


def latest(disk: WorkDisk, claims: Claims, number: int) -> Found:
    """What whoever comes after the claim of this number goes on from.

    What its turn saved; else what its turn began with, and so on. What a turn saved that had lost the work by then is
    not among them.
    """
    damaged: list[str] = []
    turn, upto = number, ""
    while turn > 0:
        names = sorted((name for name in disk.names() if _turn(name) == turn), key=_place, reverse=True)
        if upto:
            names = [upto, *(name for name in names if _place(name) < _place(upto))]
        for name in names:
            found = _read(name, disk.read(name))
            if found is not None:
                return Found(found, tuple(damaged))
            damaged.append(name)
        claim = claims.numbered(turn)
        if claim is None or claim.said is None:
            turn, upto = turn - 1, ""
            continue
        upto = claim.said.base or ""
        turn = min(_turn(upto) or 0, turn - 1)
    return Found(None, tuple(damaged))


def put(disk: WorkDisk, turn: int, place: int, data: bytes, progress: Progress) -> str:
    """Keep one. Its name."""
    name = f"checkpoint-{turn:06}-{place:06}"
    disk.put(name, head(data, progress) + data)
    return name


def size(data: bytes, progress: Progress) -> int:
    """Bytes that it takes."""
    return len(head(data, progress)) + len(data)


def forget(disk: WorkDisk, turn: int, keep: set[str]) -> None:
    """All of this turn and of those before, but these."""
    for name in disk.names():
        if (_turn(name) or turn + 1) <= turn and name not in keep:
            disk.drop(name)


def head(data: bytes, progress: Progress) -> bytes:
    """Its first line: what tells a whole one, and how far the work was."""
    said = {
        "schema_version": SCHEMA_VERSION,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "progress": progress.model_dump(mode="json"),
    }
    return json.dumps(said).encode() + b"\n"


def _read(name: str, file: bytes | None) -> Checkpoint | None:
    first, _, data = (file or b"").partition(b"\n")
    try:
        plain = json.loads(first)
        must_be_known(plain)
        if plain["sha256"] != hashlib.sha256(data).hexdigest():
            return None
        return Checkpoint(name, data, Progress.model_validate(plain["progress"]))
    except (ValueError, KeyError, TypeError, ValidationError):
        return None


def _turn(name: str) -> int | None:
    found = _NAME.fullmatch(name)
    return None if found is None else int(found[1])


def _place(name: str) -> int:
    return int(name.rpartition("-")[2])
