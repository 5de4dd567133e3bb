"""The table of a call far away: `mhfd_client.score(paths, endpoint=...)` or `via="flow"`, and `reattach(token)`.

The images are scored far away; here their rows are put together, judged and shown as those of a local call. A small
picture is made only of a file that this machine can read.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import endpoint_of, reach
from mhfd_client.errors import StationError
from mhfd_client.progress import Bar, bar
from mhfd_client.scoring import flow_call
from mhfd_client.scoring.call import Results, scored_there
from mhfd_client.scoring.items import items_of
from mhfd_client.scoring.kept_call import Stored
from mhfd_client.scoring.table import Table, Wishes, table_of

_log = logging.getLogger("mhfd")


def begin(
    paths: Iterable[str],
    wishes: Wishes,
    *,
    endpoint: str | UUID,
    maps: Mapping[str, str] | Iterable[str] | None,
    reattach: str | None,
    params: Params,
) -> Table:
    """Score there. `reattach`: go on with that call, which must be of the same paths."""
    id_, mapped = endpoint_of(endpoint), PathMap.of(maps)
    with reach(id_) as reached:
        items = items_of(paths, mapped, id_)
        if not items:
            raise UsageError("paths: there are none; give a path, a pattern or a list of them")
        stored = Stored.new(id_, params, items) if reattach is None else Stored.open(reattach).of(id_, params, items)
        return _table(stored, lambda shown: scored_there(stored, lambda: reached, say=shown.say), wishes)


def begin_by_flow(
    paths: Sequence[str],
    wishes: Wishes,
    *,
    endpoint: str | UUID | None,
    settings: Mapping[str, Any],
    reattach: str | None,
    params: Params,
) -> Table:
    """The same by runs of the flow, which brings files of this machine there."""
    return _by_flow(flow_call.begin(paths, params, given=settings, endpoint=endpoint, reattach=reattach), wishes)


def go_on(token: str | None, wishes: Wishes) -> Table:
    """The table of an earlier call; what has no report yet is waited for, or asked again."""
    stored = Stored.latest() if token is None else Stored.open(token)
    if stored.via == "flow":
        return _by_flow(stored, wishes)
    with ExitStack() as stack:

        def scored(shown: Bar) -> Results:
            return scored_there(stored, lambda: stack.enter_context(reach(stored.endpoint)), say=shown.say)

        return _table(stored, scored, wishes)


def _by_flow(stored: Stored, wishes: Wishes) -> Table:
    def scored(shown: Bar) -> Results:
        return flow_call.scored_by_flow(stored, say=shown.say, left=_log.warning)

    return _table(stored, scored, wishes)


def _table(stored: Stored, scored: Callable[[Bar], Results], wishes: Wishes) -> Table:
    paths = [item.path for item in stored.items]
    pictures: dict[int, Future[bytes | None]] = {}
    with _threads() as threads, bar(len(paths), wishes.progress) as shown, _token_named(stored):

        def with_pictures(results: Iterable[tuple[int, FocusReport]]) -> Iterator[tuple[int, FocusReport]]:
            for index, report in results:
                if wishes.thumbnails:
                    pictures[index] = threads.submit(_picture, paths[index], report.image.bytes)
                yield index, report

        shown.note(f'after a crash: mhfd_client.reattach("{stored.token}")')
        with closing(scored(shown)) as results:
            return table_of(
                paths,
                with_pictures(results),
                wishes,
                pictures=lambda: {index: made.result() for index, made in pictures.items()},
                advance=shown.advance,
                token=stored.token,
            )


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """For small pictures, made beside the waiting; those that nobody waits for in the end are not made."""
    threads = ThreadPoolExecutor(2, thread_name_prefix="mhfd-pictures")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


@contextmanager
def _token_named(stored: Stored) -> Iterator[None]:
    """An error does not lose what is done, and says so."""
    try:
        yield
    except StationError as error:
        error.add_note(
            f"{len(stored.reports)} of {len(stored.items)} are done and kept; "
            f'mhfd_client.reattach("{stored.token}") goes on'
        )
        raise


def _picture(path: str, size: int | None) -> bytes | None:
    """None where the file is not here, or not the one that was scored."""
    try:
        if size is None or os.stat(path).st_size != size:  # noqa: PTH116 - names that are no UTF-8
            return None
    except (OSError, ValueError):
        return None
    from mhfd import images
    from mhfd_client.runners.thumbnails import jpeg

    try:
        with images.opened(path) as image:
            return None if image.rows is None else jpeg(image.rows)
    except images.Flaw:
        return None
