"""The trials of `make demo-adjust`, on any instrument whose truth is known: what an operator does, what mhfd does then.

Each goes the way that a person's would: moves are recorded, learned from, and the package that came of it is asked
through `apply_once`. Judges nothing: rows go to the CSV.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tifffile

from mhfd.contract import Proposal
from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.applying import Adjusted, apply_once
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import Lens, TakenPair, restore
from mhfd_client.errors import StationError
from mhfd_client.instruments.config import NAME, config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.protocol import Instrument
from tests.rigs.globus.processes import Program
from tests.rigs.globus.waiting import until
from tests.rigs.instruments.demo_rig import DemoRig
from tests.rigs.instruments.demo_rows import DemoRow, Kept

TAUGHT: Final = range(6)
MOVES_EACH: Final = 4
HAND_UM: Final = 0.2
"""How well the operator finds the focus: standard deviation."""
REACH_UM: Final = 8.0
"""So far away, at most, lenses are found in the morning."""
NEW: Final = range(500, 515)
TRIALS_EACH: Final = 4
BLANKS: Final = 12
FAR_UM: Final = (25.0, 30.0, 35.0, 40.0, -25.0, -30.0, -35.0, -40.0)
KILLED: Final = 20

Ask = Callable[[TakenPair], Proposal]


@dataclass(frozen=True)
class Desk:
    """One instrument, its rig, and the state folder of the station beside it."""

    rig: DemoRig
    state: Path
    instrument: Instrument
    rng: np.random.Generator
    keep: Kept


def desk_of(rig: DemoRig, state: Path, seed: int, keep: Kept) -> Desk:
    """With an `instrument.toml` that lets mhfd move the lens."""
    config = rig.config()
    state.mkdir(parents=True)
    (state / NAME).write_text(
        f'kind = "{config.kind}"\naddress = "{config.address}"\nallow = "apply"\n'
        f"[limits]\nlow_um = {config.limits.low_um}\nhigh_um = {config.limits.high_um}\n"
        f"hour_um = {config.limits.hour_um}\n"
    )
    return Desk(rig, state, opened(config_of(state)), np.random.default_rng(seed), keep)
