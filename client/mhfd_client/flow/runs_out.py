"""Which runs of the flow are out for which images, in a file beside the journal: no crash makes a run twice.

The journal says which images a runner has; this says in which run they are. A line is on the disk *before* the run is
asked for, as starting one cannot be repeated; one more says the run's id, one that it is over. Others say what it is
doing: for people, who look from other processes (`flow.under_way`). Only the runner of the station writes here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client.runners.line_file import Notes

LOGBOOK: Final = "flow.jsonl"
"""In the state folder: which runs are out."""


@dataclass(slots=True)
class Out:
    """A run that was or may have been made. `names`: what each image is called in the staging area."""

    key: str
    images: tuple[tuple[str, int], ...]  # token, image
    names: tuple[str, ...]
    asked_ns: int
    run: str | None = None
    status: str = ""
    """As Globus Flows said it last."""
    state: str = ""
    """Of the definition, that it was seen in last."""
    since_ns: int = 0
    """When it was first seen there."""


def take(runs: dict[str, Out], line: dict[str, Any]) -> Out | None:
    """What a line changes in the runs that are out; the one that is over by it. ValueError, KeyError or TypeError for
    what is no line.
    """
    if "done" in line:
        return runs.pop(line["done"], None)
    if "seen" in line:
        if out := runs.get(line["seen"]):
            out.status, out.state, out.since_ns = str(line["status"]), str(line["state"]), int(line["since_ns"])
        return None
    images = tuple((str(token), int(image)) for token, image in line["images"])
    out = Out(str(line["key"]), images, tuple(map(str, line["names"])), int(line["asked_ns"]), line["run"])
    out.status, out.state = str(line.get("status", "")), str(line.get("state", ""))
    out.since_ns = int(line.get("since_ns", 0))
    runs[out.key] = out
    return None


class Logbook:
    """The file of one station for one flow; what belongs to another is forgotten.

    Args:
        file: Where; nothing to keep no file.
    """

    def __init__(self, file: Path | None, flow: str) -> None:
        self._open: dict[str, Out] = {}
        self._notes = Notes(
            file, {"flow": flow}, lambda line: take(self._open, line), lambda: map(asdict, self._open.values())
        )

    def of(self, token: str) -> list[Out]:
        """The runs that have images of this token."""
        return [out for out in self._open.values() if any(one == token for one, _ in out.images)]

    def all(self) -> list[Out]:
        """Those that are or may be out."""
        return list(self._open.values())

    def asking(self, key: str, images: Sequence[tuple[str, int]], names: Sequence[str], asked_ns: int) -> None:
        """This run is asked for next. OSError when that cannot be written: then it must not be."""
        out = self._open[key] = Out(key, tuple(images), tuple(names), asked_ns)
        self._notes.write(asdict(out))

    def made(self, key: str, run: str) -> None:
        """The service has made it."""
        if out := self._open.get(key):
            out.run, out.status, out.state, out.since_ns = run, "", "", time.time_ns()
            self._notes.say(asdict(out))

    def seen(self, key: str, status: str, state: str) -> None:
        """What it is doing, for people; noted when that is new. Nothing depends on it."""
        out = self._open.get(key)
        if out is None or (out.status, out.state) == (status, state):
            return
        out.status, out.state, out.since_ns = status, state, time.time_ns()
        self._notes.say({"seen": key, "status": status, "state": state, "since_ns": out.since_ns})

    def done(self, key: str) -> None:
        """Its images are answered, or it was never made."""
        if self._open.pop(key, None) is not None:
            self._notes.say({"done": key})

    def close(self) -> None:
        self._notes.close()
