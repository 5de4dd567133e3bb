"""Which tasks are out for which images, in a file beside the journal: so that a crash does not lose sight of them.

The journal says which images a runner has; this says which tasks of the service those are. One line a step, appended:
a line before a task is handed over, one when the service has taken it, one when it is answered. A process that is
killed loses none of it. A power failure may lose the last lines: then the images are asked again, and the journal
takes one answer. Only the runner of the station writes here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from mhfd_client.statedir import write_whole

__all__ = ["Ledger", "Out"]

log = logging.getLogger("mhfd.compute")


@dataclass(slots=True)
class Out:
    """A task that is out. Without `task`, nobody knows whether the service has taken it."""

    part: str
    token: str
    ids: tuple[int, ...]
    group: str | None = None
    task: str | None = None


class Ledger:
    """The file of one station for one endpoint; what another endpoint has is forgotten.

    Args:
        file: Where; nothing to keep no file.
    """

    def __init__(self, file: Path | None, endpoint: UUID) -> None:
        self._file, self._endpoint = file, str(endpoint)
        self._open: dict[str, Out] = {}
        self._stream: IO[str] | None = None
        if file is not None:
            self._open = self._read(file)
            lines = [{"endpoint": self._endpoint}, *(asdict(out) for out in self._open.values())]
            write_whole(file, "".join(json.dumps(line) + "\n" for line in lines).encode())
            self._stream = file.open("a", encoding="utf-8")

    def of(self, token: str) -> list[Out]:
        """What is out for a token."""
        return [out for out in self._open.values() if out.token == token]

    def sending(self, part: str, token: str, ids: Sequence[int], group: UUID | None) -> None:
        """This is handed over next."""
        out = self._open[part] = Out(part, token, tuple(ids), None if group is None else str(group))
        self._write(asdict(out))

    def taken(self, part: str, task: str, group: UUID | None) -> None:
        """The service has it."""
        if out := self._open.get(part):
            out.task, out.group = task, None if group is None else str(group)
            self._write(asdict(out))

    def done(self, part: str) -> None:
        """It is answered, or was never taken."""
        if self._open.pop(part, None) is not None:
            self._write({"done": part})

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _write(self, line: dict[str, object]) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
        except OSError as e:  # a full disk: the images are asked again after a crash, no more
            log.warning("%s cannot be written: %s", self._file, e)

    def _read(self, file: Path) -> dict[str, Out]:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        found: dict[str, Out] = {}
        ours = False
        for text in lines:
            try:
                line = json.loads(text)
                if "endpoint" in line:
                    ours = line["endpoint"] == self._endpoint
                elif "done" in line:
                    found.pop(line["done"], None)
                else:
                    found[line["part"]] = Out(**(line | {"ids": tuple(line["ids"])}))
            except (ValueError, KeyError, TypeError):
                log.warning("%s: a line cannot be read, and is left out", file)
        return found if ours else {}
