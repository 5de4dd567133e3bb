"""The shipped bridge over Micro-Manager's real core with its demo devices; runs where pymmcore-plus is installed.

    MICROMANAGER_PYTHON tests/rigs/instruments/micromanager_server.py BRIDGE TOKEN_FILE PORT

Nothing of the core is faked. A second port answers whoever plays the other hand: calls of the core itself, past the
bridge; holding the bridge's turn, or its images; and dropping its connections while the core lives on, as hardware
would.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any


def bridge_module(file: Path) -> Any:
    """The shipped program, as its own file alone."""
    spec = importlib.util.spec_from_file_location("micromanager_bridge", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def holding(module: Any) -> Any:
    """The shipped bridge, whose images can be made to wait."""

    class Holding(module.Bridge):  # type: ignore[misc]  # of a file that is loaded by its path
        left: int | None = None
        waiting = False
        go = threading.Event()

        def acquire(self, *arguments: Any) -> Any:
            if self.left == 0:
                self.waiting = True
                self.go.wait()
                self.waiting = False
            elif self.left is not None:
                self.left -= 1
            return super().acquire(*arguments)

        def hold_images(self, left: int | None) -> None:
            """After so many, until this is called with None."""
            self.left = left
            self.go.clear() if left is not None else self.go.set()

    return Holding


class Wires:
    """The bridge's server, whose connections can be dropped."""

    def __init__(self, bridge: Any, port: int) -> None:
        self._bridge, self._port = bridge, port
        self._open: list[socket.socket] = []
        self._server: Any = None
        self.connect()

    def connect(self) -> int:
        """Listen, again where it was."""
        if self._server is None:
            server = self._bridge.server(self._port)
            self._port, process = server.server_address[1], server.process_request

            def noted(request: socket.socket, address: Any) -> None:
                self._open.append(request)
                process(request, address)

            server.process_request = noted
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self._server = server
        return self._port

    def cut(self) -> None:
        """Nobody listens, and who was connected is not any more."""
        self._server.shutdown()
        self._server.server_close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()
        self._server = None


def main() -> None:
    """Until killed."""
    module = bridge_module(Path(sys.argv[1]))
    core = module.core_of(Path("MMConfig_demo.cfg"), None)
    bridge = holding(module)(core, module.token_of(Path(sys.argv[2])), name="Micro-Manager MMConfig_demo")
    wires = Wires(bridge, int(sys.argv[3]))
    hold, held = threading.Event(), threading.Event()

    def keep() -> None:
        while True:
            hold.wait()
            with bridge._turn:
                held.set()
                while hold.is_set():
                    threading.Event().wait(0.02)
            held.clear()

    threading.Thread(target=keep, daemon=True).start()

    def done(asked: dict[str, Any]) -> Any:
        what = asked["do"]
        if what == "core":
            return getattr(core, asked["call"])(*asked["args"])
        if what == "cut":
            return wires.cut()
        if what == "connect":
            return wires.connect()
        if what == "hold":
            hold.set()
            return held.wait(60)
        if what == "let_go":
            return hold.clear()
        if what == "hold_images":
            return bridge.hold_images(asked["left"])
        if what == "waiting":
            return bridge.waiting
        raise ValueError(f"do: {what!r}")

    class Hand(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                try:
                    told = {"answer": done(json.loads(line))}
                except Exception as error:
                    told = {"error": f"{type(error).__name__}: {error}"}
                self.wfile.write(json.dumps(told, default=str).encode() + b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hand) as server:
        server.daemon_threads = True
        sys.stdout.write(f"bridge at {wires.connect()}, hand at {server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
