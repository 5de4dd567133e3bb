"""What somebody has asked of an endpoint that is held open: a future for one image, or for a table of several.

Futures are those of `concurrent.futures`, so that whatever waits for such (`wait`, `as_completed`, `asyncio`) waits for
these. Nothing here knows an endpoint.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.naming import Naming
from mhfd_client.scoring.items import Item
from mhfd_client.scoring.table import Row, Table

Kind = TypeVar("Kind")


class Answer(Future[Kind], Generic[Kind]):
    """A future that can be cancelled until it is done: nobody waits any more; what is out there is not called back."""

    def cancel(self) -> bool:
        """Whether it was not done yet."""
        before, cancelled = self.cancelled(), super().cancel()
        if cancelled and not before:
            with suppress(InvalidStateError):  # another thread was as quick
                self.set_running_or_notify_cancel()  # or who waits for it does not hear
        return cancelled

    def give(self, value: Kind) -> None:
        """Done, unless it is already."""
        with suppress(InvalidStateError):
            self.set_result(value)

    def fail(self, error: Exception) -> None:
        """Not to be done, unless it is already. Each future gets an error of its own, without where it came from."""
        own = copy.copy(error).with_traceback(None)
        own.__cause__, own.__context__, own.__suppress_context__ = None, None, True
        with suppress(InvalidStateError):
            self.set_exception(own)


@dataclass(slots=True, eq=False)
class AskedImage:
    """One image that somebody waits for."""

    item: Item
    params: Params
    names: Naming
    timeout: float | None = None
    """Seconds; nothing: it is waited for without end."""
    until: float | None = None
    """When nobody waits any more, by `time.monotonic`."""
    future: Answer[Row] = field(default_factory=Answer)

    def scored(self, report: FocusReport) -> None:
        """It has its report."""
        place = self.names.place(self.item.path)
        self.future.give(Row(self.item.path, report, place.section, place.tile))


def table_from(rows: Sequence[Future[Row]]) -> Future[Table]:
    """The table of these, in their order, once all are done; the first error if there is one."""
    table: Answer[Table] = Answer()
    left, lock = len(rows), Lock()

    def one_more(row: Future[Row]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if row.cancelled():
            table.cancel()
        elif (error := row.exception()) is not None:
            table.fail(error if isinstance(error, Exception) else RuntimeError(str(error)))
        elif last and not table.done():
            table.give(Table(one.result() for one in rows))

    def given_up(_: Future[Any]) -> None:
        if table.cancelled():
            for row in rows:
                row.cancel()

    table.add_done_callback(given_up)
    for row in rows:
        row.add_done_callback(one_more)
    return table
