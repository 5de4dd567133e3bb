"""Whom a watch asks changes while it runs, where somebody promotes another package: said, and who judges is noted."""

import logging
from typing import Final

from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ChampionTold
from mhfd_client.runners import SeatsTaken

log: Final = logging.getLogger("mhfd.station")


def taken(journal: Journal, event: SeatsTaken) -> None:
    """Write it down; repeating it changes nothing in the journal."""
    for words in event.words:
        log.warning("%s", words)
    if event.champion is not None:
        journal.champion_told(ChampionTold(*event.champion))
