"""The hour itself: every question after the other, whatever the one before came to, and then everything removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Final

from mhfd.errors import UsageError
from mhfd_client.errors import FlowRefused
from mhfd_client.first_hour import of_compute, of_flows, of_moving
from mhfd_client.first_hour.answers import Seen, Standing, unanswered
from mhfd_client.first_hour.asker import Asker
from mhfd_client.first_hour.definitions import probe, schema
from mhfd_client.first_hour.guesses import BY_ID, GUESSES
from mhfd_client.first_hour.question import HourQuestion
from mhfd_client.first_hour.record import HourRecord
from mhfd_flows.shipped import FLOWS

QUESTIONS: Final[tuple[HourQuestion, ...]] = (
    of_flows.FIRST,
    *of_compute.QUESTIONS,
    *of_flows.QUESTIONS,
    *of_moving.QUESTIONS,
)
"""In their order: the consent first, then what a person most wants to know."""


def chosen(only: Collection[str]) -> tuple[HourQuestion, ...]:
    """The questions that answer these guesses; all without any. UsageError for one that is none."""
    if unknown := sorted(set(only) - BY_ID.keys()):
        raise UsageError(f"--only: there is no guess {', '.join(unknown)}; --list shows those there are")
    return tuple(one for one in QUESTIONS if not only or set(only) & set(one.guesses))


def foretold(questions: Collection[HourQuestion], asker: Asker) -> Iterator[str]:
    """What will be done, before it is: what is made, moved and removed, and what it costs."""
    site = asker.site
    yield "This asks the real Globus, as you, what mhfd takes for granted of it:"
    for one in questions:
        yield f"  - {one.does}"
    yield (
        f"It makes one flow, changes it and deletes it at the end; three images of 256 x 256 pixels in a folder of its "
        f"own below {site.near_here}; folders of its own in {site.staging_path} of collection {site.staging}. It "
        "removes them at the end."
    )
    yield (
        "It costs some 25 short runs, a few transfers of less than 1 MB, and three tasks of seconds on the endpoint, "
        "which may have to start a worker. It takes 20 to 60 minutes. Its runs stay visible to you for 90 days."
    )


def first_hour(
    asker: Asker,
    record: HourRecord,
    questions: Collection[HourQuestion],
    *,
    say: Callable[[str], None],
    tell: Callable[[Seen], None],
) -> HourRecord:
    """Ask everything, clean up, and say what was seen. What cannot begin at all raises: LoginError, FlowError.

    Args:
        asker: The services.
        record: Where what is seen is kept.
        questions: Of `chosen`.
        say: A line for the person who waits.
        tell: What was seen of a guess, as soon as it is.
    """
    _begin(asker, say)
    record.services = {"flows": asker.flows.base_url, "transfer": asker.transfer.base_url}
    for question in questions:
        if question is not of_flows.FIRST and asker.mapped != asker.site.mapped:
            asker.agree(mapped=True)
        say(f"... {question.does}")
        for seen in _asked(question, asker):
            record.seen[seen.guess] = seen
            tell(seen)
    say("... removes what it made")
    record.left, record.over = asker.clean(), True
    return record


def clean_before(asker: Asker, say: Callable[[str], None]) -> list[str]:
    """Remove what an hour before this one has left; what could not be."""
    if not asker.left.entries:
        return []
    say("an hour before this one was interrupted, and left:")
    for words in asker.left.words():
        say(f"  {words}")
    return asker.clean()


def _begin(asker: Asker, say: Callable[[str], None]) -> None:
    asker.agree(mapped=False)
    asker.find_forgotten()
    if left := clean_before(asker, say):
        raise UsageError(f"these could not be removed, and must be first: {'; '.join(left)}")
    _deploy(asker)
    say(f"the hour's flow is {asker.flow}")
    asker.agree(mapped=not asker.site.mapped)


def _deploy(asker: Asker) -> None:
    """Make the flow, of whatever the service takes: what it refuses is a matter of the questions."""
    try:
        asker.deploy(probe("first"), schema())
    except FlowRefused:
        shipped = FLOWS["focus_check"]
        asker.deploy(shipped.document, shipped.input_schema)


def _asked(question: HourQuestion, asker: Asker) -> Iterator[Seen]:
    """What was seen of each of its guesses, of all of them, whatever happens."""
    waits, began = list(question.guesses), time.monotonic()
    why = "the question gave no answer"
    try:
        for seen in question.ask(asker):
            waits.remove(seen.guess)
            yield replace(seen, took_s=time.monotonic() - began)
    except Exception as error:  # the hour goes on: whatever a real service does, the other questions are asked
        why = f"{type(error).__name__}: {error}"
    for guess in waits:
        yield replace(unanswered(guess, why), took_s=time.monotonic() - began)


def summary(record: HourRecord) -> Iterator[str]:
    """At the end: how many guesses stand how."""
    yield ", ".join(f"{len(record.having(one))} {one.value}" for one in Standing) + f", of {len(GUESSES)} guesses"
    for line in record.left:
        yield f"left behind: {line}"
