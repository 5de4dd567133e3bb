"""What is shown of a lens beside a run: what is allowed, what was done last, what is open. Only reads."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd_client.adjustment import places
from mhfd_client.adjustment.beside.following import LedgerFollower
from mhfd_client.adjustment.beside.modes import AdjustMode
from mhfd_client.adjustment.ledger import LedgerLine, LensEntry
from mhfd_client.adjustment.outstanding import Outstanding, outstanding_of
from mhfd_client.adjustment.recording import moves_file
from mhfd_client.adjustment.recording.recorded_move import RecordedMove
from mhfd_client.errors import SettingsError, StateError
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of

_LAST: Final = 6
TOLD: Final = frozenset(
    {
        LensEntry.PROPOSED,
        LensEntry.REFUSED,
        LensEntry.KEPT,
        LensEntry.PUT_BACK,
        LensEntry.LEFT,
        LensEntry.STRANDED,
        LensEntry.FORGOTTEN,
        LensEntry.UNDONE,
        LensEntry.REPAIRED,
        LensEntry.ASKED,
        LensEntry.TROUBLE,
        LensEntry.WELL,
    }
)
"""What a person wants to know; every line is one command away."""
_STEPS: Final = frozenset({LensEntry.PROPOSED, LensEntry.REFUSED, LensEntry.KEPT, LensEntry.PUT_BACK})
"""Of a repair that a watch makes, its end tells them."""
_GRAVE: Final = frozenset({LensEntry.STRANDED, LensEntry.ASKED, LensEntry.TROUBLE})

_BOUNDS: Final = frozenset({LensEntry.REPAIR, LensEntry.REPAIRED, LensEntry.ASKED, LensEntry.TROUBLE})
"""Between the first of these and any other something is under way."""


@dataclass(frozen=True, slots=True)
class LensShown:
    """The lens at one moment. The newest of each list comes first."""

    mode: AdjustMode
    config: InstrumentConfig | None = None
    no_config: str = ""
    """Why no instrument is known, in words; empty where none is meant to be."""
    outstanding: Outstanding | None = None
    unreadable: str = ""
    """Why it cannot be told whether the lens is where it belongs."""
    under_way: bool = False
    lines: tuple[LedgerLine, ...] = ()
    moves: tuple[RecordedMove, ...] = ()
    recorded: int = 0
    """How many moves there are in all."""

    def grave(self, line: LedgerLine) -> bool:
        """Whether a person has to see to it."""
        return line.what in _GRAVE


class LensShower:
    """Of one state folder; to be used by one thread at a time."""

    def __init__(self, state_dir: Path, mode: AdjustMode) -> None:
        self._state_dir, self._mode = state_dir, mode
        self._follower = LedgerFollower(state_dir)
        self._lines: deque[LedgerLine] = deque(maxlen=_LAST)
        self._open = False
        self._moves: tuple[tuple[int, int], tuple[RecordedMove, ...], int] = (0, 0), (), 0

    def look(self) -> LensShown:
        """How it is now."""
        for line in self._follower.new():
            if line.what in TOLD and not (line.what in _STEPS and line.actor == "watch"):
                self._lines.appendleft(line)
            if line.what in _BOUNDS:
                self._open = line.what is LensEntry.REPAIR
        outstanding, unreadable = None, ""
        try:
            outstanding = outstanding_of(self._state_dir)
        except StateError as error:
            unreadable = str(error)
        config, no_config = self._config()
        moves, count = self._recorded()
        return LensShown(
            self._mode, config, no_config, outstanding, unreadable, self._open, tuple(self._lines), moves, count
        )

    def _config(self) -> tuple[InstrumentConfig | None, str]:
        if not (self._state_dir / NAME).exists():
            return None, ""
        try:
            return config_of(self._state_dir), ""
        except SettingsError as error:
            return None, str(error)

    def _recorded(self) -> tuple[tuple[RecordedMove, ...], int]:
        """Read again only when it has grown."""
        try:
            stat = places.moves(self._state_dir).stat()
        except OSError:
            return (), 0
        mark = stat.st_size, stat.st_mtime_ns
        if mark != self._moves[0]:
            try:
                found = moves_file.read(self._state_dir).moves
            except StateError:
                return self._moves[1:]
            self._moves = mark, tuple(reversed(found[-_LAST:])), len(found)
        return self._moves[1:]
