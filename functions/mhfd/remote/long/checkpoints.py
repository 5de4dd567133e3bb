"""What a piece of work has saved, to go on from: a file a checkpoint, named by its turn and by its place in it.

A turn says from which checkpoint it begins, in a file of its own, before it does anything: what an earlier holder
writes later is nobody's. It looks for it when the work is its own already: what was saved and confirmed before is
there then. What was damaged is not believed, the one before it is: two are kept.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from mhfd.contract.base import SCHEMA_VERSION
from mhfd.contract.work import Progress
from mhfd.remote.long.claims import must_be_known
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


def latest(disk: WorkDisk, turn: int) -> Found:
    """What whoever comes after that turn goes on from: what it saved; else what it began with, and so on."""
    there = [name for name in disk.names() if _turn(name)]
    damaged: list[str] = []
    upto = ""
    while turn > 0:
        names = sorted((name for name in there if _turn(name) == turn), key=_place, reverse=True)
        if upto:
            names = [upto, *(name for name in names if _place(name) < _place(upto))]
        for name in names:
            found = _read(name, disk.read(name))
            if found is not None:
                return Found(found, tuple(damaged))
            damaged.append(name)
        base = disk.read(_base(turn))
        upto = "" if base is None else base.decode("ascii", "replace").strip()
        if base is not None and not upto:  # it began with nothing
            break
        before = _turn(upto) or 0
        turn, upto = (before, upto) if 0 < before < turn else (turn - 1, "")
    return Found(None, tuple(damaged))


def begin(disk: WorkDisk, turn: int, checkpoint: Checkpoint | None) -> None:
    """That turn begins with this one."""
    disk.put(_base(turn), b"\n" if checkpoint is None else f"{checkpoint.name}\n".encode())


def put(disk: WorkDisk, turn: int, place: int, whole: bytes) -> str:
    """Keep one, its head and its data. Its name."""
    name = f"checkpoint-{turn:06}-{place:06}"
    disk.put(name, whole)
    return name


def forget(disk: WorkDisk, turn: int, keep: set[str]) -> None:
    """All of this turn and of those before, but these."""
    for name in disk.names():
        if (found := _turn(name)) is not None and found <= turn and name not in keep:
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


def _base(turn: int) -> str:
    return f"begin-{turn:06}"


def _turn(name: str) -> int | None:
    found = _NAME.fullmatch(name)
    return None if found is None else int(found[1])


def _place(name: str) -> int:
    return int(name.rpartition("-")[2])
