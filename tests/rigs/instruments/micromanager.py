"""Micro-Manager's real core with its demo devices, as a program that a test starts: its camera shows beads.

What a rig does past the adapter it does by calls of the core itself. `MHFD_TEST_MICROMANAGER` names a Python that has
pymmcore-plus and mm-test-adapters; `make test-instruments` makes one.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any, Final

import pytest

import mhfd_client.instruments.scripts
from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.micromanager import MicroManager
from tests.rigs.globus.processes import Program
from tests.rigs.globus.waiting import until
from tests.rigs.instruments import PlantedFault

SDK: Final = "MHFD_TEST_MICROMANAGER"
BRIDGE: Final = Path(mhfd_client.instruments.scripts.__file__).with_name("micromanager_bridge.py")
SERVER: Final = Path(__file__).with_name("micromanager_server.py")
FOCUS, STUCK, CAMERA, FIELDS = "Z", "Stuck", "Camera", "XY"
FOCUS_UM: Final = 0.0
"""Where the demo's beads are sharp."""
FIELD_UM: Final = 600.0
"""Two positions of the stage this far apart show other beads: an image is 512 um wide."""


def sdk_python() -> str:
    """The Python that has pymmcore-plus; a test that has none is skipped, which fails in CI."""
    if python := os.environ.get(SDK):
        return python
    pytest.skip(f"{SDK} names no Python with pymmcore-plus: make test-instruments makes one")


def rig(folder: Path) -> MicroManagerRig:
    """It, below a folder."""
    return MicroManagerRig(folder / "micromanager")


class MicroManagerRig:
    """The bridge with its core, started when it is first made ready."""

    kind = "micromanager"
    step_um = 1e-6
    cannot: frozenset[PlantedFault] = frozenset()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.token = folder / "token"
        self.port = 0
        self._program: Program | None = None
        self._hand: socket.socket | None = None

    def ready(self) -> None:
        """Start it, or mend it."""
        if self._program is None:
            self._start()
        self._do("let_go")
        self.release()
        self.port = self._do("connect")
        if STUCK in self.core("getLoadedDevices"):
            self.core("setFocusDevice", FOCUS)
            self.core("setTimeoutMs", 60_000)
            self.core("unloadDevice", STUCK)
        self.core("setCameraDevice", CAMERA)
        self.core("setExposure", 1.0)
        self.core("setProperty", CAMERA, "Mode", "Fluorescent Beads")
        self.core("setPosition", FOCUS_UM)

    def instrument(self, *, timeout_s: float = 20.0) -> MicroManager:
        """A new connection."""
        return MicroManager(self.config(timeout_s=timeout_s))

    def config(self, **changes: Any) -> InstrumentConfig:
        """As `instrument.toml` would say it."""
        told = {"limits": SoftLimits(low_um=-280.0, high_um=280.0, hour_um=1000.0), **changes}
        return InstrumentConfig(
            kind="micromanager", address=f"127.0.0.1:{self.port}", token_file=str(self.token), **told
        )

    def plant(self, fault: PlantedFault) -> None:
        """By the core's own means: no call of it is replaced."""
        if fault is PlantedFault.SET_DOES_NOT_TAKE:
            self._stick()
        elif fault is PlantedFault.ACQUIRE_FAILS:
            self.core("setCameraDevice", "")
        elif fault is PlantedFault.CONNECTION_CUT:
            self._do("cut")
        elif fault is PlantedFault.SILENT:
            self._do("hold")
        else:
            self.core("setExposure", 1000.0)

    def lens_um(self) -> float:
        """By the core."""
        return float(self.core("getPosition"))

    def turn(self, by_um: float) -> None:
        """By the core."""
        self.core("setRelativePosition", by_um)

    @property
    def focus_um(self) -> float:
        """Where the demo's beads are sharp, whatever lies there."""
        return FOCUS_UM

    def lay(self, specimen: int, field: int, *, blank: bool = False) -> None:
        """Other beads, as many as that specimen has; blank: the camera's noise alone."""
        self.core("setProperty", CAMERA, "Mode", "Noise" if blank else "Fluorescent Beads")
        self.core("setProperty", CAMERA, "BeadDensity", 60 + 37 * (specimen % 7))
        # Hundreds of specimens are numbered with gaps between them; the stage takes its time for each millimetre.
        row = specimen // 100 * 20 + specimen % 100
        self.core("setXYPosition", field * FIELD_UM, row * FIELD_UM)
        self.core("waitForDevice", FIELDS)

    def put_lens(self, um: float) -> None:
        """By the core."""
        self.core("setPosition", um)
        self.core("waitForDevice", FOCUS)

    def hold(self, images: int) -> None:
        """So many images come; the next one waits."""
        self._do("hold_images", left=images)

    def holding(self) -> bool:
        """Does one wait?"""
        return bool(self._do("waiting"))

    def release(self) -> None:
        """Images come again."""
        self._do("hold_images", left=None)

    def core(self, call: str, *arguments: Any) -> Any:
        """A call of Micro-Manager's core, past the bridge."""
        return self._do("core", call=call, args=arguments)

    def said(self) -> str:
        """What the bridge wrote."""
        return "" if self._program is None else self._program.said()

    def kill(self) -> None:
        """The bridge and all of Micro-Manager are gone."""
        if self._program is not None:
            self._program.sweep()
        self.stop()

    def stop(self) -> None:
        """End it."""
        if self._hand is not None:
            self._hand.close()
            self._hand = None
        if self._program is not None:
            self._program.stop()
        self._program = None

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        output = self._folder / "bridge.log"
        output.unlink(missing_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self._folder)}
        command = [sdk_python(), str(SERVER), str(BRIDGE), str(self.token), str(self.port)]
        program = Program(command, env=env, cwd=self._folder, output=output, name="Micro-Manager's bridge")
        self._program = program

        def ports() -> re.Match[str] | None:
            program.alive()
            return re.search(r"^bridge at (\d+), hand at (\d+)$", program.said(), re.MULTILINE)

        found = until(ports, "the bridge does not listen")
        assert found is not None
        self._hand = socket.create_connection(("127.0.0.1", int(found[2])), timeout=120)
        self.core("setTimeoutMs", 60_000)

    def _stick(self) -> None:
        # Micro-Manager's own test stage, so slow that it has not moved when the core has waited long enough
        here = self.core("getPosition")
        self.core("loadDevice", STUCK, "NotificationTester", "NTAsyncStage")
        self.core("initializeDevice", STUCK)
        self.core("setPosition", STUCK, here)
        self.core("waitForDevice", STUCK)
        self.core("setProperty", STUCK, "SlewTimePerStep_s", 10)
        self.core("setTimeoutMs", 100)
        self.core("setFocusDevice", STUCK)

    def _do(self, what: str, **more: Any) -> Any:
        assert self._hand is not None
        self._hand.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            got = self._hand.recv(1 << 16)
            assert got, "the rig's program is gone"
            line += got
        told = json.loads(line)
        assert "error" not in told, told
        return told["answer"]
