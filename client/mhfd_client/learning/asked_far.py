"""Work of learning on an endpoint: asked for by a key that follows from what is asked, followed, and left.

The same words are the same work: typed again, after Ctrl-C, a crash or a cancel, they go on where it is. Knows no
function by name, and nothing of what it answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import UsageError
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.errors import StationError, WorkNotDone
from mhfd_client.progress import bar
from mhfd_client.works.following import follow
from mhfd_client.works.kept_work import KeptWork, known
from mhfd_client.works.told import answer_told, left_told, next_told, on_bar

_PURPOSE: Final = {"purpose": "train"}
"""What an endpoint that offers trainings has a process of its own for."""
_TURN_S: Final = 3600.0
"""So long it goes on while nobody follows it."""
_TURN_ALONE_S: Final = 120.0
"""... where the one worker can say how far it is only after its turn."""
_NOT_THE_WORK: Final = ("after", "turn_s")
_KEY_DIGITS: Final = 10

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class FarPlace:
    """Which endpoint, and what is said of it.

    Args:
        endpoint: Its id.
        key: Of the work; nothing: one that follows from what is asked.
        into: A folder of the endpoint's; nothing: in the first that it may write.
        maps: `HERE=THERE`: what the endpoint calls folders of this machine.
        options: What is chosen of its configuration, beside `purpose = "train"`.
    """

    endpoint: str | UUID
    key: str | None = None
    into: str | None = None
    maps: Mapping[str, str] | Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> dict[str, Any]:
        """What is chosen of its configuration, with what is usual; what is said to be empty is left out."""
        return {name: value for name, value in {**_PURPOSE, **self.options}.items() if value != ""}

    @property
    def turn_s(self) -> float:
        """How long a turn is to last."""
        return _TURN_S if self.chosen.get("purpose") == "train" else _TURN_ALONE_S


def keyed(
    function: str, called: str, request: Mapping[str, Any], where: FarPlace, *, afresh: bool
) -> tuple[str, str | None]:
    """The key of this work, and that of an earlier one, which was cancelled, that it goes on from.

    Args:
        function: The work's.
        called: What a new key begins with.
        request: What is asked.
        where: The endpoint.
        afresh: Begin anew, though the same is known.

    Raises:
        UsageError: The key is that of a work which was cancelled.
    """
    works, endpoint = known(), endpoint_of(where.endpoint)
    mine = [
        one
        for one in works
        if (one.function, one.endpoint) == (function, endpoint)
        and where.into in (None, one.into)
        and _work_of(one.request) == _work_of(request)
    ]
    going = [one for one in mine if one.state != WorkState.CANCELLED and where.key in (None, one.key)]
    if going and (where.key is not None or not afresh):
        return going[0].key, going[0].request.get("after")
    if any(one.key == where.key for one in mine):
        raise UsageError(
            f"key: {where.key} was cancelled, and stays so; leave --key out, or say another: it goes on from there"
        )
    kept_something = [one for one in mine if one.answer and one.answer.progress and one.answer.progress.done > 0]
    after = kept_something[0].key if kept_something and not afresh else None
    if where.key is not None:
        return where.key, after
    told = json.dumps([str(endpoint), where.into, _work_of(request)], sort_keys=True)
    own = f"{called}-{hashlib.sha256(told.encode()).hexdigest()[:_KEY_DIGITS]}"
    taken = {one.key for one in works}
    return next(name for name in numbered(own) if name not in taken), after


def numbered(own: str) -> Iterator[str]:
    """A name, and what the next ones are called."""
    yield own
    number = 2
    while True:
        yield f"{own}-{number}"
        number += 1


def _work_of(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _NOT_THE_WORK}


def done(kept: KeptWork, what: str, tell: Tell, progress: bool | None, *, called: str) -> WorkAnswer:
    """What a work ended with, once it has an end. WorkNotDone where that is none that anybody wanted.

    Args:
        kept: The work.
        what: On the bar.
        tell: Told in words what is being done.
        progress: A bar; nothing: where somebody looks.
        called: What it is, in words: `training`.
    """
    *_, end = going(kept, what, tell, progress, called=called)
    return end


def going(
    kept: KeptWork, what: str, tell: Tell, progress: bool | None, *, called: str
) -> Generator[WorkAnswer, None, None]:
    """What is heard of a work, each time; what it ended with is the last. As `done`."""
    for heard in _followed(kept, what, tell, progress):
        answer = heard
        yield heard
    if answer.state is not WorkState.DONE:
        raise WorkNotDone(f"{called} {kept.key}: {answer_told(answer)}; {_next(kept)}")


def _followed(kept: KeptWork, what: str, tell: Tell, progress: bool | None) -> Generator[WorkAnswer, None, None]:
    told = ""
    with (
        _left(kept, tell),
        bar(None, progress, what=what, transient=True) as shown,
        closing(follow(kept, say=lambda words: (shown.say(words), tell(words)))) as heard,
    ):
        for event in heard:
            on_bar(shown, event.answer)
            note = "" if event.answer.progress is None else event.answer.progress.note
            if note and note != told:
                told = note
                shown.note(note)
                tell(note)
            yield event.answer


@contextmanager
def _left(kept: KeptWork, tell: Tell) -> Iterator[None]:
    """Whatever ends the waiting, the work can be gone on with, and that is said."""
    goes_on = (
        f"the same again goes on with it, as does mhfd work follow {kept.key}; mhfd work cancel {kept.key} ends it"
    )
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"not followed any more: {left_told(kept)}; {goes_on}")
        raise
    except StationError as error:
        error.add_note(goes_on)
        tell(goes_on)
        raise


def _next(kept: KeptWork) -> str:
    if kept.state == WorkState.CANCELLED:
        return "the same again goes on from its last checkpoint, under another key"
    if kept.state == WorkState.FAILED:
        return "it would fail again; change what is asked"
    return next_told(kept)
