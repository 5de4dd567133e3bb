"""Instruments to try an adapter on: each rig starts one, turns its lens by another's hand, and plants what goes wrong.

A module here is called as the kind of instrument, and its `rig(folder)` gives one. What a rig knows of the lens it has
from the instrument itself, past the adapter.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from mhfd_client.instruments.protocol import Instrument


class PlantedFault(StrEnum):
    """What can go wrong with any instrument."""

    SET_DOES_NOT_TAKE = "set_does_not_take"  # it says yes, and the lens stays
    ACQUIRE_FAILS = "acquire_fails"  # no image comes; sets and readings go on
    CONNECTION_CUT = "connection_cut"  # nothing is answered any more, as when its program died
    SILENT = "silent"  # it takes what is asked, and does not answer: only a timeout ends it
    SLOW_IMAGE = "slow_image"  # an image takes about a second, so that something can be asked meanwhile


class InstrumentRig(Protocol):
    """One instrument to try an adapter on."""

    kind: str
    step_um: float
    """The lens stands as exactly as this."""
    cannot: frozenset[PlantedFault]
    """What cannot be planted at the real program; the docs say why."""

    def ready(self) -> None:
        """Start it, or start it again; no fault is planted, and the lens stands far from its limits."""

    def instrument(self, *, timeout_s: float = 20.0) -> Instrument:
        """A new connection by the adapter."""

    def plant(self, fault: PlantedFault) -> None:
        """From now on, until it is made ready again."""

    def lens_um(self) -> float:
        """Where the lens stands, not by the adapter."""

    def turn(self, by_um: float) -> None:
        """Another's hand turns it."""

    def stop(self) -> None:
        """End what was started."""
