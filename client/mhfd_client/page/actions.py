"""What a person says on the page, on its way into the journal; and to an alert, which is kept beside it.

Only the station writes the journal: a label goes into its inbox, with who said it, and is taken in within a second.
While no station runs, it is taken in here, as `mhfd confirm` does.
"""

import logging
import time
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.adjustment.moves import record_typed
from mhfd_client.alerts import acknowledge, snooze
from mhfd_client.settings.load import Loaded
from mhfd_client.station.inbox import GivenLabel
from mhfd_client.station.labelling import LONGEST_NOTE, hand_in, name_of_user, note_of

log = logging.getLogger("mhfd.page")


Label = Literal["sharp", "not-sharp", "undo-focus", "again", "fine", "undo-task"]
SHARP: Final[dict[str, bool | None]] = {"sharp": True, "not-sharp": False, "undo-focus": None}
"""Those that teach; the others say what is to be done."""


class Answered(BaseModel):
    """One press of a button beside an alert."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    alert: int = Field(ge=1, lt=1 << 63)
    answer: Literal["acknowledge", "snooze-1", "snooze-8"]
    who: str = Field("", max_length=60)


class Later(BaseModel):
    """Not now, to the question about an image."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: int = Field(ge=1, lt=1 << 63)


class Said(BaseModel):
    """One press of a button."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: int = Field(ge=1, lt=1 << 63)
    label: Label
    note: str = Field("", max_length=LONGEST_NOTE)
    who: str = Field("", max_length=60)


class SaidMove(BaseModel):
    """A knob that somebody has turned."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    move: str = Field(max_length=100)
    before: int | None = Field(None, ge=1, lt=1 << 63)
    after: int | None = Field(None, ge=1, lt=1 << 63)
    who: str = Field("", max_length=60)


def turned(state_dir: Path, root: str, said: SaidMove, before: str | None, after: str | None) -> str:
    """Keep it; says what was kept. UsageError: it is no move. `before`, `after`: paths below the watched folder."""
    images = [None if path is None else Path(root, path) for path in (before, after)]
    told: list[str] = []
    who = note_of(said.who) or name_of_user() or "the page"
    kept = record_typed(state_dir, said.move, before=images[0], after=images[1], who=who, tell=told.append)
    log.info("%s turned a knob: %s", who, kept.words)
    return " ".join([f"Recorded: {kept.words}.", *told])


def say(state_dir: Path, root: str, loaded: Loaded, said: Said) -> None:
    """Leave it for the station; take it in when there is none."""
    who = note_of(said.who) or name_of_user() or "the page"
    log.info("%s says of image %d: %s", who, said.image, said.label)
    label = GivenLabel(
        image=said.image,
        sharp=SHARP.get(said.label),
        fine=said.label == "fine",
        again=said.label == "again",
        note=note_of(said.note),
        task=said.label not in SHARP,
        who=who,
    )
    hand_in(state_dir, root, loaded, [label])


def answer(state_dir: Path, said: Answered) -> None:
    """That somebody knows of an alert, or that it need not ring for some hours. UsageError: there is none to answer."""
    who = note_of(said.who) or name_of_user() or "the page"
    log.info("%s answers alert %d: %s", who, said.alert, said.answer)
    if said.answer == "acknowledge":
        acknowledge(state_dir, said.alert, who)
    else:
        snooze(state_dir, said.alert, time.time() + 3600.0 * int(said.answer.removeprefix("snooze-")), who)
