"""What the hour has made and not removed yet, in a file of this user's: noted before it is made, struck out after.

So an hour that was interrupted says what it left, and the next one removes it. Removes nothing itself.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from mhfd_client import files
from mhfd_client.settings import places

Kind = Literal["flow", "run", "staged", "near"]
_WORDS: Final[dict[str, str]] = {
    "flow": "flow {0}: delete it in the web app, https://app.globus.org/flows",
    "run": "run {0}: cancel it in the web app, https://app.globus.org/runs",
    "staged": "folder {1} of collection {0}",
    "near": "folder {0} of this machine",
}


class LeftBehind:
    """The file. `entries` are its kinds with what names them."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or places.state_home() / "first-hour.json"
        self.entries: list[tuple[Kind, tuple[str, ...]]] = []
        try:
            plain = json.loads(self.path.read_bytes())["first-hour"]
            self.entries = [(kind, tuple(names)) for kind, *names in plain]
        except (OSError, ValueError, KeyError, TypeError):
            self.entries = []  # a file that cannot be read says nothing of anything

    def note(self, kind: Kind, *names: str) -> None:
        """It is about to be there. StateError when that cannot be written: then it is not made."""
        if (kind, names) not in self.entries:
            self.entries.append((kind, names))
            self._write()

    def gone(self, kind: Kind, *names: str) -> None:
        """It is not there any more."""
        if (kind, names) in self.entries:
            self.entries.remove((kind, names))
            self._write()

    def of(self, kind: Kind) -> list[tuple[str, ...]]:
        """What is left of a kind."""
        return [names for one, names in self.entries if one == kind]

    def words(self) -> Iterator[str]:
        """For people: what it is, and where."""
        for kind, names in self.entries:
            yield _WORDS[kind].format(*names)

    def _write(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"schema_version": 1, "first-hour": [[kind, *names] for kind, names in self.entries]})
        files.write_whole(self.path, text.encode())
