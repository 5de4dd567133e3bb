"""Who became champion when, on what ground: lines that are appended and never changed; and who is it now.

The line is on the disk before the alias names it. So whoever dies between the two leaves the old champion, and a line
that never came into effect, which is told as such. An alias names the line that made it, and each line the one before:
a line that is missing or was changed is found.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from mhfd.contract.base import Wire
from mhfd.errors import LibraryDamaged
from mhfd.learning.packages.card import Digest, ModelTask

MHFD: Final = "mhfd"
"""The champion of every task that has none: mhfd with its baseline. It needs no package."""


ChangeKind = Literal["promoted", "rolled back"]


class ChampionChange(Wire):
    """One line of the history."""

    schema_version: Literal[1] = 1
    at: str
    who: str
    task: ModelTask
    kind: ChangeKind
    before: str
    after: str
    why: str
    decision: Digest | None
    """The digest of the report that a promotion rests on."""
    follows: Digest | None
    """The digest of the line that made the champion before."""


class ChampionAlias(Wire):
    """Who is the champion of a task, and which line of the history made it so."""

    schema_version: Literal[1] = 1
    task: ModelTask
    package: str
    line: Digest


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A line of the history, and whether it came into effect."""

    change: ChampionChange
    in_effect: bool


class ChampionHistory:
    """The history and the aliases in a folder. Who changes them holds `locked`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lines = home / "history.jsonl"

    def alias(self, task: ModelTask) -> ChampionAlias | None:
        """Who is champion; None where nobody ever was but mhfd. LibraryDamaged."""
        path = self._alias_path(task)
        try:
            return ChampionAlias.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise LibraryDamaged(
                f"{path}: does not say who is champion ({_first(error)}); "
                f"`mhfd models rollback {task} --to mhfd` makes it mhfd"
            ) from None

    def champion(self, task: ModelTask) -> str:
        """The name of the champion, or `mhfd`."""
        alias = self.alias(task)
        return MHFD if alias is None else alias.package

    def record(
        self, task: ModelTask, kind: ChangeKind, after: str, *, who: str, why: str, decision: str | None
    ) -> ChampionChange:
        """Append the line, then let the alias name it: one rename. To mhfd also where nobody knows who is champion."""
        try:
            alias = self.alias(task)
            before, follows = (MHFD, None) if alias is None else (alias.package, alias.line)
        except LibraryDamaged:
            if after != MHFD:
                raise
            before, follows = self._last(task)
        change = ChampionChange(
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
            who=who,
            task=task,
            kind=kind,
            before=before,
            after=after,
            why=why[:2000],
            decision=decision,
            follows=follows,
        )
        line = append_line(self._lines, change.model_dump(mode="json"))
        alias = ChampionAlias(task=task, package=after, line=_digest(line))
        write_whole(self._alias_path(task), alias.model_dump_json().encode() + b"\n")
        return change

    def told(self, task: ModelTask | None = None) -> tuple[ToldChange, ...]:
        """Every line, the oldest first, of a task or of all. LibraryDamaged when one is missing or was changed."""
        changes = dict(self._read())
        effective: set[str] = set()
        for one in {change.task for change in changes.values()} | ({task} if task else set()):
            alias = self.alias(one)
            at = alias.line if alias else None
            while at is not None:
                if at not in changes:
                    raise LibraryDamaged(f"{self._lines}: the line {at[:12]} of {one} is missing, or was changed")
                effective.add(at)
                at = changes[at].follows
        return tuple(
            ToldChange(change, digest in effective)
            for digest, change in changes.items()
            if task is None or change.task == task
        )

    def _read(self) -> Iterator[tuple[str, ChampionChange]]:
        try:
            data = self._lines.read_bytes()
        except FileNotFoundError:
            return
        for line in data.splitlines(keepends=True):
            try:
                yield _digest(line.rstrip(b"\n")), ChampionChange.model_validate_json(line)
            except ValidationError:
                continue  # cut off when its writer died: no alias names it, or `told` misses it

    def _last(self, task: ModelTask) -> tuple[str, str | None]:
        """What the last line of a task says, for want of an alias."""
        lines = [(change.after, digest) for digest, change in self._read() if change.task == task]
        return lines[-1] if lines else (MHFD, None)

    def _alias_path(self, task: ModelTask) -> Path:
        return self.home / "champions" / f"{task}.json"


def append_line(path: Path, document: Mapping[str, Any]) -> bytes:
    """Append one whole line of JSON, on the disk when this returns; what a dead writer left is ended first."""
    line = json.dumps(document, separators=(",", ":")).encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def write_whole(path: Path, data: bytes) -> None:
    """A file that is the old one or the new one, whenever the process or the power dies."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Only one process changes a library at a time; the others wait. The system lets go when a process dies."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("ab") as file:
        _wait_for(file.fileno())
        yield


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _first(error: OSError | ValidationError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror or str(error)


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _wait_for(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
else:

    def _wait_for(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
