"""Somebody else scores while the endpoint is away: this machine, until the endpoint is back.

Joins two runners behind the seam; decides only who gets the next batch. What the far one has when it goes away it gives
back after a while (its `give_up_s`), and the station hands it over again. An image that both have scored in the end has
one report: the journal takes the first. Who scored is in each report (`provenance.endpoint`).
"""

from collections.abc import Callable, Sequence
from typing import Final

from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.runners import Batch, Event, Health, Returned, Runner, Scored, Trouble

_NEAR_S: Final = 0.05
"""How long the near runner's news may wait while both are listened to."""


class MeanwhileRunner:
    """Scores on the endpoint, and here while that is away.

    Args:
        far: The endpoint's runner; with a `give_up_s`, or what it has waits for it.
        near: Makes this machine's runner, when it is first needed.
    """

    name = "compute"
    outlives = True

    def __init__(self, far: ComputeRunner, near: Callable[[], Runner]) -> None:
        self._far, self._make = far, near
        self._near: Runner | None = None
        self._here: dict[str, set[int]] = {}  # what the near runner has, by token
        self._said = False
        self._out: list[Event] = []

    @property
    def capacity(self) -> int:
        if self._far.given_up:
            return self._far.held + self._nearby().capacity
        return self._far.capacity + sum(map(len, self._here.values()))

    def submit(self, batch: Batch) -> None:
        if not self._far.given_up:
            self._far.submit(batch)
            return
        self._far.submit(Batch(batch.token, batch.works))  # which wait for it
        self._nearby().submit(Batch(batch.token, batch.images))
        self._here[batch.token] = {job.id for job in batch.images}
        if not self._said:
            self._said = True
            why = "the endpoint is away, and this machine scores in its place: slower, with the same numbers"
            self._out.append(Health(False, why, Trouble.MEANWHILE))

    def events(self, timeout: float) -> Sequence[Event]:
        near = list(self._near.events(0.0)) if self._near is not None else []
        wait = 0.0 if near or self._out else min(timeout, _NEAR_S) if self._here else timeout
        found = [*self._out, *near, *self._far.events(wait)]
        self._out = []
        for event in near:
            self._forget(event)
        if self._said and not self._far.given_up and not self._here:
            self._said = False
            found.append(Health(True, "the endpoint scores again", Trouble.MEANWHILE))
        return found

    def wake(self) -> None:
        self._far.wake()

    def cancel(self, token: str) -> None:
        self._far.cancel(token)
        if token in self._here:
            self._nearby().cancel(token)

    def reattach(self, batch: Batch) -> bool:
        return self._far.reattach(batch)  # what was scored here died with the station

    def close(self) -> None:
        self._far.close()
        if self._near is not None:
            self._near.close()

    def _nearby(self) -> Runner:
        if self._near is None:
            self._near = self._make()
        return self._near

    def _forget(self, event: Event) -> None:
        """The near runner has answered for these."""
        match event:
            case Scored():
                done = {event.id}
            case Returned():
                done = set(event.ids)
            case _:
                return
        ids = self._here.get(event.token, set())
        ids -= done
        if not ids:
            self._here.pop(event.token, None)
