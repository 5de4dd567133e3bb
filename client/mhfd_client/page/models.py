"""The page Models: who speaks at this microscope, since when, why it was kept or promoted, what its last test said.

Reads the library's history and the journal's tests when it is asked for; it makes nobody champion. What a package's
card says is a stranger's text: the template escapes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment

from mhfd.errors import MhfdError
from mhfd.learning.packages import MHFD, TASKS, ChampionChange, Library, ModelTask
from mhfd_client.journal.view import JournalView
from mhfd_client.page import banner
from mhfd_client.results.champion_now import champion_now
from mhfd_client.results.retested import Retested, agreed, retested, summary
from mhfd_client.results.status import Speaker
from mhfd_client.times import lately

TASK_WORDS: Final = {
    "focus": "Is it in focus?",
    "cause": "What is wrong with it?",
    "adjust": "Where does the focus lie?",
    "denoise": "The picture with less noise",
    "segment": "What each pixel shows",
}
_TESTS: Final = 20
_CHANGES: Final = 10


@dataclass(frozen=True, slots=True)
class TaskSeat:
    """Who judges one task here. `since`, `who` and `why` are of the last change; `damaged`: why nobody knows."""

    task: ModelTask
    champion: str = MHFD
    title: str = ""
    since: str = ""
    who: str = ""
    why: str = ""
    challenger: str | None = None
    challenges: str = ""
    damaged: str = ""
    changes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the task is."""
        return TASK_WORDS[self.task]


def models(env: Environment, journal: JournalView, home: Path, instrument: str | None, root: str) -> str:
    """The whole page."""
    tests = retested(journal)
    last = next((one for one in reversed(tests) if one.answer is not None), None)
    return env.get_template("models.html").render(
        name=banner.name_of(root),
        instrument=instrument,
        home=str(home),
        seats=seats(Library(home), instrument),
        judging=champion_now(journal),
        speakers=[Speaker(*row) for row in journal.speakers()],
        summary=summary(tests),
        agreed=agreed(tests),
        last=last,
        tests=_newest(tests, but=last),
    )


def seats(library: Library, instrument: str | None) -> list[TaskSeat]:
    """Every task in which a package ever had a place at this microscope; and focus, which everybody asks about."""
    found = [_seat(library, task, instrument) for task in TASKS]
    return [one for one in found if one.task == "focus" or one.damaged or one.changes or one.champion != MHFD]


def _seat(library: Library, task: ModelTask, instrument: str | None) -> TaskSeat:
    try:
        champion, challenger = library.champion_name(task, instrument), library.challenger_name(task, instrument)
        told = [one.change for one in library.history(task, instrument) if one.in_effect]
        if not told and instrument is not None:  # who judges wherever no microscope is named
            told = [one.change for one in library.history(task) if one.in_effect]
        crowned = [one for one in told if one.role == "champion"]
        challenges = [one for one in told if one.role == "challenger" and one.after == challenger]
        last = crowned[-1] if crowned else None
        return TaskSeat(
            task,
            champion,
            _title(library, champion),
            "" if last is None else _when(last),
            "" if last is None else last.who,
            "" if last is None else _why(last),
            None if challenger is None else f"{_title(library, challenger)} {challenger[:8]}",
            challenges[-1].why if challenges else "",
            changes=tuple(_told(library, one) for one in told[-_CHANGES:][::-1]),
        )
    except MhfdError as error:
        return TaskSeat(task, "unknown", damaged=str(error))


def _title(library: Library, name: str) -> str:
    """What people call it; MhfdError says of one that is gone or damaged."""
    if name == MHFD:
        return "mhfd, by its own measure"
    return library.find(name).card.title


def _why(change: ChampionChange) -> str:
    return change.why or ("an operator's word" if change.kind == "rolled back" else "")


def _when(change: ChampionChange) -> str:
    return lately(datetime.fromisoformat(change.at).timestamp())


def _told(library: Library, change: ChampionChange) -> str:
    def called(name: str) -> str:
        try:
            return f"{_title(library, name)} {name[:8]}" if name != MHFD else MHFD
        except MhfdError:
            return name[:8]

    why = f": {change.why}" if change.why else ""
    return f"{_when(change)} {change.kind} {called(change.before)} → {called(change.after)}, by {change.who}{why}"


def _newest(tests: Sequence[Retested], *, but: Retested | None) -> list[str]:
    """The newest tests, the last answered one left out: it stands above."""

    def rest() -> Iterator[str]:
        yield from (one.words for one in reversed(tests) if one is not but)

    return [words for _, words in zip(range(_TESTS), rest(), strict=False)]
