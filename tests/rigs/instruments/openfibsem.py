"""OpenFIBSEM's server as a program that a test starts, with what lies under its beam and what goes wrong with it."""

from __future__ import annotations

import http.client
import json
import os
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.openfibsem import OpenFibsem
from mhfd_client.instruments.protocol import Instrument
from tests.rigs import REPOSITORY
from tests.rigs.globus.processes import Program
from tests.rigs.globus.waiting import until
from tests.rigs.instruments import InstrumentRig, PlantedFault

SDK: Final = "MHFD_TEST_FIBSEM"
SERVER: Final = Path(__file__).with_name("openfibsem_server.py")


def sdk_python() -> str:
    """The Python that has OpenFIBSEM; a test that has none is skipped, which fails in CI."""
    if python := os.environ.get(SDK):
        return python
    pytest.skip(f"{SDK} names no Python with OpenFIBSEM: make test-instruments makes one")


def rig(folder: Path) -> InstrumentRig:
    """It, below a folder."""
    return OpenFibsemRig(folder)


class OpenFibsemRig:
    """One server; started again only where it was killed."""

    kind = "openfibsem"
    step_um = 1e-6
    cannot: frozenset[PlantedFault] = frozenset()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: OpenFibsemServer | None = None
        self._runs = False

    @property
    def server(self) -> OpenFibsemServer:
        """The last one that was started."""
        assert self._server is not None, "ready() starts it"
        return self._server

    def ready(self) -> None:
        """No fault, and the lens at 4 mm: in focus."""
        if not self._runs:
            self._server, self._runs = OpenFibsemServer(self._folder), True
        self.server.laid(fault=None, side_px=128)
        self.server.put_lens(4000.0)

    def instrument(self, *, timeout_s: float = 20.0) -> Instrument:
        """A new connection."""
        return self.server.instrument(timeout_s=timeout_s)

    def plant(self, fault: PlantedFault) -> None:
        """Around the methods of the real microscope, or to its process."""
        if fault is PlantedFault.CONNECTION_CUT:
            self.stop()
            return
        name = {
            PlantedFault.SET_DOES_NOT_TAKE: "set_does_not_take",
            PlantedFault.ACQUIRE_FAILS: "acquire_raises",
            PlantedFault.SILENT: "silent",
            PlantedFault.SLOW_IMAGE: "acquire_is_slow",
        }[fault]
        self.server.laid(fault=name)

    def lens_um(self) -> float:
        """By a route of the rig's own."""
        return self.server.lens_um()

    def turn(self, by_um: float) -> None:
        """The same."""
        self.server.laid(turn_um=by_um)

    def stop(self) -> None:
        """Kill the program."""
        if self._runs:
            self.server.stop()
            self._runs = False


class OpenFibsemServer:
    """The real server, in its own environment. Also a `DemoRig`."""

    kind = "openfibsem"

    def __init__(self, folder: Path) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(REPOSITORY / "functions")}
        output = folder / "openfibsem.log"
        output.unlink(missing_ok=True)  # of one that was killed: it says another port
        self._program = Program([sdk_python(), str(SERVER)], env=env, cwd=folder, output=output, name="OpenFIBSEM")
        self.port = until(self._listening, "OpenFIBSEM's server does not listen")

    def _listening(self) -> int | None:
        self._program.alive()
        found = re.search(r"^listening at (\d+)$", self._program.said(), re.MULTILINE)
        return int(found[1]) if found else None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def config(self, **changes: Any) -> InstrumentConfig:
        """As `instrument.toml` would say it."""
        limits = SoftLimits(low_um=3900.0, high_um=4100.0, hour_um=1000.0)
        return InstrumentConfig(
            kind="openfibsem", address=self.address, limits=limits, **{"timeout_s": 60.0, **changes}
        )

    def instrument(self, **changes: Any) -> OpenFibsem:
        """Connected, and asked often whether something has changed."""
        return OpenFibsem(self.config(**changes), every_s=0.02)

    def laid(self, **truth: Any) -> dict[str, Any]:
        """Change what lies under the beam (`Truth` of the server) or what goes wrong; how all of it is now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/rig", json.dumps(truth), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
            assert answer.status == 200, told
            return told
        finally:
            connection.close()

    @property
    def focus_um(self) -> float:
        """Where the specimen is in focus."""
        return float(self.laid()["focus_um"])

    def lay(self, specimen: int, field: int, *, blank: bool = False) -> None:
        """Another specimen or field; every specimen lies at a height of its own."""
        height = np.random.default_rng(specimen).uniform(-20, 20)
        self.laid(seed=specimen, field_um=20.0 * field, focus_um=4000.0 + height, blank=blank, fault=None)

    def put_lens(self, um: float) -> None:
        """The operator's hand."""
        self.laid(turn_um=um - self.lens_um())

    def hold(self, images: int) -> None:
        """So many images come; the next one waits."""
        self.laid(fault="acquire_waits", images_until_fault=images)

    def holding(self) -> bool:
        """Does an image wait?"""
        return bool(self.laid()["waiting"])

    def release(self) -> None:
        """Images come again."""
        self.laid(fault=None)

    def lens_um(self) -> float:
        """Where the lens really is."""
        return float(self.laid()["lens_um"])

    def stop(self) -> None:
        """Killed, as by a power cut."""
        self._program.kill()
