"""Who became champion when, on what ground: lines that are appended and never changed; and who is it now.

The line is on the disk before the alias names it. So whoever dies between the two leaves the old champion, and a line
that never came into effect, which is told as such. An alias names the line that made it, and each line the one before:
a line that is missing or was changed is found. Champions and challengers of each seat are chains of their own.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from mhfd.errors import LibraryDamaged
from mhfd.learning.packages.card import Digest, ModelTask
from mhfd.learning.packages.seats import ROLES, NamesASeat, Role, Seat, kept_seats
from mhfd.learning.packages.writing import append_line
from mhfd.whole import write_whole

MHFD: Final = "mhfd"
"""The champion of every task that has none: mhfd with its baseline. It needs no package."""

NOBODY: Final = "nobody"
"""The challenger of every seat that has none."""


ChangeKind = Literal["promoted", "rolled back", "told", "challenges", "challenge ended"]
"""`told`: who judges at a microscope, said by those who are there to a library that lies elsewhere."""

_CHALLENGES: Final[tuple[ChangeKind, ...]] = ("challenges", "challenge ended")


class ChampionChange(NamesASeat):
    """One line of the history."""

    schema_version: Literal[1] = 1
    at: str
    who: str
    task: ModelTask
    instrument: str | None = None
    """The microscope; not there: wherever none is named."""
    kind: ChangeKind
    before: str
    after: str
    why: str
    decision: Digest | None
    """The digest of the report that a promotion rests on."""
    follows: Digest | None
    """The digest of the line that made the champion before; of a challenger, that made the challenger before."""

    @property
    def role(self) -> Role:
        """What `before` and `after` are there."""
        return "challenger" if self.kind in _CHALLENGES else "champion"


class ChampionAlias(NamesASeat):
    """Who is the champion of a task, or the challenger, and which line of the history made it so."""

    schema_version: Literal[1] = 1
    task: ModelTask
    instrument: str | None = None
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

    def alias(self, seat: Seat, role: Role = "champion") -> ChampionAlias | None:
        """Who has that role in a seat; None where nobody ever had. LibraryDamaged."""
        path = seat.alias(self.home, role)
        try:
            found = ChampionAlias.model_validate_json(path.read_bytes())
            if not _is_of(found, seat):
                raise LookupError(f"it is of {found.task} at {found.instrument or 'no microscope'}")
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise LibraryDamaged(
                f"{self.home}: is no folder, or holds a file where a folder belongs, and so it is no library: let "
                "`models.home` be a folder"
            ) from None
        except (OSError, ValidationError, LookupError) as error:
            what = f"`mhfd models rollback {seat.typed} --to mhfd` makes it mhfd"
            if role == "challenger":
                what = "delete the file, and nobody is"
            raise LibraryDamaged(f"{path}: does not say who is {role} ({_first(error)}); {what}") from None
        return found

    def champion(self, seat: Seat) -> str:
        """The name of the champion, or `mhfd`; at a microscope that never had one of its own, who is it without one."""
        alias = self.alias(seat)
        if alias is None and seat.instrument is not None:
            alias = self.alias(seat.everywhere)
        return MHFD if alias is None else alias.package

    def challenger(self, seat: Seat) -> str | None:
        """The name of the challenger; None: nobody is, or it has become champion."""
        alias = self.alias(seat, "challenger")
        return None if alias is None or alias.package in (NOBODY, self.champion(seat)) else alias.package

    def seats(self, role: Role) -> tuple[Seat, ...]:
        """Those in which somebody has or had it."""
        return tuple(kept_seats(self.home, role))

    def record(
        self, seat: Seat, kind: ChangeKind, after: str, *, who: str, why: str, decision: str | None = None
    ) -> ChampionChange:
        """Append the line, then let the alias name it: one rename. To mhfd also where nobody knows who is champion."""
        role: Role = "challenger" if kind in _CHALLENGES else "champion"
        try:
            alias = self.alias(seat, role)
            nobodys = self.champion(seat) if role == "champion" else NOBODY
            before, follows = (nobodys, None) if alias is None else (alias.package, alias.line)
        except LibraryDamaged:
            if after != MHFD:
                raise
            before, follows = self._last(seat)
        change = ChampionChange(
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
            who=who,
            task=seat.task,
            instrument=seat.instrument,
            kind=kind,
            before=before,
            after=after,
            why=why[:2000],
            decision=decision,
            follows=follows,
        )
        line = append_line(self._lines, change.model_dump(mode="json"))
        alias = ChampionAlias(task=seat.task, instrument=seat.instrument, package=after, line=_digest(line))
        write_whole(seat.alias(self.home, role), alias.model_dump_json().encode() + b"\n", private=True)
        return change

    def told(self, seat: Seat | None = None) -> tuple[ToldChange, ...]:
        """Every line, the oldest first, of a seat or of all. LibraryDamaged when one is missing or was changed."""
        asked = [(one, role) for role in ROLES for one in ([seat] if seat else self.seats(role))]
        named = [(one, alias.line) for one, role in asked if (alias := self.alias(one, role)) is not None]
        changes = dict(self._read())  # after the aliases: another process may be writing, the line first
        effective: set[str] = set()
        for one, line in named:
            at: str | None = line
            while at is not None:
                if at not in changes:
                    raise LibraryDamaged(f"{self._lines}: the line {at[:12]} of {one} is missing, or was changed")
                effective.add(at)
                at = changes[at].follows
        return tuple(
            ToldChange(change, digest in effective)
            for digest, change in changes.items()
            if seat is None or _is_of(change, seat)
        )

    def _read(self) -> Iterator[tuple[str, ChampionChange]]:
        try:
            data = self._lines.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise LibraryDamaged(f"{self._lines}: cannot be read: {error.strerror or error}") from None
        for line in data.splitlines(keepends=True):
            try:
                yield _digest(line.rstrip(b"\n")), ChampionChange.model_validate_json(line)
            except ValidationError:
                continue  # cut off when its writer died: no alias names it, or `told` misses it

    def _last(self, seat: Seat) -> tuple[str, str | None]:
        """What the last line of a seat's champion says, for want of an alias."""
        of_seat = [(digest, change) for digest, change in self._read() if _is_of(change, seat)]
        lines = [(change.after, digest) for digest, change in of_seat if change.role == "champion"]
        return lines[-1] if lines else (MHFD, None)


def _is_of(kept: ChampionChange | ChampionAlias, seat: Seat) -> bool:
    return (kept.task, kept.instrument) == (seat.task, seat.instrument)


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _first(error: OSError | ValidationError | LookupError) -> str:
    if isinstance(error, ValidationError):
        return error.errors()[0]["msg"]
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
