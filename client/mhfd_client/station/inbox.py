"""What people say to a station: one small file a label, in `STATE/inbox`.

Only the station writes the journal, so a command that runs beside it leaves its label here, whole or not at all, and
the station takes it in within a second. Without a station, the command takes it in itself (`take_in`).
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.files import make_folder, named, put_aside, text_of, write_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import VerdictRow
from mhfd_client.retesting.told import PATTERN, RetestTold
from mhfd_client.station.waiting import waiting
from mhfd_client.station.wishes import Wish, wishes
from mhfd_client.verdicts.from_journal import JournalJudge

log = logging.getLogger("mhfd.inbox")


class GivenLabel(BaseModel):
    """A person says whether an image is sharp, or what is to be done about it: take it again, or it is fine as it is.

    What is said of the one leaves the other as it was. Nothing said takes back: see `task`.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    schema_version: int = 2  # any is read as far as it fits: a label is never thrown away for its version
    image: int = Field(ge=1, lt=1 << 63)
    sharp: bool | None
    fine: bool = False
    again: bool = False
    note: str | None = None  # why it is to be taken again
    task: bool | None = None  # what is taken back: what was to be done, or whether it is sharp. Before version 2: both
    who: str | None = None

    @property
    def teaches(self) -> bool:
        """Whether the judge has to hear of it."""
        return self.sharp is not None or not (self.fine or self.again or self.task)

    def into(self, journal: Journal) -> None:
        """Write it down."""
        said = self.model_dump(include={"sharp", "fine", "again", "note", "task", "who"})
        journal.labelled(self.image, **said)


def put(state_dir: Path, label: GivenLabel) -> None:
    """Leave a label for the station."""
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    write_whole(state_dir / "inbox" / name, label.model_dump_json().encode())


def images_waiting(state_dir: Path) -> frozenset[int]:
    """The images with a label that is not in the journal yet."""
    return frozenset(label.image for _, label in _read(state_dir / "inbox") if label is not None)


class Inbox:
    """The labels that wait, and the judge who answers them."""

    def __init__(self, state_dir: Path, judge: JournalJudge) -> None:
        self._folder, self.judge = state_dir / "inbox", judge
        self._strange: dict[str, str] = {}  # by name: what is said of it
        self._taken: Path | None = None  # in the journal, and cannot be deleted yet
        make_folder(self._folder)

    def labels(self) -> dict[Path, GivenLabel]:
        """Those that can be answered now, in the order they were said, each by its file."""
        found: dict[Path, GivenLabel] = {}
        if self._taken is not None:
            self.done(self._taken)  # a word is never taken in again after a later one
        for file, label in _read(self._folder):
            if label is None:
                self._put_aside(file)
            elif self.judge.knows(label.image):
                found[file] = label
        return found

    def _put_aside(self, file: Path) -> None:
        """What is no label is named once, and kept for whoever wants to know."""
        if file.name in self._strange:
            return
        self._strange[file.name] = (
            f"{text_of(file)} is no label of `mhfd confirm`, `reject` or `again`, no wish of `mhfd rescore` "
            "and no answer of a re-test: it was put aside; say it again"
        )
        log.warning("%s", self._strange[file.name])
        try:
            put_aside(file)
        except OSError as e:
            log.warning("%s cannot be put aside: %s", text_of(file), e)

    @property
    def strange(self) -> Iterable[str]:
        """What was found that is no label, in words."""
        return self._strange.values()

    def others(self) -> dict[Path, Wish | RetestTold]:
        """What is to be scored again, and what was told of tests of who judges, each by its file."""
        found: dict[Path, Wish | RetestTold] = {}
        for file, other in (*wishes(self._folder), *waiting(self._folder, PATTERN, RetestTold)):
            if other is None:
                self._put_aside(file)
            else:
                found[file] = other
        return found

    def answer(self, label: GivenLabel) -> Sequence[tuple[int, VerdictRow]]:
        """The verdicts that it changes."""
        return self.judge.hear(label.image, sharp=label.sharp) if label.teaches else ()

    def done(self, file: Path) -> None:
        """It is in the journal. StateError when it cannot be deleted: nothing more is taken in before it is."""
        self._taken = file
        with named(file):
            file.unlink(missing_ok=True)
        self._taken = None


def take_in(journal: Journal, inbox: Inbox) -> int:
    """Put what waits into the journal; returns how many verdicts changed. For when no station runs."""
    changed = 0
    for file, label in inbox.labels().items():
        with journal.together():
            label.into(journal)
            for image, verdict in inbox.answer(label):
                journal.judged(image, verdict)
                changed += 1
        inbox.done(file)
    while changed and not inbox.judge.settled:
        with journal.together():
            for image, verdict in inbox.judge.settle(200):
                journal.judged(image, verdict)
                changed += 1
    for name, text in inbox.judge.notes().items():
        journal.note(name, text)
    return changed


def _read(folder: Path) -> Iterator[tuple[Path, GivenLabel | None]]:
    return waiting(folder, "[0-9]*.json", GivenLabel)


def unreadable(state_dir: Path) -> list[Path]:
    """What lies in the inbox and is no label."""
    return [file for file, label in _read(state_dir / "inbox") if label is None]
