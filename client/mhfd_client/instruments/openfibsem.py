"""OpenFIBSEM, by its own server over HTTP (`python -m fibsem.server.server`). Its SDK is not imported.

Metres and seconds on the wire, um here. The electron beam only. The server says of no knob from where to where it may
be turned, of no change, and not who made it: the first is guarded by what a column can be, the others by reading again.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from mhfd_client.errors import (
    AcquisitionFailed,
    AnotherHand,
    InstrumentLost,
    SetDidNotTake,
    SettingsError,
)
from mhfd_client.instruments.checked import check_allowed, check_taken, near, said
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.instruments.polled import OwnSets, polled
from mhfd_client.instruments.protocol import DeviceEvent, DeviceReading, Knob, KnobRange, TakenImage
from mhfd_client.instruments.tiff_image import MOST_BYTES, tiff_image

EVERY_S: Final = 1.0
"""So often it is asked how it stands, while somebody wants to be told of changes."""
_BEAM: Final = {"beam_type": "ELECTRON"}
_UM: Final = 1e6  # um in a metre
_RANGES: Final = {
    Knob.WORKING_DISTANCE: KnobRange(0.0, 100_000.0),
    Knob.STIG_X: KnobRange(-1.0, 1.0),
    Knob.STIG_Y: KnobRange(-1.0, 1.0),
}
_TOOK: Final = {Knob.WORKING_DISTANCE: 0.01, Knob.STIG_X: 1e-4, Knob.STIG_Y: 1e-4}
"""What reads back this near has taken: a column has steps of its own."""
_ADDRESS: Final = re.compile(r"http://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})/?")
_MOST_JSON: Final = 1 << 20
_CHUNK: Final = 1 << 20


class _Refused(Exception):
    """The server answered, and not with what it was asked for."""


class OpenFibsem:
    """One server. Each question is a connection of its own; a move is never asked for twice."""

    kind = "openfibsem"

    def __init__(self, config: InstrumentConfig, *, every_s: float = EVERY_S) -> None:
        self._host, self._port = _host_and_port(config.address)
        self._timeout_s = config.timeout_s
        soft = KnobRange(config.limits.low_um, config.limits.high_um)
        self._ranges = {**_RANGES, Knob.WORKING_DISTANCE: _RANGES[Knob.WORKING_DISTANCE].within(soft)}
        self._dead: set[Knob] = set()
        self._own = OwnSets()
        self._every_s = every_s
        self.name = config.name or self._where
        maker = self._maker()
        self.name = config.name or f"OpenFIBSEM {maker}"

    def read(self) -> DeviceReading:
        """How the electron beam and the stage stand now."""
        told = self._json("POST", "/beam_settings/get", _BEAM, "beam_settings")
        stage = self._json("GET", "/stage_position", None, "position")
        return _reading(told, stage, self._where)

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn one knob and read back where it stands."""
        check_allowed(knob, value, self._ranges[knob])
        self._own.remember(knob, value)
        trouble = ""
        try:
            if knob is Knob.WORKING_DISTANCE:
                self._ask("POST", "/working_distance/set", {**_BEAM, "value": value / _UM})
            else:
                self._set_stigmator(knob, value)
        except _Refused as error:  # it answered: so it can say where the knob stands
            trouble = f"; {error}"
        try:
            reading = check_taken(knob, value, self.read(), tolerance=_TOOK[knob])
        except SetDidNotTake as error:
            self._dead.add(knob)
            raise SetDidNotTake(f"{self.name}: {error}{trouble}") from None
        self._dead.discard(knob)
        return reading

    def acquire(self) -> TakenImage:
        """Take an image. AnotherHand where the lens stands elsewhere afterwards than when it was begun."""
        try:
            data = self._ask("POST", "/acquire_image", _BEAM, most=MOST_BYTES)
        except _Refused as error:
            raise AcquisitionFailed(f"{self.name}: no image came: {error}") from None
        pixels, told = tiff_image(io.BytesIO(data), self.name)
        began_um = _begun_um(told)
        reading = self.read()
        now_um = reading.working_distance_um
        if began_um is not None and abs(began_um - now_um) > near(Knob.WORKING_DISTANCE):
            was, stands = said(Knob.WORKING_DISTANCE, began_um), said(Knob.WORKING_DISTANCE, now_um)
            raise AnotherHand(
                f"{self.name}: the working distance was {was} when the image was begun and is {stands} after it: "
                "somebody moves the lens; the image is left out"
            )
        return TakenImage(pixels, reading)

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """None: the server knows no sections and saves nothing by itself."""
        return None

    def limits(self, knob: Knob) -> KnobRange:
        """What `instrument.toml` and any column allow: the server does not say what this one does."""
        return self._ranges[knob]

    def settable(self) -> frozenset[Knob]:
        """All but those whose last setting did not take: the server does not say it."""
        return frozenset(Knob) - self._dead

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """Read once a second; who moved it is known where it was us."""
        return polled(self.read, told, actor=self._own.actor, every_s=self._every_s)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _where(self) -> str:
        return f"http://{self._host}:{self._port}"

    def _maker(self) -> str:
        maker = self._json("GET", "/health", None, "manufacturer")
        if not isinstance(maker, str) or not maker.isprintable() or len(maker) > 80:
            raise InstrumentLost(f"{self._where}: does not say what microscope it is; is it OpenFIBSEM's server?")
        return maker.removesuffix("Microscope")

    def _set_stigmator(self, knob: Knob, value: float) -> None:
        stands = self.read()
        x = value if knob is Knob.STIG_X else stands.stig_x
        y = value if knob is Knob.STIG_Y else stands.stig_y
        if x is None or y is None:
            raise InstrumentLost(f"{self.name}: does not say how its stigmators stand; nothing was set")
        self._ask("POST", "/stigmation/set", {**_BEAM, "value": {"x": x, "y": y}})

    def _json(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:
        try:
            return json.loads(self._ask(method, path, body))[key]
        except _Refused as error:
            raise InstrumentLost(f"{self.name}: cannot be read: {error}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InstrumentLost(
                f"{self._where}{path}: answers what OpenFIBSEM's server would not; is it the right address?"
            ) from None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, most: int = _MOST_JSON) -> bytes:
        """One answer of the server, whole and within the time."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        sent = False
        try:
            connection.connect()
            sent = method == "POST"
            data = None if body is None else json.dumps(body, allow_nan=False).encode()
            connection.request(method, path, data, {"Content-Type": "application/json", "Connection": "close"})
            end, lasting = time.monotonic() + self._timeout_s, connection.sock
            answer = connection.getresponse()
            whole = bytearray()
            while not answer.isclosed():
                lasting.settimeout(max(end - time.monotonic(), 0.001))
                whole += answer.read(_CHUNK)
                if len(whole) > most:
                    raise http.client.HTTPException(f"more than {most >> 20} MiB came")
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
            if isinstance(error, TimeoutError):
                said = f"no answer came within {self._timeout_s:g} s"
            fate = "what was asked may have been done" if sent else "nothing was done"
            raise InstrumentLost(f"{self._where}{path}: {said}; {fate}; does OpenFIBSEM's server run there?") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise _Refused(f"{path} answered {answer.status}: {bytes(whole[:300]).decode('utf-8', 'replace').strip()}")
        return bytes(whole)


def _host_and_port(address: str) -> tuple[str, int]:
    if found := _ADDRESS.fullmatch(address):
        host, port = found["host"].strip("[]"), int(found["port"])
        if 0 < port < 1 << 16:
            return host, port
    raise SettingsError(f"address: {address!r} is no server of OpenFIBSEM; write it as http://localhost:8001")


def _reading(beam: Any, stage: Any, where: str) -> DeviceReading:
    try:
        across = beam["resolution"][0] if beam["resolution"] else None
        width_m, dwell_s, volts, amperes = (
            _number(beam[key]) for key in ("hfw", "dwell_time", "voltage", "beam_current")
        )
        stigmators = beam["stigmation"] or {"x": None, "y": None}
        x_m, y_m = _number(stage["x"]), _number(stage["y"])
        distance_m = _number(beam["working_distance"])
        if distance_m is None:
            raise ValueError("no working distance")
        return DeviceReading(
            working_distance_um=distance_m * _UM,
            at=time.time(),
            stig_x=_number(stigmators["x"]),
            stig_y=_number(stigmators["y"]),
            pixel_nm=None if width_m is None or not across else width_m * 1e9 / int(across),
            dwell_ns=None if dwell_s is None else dwell_s * 1e9,
            beam_kv=None if volts is None else volts / 1e3,
            beam_pa=None if amperes is None else amperes * 1e12,
            stage_um=None if x_m is None or y_m is None else (x_m * _UM, y_m * _UM),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InstrumentLost(
            f"{where}: does not say how its electron beam stands ({type(error).__name__}: {error}); "
            "is it OpenFIBSEM's server?"
        ) from None


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _begun_um(told: Any) -> float | None:
    try:
        return float(told["microscope_state"]["electron_beam"]["working_distance"]) * _UM
    except (KeyError, TypeError, ValueError):
        return None
