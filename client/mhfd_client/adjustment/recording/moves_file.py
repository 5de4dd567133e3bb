"""`moves.jsonl`: a line a move, appended, on the disk before it counts. Half a last line is what a killed writer left.

A line that cannot be read is named, never a reason to lose the others. Nothing is changed or taken out here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mhfd_client import files
from mhfd_client.adjustment import places
from mhfd_client.adjustment.recording.recorded_move import RecordedMove

_MOST_ON_A_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that is no move."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.why}"


@dataclass(slots=True)
class KeptMoves:
    """What the file holds, in the order in which it was turned."""

    moves: list[RecordedMove] = field(default_factory=list)
    damaged: list[DamagedLine] = field(default_factory=list)


def append(state_dir: Path, move: RecordedMove) -> None:
    """On the disk when this returns. StateError."""
    file = places.moves(state_dir)
    files.make_folder(file.parent)
    with files.named(file):
        lock = files.opened_lock(file.with_suffix(".lock"))
    with files.held(lock), files.named(file), file.open("a+b") as written:
        end = written.seek(0, os.SEEK_END)
        torn = False
        if end:
            written.seek(end - 1)
            torn = written.read(1) != b"\n"
        written.write((b"\n" if torn else b"") + move.model_dump_json(exclude_none=True).encode() + b"\n")
        written.flush()
        os.fsync(written.fileno())


def read(state_dir: Path) -> KeptMoves:
    """All of it; of lines with one id the last. A file that is not there holds nothing. StateError."""
    found = KeptMoves()
    by_id: dict[str, RecordedMove] = {}
    for number, line in _lines(places.moves(state_dir)):
        if isinstance(why := _move(line), RecordedMove):
            by_id[why.id] = why
        else:
            found.damaged.append(DamagedLine(number, why))
    found.moves = sorted(by_id.values(), key=lambda move: move.at)
    return found


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    if not file.exists():
        return
    with files.named(file), file.open("rb") as opened:
        number, rest = 0, False
        while line := opened.readline(_MOST_ON_A_LINE):
            number += not rest
            if not rest and line.strip():
                yield number, line
            rest = not line.endswith(b"\n")  # of a line that is longer than any move


def _move(line: bytes) -> RecordedMove | str:
    """The move, or what is wrong with the line."""
    if not line.endswith(b"\n"):
        return "cut off while it was written, or longer than any move"
    try:
        return RecordedMove.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"no move: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}"[:200]
