"""What people say to a station: one small file a label, in `STATE/inbox`.

Only the station writes the journal, so a command that runs beside it leaves its label here, whole or not at all, and
the station takes it in within a second. Without a station, the command takes it in itself (`take_in`).
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mhfd_client.files import write_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import VerdictRow
from mhfd_client.verdicts.from_journal import StationJudge

log = logging.getLogger("mhfd.inbox")


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A person says whether an image is sharp, or that it is fine as it is; neither takes it back."""

    file: Path
    image: int
    sharp: bool | None
    fine: bool = False
    who: str | None = None


def put(state_dir: Path, image: int, *, sharp: bool | None, fine: bool = False, who: str | None = None) -> None:
    """Leave a label for the station."""
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    write_whole(
        state_dir / "inbox" / name, json.dumps({"image": image, "sharp": sharp, "fine": fine, "who": who}).encode()
    )


class Inbox:
    """The labels that wait, and the judge's answers to them."""

    def __init__(self, state_dir: Path, judge: StationJudge) -> None:
        self._folder, self._judge = state_dir / "inbox", judge
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def labels(self) -> list[LabelFile]:
        """Those that can be answered now, in the order they were said."""
        found = []
        for file in sorted(self._folder.glob("[0-9]*.json")):
            label = _read(file)
            if label is None:
                log.warning("%s is no label of `mhfd confirm` or `mhfd reject`: it is removed", file)
                file.unlink(missing_ok=True)
            elif self._judge.knows(label.image):
                found.append(label)
        return found

    def answer(self, label: LabelFile) -> Sequence[tuple[int, VerdictRow]]:
        """The verdicts that it changes."""
        return self._judge.hear(label.image, sharp=label.sharp)

    def done(self, label: LabelFile) -> None:
        """It is in the journal."""
        label.file.unlink(missing_ok=True)

    def notes(self) -> dict[str, str]:
        """What the station has to say in turn."""
        return self._judge.notes()


def take_in(journal: Journal, inbox: Inbox) -> int:
    """Put what waits into the journal; returns how many verdicts changed. For when no station runs."""
    changed = 0
    for label in inbox.labels():
        with journal.together():
            journal.labelled(label.image, sharp=label.sharp, fine=label.fine, who=label.who)
            for image, verdict in inbox.answer(label):
                journal.judged(image, verdict)
                changed += 1
        inbox.done(label)
    for name, text in inbox.notes().items():
        journal.note(name, text)
    return changed


def _read(file: Path) -> LabelFile | None:
    try:
        content = json.loads(file.read_bytes())
        image, sharp = content["image"], content["sharp"]
        fine, who = content.get("fine", False), content.get("who")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if type(image) is not int or not (sharp is None or type(sharp) is bool):
        return None
    if type(fine) is not bool or not (who is None or type(who) is str):
        return None
    return LabelFile(file, image, sharp, fine, who)
