"""What tests of who judges said of a run: how many were made, what the last one said, what is asked again and why.

Reads what the journal keeps; it asks nobody. What a champion says of one image decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mhfd.contract.estimate import SHORT
from mhfd_client.files import text_of
from mhfd_client.journal.rows import RetestReason, RetestRow
from mhfd_client.journal.view import JournalView
from mhfd_client.times import SECOND, iso_ns, utc


class RetestAnswer(BaseModel):
    """What came of one test, as the journal keeps it. What is not known is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    by: Literal["local", "compute", "flow"]
    skipped: str | None = None  # why nobody was asked, though the test is done
    instrument: str = ""
    champion: str | None = None  # null: mhfd
    title: str = "mhfd"
    here: float | None = None  # how likely the image is out of focus, as the watch was told
    there: float | None = None  # and as the test was
    differs: str | None = None  # what to look at where the two are not the same
    says_bad: bool | None = None
    bad: bool | None = None  # its label, when it was tested
    said_by: str | None = None
    far: float | None = None  # of the image's rings from those of the training set; 1 is the edge
    others: dict[str, float] = {}  # what the others who were asked say, by name
    line: str = ""  # the decision and its reason

    @property
    def right(self) -> bool | None:
        """Whether the champion says what a person did."""
        return None if self.bad is None or self.says_bad is None else self.bad == self.says_bad


@dataclass(frozen=True, slots=True)
class Retested:
    """One test, with the name of its image."""

    row: RetestRow
    path: str
    answer: RetestAnswer | None

    @property
    def words(self) -> str:
        """All of it in one line."""
        drift = " on drift" if self.row.reason is RetestReason.DRIFT else ""
        head = f"test {self.row.number}{drift} of {self.path} {utc(self.row.due_ns / 1e9, SECOND)} UTC"
        if self.answer is None:
            again = f"is asked again: {self.row.why}" if self.row.why else "is asked next"
            return f"{head}: {again}"
        return f"{head}: {answer_words(self.answer)}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        row = self.row
        return {
            "name": row.name,
            "reason": row.reason.value,
            "number": row.number,
            "image": self.path,
            "judged": row.judged,
            "champion": row.package,
            "due": iso_ns(row.due_ns),
            "done": None if row.done_ns is None else iso_ns(row.done_ns),
            "tries": row.tries,
            "why": row.why,
            "answer": None if self.answer is None else self.answer.model_dump(mode="json"),
            "words": self.words,
        }


def retested(journal: JournalView) -> tuple[Retested, ...]:
    """Every test of the run, in the order in which they became due."""
    return tuple(
        Retested(row, text_of(journal.image(row.image).path), _answer(row.answer)) for row in journal.retests()
    )


def summary(tests: tuple[Retested, ...]) -> str:
    """As `re-tested 9 of 10, 1 is asked again`; empty where none was due."""
    if not tests:
        return ""
    left = [one for one in tests if one.row.answer is None]
    failed = [one for one in left if one.row.why]
    waits = len(left) - len(failed)
    said = f"re-tested {len(tests) - len(left):,} of {len(tests):,}"
    said += f", {len(failed):,} {'is' if len(failed) == 1 else 'are'} asked again" if failed else ""
    return said + (f", {waits:,} {'is' if waits == 1 else 'are'} asked next" if waits else "")


def lines(tests: tuple[Retested, ...]) -> list[str]:
    """For a person: how many, the last one that was answered, and the first that was not, with why."""
    done = [one for one in tests if one.row.answer is not None]
    failed = [one for one in tests if one.row.answer is None and one.row.why]
    said = (summary(tests), agreed(tests), *(one.words for one in (*done[-1:], *failed[:1])))
    return [line for line in said if line]


def agreed(tests: tuple[Retested, ...]) -> str:
    """How often who was asked last said what people did; empty where they have said nothing. It decides nothing."""
    answers = [one.answer for one in tests if one.answer is not None and one.answer.skipped is None]
    if not answers:
        return ""
    rights = [one.right for one in answers if one.champion == answers[-1].champion and one.right is not None]
    title = answers[-1].title
    return f"{title} said what people did of {sum(rights):,} of {len(rights):,} tests with their word" if rights else ""


def answer_words(answer: RetestAnswer) -> str:
    """What a test said."""
    if answer.skipped is not None:
        return f"nobody was asked: {answer.skipped}"
    name = answer.title if answer.champion is None else f"{answer.title} {answer.champion[:SHORT]}"
    number = answer.there if answer.there is not None else answer.here
    parts = [f"champion {name}" + ("" if number is None else f" {number:.2f}".replace(" 0.", " ."))]
    says = {True: "out of focus", False: "sharp", None: "says nothing"}[answer.says_bad]
    who = answer.said_by or "a person"
    label = {True: f", said out of focus by {who}", False: f", said sharp by {who}", None: ""}[answer.bad]
    verdict = {True: ": right", False: ": wrong", None: ""}[answer.right]
    parts[0] += f" ({says}{label}{verdict})"
    if answer.far is not None:
        parts.append(f"rings {answer.far:.2g} of the edge".replace(" 0.", " ."))
    if answer.differs is not None:
        parts.append(answer.differs)
    return ", ".join(parts) + (f"; {answer.line}" if answer.line else "")


def _answer(text: str | None) -> RetestAnswer | None:
    """None: there is none, or a newer or damaged one that cannot be read."""
    try:
        return None if text is None else RetestAnswer.model_validate_json(text)
    except ValidationError:
        return None
