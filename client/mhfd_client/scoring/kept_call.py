"""What is kept of a call, so that it can be found again when the notebook has crashed.

One file a call, appended to: what was asked, each report as it came; and one beside it, the runner's, of the tasks that
are out. A line that a crash cut short is not read. Nothing here is the truth about the work, which is the service's; it
only saves asking for it twice. Writing fails softly: a call without a file still gives its table.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.errors import CallUnknown
from mhfd_client.scoring.items import Item
from mhfd_client.settings import places

_log = logging.getLogger("mhfd")
_TASKS: Final = ".tasks"
_KEPT: Final = 50
_KEPT_S: Final = 30 * 86400.0


class Stored:
    """The file of one call. Use `new`, `open` or `latest`."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.token: str = head["token"]
        self.via: str = head.get("via", "compute")
        """`compute` or `flow`."""
        self.options: dict[str, Any] = head.get("options", {})
        """Settings that it was begun with, by their dotted names."""
        self.endpoint = UUID(head["endpoint"])
        self.params = Params.model_validate(head["params"])
        self.items = [Item(here, there) for here, there in head["items"]]
        self.reports: dict[int, FocusReport] = {}
        self.finished = False

    @classmethod
    def new(
        cls,
        endpoint: UUID,
        params: Params,
        items: Sequence[Item],
        *,
        via: str = "compute",
        options: Mapping[str, Any] | None = None,
    ) -> Stored:
        """Begin a call."""
        token = str(uuid.uuid4())
        head = {
            "schema_version": 3,
            "token": token,
            "via": via,
            "endpoint": str(endpoint),
            "options": dict(options or {}),
            "params": params.model_dump(mode="json"),
            "items": [[item.path, item.there] for item in items],
            "at": time.time(),
        }
        folder = _folder()
        stored = cls(folder / f"{token}.jsonl", head)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _prune(folder)
            stored.begin()
        except OSError as error:
            _log.warning("this call cannot be found again after a crash: %s: %s", folder, error.strerror)
        stored._add(head)
        return stored

    @classmethod
    def open(cls, token: str) -> Stored:
        """The call of that token."""
        try:
            name = str(UUID(str(token)))
        except ValueError:
            raise CallUnknown(
                f"token: {token!r} is none; it is what `Table.token` gives, or the line at the start"
            ) from None
        path = _folder() / f"{name}.jsonl"
        try:
            found = cls._read(path)
        except FileNotFoundError:
            raise CallUnknown(
                f"token: this machine knows no call {name}; it is kept for {_KEPT_S / 86400:.0f} days, for the user "
                "who made it, below MHFD's state folder"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CallUnknown(f"token: what was kept of call {name} cannot be read: {error}; score again") from None
        with contextlib.suppress(OSError):
            found.begin()
        return found

    @classmethod
    def latest(cls) -> Stored:
        """The newest call that did not come to its end."""
        for path in _newest(_folder()):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if not cls._read(path).finished:
                    return cls.open(path.stem)
        raise CallUnknown("token: no call of this user's is unfinished; name the one to see again")

    @classmethod
    def _read(cls, path: Path) -> Stored:
        with path.open("rb") as file:
            stored = cls(path, json.loads(file.readline()))
            for line in file:
                with contextlib.suppress(ValueError, KeyError, TypeError):  # cut short, or of another version
                    stored._take(json.loads(line))
        return stored

    @property
    def tasks_file(self) -> Path | None:
        """Where the runner remembers what is out; nothing when nothing can be kept."""
        return None if self._file is None else self._path.with_suffix(_TASKS)

    def scored(self, index: int, report: FocusReport) -> None:
        """An image has its report."""
        self.reports[index] = report
        self._add({"index": index, "report": report.model_dump(mode="json")})

    def finish(self) -> None:
        """Every path has its report."""
        self.finished = True
        self._add({"finished": time.time()})
        with contextlib.suppress(OSError):
            self._path.with_suffix(_TASKS).unlink(missing_ok=True)

    def close(self) -> None:
        """Keep nothing more of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self) -> None:
        """Go on with the file."""
        self._file = self._path.open("ab")
        if self._file.tell():
            self._file.write(b"\n")  # whatever a crash left of a line ends here

    def _add(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            _log.warning("this call cannot be found again after a crash: %s", error.strerror)
            self.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "report" in line and 0 <= line["index"] < len(self.items):
            self.reports[line["index"]] = FocusReport.model_validate(line["report"])
        elif "finished" in line:
            self.finished = True


def _folder() -> Path:
    return places.state_home() / "calls"


def _newest(folder: Path) -> Iterator[Path]:
    def age(path: Path) -> float:
        try:
            return -path.stat().st_mtime
        except OSError:
            return 0.0

    yield from sorted(folder.glob("*.jsonl"), key=age)


def _prune(folder: Path) -> None:
    for number, path in enumerate(_newest(folder)):
        with contextlib.suppress(OSError):
            if number >= _KEPT or path.stat().st_mtime < time.time() - _KEPT_S:
                path.unlink()
                path.with_suffix(_TASKS).unlink(missing_ok=True)
