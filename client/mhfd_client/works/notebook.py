"""`mhfd_client.work(function, request, endpoint=...)`: work on an endpoint, for whoever has a notebook.

It waits and shows how far the work is. Ctrl-C, a crash and a closed laptop lose nothing: `resume_work(key)` goes on.
"""

import html
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final
from uuid import UUID

from mhfd.contract.work import WorkAnswer
from mhfd_client.errors import StationError
from mhfd_client.printing import printable
from mhfd_client.progress import Bar, bar
from mhfd_client.runners.work import Ended, Going
from mhfd_client.surface import brief
from mhfd_client.times import local
from mhfd_client.works.beginning import begin
from mhfd_client.works.following import cancel, follow
from mhfd_client.works.kept_work import KeptWork, Via, known
from mhfd_client.works.told import left_told, on_bar, state_told

_HEAD: Final = ("key", "function", "begun", "how it is")
_log = logging.getLogger("mhfd")
Events = Generator[Going | Ended, None, None]


@brief
def work(
    function: str,
    request: Mapping[str, Any],
    *,
    endpoint: str | UUID | None = None,
    key: str | None = None,
    into: str | None = None,
    via: Via = "compute",
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> WorkAnswer:
    """Have work done on an endpoint, show how it goes, and give what became of it.

    Args:
        function: Of those that mhfd registers: `mhfd_examine`, ...
        request: The function's own fields.
        endpoint: Where; with a flow nothing for the settings' own.
        key: Of the work: the same key and request are the same work. Nothing: a new one, which is shown.
        into: A folder of the endpoint's, in which the work has its own; nothing: in the first that it may write.
        via: `compute`: the endpoint sees what the request names. `flow`: runs of a flow bring it there.
        options: What is chosen of the endpoint's configuration, as `{"purpose": "train"}`.
        settings: With a flow: what differs from the user's settings, by dotted names.
        progress: A progress bar; nothing for one when somebody looks.
    """
    with bar(None, progress, what=function) as shown:
        kept = begin(function, request, endpoint=endpoint, key=key, into=into, via=via, options=options, say=shown.say)
        return _end(kept, follow, shown)


@brief
def resume_work(key: str, *, progress: bool | None = None) -> WorkAnswer:
    """Go on with a work of this user's, after a crash or Ctrl-C; of one that is done, its result.

    Args:
        key: As it was shown at the beginning; `known_works()` lists them.
        progress: As for `work`.
    """
    kept = KeptWork.named(key)
    with bar(None, progress, what=kept.function) as shown:
        return _end(kept, follow, shown)


@brief
def cancel_work(key: str, *, progress: bool | None = None) -> WorkAnswer:
    """End a work of this user's, whoever has it: at its next checkpoint. What became of it.

    Args:
        key: As for `resume_work`.
        progress: As for `work`.
    """
    kept = KeptWork.named(key)
    with bar(None, progress, what=kept.function) as shown:
        return _end(kept, cancel, shown)


class KnownWorks(tuple[KeptWork, ...]):
    """The works of this user that this machine knows; shows itself in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [f"{one.key}  {one.function}  {local(one.begun_s)}  {state_told(one)}" for one in self]
        return "\n".join(map(printable, rows)) or "no works"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEAD)
        cells = [(one.key, one.function, local(one.begun_s), state_told(one)) for one in self]
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(printable(c))}</td>' for c in row)}</tr>" for row in cells)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def known_works() -> KnownWorks:
    """The works that this user began on this machine, as far as it has heard of them. Asks nobody."""
    return KnownWorks(known())


def _end(kept: KeptWork, asked: Callable[..., Events], shown: Bar) -> WorkAnswer:
    with _key_named(kept), closing(asked(kept, say=shown.say)) as heard:
        shown.note(f'after a crash or Ctrl-C: mhfd_client.resume_work("{kept.key}")')
        for event in heard:
            on_bar(shown, event.answer)
    return event.answer  # its end


@contextmanager
def _key_named(kept: KeptWork) -> Iterator[None]:
    """Whatever ends the waiting loses nothing, and says so."""
    how = f'mhfd_client.resume_work("{kept.key}") goes on'
    try:
        yield
    except KeyboardInterrupt:
        _log.warning("%s; %s", left_told(kept), how)
        raise
    except StationError as error:
        error.add_note(how)
        raise
