"""Micro-Manager, through the bridge that its operator starts: the position of its focus device is the working distance.

Speaks the bridge's lines, knows nothing of Micro-Manager itself. A set whose answer does not come is never sent again.
"""

from __future__ import annotations

import hmac
import json
import logging
import math
import os
import secrets
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mhfd_client.errors import (
    AcquisitionFailed,
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    OutOfRange,
    SetDidNotTake,
    SettingsError,
)
from mhfd_client.files import shown
from mhfd_client.instruments.checked import check_allowed, check_taken
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.instruments.protocol import DeviceEvent, DeviceReading, Knob, KnobRange, TakenImage
from mhfd_client.instruments.scripts.micromanager_bridge import VERSION, proof
from mhfd_client.printing import printable

STANDS_UM: Final = 0.05
"""A stage that reads back within this stands where it was asked to: no motor stops to the nanometre."""
_LONGEST_LINE: Final = 1 << 16
_MOST_BYTES: Final = 1 << 29
_LEAST_TOKEN: Final = 32
_TRY_AGAIN_S: Final = 0.5
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_log = logging.getLogger("mhfd")
L = TypeVar("L", bound="_Line")


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Stands(_Line):
    z_um: float
    at: float
    pixel_nm: float | None = Field(gt=0)
    exposure_ms: float | None = Field(ge=0)
    stage_um: tuple[float, float] | None

    def reading(self) -> DeviceReading:
        # Each pixel of a camera gathers light as long as the exposure lasts: that is its dwell time.
        dwell_ns = None if self.exposure_ms is None else self.exposure_ms * 1e6
        stage = None if self.stage_um is None else (self.stage_um[0] + 0.0, self.stage_um[1] + 0.0)  # -0 is 0
        return DeviceReading(self.z_um, self.at, pixel_nm=self.pixel_nm, dwell_ns=dwell_ns, stage_um=stage)


class _Set(_Stands):
    said: str | None = Field(max_length=2000)


class _Header(_Line):
    shape: tuple[int, int]
    dtype: Literal["uint8", "uint16", "uint32", "float32"]
    bytes: int = Field(gt=0, le=_MOST_BYTES)
    before: _Stands
    after: _Stands
    moved: bool


class _Reach(_Line):
    low_um: float | None
    high_um: float | None


class _Moved(_Line):
    before: _Stands
    after: _Stands
    by: str | None = Field(max_length=100)


class _Wire:
    """One connection to the bridge, after both have proved that they know the token."""

    def __init__(self, host: str, port: int, token: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._asked = 0
        self._lock = threading.Lock()
        self._buffer = b""
        self._deadline = time.monotonic() + timeout_s
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        try:
            greeting = self._line()
            if greeting.get("mhfd_bridge") != VERSION:
                raise InstrumentLost(
                    f"{host}:{port}: is no bridge to Micro-Manager of this mhfd; start the one it ships"
                )
            self.name = printable(str(greeting.get("name", "Micro-Manager")))[:100]
            theirs, mine = str(greeting.get("nonce")), secrets.token_hex(16)
            self._send({"nonce": mine, "proof": proof(token, "mhfd", theirs, mine), "who": "mhfd"})
            answered = str(self._line().get("proof"))
            if not hmac.compare_digest(answered.encode(), proof(token, "bridge", mine, theirs).encode()):
                raise InstrumentLost(
                    f"{host}:{port}: does not know the token in token_file; is it the bridge's own file?"
                )
        except BaseException:
            self.end()
            raise

    def ask(self, what: str, **more: float) -> tuple[dict[str, Any], bytes]:
        """One question, its answer, and the bytes after it."""
        with self._lock:
            self._deadline = time.monotonic() + self._timeout_s
            self._asked += 1
            self._send({"id": self._asked, "ask": what, "within_s": self._timeout_s, **more})
            told = self._line()
            if told.get("id") != self._asked:
                raise ValueError("an answer to another question")
            if "error" in told:
                raise _raised(told["error"])
            answer = told.get("answer")
            if not isinstance(answer, dict):
                raise ValueError("no answer in the line")
            size = answer.get("bytes", 0)
            if not isinstance(size, int) or not 0 <= size <= _MOST_BYTES:
                raise ValueError("an image larger than 512 MiB")
            return answer, self._take(size)

    def following(self) -> dict[str, Any]:
        """The next line of one that was asked for changes: it says something at least each half second."""
        self._deadline = time.monotonic() + self._timeout_s
        return self._line()

    def end(self) -> None:
        """Nothing more is asked."""
        self._socket.close()

    def _send(self, told: dict[str, Any]) -> None:
        self._wait()
        self._socket.sendall(json.dumps(told, allow_nan=False).encode() + b"\n")

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_LINE:
                raise ValueError("a line longer than 64 KiB")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            told = json.loads(line)
        except RecursionError:
            told = None
        if not isinstance(told, dict):
            raise ValueError("a line that is no object")
        return told

    def _take(self, size: int) -> bytes:
        parts = bytearray(self._buffer[:size])
        self._buffer = self._buffer[size:]
        while len(parts) < size:
            self._wait()
            got = self._socket.recv(min(1 << 20, size - len(parts)))
            if not got:
                raise ConnectionError("it closed the connection")
            parts += got
        return bytes(parts)

    def _more(self) -> None:
        self._wait()
        got = self._socket.recv(1 << 16)
        if not got:
            raise ConnectionError("it closed the connection")
        self._buffer += got

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._socket.settimeout(left)


class MicroManager:
    """The adapter. Connects anew where the connection was cut; a set is sent once."""

    kind = "micromanager"

    def __init__(self, config: InstrumentConfig) -> None:
        self._host, self._port = _address(config.address)
        self._token = _token(config.token_file)
        self._timeout_s = config.timeout_s
        self._soft = KnobRange(config.limits.low_um, config.limits.high_um)
        self._turn = threading.Lock()
        self._wire: _Wire | None = self._connected()
        self.name = config.name or self._wire.name

    def read(self) -> DeviceReading:
        """How it stands now."""
        return self._ask("read", _Stands, twice=True)[0].reading()

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Send the focus to a position, in um of its own scale."""
        if knob is not Knob.WORKING_DISTANCE:
            raise OutOfRange(
                f"{knob.value.replace('_', ' ')}: Micro-Manager has a working distance only; nothing was set"
            )
        check_allowed(knob, value, self.limits(knob))
        answer = self._ask("set", _Set, z_um=value)[0]
        try:
            return check_taken(knob, value, answer.reading(), tolerance=STANDS_UM)
        except SetDidNotTake as error:
            if answer.said is None:
                raise
            raise SetDidNotTake(f"{error}; Micro-Manager says: {printable(answer.said)}") from None

    def acquire(self) -> TakenImage:
        """One image of its camera. AnotherHand where the focus moved meanwhile: mhfd's own moves wait for its end."""
        header, pixels = self._ask("acquire", _Header)
        if header.bytes != len(pixels) or math.prod(header.shape) * np.dtype(header.dtype).itemsize != header.bytes:
            raise AcquisitionFailed(f"{self.name}: the image's size and its bytes do not agree; update the bridge")
        if header.moved:
            raise AnotherHand(
                f"{self.name}: the focus moved from {header.before.z_um:.3f} to {header.after.z_um:.3f} um while the "
                "image was taken: somebody moves it; the image is left out"
            )
        image = np.frombuffer(pixels, np.dtype(header.dtype).newbyteorder("<")).reshape(header.shape)
        return TakenImage(image.astype(header.dtype), header.after.reading())

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """It knows no run."""
        return None

    def limits(self, knob: Knob) -> KnobRange:
        """Where its focus device says that it goes; where that says nothing, the limits of `instrument.toml`."""
        if knob is not Knob.WORKING_DISTANCE:
            raise OutOfRange(f"{knob.value.replace('_', ' ')}: Micro-Manager has a working distance only")
        reach = self._ask("limits", _Reach, twice=True)[0]
        return KnobRange(
            self._soft.low if reach.low_um is None else reach.low_um,
            self._soft.high if reach.high_um is None else reach.high_um,
        )

    def settable(self) -> frozenset[Knob]:
        """The focus."""
        return frozenset({Knob.WORKING_DISTANCE})

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """The bridge tells of each change within half a second; of `mhfd` where this or another mhfd sent it."""
        return self._listening(told)

    def close(self) -> None:
        """End the connection."""
        with self._turn:
            self._drop()

    def _ask(self, what: str, answer: type[L], *, twice: bool = False, **more: float) -> tuple[L, bytes]:
        with self._turn:
            try:
                return self._once(what, answer, more)
            except InstrumentLost as lost:
                self._drop()
                if not twice or isinstance(lost.__cause__, TimeoutError):
                    raise
            except InstrumentError:
                raise
            except BaseException:  # an answer may still be on its way: it is no answer to the next question
                self._drop()
                raise
            return self._once(what, answer, more)  # the bridge was started anew: this asks nothing of the lens

    def _once(self, what: str, answer: type[L], more: dict[str, float]) -> tuple[L, bytes]:
        if self._wire is None:
            self._wire = self._connected()
        with self._in_words("what was asked may have been done"):
            told, pixels = self._wire.ask(what, **more)
            return answer.model_validate(told), pixels

    def _connected(self) -> _Wire:
        with self._in_words("nothing was asked of it"):
            return _Wire(self._host, self._port, self._token, self._timeout_s)

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.end()
        self._wire = None

    @contextmanager
    def _in_words(self, done: str) -> Iterator[None]:
        try:
            yield
        except InstrumentError:
            raise
        except (OSError, ValueError) as error:  # ValidationError and JSONDecodeError are ValueErrors
            how = f"within {self._timeout_s:g} s" if isinstance(error, TimeoutError) else f"({_short(error)})"
            raise InstrumentLost(
                f"Micro-Manager at {self._host}:{self._port} gives no answer {how}; {done}; does its bridge run?"
            ) from error

    @contextmanager
    def _listening(self, told: Callable[[DeviceEvent], None]) -> Iterator[None]:
        stop = threading.Event()
        wires = [self._asked_for_changes()]

        def listen() -> None:
            lost = False
            while not stop.is_set():
                try:
                    with self._in_words("changes are not told"):
                        if not wires:
                            wires.append(self._asked_for_changes())
                        change = wires[0].following().get("change")
                        moved = None if change is None else _Moved.model_validate(change)
                except InstrumentError as error:
                    while wires:
                        wires.pop().end()
                    if not lost and not stop.is_set():
                        _log.warning("changes of the instrument are not seen now: %s", error)
                    lost = True
                    stop.wait(_TRY_AGAIN_S)
                    continue
                lost = False
                if moved is not None:
                    _tell(told, DeviceEvent(moved.before.reading(), moved.after.reading(), moved.by))

        thread = threading.Thread(target=listen, name="mhfd instrument", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()  # at the next line, which comes within half a second
            while wires:
                wires.pop().end()

    def _asked_for_changes(self) -> _Wire:
        wire = self._connected()
        try:
            with self._in_words("changes are not told"):
                wire.ask("changes")
        except BaseException:
            wire.end()
            raise
        return wire


def _tell(told: Callable[[DeviceEvent], None], event: DeviceEvent) -> None:
    try:
        told(event)
    except Exception:
        _log.exception("a change of the instrument could not be told")


def _raised(error: object) -> InstrumentError:
    kind, said = (error.get("kind"), error.get("said")) if isinstance(error, dict) else (None, None)
    words = f"Micro-Manager: {printable(str(said))[:1000]}"
    kinds: dict[object, type[InstrumentError]] = {
        "out_of_range": OutOfRange,
        "not_set": SetDidNotTake,
        "no_image": AcquisitionFailed,
        "too_late": InstrumentLost,
    }
    return kinds.get(kind, InstrumentError)(words)


def _short(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return "its answer is none of this mhfd's; update the bridge"
    return printable(str(error))[:200] or type(error).__name__


def _address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"address: {address!r} is no host:port; write the bridge's, as 127.0.0.1:4827")
    host = host.strip("[]")
    if host not in _HERE:
        raise SettingsError(
            f"address: {host!r} is another machine; the bridge answers on its own only, so write 127.0.0.1 and run "
            "mhfd there, or bring the port here by ssh -L"
        )
    return host, int(port)


def _token(file: str | None) -> str:
    if file is None:
        raise SettingsError("token_file: is missing; name the file that micromanager_bridge.py got as --token-file")
    path = Path(file).expanduser()
    if not path.is_absolute():
        raise SettingsError(f"token_file: {file!r} is relative; give the whole path")
    try:
        mode = path.stat().st_mode
        with path.open("rb") as opened:
            token = opened.read(1024).decode().strip()
    except OSError as error:
        raise SettingsError(f"token_file: {shown(path)}: cannot be read: {error.strerror}; start the bridge") from None
    except UnicodeDecodeError:
        token = ""
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"token_file: {shown(path)}: others may read it, and could move the focus; chmod 600 it")
    if len(token) < _LEAST_TOKEN:
        raise SettingsError(f"token_file: {shown(path)}: holds no token; delete it and start the bridge again")
    return token
