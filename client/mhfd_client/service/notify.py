"""What a watch says to the systemd that supervises it: it is ready, its loop turns. One datagram each.

Says nothing where nobody listens, and never fails: a watch does not end because its supervisor does not hear it.
"""

import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

log = logging.getLogger("mhfd.service")

EVERY_S: Final = 5.0
"""Far below the ten minutes after which a watch counts as hanging."""


class Supervisor:
    """Who supervises this process, by `NOTIFY_SOCKET` (sd_notify(3)). To be used by one thread.

    Args:
        env: The environment.
    """

    def __init__(self, env: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = env.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._told: float | None = None

    def ready(self) -> None:
        """The watch has begun."""
        self._say("READY=1\nSTATUS=watching")

    def turns(self) -> None:
        """The loop turns; told at most every few seconds."""
        now = self._clock()
        if self._told is None or now - self._told >= EVERY_S:
            self._told = now
            self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if self._address[:1] not in ("/", "@"):  # nobody listens, or not by a socket of a file
            return
        where = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(text.encode(), where)
        except OSError as error:
            log.info("systemd did not hear %s: %s", text.split("=")[0], error)
