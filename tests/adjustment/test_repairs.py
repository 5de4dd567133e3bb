"""Some hundred repairs with a package that learned from 24 moves: none ends further from the focus than it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.lens_rig import FOCUS_UM, LensRig, lens_rig
from tests.rigs.taught_lens import lay, taught

from mhfd_client.adjustment import places
from mhfd_client.adjustment.applying import Adjusted, apply_once
from mhfd_client.adjustment.asked import asker
from mhfd_client.adjustment.outstanding import outstanding_of
from mhfd_client.errors import InstrumentError, StationError

AS_FAR_UM = 0.05
"""What nobody sees, and no pair of images tells."""
NO_FAULT: dict[str, Any] = {}


@dataclass(frozen=True)
class Start:
    """Where a lens is found, over what, and what goes wrong."""

    away_um: float
    truth: dict[str, Any]
    fault: dict[str, Any]


def starts(kind: str, rng: np.random.Generator) -> Start:
    away = float(rng.uniform(-8, 8))
    truth: dict[str, Any] = {"blank": kind == "blank", "drift_px": (0.0, 0.0)}
    fault = NO_FAULT
    if kind == "near":
        away = float(rng.uniform(-1, 1))
    elif kind == "far":
        away = float(rng.uniform(12, 45) * rng.choice([-1, 1]))
    elif kind == "drift":
        truth["drift_px"] = tuple(rng.uniform(-6, 6, 2).tolist())
    elif kind == "fault":
        name = str(rng.choice(["acquire_fails", "set_does_not_take", "connection_cut", "answer_lost"]))
        most = {"acquire_fails": 5, "set_does_not_take": 11}.get(name, 40)
        fault = {name: (int(rng.integers(1, most)),), "falls_short": float(rng.choice([1.0, 0.5, -0.4]))}
    return Start(away, truth, fault)


@dataclass(frozen=True)
class Ended:
    """How far from the focus before and after, and how it is called."""

    kind: str
    before_um: float
    after_um: float
    outcome: str


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_repair_makes_it_worse(tmp_path: Path) -> None:
    rig = lens_rig(tmp_path / "rig", size=512)
    library = taught(rig, tmp_path / "taught")
    (package,) = (one.package for one in library.list() if one.package is not None and not one.shipped)
    instrument = rig.instrument()
    ask = asker(rig.state, instrument, home=library.home, package=package.name)
    rng, number = np.random.default_rng(5), count()
    repaired = [
        repair(rig, ask, kind, starts(kind, rng), next(number))
        for kind, times in {"new": 100, "near": 40, "drift": 30, "far": 40, "blank": 12, "fault": 60}.items()
        for _ in range(times)
    ]
    worse = [one for one in repaired if one.after_um > one.before_um + AS_FAR_UM]
    assert worse == []
    finals = np.array([one.after_um for one in repaired if one.kind == "new"])
    assert np.sqrt((finals**2).mean()) <= 0.3
    assert (finals <= 0.3).mean() >= 0.95
    assert {one.outcome for one in repaired if one.kind == "blank"} == {"refused"}
    assert Counter(one.outcome for one in repaired)["InstrumentError"] >= 20


def repair(rig: LensRig, ask: Callable[..., Any], kind: str, start: Start, number: int) -> Ended:
    lay(rig.scope, 1000 + number, number % 40, **start.truth)
    rig.scope.turn_to(FOCUS_UM + start.away_um)
    rig.scope.plant(**start.fault)
    try:
        done: Adjusted | StationError = apply_once(
            rig.state, really=True, ask=ask, instrument=rig.instrument(), field=f"{kind} {number}"
        )
    except InstrumentError as error:
        done = error
    rig.scope.plant()
    assert outstanding_of(rig.state) is None
    places.ledger(rig.state).unlink(missing_ok=True)  # an hour's sum is for an hour, and these take minutes
    outcome = done.outcome.value if isinstance(done, Adjusted) else "InstrumentError"
    return Ended(kind, abs(start.away_um), abs(rig.lens_um - FOCUS_UM), outcome)
