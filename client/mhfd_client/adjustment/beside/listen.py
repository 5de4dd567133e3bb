"""What listens to the operator's hand beside a watch: a process that ends with the watch. Turns nothing."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mhfd.errors import MhfdError
from mhfd_client.beside.child import Child
from mhfd_client.beside.told import Folder


class ListenJob(BaseModel):
    """To whom it listens, and which images belong to what is turned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    state_dir: Folder
    watched: Folder

    def start(self) -> Child:
        """In a process of its own, which ends when this one does, however it does."""
        told = self.model_dump_json().encode() + b"\n"
        return Child(["-m", "mhfd_client.adjustment.beside.listen"], told, tied=True)


def main() -> None:
    """Listen until standard input ends."""
    job, stop = ListenJob.model_validate_json(sys.stdin.buffer.readline()), threading.Event()

    def until_it_ends() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=until_it_ends, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        _listen(job, stop)
    except MhfdError as error:
        sys.exit(str(error))


def _listen(job: ListenJob, stop: threading.Event) -> None:
    from mhfd_client.adjustment.recording.recorder import record_from
    from mhfd_client.instruments.config import config_of
    from mhfd_client.instruments.opening import opened

    instrument = opened(config_of(job.state_dir))
    try:
        record_from(job.state_dir, job.watched, instrument, stop, specimen=Path(job.watched).name)
    finally:
        instrument.close()


if __name__ == "__main__":
    main()
