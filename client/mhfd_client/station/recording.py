"""[5] A sidecar for every verdict. One that cannot be written waits for itself, and the others go on."""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import RowDamaged, StateError, StateTrouble
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, State, VerdictRow
from mhfd_client.station.patience import LONGEST_S, Patience

log = logging.getLogger("mhfd.station")

KIND: Final = "record"
"""Of the trouble with one sidecar, in the journal."""
_IN_A_ROW: Final = 3  # so many sidecars are refused: it is the folder that refuses them
_OFTEN: Final = 3  # doublings of the wait
_HOPES: Final = 2  # tries that a watch waits for before it ends


class SidecarWriter(Protocol):
    """Where verdicts are recorded."""

    def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        """Write an image's sidecar. May be called again for the same verdict."""


@dataclass(frozen=True, slots=True)
class _Again:
    due: float
    tries: int


class Recording:
    """Writes what is judged and not recorded."""

    def __init__(
        self,
        journal: Journal,
        recorder: SidecarWriter,
        patience: Patience,
        *,
        backoff_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._journal, self._recorder, self._patience = journal, recorder, patience
        self._backoff, self._clock = backoff_s, clock
        self._waiting: dict[int, _Again] = {}
        self._refused = 0  # in a row
        self._paused_until = clock()

    @property
    def dues(self) -> Iterable[float]:
        """When something is to be tried again."""
        return (max(again.due, self._paused_until) for again in self._waiting.values())

    @property
    def hopeful(self) -> bool:
        """Something waits that was not tried often yet: a watch does not end before that."""
        return any(again.tries <= _HOPES for again in self._waiting.values())

    @property
    def refused(self) -> bool:
        """The folder takes no sidecars now."""
        return self._refused >= _IN_A_ROW

    def some(self, limit: int) -> tuple[int, int]:
        """At most so many; how many were tried, and how many are recorded."""
        now = self._clock()
        if self._paused_until > now:
            return 0, 0
        rows = self._journal.pending(State.JUDGED, limit=limit + len(self._waiting))
        rows = [row for row in rows if row.id not in self._waiting or self._waiting[row.id].due <= now][:limit]
        done: list[ImageRow] = []
        failed: list[tuple[ImageRow, str]] = []
        for row in rows:
            why = self._record(row)
            if why is None:
                done.append(row)
            else:
                failed.append((row, why))
                if self.refused:
                    break
        if done or failed:
            with self._journal.together():
                for row in done:
                    self._journal.recorded(row.id)
                    if row.id in self._waiting:
                        self._journal.recovered(KIND, row.path)
                for row, why in failed:
                    self._journal.trouble(KIND, row.path, why)
            for row in done:
                self._waiting.pop(row.id, None)
        return len(rows), len(done)

    def _record(self, row: ImageRow) -> str | None:
        """Why not."""
        assert row.report is not None and row.verdict is not None  # noqa: S101, PT018 - the schema says so
        try:
            self._recorder.record(row, self._journal.report(row.report), self._journal.verdict(row.verdict))
        except RowDamaged as e:  # until the next start
            self._waiting[row.id] = _Again(math.inf, _OFTEN + 1)
            return str(e)
        except StateTrouble as e:
            self._refused += 1
            if self.refused:
                self._patience.refused(e)
                self._paused_until = self._clock() + self._patience.wait_s()
            why = str(e)
            log.warning("%s: not recorded yet: %s", row.path, why)
        except StateError as e:
            why = str(e)
            log.warning("%s: not recorded yet: %s", row.path, why)
        except Exception as e:  # a defect must not end a run of three days: the image stays judged and is named
            why = f"{type(e).__name__}: {e}"
            log.exception("%s: cannot be recorded", row.path)
        else:
            self._refused = 0
            return None
        tries = self._waiting[row.id].tries + 1 if row.id in self._waiting else 1
        wait = min(LONGEST_S, 4 * self._backoff * 2.0 ** min(tries - 1, _OFTEN))
        self._waiting[row.id] = _Again(self._clock() + wait, tries)
        return why
