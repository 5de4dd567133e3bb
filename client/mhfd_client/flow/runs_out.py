"""Which runs of the flow are out for which images, in a file beside the journal: no crash makes a run twice.

The journal says which images a runner has; this says in which run they are. A line is on the disk *before* the run is
asked for, as starting one cannot be repeated; one more says the run's id, one that it is over. Others say what it is
doing: for people, who look from other processes (`RunsReader`). Only the runner of the station writes here.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client.runners.line_file import Notes

RUNS_FILE: Final = "flow.jsonl"
"""In the state folder: which runs are out."""


@dataclass(slots=True)
class NotedRun:
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


def take(runs: dict[str, NotedRun], line: dict[str, Any]) -> NotedRun | None:
    """Change the runs that are out by a line, and give the one that it is about, also when that is over by it.

    ValueError, KeyError or TypeError for what is no line.
    """
    if "done" in line:
        return runs.pop(line["done"], None)
    if "seen" in line:
        if out := runs.get(line["seen"]):
            out.status, out.state, out.since_ns = str(line["status"]), str(line["state"]), int(line["since_ns"])
        return out
    images = tuple((str(token), int(image)) for token, image in line["images"])
    out = NotedRun(str(line["key"]), images, tuple(map(str, line["names"])), int(line["asked_ns"]), line["run"])
    out.status, out.state = str(line.get("status", "")), str(line.get("state", ""))
    out.since_ns = int(line.get("since_ns", 0))
    runs[out.key] = out
    return out


class RunsReader:
    """Beside a station that goes on writing its file: it is read as it grows, and never waited for.

    A line that is half written is read the next time, one that makes no sense is passed over.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / RUNS_FILE
        self._at = 0
        self._which: tuple[int, int] | None = None
        self._runs: dict[str, NotedRun] = {}

    def runs(self) -> list[NotedRun]:
        """What it says is out; nothing while it cannot be read."""
        self.fresh()
        return list(self._runs.values())

    def fresh(self) -> list[NotedRun]:
        """The runs that lines are about which came since the last look, in their order, with those that are over."""
        try:
            with self._file.open("rb") as file:
                about = os.fstat(file.fileno())
                which = (about.st_dev, about.st_ino)
                if which != self._which or about.st_size < self._at:
                    self._which, self._at, self._runs = which, 0, {}
                file.seek(self._at)
                data = file.read()
        except OSError:
            self._which, self._at, self._runs = None, 0, {}
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        found = []
        for text in whole.splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                if (out := take(self._runs, json.loads(text))) is not None:
                    found.append(out)
        return found


class RunsFile:
    """The file of one station for one flow; what belongs to another is forgotten.

    Args:
        file: Where; nothing to keep no file.
    """

    def __init__(self, file: Path | None, flow: str) -> None:
        self._open: dict[str, NotedRun] = {}
        self._notes = Notes(
            file, {"flow": flow}, lambda line: take(self._open, line), lambda: map(asdict, self._open.values())
        )

    def of(self, token: str) -> list[NotedRun]:
        """The runs that have images of this token."""
        return [out for out in self._open.values() if any(one == token for one, _ in out.images)]

    def all(self) -> list[NotedRun]:
        """Those that are or may be out."""
        return list(self._open.values())

    def asking(self, key: str, images: Sequence[tuple[str, int]], names: Sequence[str], asked_ns: int) -> None:
        """This run is asked for next. OSError when that cannot be written: then it must not be."""
        out = self._open[key] = NotedRun(key, tuple(images), tuple(names), asked_ns)
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
        """Write no more; what is out stays noted."""
        self._notes.close()
