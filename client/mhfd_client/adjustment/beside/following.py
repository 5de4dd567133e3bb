"""The ledger as it grows: each asking gives the lines that were added since the one before. Only reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mhfd_client.adjustment import places
from mhfd_client.adjustment.ledger import LedgerLine


class LedgerFollower:
    """Of one state folder; to be used by one thread."""

    def __init__(self, state_dir: Path) -> None:
        self._path, self._at = places.ledger(state_dir), 0

    def new(self) -> list[LedgerLine]:
        """The whole lines that are new; one that cannot be read is for `mhfd adjust audit` to say."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []  # nothing was ever done, or it cannot be read now: the next asking reads it
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        found = []
        for raw in whole.splitlines():
            try:
                found.append(LedgerLine.model_validate_json(raw))
            except ValidationError:
                continue
        return found
