"""What a person says on the page, on its way into the journal.

Only the station writes the journal: a label goes into its inbox, with who said it, and is taken in within a second.
While no station runs, it is taken in here, as `mhfd confirm` does.
"""

from __future__ import annotations

import getpass
import json
import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.errors import StateLocked
from mhfd_client.journal.journal import Journal
from mhfd_client.results.sidecars import Recorder
from mhfd_client.settings.load import Loaded
from mhfd_client.station import inbox
from mhfd_client.station.rejudge import record_all
from mhfd_client.verdicts.from_journal import StationJudge

log = logging.getLogger("mhfd.page")


class Said(BaseModel):
    """One press of a button."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: int = Field(ge=1, lt=1 << 63)
    label: Literal["sharp", "retake", "fine", "undo"]
    who: str = Field("", max_length=60)


def say(state_dir: Path, root: str, loaded: Loaded, said: Said) -> None:
    """Leave it for the station; take it in when there is none."""
    sharp = {"sharp": True, "retake": False}.get(said.label)
    who = " ".join("".join(c if c.isprintable() else " " for c in said.who).split()) or _login()
    inbox.put(state_dir, said.image, sharp=sharp, fine=said.label == "fine", who=who)
    log.info("%s says of image %d: %s", who, said.image, said.label)
    try:
        journal = Journal.open(state_dir, root=root)
    except StateLocked:
        return
    with journal:
        judge = StationJudge(journal, loaded.settings.verdict)
        inbox.take_in(journal, inbox.Inbox(state_dir, judge))
        record_all(journal, Recorder(state_dir, journal, loaded))


def waiting(state_dir: Path) -> frozenset[int]:
    """The images of which something was said that is not in the journal yet."""
    found = set()
    for file in (state_dir / "inbox").glob("[0-9]*.json"):
        try:
            image = json.loads(file.read_bytes())["image"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # taken in meanwhile, or no label at all: the station says so
        if type(image) is int:
            found.add(image)
    return frozenset(found)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user's name
        return "the page"
