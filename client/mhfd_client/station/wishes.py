"""What `mhfd rescore` leaves for a station: one small file in `STATE/inbox`, beside those of labels."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mhfd_client.files import write_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.station.waiting import waiting


class Wish(BaseModel):
    """Images that are to be scored again."""

    model_config = ConfigDict(frozen=True, strict=True)

    schema_version: int = 1
    images: tuple[int, ...] = Field(max_length=1_000_000)
    why: str = Field(max_length=200)

    def into(self, journal: Journal) -> None:
        """Grant it."""
        grant(journal, self)


def put(state_dir: Path, wish: Wish) -> None:
    """Leave a wish for the station."""
    name = f"rescore-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    write_whole(state_dir / "inbox" / name, wish.model_dump_json().encode())


def wishes(inbox: Path) -> Iterator[tuple[Path, Wish | None]]:
    """Those that wait, oldest first; None: no wish is in it."""
    return waiting(inbox, "rescore-*.json", Wish)


def grant(journal: Journal, wish: Wish) -> int:
    """How many got a new revision; the others have one already. Repeating it changes nothing."""
    with journal.together():
        return sum(journal.again(image, wish.why) is not None for image in wish.images)
