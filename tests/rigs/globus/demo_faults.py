"""What goes wrong in the demo of the flow: kinds of faults, drawn at random, and how many of them really hit."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.rigs.flow_rig import Site
from tests.rigs.globus.flows_state import OVER, Run

KILLED: Final = "station killed"
START: Final = "POST /flows/.*/run"
STUCK_S: Final = 2.0


class Faults:
    """One after the other, spread over as many runs as there will be."""

    def __init__(self, lab: Site, chance: random.Random, faults: int, kills: int, *, runs: int) -> None:
        self._lab, self._chance = lab, chance
        makers: dict[str, Callable[[], Callable[[], bool] | None]] = {
            "answer lost after the run was made": self._lost,
            "429 with Retry-After": self._busy,
            "token expired": self._expired,
            "checksum mismatch": self._checksum,
            "transfer stuck": self._stuck,
            "compute failed": lambda: self._compute(1),
            "compute failed three times": lambda: self._compute(3),
            "clean failed": self._clean,
            "run cancelled by a person": self._cancelled,
        }
        deck: list[str] = []
        while len(deck) < faults:
            some = list(makers)
            chance.shuffle(some)
            deck += some
        deck = deck[:faults]
        for _ in range(kills):
            deck.insert(chance.randrange(len(deck) + 1), KILLED)
        self._makers, self._deck = makers, deck
        self._every = max(0.5, 0.8 * runs / max(1, len(deck)))
        self._drawn = 0
        self._armed: list[tuple[str, Callable[[], bool]]] = []
        self._held: list[tuple[str, Callable[[], bool]]] = []
        self._kills = 0

    @property
    def hits(self) -> int:
        return sum(self.by_kind().values())

    def by_kind(self) -> Counter[str]:
        """Those that hit."""
        found = Counter(kind for kind, hit in self._armed if hit())
        if self._kills:
            found[KILLED] = self._kills
        return found

    def holding(self) -> str | None:
        """The fault that keeps something waiting now."""
        return next((kind for kind, held in self._held if held()), None)

    def step(self) -> bool:
        """Make the next fault when it is due. True: the station is to be killed."""
        self._lift()
        if not self._deck or len(self._lab.runs()) < self._every * self._drawn + 1:
            return False
        kind = self._deck[0]
        if kind == KILLED:
            self._kills += 1
        else:
            hit = self._makers[kind]()
            if hit is None:
                return False  # there is nothing that it could hit now
            self._armed.append((kind, hit))
        self._deck.pop(0)
        self._drawn += 1
        return kind == KILLED

    def over(self) -> None:
        """No more of them."""
        self._deck.clear()

    # -- the kinds: each says how to see that it has hit

    def _lost(self) -> Callable[[], bool]:
        fault = self._lab.globus.server.fail(START, 502, after=True)
        return lambda: fault.hits > 0

    def _busy(self) -> Callable[[], bool]:
        fault = self._lab.globus.server.fail(START, 429, retry_after=1)
        return lambda: fault.hits > 0

    def _expired(self) -> Callable[[], bool]:
        log = self._lab.globus.server.log
        before, now = sum(asked.status == 401 for asked in log.matching()), time.time()
        self._lab.globus.auth.expire()
        seen: list[bool] = []

        def hit() -> bool:
            if not seen and sum(asked.status == 401 for asked in log.matching()) > before and time.time() >= now:
                seen.append(True)
            return bool(seen)

        return hit

    def _checksum(self) -> Callable[[], bool]:
        trouble = self._lab.globus.transfer.trouble("checksum", f"TRANSFER {self._lab.sem.id}")
        return lambda: trouble.hits > 0

    def _stuck(self) -> Callable[[], bool]:
        trouble = self._lab.globus.transfer.trouble("stuck", f"TRANSFER {self._lab.sem.id}")
        self._held.append(("transfer stuck", lambda: trouble.hits > 0 and not trouble.lifted.is_set()))
        since: list[float] = []

        def hit() -> bool:
            if trouble.hits and not since:
                since.append(time.monotonic())
            if since and time.monotonic() - since[0] > STUCK_S:
                trouble.lift()
            return trouble.hits > 0

        return hit

    def _compute(self, times: int) -> Callable[[], bool]:
        trouble = self._lab.globus.flows.compute_trouble("failed", times)
        return lambda: trouble.hits == times

    def _clean(self) -> Callable[[], bool] | None:
        """Of one run, so often that it gives up."""
        run = self._one("MakeStaging", "BringImages", "Score")
        if run is None:
            return None
        self._lab.globus.transfer.trouble("permission", f"DELETE .*/mhfd-{run.id}/", 3)
        return lambda: run.execution.error is not None and run.execution.error[0] == "StagingNotCleaned"

    def _cancelled(self) -> Callable[[], bool] | None:
        run = self._one("BringImages", "Score", "ReturnReports", "Clean")
        if run is None:
            return None
        self._lab.globus.flows.cancel(run)
        return lambda: run.status == "ENDED"

    def _one(self, *states: str) -> Run | None:
        """A run that is in one of these states now."""
        out = [run for run in self._lab.runs() if run.status not in OVER and run.execution.at in states]
        return self._chance.choice(out) if out else None

    def _lift(self) -> None:
        for _, hit in self._armed:
            hit()
