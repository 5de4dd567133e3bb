"""The script that an operator runs beside SBEMimage, in a process of its own, with a stand-in for SBEMimage's class."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final

from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.protocol import Instrument
from mhfd_client.instruments.scripts import lens_by_files
from tests.rigs.instruments import InstrumentRig, PlantedFault
from tests.rigs.instruments.pretend import PretendRig

ROOT: Final = Path(__file__).parents[3]
LOW_UM, HIGH_UM = 4000.0, 6000.0


def rig(folder: Path) -> InstrumentRig:
    """It, below a folder."""
    return SbemImageRig(folder)


class SbemImageRig:
    """A folder, the script that answers in it, and a pretend microscope behind that."""

    kind = "sbemimage"
    step_um = 1e-6
    cannot: frozenset[PlantedFault] = frozenset()

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shared"
        self.home = folder / "SBEMimage"
        self.scope = PretendRig(folder / "scope")
        self.process: subprocess.Popen[bytes] | None = None

    def ready(self) -> None:
        """Start the script, where it does not run."""
        self.scope.ready()
        self.folder.mkdir(exist_ok=True)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            self._settings()
            self.start()

    def start(self) -> None:
        """Run the script until it says that it runs."""
        desk = self.folder / lens_by_files.DESK
        desk.unlink(missing_ok=True)
        with (self.folder / "script.log").open("ab") as log:
            self.process = self._started(log)
        never = threading.Event()
        while not desk.exists():
            if self.process.poll() is not None:
                raise AssertionError((self.folder / "script.log").read_text())
            never.wait(0.01)
        self.instrument(timeout_s=60.0).read()  # its first answer has to import what makes images

    def _started(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(sys.executable, lens_by_files.__file__, "sbemimage", "--folder", str(self.folder)),
                *("--low-um", str(LOW_UM), "--high-um", str(HIGH_UM), "--every-s", "0.01", "--home", str(self.home)),
                *("--sem", "tests.rigs.instruments.sbemimage_stand_in:PretendSem"),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=log,
        )

    def instrument(self, *, timeout_s: float = 20.0) -> Instrument:
        """A new connection."""
        limits = SoftLimits(low_um=LOW_UM, high_um=HIGH_UM)
        return opened(InstrumentConfig(kind="sbemimage", address=str(self.folder), limits=limits, timeout_s=timeout_s))

    def plant(self, fault: PlantedFault) -> None:
        """Of the process, or of the microscope behind it."""
        if fault is PlantedFault.CONNECTION_CUT:
            self.stop()
        elif fault is PlantedFault.SILENT:
            self._process().send_signal(signal.SIGSTOP)
        else:
            self.scope.plant(fault)

    def lens_um(self) -> float:
        """By the pretend microscope's file."""
        return self.scope.lens_um()

    def turn(self, by_um: float) -> None:
        """At the pretend microscope."""
        self.scope.turn(by_um)

    def stop(self) -> None:
        """As by Ctrl+C: the script says that it ends."""
        process = self._process()
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()

    def kill(self) -> None:
        """As when the microscope's computer loses its power: nothing is said."""
        self._process().kill()
        self._process().wait()

    def _process(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def _settings(self) -> None:
        for name in ("src", "cfg"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        told = f"[sys]\nsys_config_file = system.cfg\n[scope]\nfolder = {self.scope.folder}\n"
        (self.home / "cfg" / "default.ini").write_text(told)
        (self.home / "cfg" / "system.cfg").write_text("[test]\ntrouble =\n")
