"""The page's process: `python -m mhfd_client.page`, started by a watch, which tells it on standard input what to serve.

It ends when that input ends: a watch that dies takes its page along.
"""

import json
import logging
import os
import socket
import sys
import threading
from pathlib import Path

from mhfd_client.page.process import SCHEMA_VERSION, Serving
from mhfd_client.page.serving import serve
from mhfd_client.settings.load import Loaded
from mhfd_client.settings.options import Settings


def main() -> None:
    """Serve what standard input says, until it ends."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    told = json.loads(sys.stdin.buffer.readline())
    if told.get("schema_version", 1) != SCHEMA_VERSION:
        sys.exit("mhfd was exchanged while the watch ran: start the watch again")
    loaded = Loaded(Settings.model_validate(told["settings"]), told["origins"], None)
    listening = socket.socket(fileno=told["socket"])
    serving = Serving(Path(os.fsdecode(bytes.fromhex(told["state_dir"]))), loaded, told["host"], told["adjust"])
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    serve(serving, listening, ended=ended)


if __name__ == "__main__":
    main()
