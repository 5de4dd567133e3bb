"""What the desk of re-tests tells the station: who judges, and how a test ended. A small file each in its inbox.

Only the station writes the journal. A file lies there until it is written down, whoever dies meanwhile.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mhfd.contract.estimate import DIGEST
from mhfd_client.files import write_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ChampionTold, RetestReason
from mhfd_client.results.retested import RetestAnswer

PATTERN: Final = "retest-*.json"
"""What such files are called."""
_LONGEST: Final = 500  # characters of why


class RetestTold(BaseModel):
    """Who judges; and, where a test is named, how it ended: with an answer, or why not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    champion: str | None = Field(None, pattern=DIGEST)
    title: str = Field("", max_length=200)
    reason: RetestReason | None = None
    number: int = Field(0, ge=0)
    tries: int = Field(0, ge=0)
    why: str | None = None
    answer: RetestAnswer | None = None

    @classmethod
    def failed(cls, reason: RetestReason, number: int, *, champion: str | None, why: str, tries: int) -> RetestTold:
        """A test that was tried so often, the last time in vain."""
        return cls(reason=reason, number=number, champion=champion, why=why[:_LONGEST], tries=tries)

    def into(self, journal: Journal) -> None:
        """Write it down. Repeating it changes nothing."""
        if self.reason is None:
            journal.champion_told(ChampionTold(self.champion, self.title))
        elif self.answer is not None:
            text = self.answer.model_dump_json()
            journal.retested(self.reason, self.number, package=self.champion, answer=text)
        else:
            why = self.why or "it did not say why"
            journal.retest_failed(self.reason, self.number, package=self.champion, why=why, tries=self.tries)


def put(state_dir: Path, told: RetestTold) -> None:
    """Leave it for the station."""
    name = f"retest-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    write_whole(state_dir / "inbox" / name, told.model_dump_json().encode())


def untold(state_dir: Path) -> bool:
    """Whether something lies there that the station has not written down yet."""
    return next((state_dir / "inbox").glob(PATTERN), None) is not None
