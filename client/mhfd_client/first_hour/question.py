"""What a question of the hour is: the guesses that it answers, what it does in words, and how."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mhfd_client.first_hour.answers import Seen
from mhfd_client.first_hour.asker import Asker


@dataclass(frozen=True, slots=True)
class HourQuestion:
    """`ask` gives what was seen of each of its guesses; what it raises leaves the rest of them unanswered."""

    guesses: tuple[str, ...]
    does: str
    ask: Callable[[Asker], Iterator[Seen]]
