"""What is wrong with the road to the endpoint now, said once and once more when it is over.

One thing at a time, the worst: a refused login matters more than a queue. It decides nothing but what is said.
"""

from mhfd_client.runners import Health, Trouble

_WORST_FIRST = (Trouble.REFUSED, Trouble.OFFLINE, Trouble.FAILING, Trouble.QUEUED)


class Condition:
    """The troubles of now, and the news of them that nobody has taken yet."""

    def __init__(self, well: str = "the endpoint answers again") -> None:
        self._well = well
        self._now: dict[Trouble, tuple[str, float, Exception | None]] = {}
        self._said: tuple[Trouble, str] | None = None

    @property
    def worst(self) -> Trouble | None:
        return next((kind for kind in _WORST_FIRST if kind in self._now), None)

    def on(self, kind: Trouble, why: str, now: float, error: Exception | None = None) -> None:
        """This is wrong (still)."""
        since = self.since(kind)
        self._now[kind] = (why, now if since is None else since, error)

    def over(self, *kinds: Trouble) -> None:
        """These are not wrong (any more)."""
        for kind in kinds:
            self._now.pop(kind, None)

    def since(self, kind: Trouble) -> float | None:
        found = self._now.get(kind)
        return None if found is None else found[1]

    def take(self) -> list[Health]:
        """What changed for whoever listens."""
        kind = self.worst
        now = None if kind is None else (kind, self._now[kind][0])
        if now == self._said:
            return []
        news = []
        if self._said is not None and (now is None or now[0] is not self._said[0]):
            news.append(Health(True, self._well, self._said[0]))
        if now is not None:
            news.append(Health(False, now[1], now[0], self._now[now[0]][2]))
        self._said = now
        return news
