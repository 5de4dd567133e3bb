"""What is kept of a call of images, so that it can be found again when the notebook has crashed.

What was asked, each report as it came; and beside it, the runner's, what of it is out.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd_client.errors import CallUnknown
from mhfd_client.kept_lines import KEPT_S, KeptLines, lines_of, newest
from mhfd_client.scoring.items import Item
from mhfd_client.settings import places


class Stored:
    """The file of one call. Use `new`, `open` or `latest`."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.token: str = head["token"]
        self.lines = KeptLines(_folder(), self.token, "call")
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
        head = {
            "schema_version": 3,
            "token": str(uuid.uuid4()),
            "via": via,
            "endpoint": str(endpoint),
            "options": dict(options or {}),
            "params": params.model_dump(mode="json"),
            "items": [[item.path, item.there] for item in items],
            "at": time.time(),
        }
        stored = cls(head)
        stored.lines.begin(head)
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
        try:
            found = cls._read(_folder() / f"{name}.jsonl")
        except FileNotFoundError:
            raise CallUnknown(
                f"token: this machine knows no call {name}; it is kept for {KEPT_S / 86400:.0f} days, for the user "
                "who made it, below MHFD's state folder"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CallUnknown(f"token: what was kept of call {name} cannot be read: {error}; score again") from None
        with contextlib.suppress(OSError):
            found.lines.go_on()
        return found

    def of(self, endpoint: UUID, params: Params, items: list[Item], *, via: str = "compute") -> Stored:
        """The same, if it is a call of these. UsageError."""
        if (self.items, self.params, self.endpoint, self.via) == (items, params, endpoint, via):
            return self
        self.close()
        raise UsageError(
            f"reattach: call {self.token} was of other paths, parameters, another endpoint or way; leave it out to "
            "score these, or mhfd_client.reattach(token) for its own table"
        )

    @classmethod
    def latest(cls) -> Stored:
        """The newest call that did not come to its end."""
        for path in newest(_folder()):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if not cls._read(path).finished:
                    return cls.open(path.stem)
        raise CallUnknown("token: no call of this user's is unfinished; name the one to see again")

    @classmethod
    def _read(cls, path: Path) -> Stored:
        head, *lines = lines_of(path)
        stored = cls(head)
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # of another version
                stored._take(line)
        return stored

    @property
    def tasks_file(self) -> Path | None:
        """Where the runner remembers what is out; nothing when nothing can be kept."""
        return self.lines.beside

    def scored(self, index: int, report: FocusReport) -> None:
        """An image has its report."""
        self.reports[index] = report
        self.lines.add({"index": index, "report": report.model_dump(mode="json")})

    def finish(self) -> None:
        """Every path has its report."""
        self.finished = True
        self.lines.add({"finished": time.time()})
        self.lines.over()

    def close(self) -> None:
        """Keep nothing more of it."""
        self.lines.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "report" in line and 0 <= line["index"] < len(self.items):
            self.reports[line["index"]] = FocusReport.model_validate(line["report"])
        elif "finished" in line:
            self.finished = True


def _folder() -> Path:
    return places.state_home() / "calls"
