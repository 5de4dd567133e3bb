"""How a lens stands, what is allowed, what did not end, and what was last done, in words and numbers. Sets nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.ledger import LedgerLine
from mhfd_client.adjustment.lens import is_held
from mhfd_client.adjustment.outstanding import Outstanding, outstanding_of, way_back
from mhfd_client.adjustment.spent import hour_um
from mhfd_client.adjustment.undoing import kept_moves
from mhfd_client.errors import InstrumentError, StateDamaged
from mhfd_client.instruments.config import InstrumentConfig, config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.protocol import DeviceReading
from mhfd_client.times import iso, lately

LAST: Final = 8


@dataclass(frozen=True, slots=True)
class LensStanding:
    """At one moment."""

    config: InstrumentConfig
    instrument: str
    reading: DeviceReading | None
    trouble: str | None
    """Why the instrument does not say how it stands."""
    outstanding: Outstanding | None
    damaged: str | None
    """Why what did not end cannot be read."""
    moving: bool
    """A program holds the lens now."""
    hour_um: float
    undoable: LedgerLine | None
    last: tuple[LedgerLine, ...]
    changed: tuple[str, ...]
    """What is wrong with the ledger."""
    way_back: str

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to look."""
        left = self.outstanding is not None and not self.moving
        return bool(left or self.trouble or self.damaged or self.changed)

    def document(self) -> dict[str, Any]:
        """For programs."""
        reading, limits = self.reading, self.config.limits
        return {
            "instrument": self.instrument,
            "kind": self.config.kind,
            "allow": self.config.allow,
            "limits": limits.model_dump(),
            "working_distance_um": reading and reading.working_distance_um,
            "stig_x": reading and reading.stig_x,
            "stig_y": reading and reading.stig_y,
            "trouble": self.trouble,
            "moving": self.moving,
            "outstanding": self.outstanding and self.outstanding.model_dump(mode="json"),
            "damaged": self.damaged,
            "hour_um": self.hour_um,
            "undoable": self.undoable and line_document(self.undoable),
            "last": [line_document(line) for line in self.last],
            "changed": list(self.changed),
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        config, limits = self.config, self.config.limits
        if self.reading is None:
            yield f"{self.instrument}: {self.trouble}"
        else:
            yield f"{self.instrument}: working distance {self.reading.working_distance_um:.3f} um"
        yield (
            f"allowed: {config.allow}; within {limits.low_um:g} and {limits.high_um:g} um, {limits.step_um:g} um a "
            f"move, {limits.hour_um:g} um an hour ({self.hour_um:.2f} um of it moved), {config.images_a_field} images "
            "a field"
        )
        if self.moving:
            yield "a program is moving the lens now"
        elif self.outstanding is not None:
            left = self.outstanding
            yield f"NOT ENDED: {left.why} of {lately(left.at)} by {left.actor}; the lens was at {left.home_um:.3f} um"
            yield self.way_back
        if self.damaged is not None:
            yield self.damaged
        yield from self.changed
        if self.undoable is not None:
            to, at = self.undoable.numbers["from_um"], self.undoable.numbers["to_um"]
            when = lately(self.undoable.at)
            yield f"the last move, of {when}, went from {to:.3f} to {at:.3f} um; back: mhfd adjust undo DIR"
        yield from map(line_told, self.last)
        if not self.last:
            yield "nothing was done with the lens yet"


def standing(state_dir: Path) -> LensStanding:
    """Look. SettingsError where no instrument is known."""
    config = config_of(state_dir)
    name, reading, trouble, left, damaged = config.name or config.kind, None, None, None, None
    moving = is_held(state_dir)
    try:
        with closing(opened(config)) as instrument:
            name = instrument.name
            reading = instrument.read()
    except InstrumentError as error:
        trouble = str(error)
    try:
        left = outstanding_of(state_dir)
    except StateDamaged as error:
        damaged = str(error)
    kept = kept_moves(state_dir)
    return LensStanding(
        config=config,
        instrument=name,
        reading=reading,
        trouble=trouble,
        outstanding=left,
        damaged=damaged,
        moving=moving,
        hour_um=hour_um(state_dir),
        undoable=kept[-1] if kept else None,
        last=tuple(deque(ledger.lines(state_dir), LAST)),
        changed=tuple(flaw.why for flaw in ledger.flaws(state_dir) if not flaw.torn),
        way_back=way_back(state_dir),
    )


def line_document(line: LedgerLine) -> dict[str, Any]:
    """A line of the ledger for programs."""
    return {**line.model_dump(mode="json", exclude={"schema_version", "before", "sum"}), "at": iso(line.at)}


def line_told(line: LedgerLine) -> str:
    """A line of the ledger for a person."""
    field = f" [{line.field}]" if line.field else ""
    code = f" ({line.refusal})" if line.refusal else ""
    return f"{line.n:5}  {lately(line.at)}  {line.actor}  {line.what}{code}: {line.words}{field}"
