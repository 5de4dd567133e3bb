"""What a person says on the page, on its way into the journal.

Only the station writes the journal: a label goes into its inbox, with who said it, and is taken in within a second.
While no station runs, it is taken in here, as `mhfd confirm` does.
"""

import getpass
import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.settings.load import Loaded
from mhfd_client.station.inbox import GivenLabel
from mhfd_client.station.labelling import hand_in

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
    log.info("%s says of image %d: %s", who, said.image, said.label)
    label = GivenLabel(image=said.image, sharp=sharp, fine=said.label == "fine", who=who)
    hand_in(state_dir, root, loaded, [label])


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user's name
        return "the page"
