"""Every line of what was done with the lens, or was not and why: appended, on the disk before the next step, summed.

Each line's sum is over the line and over the sum of the one before it, so that a line that was changed, taken out or
put between is found. What is cut off at the end is not. A line is never changed or removed here; one that was not
written to its end, because its program died, stays and is said.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mhfd_client import files
from mhfd_client.adjustment import places
from mhfd_client.errors import StateError

_TAIL: Final = 1 << 16
"""More than the longest line has: its end is found in so many bytes."""
_LONGEST_WORDS: Final = 2000


class LensEntry(StrEnum):
    """What a line says."""

    PAIR = "pair"  # a pair begins: the lens is about to move
    IMAGE = "image"  # an image is about to be taken: the dose is spent, whether it comes or not
    PAIR_ENDED = "pair_ended"  # both images are there, and the lens is back
    PROPOSED = "proposed"
    REFUSED = "refused"  # by a package, or by a rule: nothing was set
    INSTRUCTED = "instructed"  # what would be done, or is about to be
    MOVE = "move"  # an instruction is about to be carried out; once for each
    MOVED = "moved"
    KEPT = "kept"  # verified: where the lens stands is its place now
    PUT_BACK = "put_back"  # the lens is where it was before
    LEFT = "left"  # somebody else moved it: theirs stays
    STRANDED = "stranded"  # it is not back: says where it is, as far as that is known
    FORGOTTEN = "forgotten"  # a person says that it is where it should be
    UNDONE = "undone"  # a move that was kept is put back, since a person asked
    REPAIR = "repair"  # a watch begins to mend an image
    REPAIRED = "repaired"  # how that ended
    RETAKEN = "retaken"  # the instrument was asked to take the image of a place again
    ASKED = "asked"  # a person is asked
    TROUBLE = "trouble"  # a watch can do nothing with the lens
    WELL = "well"  # it can again


class LedgerLine(BaseModel):
    """One line. Lengths in um."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    n: int = Field(ge=1)
    at: float
    actor: str = Field(max_length=200)
    what: LensEntry
    words: str = Field(max_length=_LONGEST_WORDS)
    field: str | None = Field(None, max_length=200, description="which field of the sample, for its dose")
    instruction: str | None = Field(None, max_length=64, description="the instruction that it is part of")
    refusal: str | None = Field(None, max_length=64, description="its code")
    numbers: dict[str, float] = Field(default_factory=dict)
    about: dict[str, str] = Field(default_factory=dict)
    before: str = Field(description="the sum of the line before it; empty in the first")
    sum: str = ""

    def summed(self) -> str:
        """What its sum has to be."""
        told = self.model_dump(mode="json", exclude={"sum"})
        text = json.dumps(told, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class LedgerFlaw:
    """A line that is not as it was written, or does not follow on the one before it."""

    line: int
    why: str
    torn: bool = False
    """Its program died while it wrote it: what it was about to do was not begun."""


def add(
    state_dir: Path,
    what: LensEntry,
    words: str,
    *,
    actor: str,
    field: str | None = None,
    instruction: str | None = None,
    refusal: str | None = None,
    numbers: Mapping[str, float | None] | None = None,
    about: Mapping[str, str | None] | None = None,
    at: float | None = None,
) -> LedgerLine:
    """Append a line; it is on the disk when this returns. StateError where it cannot be: then nothing may be moved."""
    path = places.ledger(state_dir)
    files.make_folder(path.parent)
    with (
        files.named(path),
        files.held(files.opened_lock(places.ledger_lock(state_dir))),
        files.opened_lock(path) as file,
    ):
        is_new, torn, last = _end_of(file)
        line = LedgerLine(
            n=last.n + 1 if last else 1,
            at=time.time() if at is None else at,
            actor=actor[:200],
            what=what,
            words=words[:_LONGEST_WORDS],
            field=field and field[:200],
            instruction=instruction,
            refusal=refusal,
            numbers={
                key: value for key, value in (numbers or {}).items() if value is not None and math.isfinite(value)
            },
            about={key: value for key, value in (about or {}).items() if value is not None},
            before=last.sum if last else "",
        )
        line = line.model_copy(update={"sum": line.summed()})
        file.seek(0, os.SEEK_END)
        file.write((b"\n" if torn else b"") + line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        if is_new:
            files.sync_folder(path.parent)
    return line


def lines(state_dir: Path) -> Iterator[LedgerLine]:
    """Those that can be read, in order. None where nothing was ever done."""
    return (line for line in _read(state_dir) if isinstance(line, LedgerLine))


def flaws(state_dir: Path) -> list[LedgerFlaw]:
    """What is wrong with it, line by line; of a ledger as it was written, nothing but lines that a death tore."""
    found: list[LedgerFlaw] = []
    last = LedgerLine(n=1, at=0, actor="", what=LensEntry.PAIR, words="", before="").model_copy(update={"n": 0})
    for at, line in enumerate(_read(state_dir), 1):
        if isinstance(line, LedgerFlaw):
            found.append(line)
            continue
        if line.sum != line.summed():
            found.append(LedgerFlaw(at, f"line {at}: was changed after it was written: its sum is another"))
        elif line.before != last.sum or line.n != last.n + 1:
            found.append(
                LedgerFlaw(at, f"line {at}: does not follow on the line before it: lines are gone, or changed")
            )
        last = line
    return found


def whoever() -> str:
    """Who asks, where nobody is named: this user of the machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "unknown"


def _read(state_dir: Path) -> Iterator[LedgerLine | LedgerFlaw]:
    path = places.ledger(state_dir)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"cannot read {files.shown(path)}: {error.strerror}") from error
    with file:
        for at, raw in enumerate(file, 1):
            yield _understood(raw) or _flaw(at, raw)


def _understood(raw: bytes) -> LedgerLine | None:
    try:
        return LedgerLine.model_validate_json(raw)
    except ValidationError:
        return None


def _flaw(at: int, raw: bytes) -> LedgerFlaw:
    try:
        json.loads(raw)
    except ValueError:  # what follows does not follow on it: one that was cut off later breaks the chain
        return LedgerFlaw(at, f"line {at}: was not written to its end: its program died; nothing was begun", torn=True)
    return LedgerFlaw(at, f"line {at}: is no line of a ledger: it was changed after it was written")


def _end_of(file: IO[bytes]) -> tuple[bool, bool, LedgerLine | None]:
    """Whether it is empty, whether its last line has no end, and the last line that can be understood."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    data = file.read()
    for raw in reversed(data.split(b"\n")):
        if line := _understood(raw):
            return False, not data.endswith(b"\n"), line
    return size == 0, bool(data) and not data.endswith(b"\n"), None
