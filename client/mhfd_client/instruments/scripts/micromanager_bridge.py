"""Micro-Manager for mhfd: runs where pymmcore-plus is, holds the devices, and answers mhfd on this machine only.

    python micromanager_bridge.py --config MMConfig.cfg --port 4827 --token-file C:/Users/me/mhfd-token.txt

Needs pymmcore-plus (`pip install pymmcore-plus`) and nothing of mhfd. Whoever has a core in a Python of their own
(a viewer, a notebook) calls `Bridge(core, token).serve(port)` in a thread instead.

One line of JSON is asked, one is answered; an image follows its line as raw bytes. Both sides prove that they know the
token without sending it. The working distance of mhfd is the position of the core's focus device, in um as it is.
This program moves nothing by itself, and leaves the focus where it is when it ends.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import importlib
import json
import math
import os
import secrets
import socketserver
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

VERSION: Final = 1
_HOST: Final = "127.0.0.1"
_LONGEST_LINE: Final = 1 << 16
_MOST_CONNECTIONS: Final = 16
_GREETING_S: Final = 10.0
_PATIENCE_S: Final = 600.0
_LOOK_S: Final = 0.5  # how often the position is looked at for whoever listens: not every stage tells its moves
_LEAST_UM: Final = 0.01  # a smaller change is the stage's own unrest
_LEAST_TOKEN: Final = 32


class NotDone(Exception):
    """What was asked is not done: `kind` for a program, the text for a person."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def proof(token: str, side: str, *nonces: str) -> str:
    """That `side` knows the token, for these nonces alone."""
    return hmac.new(token.encode(), "|".join((side, *nonces)).encode(), hashlib.sha256).hexdigest()


class Bridge:
    """One core, and who asks it. One thing at a time: a move never falls into an image that is taken here."""

    def __init__(self, core: Any, token: str, *, name: str = "Micro-Manager") -> None:
        if len(token) < _LEAST_TOKEN:
            raise ValueError(f"token: has {len(token)} characters; give at least {_LEAST_TOKEN}, or let it be made")
        self._core = core
        self._token = token
        self._name = name
        self._turn = threading.RLock()
        self._changed = threading.Condition()
        self._last: dict[str, Any] | None = None
        self._events: list[dict[str, Any]] = []
        self._first = 0  # the number of the first event that is still kept
        core.events.stagePositionChanged.connect(self._stirred)

    # -- what is asked -------------------------------------------------------------------------------------------

    def read(self, within_s: float = _PATIENCE_S) -> dict[str, Any]:
        """How the microscope stands now."""
        with self._in_turn(within_s):
            reading = self._reading()
            self._seen(reading, by=None)
            return reading

    def move(self, z_um: float, *, by: str, within_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Send the focus to a position, wait for it, and read where it is."""
        if not math.isfinite(z_um):
            raise NotDone("out_of_range", f"z_um: {z_um} is no position")
        with self._in_turn(within_s):
            focus = self._focus()
            before = self._reading()
            self._seen(before, by=None)
            if self._core.isContinuousFocusEnabled():
                raise NotDone("not_set", "the continuous focus is on and moves the stage itself; turn it off")
            low, high = self._range(focus)
            if (low is not None and z_um < low) or (high is not None and z_um > high):
                raise NotDone("out_of_range", f"{z_um:g} um is outside {low:g} to {high:g} um; nothing was set")
            said = None
            try:
                self._core.setPosition(focus, z_um)
                self._core.waitForDevice(focus)
            except RuntimeError as error:
                said = " ".join(str(error).split())
            reading = self._reading()
            self._seen(reading, by=by)
            stayed = abs(reading["z_um"] - before["z_um"]) <= _LEAST_UM
            if said is not None and stayed and ("range" in said.lower() or "limit" in said.lower()):
                raise NotDone("out_of_range", f"{said}; nothing was set")
            return {**reading, "said": said}

    def acquire(self, within_s: float = _PATIENCE_S) -> tuple[dict[str, Any], bytes]:
        """One image as the microscope stands; with where the focus was before and after, and whether it moved."""
        with self._in_turn(within_s):
            if self._core.isSequenceRunning():
                raise NotDone("no_image", "live view or an acquisition is running; stop it first")
            before = self._reading()
            self._seen(before, by=None)
            try:
                self._core.snapImage()
                image = self._core.getImage()
            except Exception as error:  # whatever the camera's driver raises
                raise NotDone("no_image", " ".join(str(error).split()) or type(error).__name__) from error
            after = self._reading()
            self._seen(after, by=None)
            if image.ndim != 2:
                raise NotDone("no_image", f"the camera gives colours ({image.shape}); set a grey pixel type")
            pixels = image.astype(image.dtype.newbyteorder("<"), copy=False).tobytes()
            header = {
                "shape": list(image.shape),
                "dtype": image.dtype.name,
                "bytes": len(pixels),
                "before": before,
                "after": after,
                "moved": abs(after["z_um"] - before["z_um"]) > _LEAST_UM,
            }
            return header, pixels

    def limits(self, within_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Between which positions the device says that it goes; null: it does not say."""
        with self._in_turn(within_s):
            low, high = self._range(self._focus())
            return {"low_um": low, "high_um": high}

    def changes(self) -> Iterator[dict[str, Any] | None]:
        """None; then each move from then on, by whom where known, and None where nothing moves for a while."""
        self.read()
        with self._changed:
            following = self._first + len(self._events)
        yield None
        while True:
            with self._changed:
                if following >= self._first + len(self._events):
                    self._changed.wait(_LOOK_S)
            self.read()
            with self._changed:
                new = self._events[max(0, following - self._first) :]
                following = self._first + len(self._events)
            yield from new
            if not new:
                yield None

    @contextmanager
    def _in_turn(self, within_s: float) -> Iterator[None]:
        # Who asked has given up by then, and would not expect that anything moves.
        if not self._turn.acquire(timeout=within_s):
            raise NotDone("too_late", f"busy for {within_s:g} s, so nothing was done; a long exposure may hold it")
        try:
            yield
        finally:
            self._turn.release()

    # -- what the core says --------------------------------------------------------------------------------------

    def _focus(self) -> str:
        focus = str(self._core.getFocusDevice())
        if not focus:
            raise NotDone("failed", "the configuration names no focus device (Core, Focus)")
        return focus

    def _reading(self) -> dict[str, Any]:
        core = self._core
        try:
            pixel_um = float(core.getPixelSizeUm())
            stage = str(core.getXYStageDevice())
            return {
                "z_um": float(core.getPosition(self._focus())),
                "at": time.time(),
                "pixel_nm": pixel_um * 1000 if pixel_um > 0 else None,
                "exposure_ms": float(core.getExposure()) if core.getCameraDevice() else None,
                "stage_um": [float(core.getXPosition(stage)), float(core.getYPosition(stage))] if stage else None,
            }
        except RuntimeError as error:
            raise NotDone("failed", " ".join(str(error).split())) from error

    def _range(self, focus: str) -> tuple[float | None, float | None]:
        core = self._core
        if not (core.hasProperty(focus, "Position") and core.hasPropertyLimits(focus, "Position")):
            return None, None
        return float(core.getPropertyLowerLimit(focus, "Position")), float(
            core.getPropertyUpperLimit(focus, "Position")
        )

    def _stirred(self, _device: str, _z_um: float) -> None:
        # Told from a thread of the core, perhaps long after the move: who listens wakes, and reads where the focus is.
        with self._changed:
            self._changed.notify_all()

    def _seen(self, reading: dict[str, Any], *, by: str | None) -> None:
        last, self._last = self._last, reading
        if last is None or abs(reading["z_um"] - last["z_um"]) <= _LEAST_UM:
            return
        with self._changed:
            self._events.append({"before": last, "after": reading, "by": by})
            if len(self._events) > 1000:
                del self._events[0]
                self._first += 1
            self._changed.notify_all()

    # -- the wire ------------------------------------------------------------------------------------------------

    def server(self, port: int) -> socketserver.ThreadingTCPServer:
        """Listens on this machine only; `serve_forever` answers. Port 0: a free one."""
        bridge, places = self, threading.BoundedSemaphore(_MOST_CONNECTIONS)

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if not places.acquire(blocking=False):
                    return
                try:
                    bridge._talk(self)
                except (OSError, ValueError):  # gone, or no line of ours: nothing was promised
                    pass
                finally:
                    places.release()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            # On Windows this flag would let a second program take the port that is in use
            allow_reuse_address = os.name == "posix"

        return Server((_HOST, port), Connection)

    def serve(self, port: int) -> None:
        """Answer until interrupted."""
        with self.server(port) as server:
            print(f"listening on {_HOST}:{server.server_address[1]}", flush=True)  # noqa: T201
            server.serve_forever(poll_interval=0.2)

    def _talk(self, connection: socketserver.StreamRequestHandler) -> None:
        connection.connection.settimeout(_GREETING_S)
        mine = secrets.token_hex(16)
        _send(connection, {"mhfd_bridge": VERSION, "name": self._name, "nonce": mine})
        told = _line(connection)
        theirs = str(told.get("nonce", ""))
        given = str(told.get("proof", ""))
        if not theirs or not hmac.compare_digest(given.encode(), proof(self._token, "mhfd", mine, theirs).encode()):
            _send(connection, {"error": {"kind": "stranger", "said": "that is not the token of this bridge"}})
            return
        _send(connection, {"proof": proof(self._token, "bridge", theirs, mine)})
        connection.connection.settimeout(None)
        who = str(told.get("who", "mhfd"))[:100]
        while True:
            asked = _line(connection)
            if asked.get("ask") == "changes":
                self._tell(connection, asked)
                return
            self._answer(connection, asked, who)

    def _answer(self, connection: socketserver.StreamRequestHandler, asked: dict[str, Any], who: str) -> None:
        pixels = b""
        try:
            what, within_s = asked.get("ask"), _number(asked, "within_s", _PATIENCE_S)
            if not 0 < within_s <= _PATIENCE_S:
                raise NotDone("bad_request", f"within_s: {within_s} is not above 0 and at most {_PATIENCE_S:g}")
            if what == "read":
                answer = self.read(within_s)
            elif what == "set":
                answer = self.move(_number(asked, "z_um"), by=who, within_s=within_s)
            elif what == "acquire":
                answer, pixels = self.acquire(within_s)
            elif what == "limits":
                answer = self.limits(within_s)
            else:
                raise NotDone("bad_request", f"ask: {what!r} is none of read, set, acquire, limits, changes")
        except (NotDone, RuntimeError) as error:  # a device's driver may refuse whatever it is asked
            kind, said = error.kind if isinstance(error, NotDone) else "failed", " ".join(str(error).split())
            _send(connection, {"id": asked.get("id"), "error": {"kind": kind, "said": said[:1000]}})
            return
        _send(connection, {"id": asked.get("id"), "answer": answer}, pixels)

    def _tell(self, connection: socketserver.StreamRequestHandler, asked: dict[str, Any]) -> None:
        try:
            changes = self.changes()
            next(changes)  # how it stands now is known before it is said that changes are told
            _send(connection, {"id": asked.get("id"), "answer": {}})
            for change in changes:
                _send(connection, {"change": change})
        except (NotDone, RuntimeError) as error:  # a device is gone: who listens asks anew
            _send(connection, {"error": {"kind": "failed", "said": " ".join(str(error).split())[:1000]}})


def _send(connection: socketserver.StreamRequestHandler, told: dict[str, Any], pixels: bytes = b"") -> None:
    connection.wfile.write(json.dumps(told, allow_nan=False).encode() + b"\n")
    if pixels:
        connection.wfile.write(pixels)
    connection.wfile.flush()


def _line(connection: socketserver.StreamRequestHandler) -> dict[str, Any]:
    line = connection.rfile.readline(_LONGEST_LINE)
    if not line:
        raise ConnectionError("gone")
    try:
        told = json.loads(line) if line.endswith(b"\n") else None
    except RecursionError:
        told = None
    if not isinstance(told, dict):
        raise ValueError("no line of JSON")
    return told


def _number(asked: dict[str, Any], name: str, unset: float | None = None) -> float:
    value = asked.get(name, unset)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotDone("bad_request", f"{name}: give a number")
    return float(value)


def token_of(file: Path) -> str:
    """The token in a file that only its owner may read; made where there is none."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_hex(32) + "\n")
    except FileExistsError:
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SystemExit(f"{file}: others may read it; chmod 600 it, or delete it to have a new one made") from None
    token = file.read_text().strip()
    if len(token) < _LEAST_TOKEN:
        raise SystemExit(f"{file}: holds no token; delete it to have one made")
    return token


def core_of(config: Path, adapters: str | None) -> Any:
    """A core with the devices of a configuration."""
    try:
        plus = importlib.import_module("pymmcore_plus")
    except ImportError:
        raise SystemExit("pymmcore-plus is not installed here: pip install pymmcore-plus") from None
    core = plus.CMMCorePlus(mm_path=adapters) if adapters else plus.CMMCorePlus()
    try:
        core.loadSystemConfiguration(str(config))
    except (OSError, RuntimeError) as error:
        raise SystemExit(f"{config}: cannot be loaded: {error}") from None
    if not core.getFocusDevice() or not core.getCameraDevice():
        raise SystemExit(f"{config}: names no focus device or no camera under Core; add them in its wizard")
    return core


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("ended; the focus stays where it is")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Let mhfd on this machine ask Micro-Manager.")
    parser.add_argument("--config", required=True, type=Path, help="Micro-Manager's configuration, .cfg")
    parser.add_argument("--token-file", required=True, type=Path, help="made where it is not there; mhfd reads it too")
    parser.add_argument("--port", type=int, default=4827, help="on 127.0.0.1; 0: a free one, which is printed")
    parser.add_argument("--adapters", help="the folder of Micro-Manager's device adapters, where it is not found")
    asked = parser.parse_args(arguments)
    token = token_of(asked.token_file.expanduser())
    core = core_of(asked.config, asked.adapters)
    with _interruptible():
        Bridge(core, token, name=f"Micro-Manager {asked.config.stem}").serve(asked.port)


if __name__ == "__main__":
    main()
