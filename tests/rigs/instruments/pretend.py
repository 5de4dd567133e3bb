"""The pretend microscope as a rig, and a station's state folder that knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mhfd_client.instruments.config import NAME, Allow, InstrumentConfig, SoftLimits
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_client.instruments.protocol import Instrument
from tests.rigs.instruments import InstrumentRig, PlantedFault

HOME_UM: Final = 5000.0


def rig(folder: Path) -> InstrumentRig:
    """It, below a folder."""
    return PretendRig(folder / "scope")


def station_with(
    state: Path,
    scope: PretendScope,
    *,
    allow: Allow = "apply",
    more: str = "",
    limits: tuple[float, float] | None = None,
) -> Path:
    """A state folder whose `instrument.toml` names a pretend microscope. `more` are further lines at its top."""
    low, high = limits or (scope.truth().low_um, scope.truth().high_um)
    state.mkdir(parents=True, exist_ok=True)
    (state / NAME).write_text(
        f'kind = "pretend"\naddress = "{scope.folder}"\nallow = "{allow}"\n{more}\n'
        f"[limits]\nlow_um = {low:.3f}\nhigh_um = {high:.3f}\n"
    )
    return state


class PretendRig:
    """One pretend microscope."""

    kind = "pretend"
    step_um = 1e-6
    cannot: frozenset[PlantedFault] = frozenset()

    def __init__(self, folder: Path, **truth: Any) -> None:
        self.folder = folder
        self._truth = {"size": 128, **truth}

    def ready(self) -> None:
        """Make it, or mend it."""
        if not (self.folder / "scope.json").exists():
            make_pretend(self.folder, lens_um=HOME_UM, **self._truth)
        scope = PretendScope(self.folder)
        scope.plant()
        scope.turn_to(HOME_UM)

    def instrument(self, *, timeout_s: float = 20.0) -> Instrument:
        """A new connection."""
        limits = SoftLimits(low_um=1000.0, high_um=20000.0)
        return opened(InstrumentConfig(kind="pretend", address=str(self.folder), limits=limits, timeout_s=timeout_s))

    def plant(self, fault: PlantedFault) -> None:
        """In its file of faults."""
        faults: dict[PlantedFault, dict[str, Any]] = {
            PlantedFault.SET_DOES_NOT_TAKE: {"set_does_not_take": True},
            PlantedFault.ACQUIRE_FAILS: {"acquire_fails": True},
            PlantedFault.CONNECTION_CUT: {"connection_cut": True},
            PlantedFault.SILENT: {"silent": True},
            PlantedFault.SLOW_IMAGE: {"slow_s": 0.5},
        }
        PretendScope(self.folder).plant(**faults[fault])

    def lens_um(self) -> float:
        """By its file."""
        return PretendScope(self.folder).lens().working_distance_um

    def turn(self, by_um: float) -> None:
        """By its file."""
        PretendScope(self.folder).turn(by_um)

    def stop(self) -> None:
        """It is a folder: nothing runs."""
