"""Who follows whom in a seat, and who was there before: what each change of a champion means for the history.

Whoever calls holds the library's lock where something is changed.
"""

import getpass
import socket
from contextlib import suppress
from typing import Literal

from mhfd.errors import LibraryDamaged, UsageError
from mhfd.learning.packages.history import MHFD, NOBODY, ChampionChange, ChampionHistory
from mhfd.learning.packages.seats import Role, Seat
from mhfd.learning.packages.shelf import SHORTEST


def seated(
    history: ChampionHistory,
    seat: Seat,
    kind: Literal["promoted", "rolled back", "told"],
    name: str,
    *,
    who: str | None,
    why: str,
    decision: str | None = None,
) -> ChampionChange:
    """A champion from now on, who challenges no more."""
    who = who or this_user()
    challenges = _challenges(history, seat)
    with suppress(LibraryDamaged):  # nobody knows who is champion: only back to mhfd, which challenges nobody
        if challenges and challenges == history.champion(seat):
            history.record(seat, "challenge ended", NOBODY, who=who, why="it had become champion")
    change = history.record(seat, kind, name, who=who, why=why, decision=decision)
    if challenges == name:
        with suppress(OSError):  # nobody is told of it as challenger from now on; the next change ends it
            history.record(seat, "challenge ended", NOBODY, who=who, why="it is champion")
    return change


def end_challenge(history: ChampionHistory, seat: Seat, name: str, *, why: str) -> None:
    """If this package challenges."""
    if _challenges(history, seat) == name:
        history.record(seat, "challenge ended", NOBODY, who=this_user(), why=why)


def before(history: ChampionHistory, seat: Seat, now: str) -> str:
    """Who was champion when the one of now was promoted."""
    told = reversed(_in_effect(history, seat))
    return next((one.before for one in told if one.kind == "promoted" and one.after == now), MHFD)


def once(history: ChampionHistory, seat: Seat, word: str) -> str:
    """The package that a name, or its beginning, means of those that were champion; UsageError."""
    were = {name for one in _in_effect(history, seat) for name in (one.before, one.after)} - {MHFD}
    found = sorted(name for name in were if len(word) >= SHORTEST and name.startswith(word))
    if len(found) != 1:
        there_are = ", ".join([MHFD, *sorted(were)])
        raise UsageError(f"{word!r} was never champion of {seat}; there are: {there_are}")
    return found[0]


def last(history: ChampionHistory, seat: Seat, role: Role) -> ChampionChange:
    """The line that made who has that role now; there is one."""
    told = [one.change for one in history.told(seat) if one.in_effect]
    return next(one for one in reversed(told) if one.role == role)


def rolled_back_from(history: ChampionHistory, seat: Seat, name: str) -> ChampionChange | None:
    """The line by which a package went, where it did not come back since."""
    told = [one for one in _in_effect(history, seat) if name in (one.before, one.after)]
    return told[-1] if told and told[-1].kind == "rolled back" and told[-1].before == name else None


def this_user() -> str:
    """Who does it, as the history has it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _in_effect(history: ChampionHistory, seat: Seat) -> list[ChampionChange]:
    """The lines of who is champion that led to now; before a microscope's own, those without one."""
    told = list(history.told(seat))
    if seat.instrument is not None:
        with suppress(LibraryDamaged):  # the microscope's own are whole, and are what counts
            told = [*history.told(seat.everywhere), *told]
    return [one.change for one in told if one.in_effect and one.change.role == "champion"]


def _challenges(history: ChampionHistory, seat: Seat) -> str | None:
    """Who is said to challenge, also where it is champion by now; None too where that is damaged: it stops nobody."""
    try:
        alias = history.alias(seat, "challenger")
    except LibraryDamaged:
        return None
    return None if alias is None else alias.package
