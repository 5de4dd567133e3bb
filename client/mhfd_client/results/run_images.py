"""Which images of this machine's stations are or were in a run, by the stations' own state folders. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mhfd_client.errors import StateError
from mhfd_client.files import text_of
from mhfd_client.flow.runs_out import RUNS_FILE, NotedRun, RunsReader
from mhfd_client.flow.service import Run
from mhfd_client.journal.view import JournalView
from mhfd_client.settings import places, remembered

if TYPE_CHECKING:
    from mhfd_client.settings.options import Settings


@dataclass(frozen=True, slots=True)
class RunImage:
    """An image of a run."""

    path: str
    state: str
    """How far the journal has it; empty where only the run itself tells of it."""
    station: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        station = None if self.station is None else text_of(self.station)
        return {"path": text_of(self.path), "state": self.state or None, "station": station}


def state_folders(chosen: Settings) -> list[Path]:
    """The state folders that may know of runs: the one that is set, else those of every folder that was watched."""
    if chosen.state.dir is not None:
        return [chosen.state.dir.expanduser().absolute()]
    by_default = (path.parent for path in places.state_home().glob(f"*/{RUNS_FILE}"))
    elsewhere = (path for path in remembered.every(places.notes_home()) if (path / RUNS_FILE).is_file())
    return sorted({*by_default, *elsewhere})


def images_of(states: Iterable[Path], run: Run, key: str) -> list[RunImage]:
    """The images of a run, by the runs files of these folders; else by what the run itself gives back at its end."""
    for state in states:
        noted = RunsReader(state).fresh()  # of one that is over, too, until the station starts again
        if ours := [out for out in noted if out.run == run.id or out.key == key]:
            return _known(state, ours[-1])
    batch = run.output.get("batch")
    images = batch.get("images") if isinstance(batch, dict) else None
    return [RunImage(str(one["path"]), "") for one in images or () if isinstance(one, dict) and "path" in one]


def _known(state: Path, out: NotedRun) -> list[RunImage]:
    """By the journal beside the runs file; without it, by the names that they have over there."""
    try:
        with JournalView.read(state) as journal:
            rows = [journal.image(image) for _, image in out.images]
    except StateError:
        return [RunImage(name, "", state) for name in out.names]
    return [RunImage(row.path, row.state.value, state) for row in rows]
