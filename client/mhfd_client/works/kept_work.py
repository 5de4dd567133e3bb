"""What is kept of a work, so that whoever asked can go away, or crash, and come back: a file each.

What was asked, before it is asked; how far it was, each time that was heard; its end. The endpoint has the truth.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import mhfd
from mhfd import shim
from mhfd.contract.work import ENDS, WorkAnswer
from mhfd_client.errors import WorkUnknown
from mhfd_client.kept_lines import KEPT_S, KeptLines, lines_of, newest
from mhfd_client.runners.answers import understood
from mhfd_client.runners.work import Ended, Going, Work
from mhfd_client.settings import places
from mhfd_client.works.reading import reader_of

SCHEMA_VERSION: Final = 1
"""Of the file's lines, kept in its first."""
Via = Literal["compute", "flow"]


class KeptWork:
    """One work that this user has asked for. Use `new`, `named` or `known`."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it is of version {head['schema_version']}")
        self.key: str = head["key"]
        self.token = str(UUID(head["token"]))
        """Of what is handed to a runner."""
        self.function: str = head["function"]
        self.endpoint = UUID(head["endpoint"])
        self.via: Via = head["via"]
        self.into: str | None = head["into"]
        """The endpoint's folder, in which the work has its own."""
        self.request: dict[str, Any] = head["request"]
        """The function's own fields."""
        self.options: dict[str, Any] = head["options"]
        """What was chosen of the endpoint's configuration, as `purpose`."""
        self.settings: dict[str, Any] = head["settings"]
        """Settings of the way, by their dotted names."""
        self.begun_s: float = head["at"]
        """Seconds since 1970."""
        self.heard_s: float | None = None
        """When something was heard of it last."""
        self.answer: WorkAnswer | None = None
        """What was heard last."""
        self.over = False
        """Whether that was an end."""
        self.lines: KeptLines | None = None
        """Its file; nothing: it is not kept."""

    @classmethod
    def new(
        cls,
        key: str,
        function: str,
        endpoint: UUID,
        request: Mapping[str, Any],
        *,
        via: Via = "compute",
        into: str | None = None,
        options: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        keep: bool = True,
    ) -> KeptWork:
        """It will be asked for. `keep`: somebody may come back for it."""
        head = {
            "schema_version": SCHEMA_VERSION,
            "key": key,
            "token": str(uuid.uuid4()),
            "function": function,
            "endpoint": str(endpoint),
            "via": via,
            "into": into,
            "request": dict(request),
            "options": dict(options or {}),
            "settings": dict(settings or {}),
            "at": time.time(),
        }
        made = cls(head)
        if keep:
            made.lines = KeptLines(_folder(), key, "work")
            made.lines.begin(head, keep=_is_open)
            made.lines.close()
        return made

    @classmethod
    def named(cls, key: str) -> KeptWork:
        """The work of that key. WorkUnknown."""
        try:
            found = cls.read(_folder() / f"{key}.jsonl") if _is_name(key) else None
        except FileNotFoundError:
            found = None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkUnknown(
                f"key: what was kept of work {key} cannot be read ({error}); begin it again with the same key and "
                "request, and it goes on where it is"
            ) from None
        if found is None or found.key != key:
            raise WorkUnknown(
                f"key: this machine knows no work {key!r}; `mhfd work list` shows those of this user's, each kept for "
                f"{KEPT_S / 86400:.0f} days after its end. Of another machine's: begin it here with the same key and "
                "request, and it goes on where it is"
            )
        return found

    @classmethod
    def read(cls, path: Path) -> KeptWork:
        """As the file has it. OSError; ValueError, KeyError or TypeError when it is none."""
        head, *lines = lines_of(path)
        kept = cls(head)
        kept.lines = KeptLines(path.parent, path.stem, "work")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # of another version
                kept._heard(understood(WorkAnswer, line["answer"]), float(line["at"]), over=bool(line["over"]))
        return kept

    @property
    def at_once(self) -> bool:
        """Whether its function answers at once, and has no turns."""
        return self.function in shim.AT_ONCE

    @property
    def ended(self) -> WorkAnswer | None:
        """The end that the endpoint has given it, and gives it for ever; what was not taken has none."""
        return self.answer if self.over and self.answer is not None and self.answer.state in ENDS else None

    @property
    def state(self) -> str:
        """How it is in a word: a `WorkState`, `begun` where nothing was heard yet, `refused` where it was not taken."""
        if self.answer is None:
            return "begun"
        return "refused" if self.answer.state is None else self.answer.state.value

    def work(self, *, cancel: bool = False) -> Work:
        """What a runner is given."""
        fields = dict(self.request)
        if not self.at_once and self.via == "compute":
            fields |= {"key": self.key, "into": self.into, "client": f"mhfd {mhfd.__version__}"}
            if cancel:
                fields["cancel"] = True
        return Work(0, self.key, self.function, fields, reader_of(self.function, self.key))

    def heard(self, event: Going | Ended) -> None:
        """Keep what was heard."""
        over, at_s = isinstance(event, Ended), event.at_ns / 1e9
        if self.ended is not None:
            return
        self._heard(event.answer, at_s, over=over)
        if self.lines is not None:
            self.lines.append({"answer": event.answer.model_dump(mode="json"), "at": at_s, "over": over})
            if over:
                self.lines.over()

    def brief(self) -> dict[str, Any]:
        """For programs: one of many."""
        known = self.answer and self.answer.progress
        return {
            "key": self.key,
            "function": self.function,
            "endpoint": str(self.endpoint),
            "via": self.via,
            "begun": self.begun_s,
            "heard": self.heard_s,
            "state": self.state,
            "progress": known.model_dump(mode="json") if known else None,
        }

    def as_json(self) -> dict[str, Any]:
        """For programs: all of it. `answer` is a `WorkAnswer`."""
        answer = None if self.answer is None else self.answer.model_dump(mode="json")
        own = {"into": self.into, "request": self.request, "options": self.options, "answer": answer}
        return {name: value for name, value in self.brief().items() if name != "progress"} | own

    def _heard(self, answer: WorkAnswer, at_s: float, *, over: bool) -> None:
        self.answer, self.heard_s, self.over = answer, at_s, over


def known() -> list[KeptWork]:
    """The works of this user that this machine knows, the one first of which something was heard last."""
    found = []
    for path in newest(_folder()):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.append(KeptWork.read(path))
    return found


def _is_open(path: Path) -> bool:
    """Whether it has not come to an end: it may be gone on with, however old it is."""
    try:
        return not KeptWork.read(path).over
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_name(key: str) -> bool:
    return bool(key) and not set(key) & set("/\\\0") and not key.startswith(".") and len(key) <= 64


def _folder() -> Path:
    return places.state_home() / "works"
