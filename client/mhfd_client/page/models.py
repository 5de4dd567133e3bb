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
from mhfd.learning.packages.history import NOBODY
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
    """Who judges one task here. `since`, `who` and `why` are of the last change.

    `damaged`: why nobody knows who judges. `gone`: why the champion, who is known, cannot be asked.
    """

    task: ModelTask
    champion: str = MHFD
    title: str = ""
    since: str = ""
    who: str = ""
    why: str = ""
    challenger: str | None = None
    challenges: str = ""
    damaged: str = ""
    gone: str = ""
    changes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the task is."""
        return TASK_WORDS[self.task]


def models(env: Environment, journal: JournalView, home: Path, instrument: str | None, root: str) -> str:
    """The whole page."""
    tests = retested(journal)
    last = next((one for one in reversed(tests) if one.answer is not None), None)
    library = Library(home)
    titles = PackageTitles(library)
    return env.get_template("models.html").render(
        name=banner.name_of(root),
        instrument=instrument,
        home=str(home),
        seats=seats(library, instrument, titles),
        elsewhere=elsewhere(library, instrument, titles),
        judging=champion_now(journal),
        speakers=[Speaker(*row) for row in journal.speakers()],
        summary=summary(tests),
        agreed=agreed(tests),
        last=last,
        tests=_newest(tests, but=last),
    )


def seats(library: Library, instrument: str | None, titles: PackageTitles) -> list[TaskSeat]:
    """Every task in which a package ever had a place at this microscope; and focus, which everybody asks about."""
    found = [_seat(library, titles, task, instrument) for task in TASKS]
    return [one for one in found if one.task == "focus" or one.damaged or one.changes or one.champion != MHFD]


def elsewhere(library: Library, instrument: str | None, titles: PackageTitles) -> list[str]:
    """Who judges at the other microscopes of the library, a line each, where it is another than here."""
    lines = []
    for name in library.instruments():
        for task in TASKS if name != instrument else ():
            try:
                there = library.champion_name(task, name)
                if there != library.champion_name(task, instrument):
                    lines.append(f"{name}: {titles.short(there)} judges {task}")
            except MhfdError as error:
                lines.append(f"{name}: {error}")
    return lines


class PackageTitles:
    """What people call packages: each is read once a page, and alone, since a page of a watch may not wait for all."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: dict[str, str | MhfdError] = {}

    def of(self, name: str) -> str:
        """Its title; MhfdError says of one that is gone or damaged."""
        if name not in self._known:
            self._known[name] = self._read(name)
        found = self._known[name]
        if isinstance(found, MhfdError):
            raise found
        return found

    def short(self, name: str) -> str:
        """Title and the first digits; of one that is gone or damaged these alone."""
        try:
            return name if name in (MHFD, NOBODY) else f"{self.of(name)} {name[:8]}"
        except MhfdError:
            return name[:8]

    def _read(self, name: str) -> str | MhfdError:
        if name == MHFD:
            return "mhfd, by its own measure"
        folder = self._library.folder_of(name)
        try:
            return self._library.find(name if folder is None else str(folder)).card.title
        except MhfdError as error:
            return error


def _seat(library: Library, titles: PackageTitles, task: ModelTask, instrument: str | None) -> TaskSeat:
    try:
        champion, challenger = library.champion_name(task, instrument), library.challenger_name(task, instrument)
        told = [one.change for one in library.history(task, instrument) if one.in_effect]
        if not told and instrument is not None:  # who judges wherever no microscope is named
            told = [one.change for one in library.history(task) if one.in_effect]
        crowned = [one for one in told if one.role == "champion"]
        challenges = [one for one in told if one.role == "challenger" and one.after == challenger]
        last = crowned[-1] if crowned else None
        title, gone = champion[:8], ""
        try:
            title = titles.of(champion)
        except MhfdError as error:
            gone = str(error)
        return TaskSeat(
            task,
            champion,
            title,
            "" if last is None else _when(last),
            "" if last is None else last.who,
            "" if last is None else _why(last),
            None if challenger is None else titles.short(challenger),
            challenges[-1].why if challenges else "",
            gone=gone,
            changes=tuple(_told(titles, one) for one in told[-_CHANGES:][::-1]),
        )
    except MhfdError as error:
        return TaskSeat(task, "unknown", damaged=str(error))


def _why(change: ChampionChange) -> str:
    return change.why or ("an operator's word" if change.kind == "rolled back" else "")


def _when(change: ChampionChange) -> str:
    return lately(datetime.fromisoformat(change.at).timestamp())


def _told(titles: PackageTitles, change: ChampionChange) -> str:
    why = f": {change.why}" if change.why else ""
    what = f"{change.kind} {titles.short(change.before)} → {titles.short(change.after)}"
    if change.kind == "challenges":
        what = f"challenged by {titles.short(change.after)}"
    elif change.kind == "challenge ended":
        what = f"no longer challenged by {titles.short(change.before)}"
    return f"{_when(change)} {what}, by {change.who}{why}"


def _newest(tests: Sequence[Retested], *, but: Retested | None) -> list[str]:
    """The newest tests, the last answered one left out: it stands above."""

    def rest() -> Iterator[str]:
        yield from (one.words for one in reversed(tests) if one is not but)

    return [words for _, words in zip(range(_TESTS), rest(), strict=False)]
