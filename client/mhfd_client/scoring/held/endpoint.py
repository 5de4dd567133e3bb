"""`mhfd_client.Endpoint`: an endpoint that is held open, and futures of what it is asked.

For programs that ask again and again: a loop at a microscope, a notebook, a service. The connection is made once, and
again when it was lost for good. One call of many images that must survive a crash is `mhfd_client.score`'s.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import as_completed as completed
from itertools import chain, islice
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self, cast, overload
from uuid import UUID

from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd_client import naming
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.errors import EndpointClosed
from mhfd_client.scoring.held.asked import AskedImage, table_from
from mhfd_client.scoring.held.connection import HeldConnection
from mhfd_client.scoring.items import items_of
from mhfd_client.scoring.table import Row, Table
from mhfd_client.surface import brief

ImagePath = str | os.PathLike[str]
AHEAD: Final = 1024
"""Images that `map` and `as_completed` have asked for, at most, beyond those that were taken from them."""


class Endpoint:
    """An endpoint of Globus Compute. May be used by any number of threads; opened by the first that asks.

    As a context it is opened at its beginning, which says at once what is wrong, and closed at its end: after all
    answers, or at once when an exception ends it.

    Args:
        id: Its id.
        map: Where it has this machine's folders, `{"/mnt/sem": "/eagle/sem"}`. Without it, paths are the endpoint's.
        params: Of all images for which nothing else is said: `Params(...)`, a preset's name, or nothing for `robust`.
        timeout: Seconds after which an image that has no answer fails with `AnswerLate`; nothing: none does.
    """

    def __init__(
        self,
        id: str | UUID,  # noqa: A002 - what it is called everywhere
        *,
        map: Mapping[str, str] | Iterable[str] | None = None,  # noqa: A002 - what it is called on the command line
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> None:
        self.id = endpoint_of(id)
        self._map = PathMap.of(map)
        self._params, self._timeout = Params.of(params), _checked(timeout)
        self._lock = threading.Lock()
        self._connection: HeldConnection | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Endpoint({str(self.id)!r}{', closed' if self._closed else ''})"

    @brief
    def open(self) -> Self:
        """Connect now, as the first image does otherwise. What is wrong is raised: NotLoggedIn, EndpointOffline, ..."""
        self.opening().result()
        return self

    def opening(self) -> Future[None]:
        """The same as a future."""
        return self._connected().opened

    @overload
    def submit(  # type: ignore[overload-overlap] # a text is one path
        self, path: ImagePath, *, params: Params | str | None = None, timeout: float | None = None
    ) -> Future[Row]: ...
    @overload
    def submit(
        self, path: Iterable[ImagePath], *, params: Params | str | None = None, timeout: float | None = None
    ) -> Future[Table]: ...
    @brief
    def submit(
        self,
        path: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> Future[Row] | Future[Table]:
        """A future of the image's row; of several paths, of their table. Never waits.

        What is wrong with an image is said in its report; what is wrong with the endpoint is the future's exception.
        Cancelled, it is not waited for any more: what is not handed over yet stays here.

        Args:
            path: One image, or many. With a map, patterns among many.
            params: As for the endpoint.
            timeout: As for the endpoint.
        """
        if isinstance(path, str | os.PathLike):
            return self._ask([path], params, timeout, one=True)[0]
        return table_from(self._ask(path, params, timeout))

    @brief
    def map(
        self,
        paths: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Row]:
        """Their rows, in the order of the paths. Asked for at once; leaving it early takes back what waits."""
        rest = self.requests(paths, params, timeout)
        return _in_order(list(islice(rest, AHEAD)), rest)

    @overload
    def as_completed(
        self, what: Iterable[Future[Row]], *, params: Params | str | None = None, timeout: float | None = None
    ) -> Iterator[Future[Row]]: ...
    @overload
    def as_completed(
        self,
        what: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Row]: ...
    @brief
    def as_completed(
        self,
        what: ImagePath | Iterable[ImagePath] | Iterable[Future[Row]],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Row] | Iterator[Future[Row]]:
        """As `map`, in the order of completion. Of futures, as `concurrent.futures.as_completed`."""
        if isinstance(what, str | os.PathLike):
            what = [what]
        many = iter(what)
        for first in many:
            if isinstance(first, Future):
                return completed([first, *cast("Iterator[Future[Row]]", many)], timeout)
            rest = self.requests(chain([first], cast("Iterator[ImagePath]", many)), params, timeout)
            break
        else:
            return iter(())
        return _as_done(list(islice(rest, AHEAD)), rest)

    def close(self, *, wait: bool = True, cancel: bool = False) -> None:
        """Take no more, and let go of the connection. May be repeated.

        Args:
            wait: Until all that was asked has its answer.
            cancel: Cancel what has none yet. What the endpoint has begun goes on there, and is left aside.
        """
        with self._lock:
            self._closed = True
            connection = self._connection
        if connection is not None:
            connection.close(wait=wait, cancel=cancel)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    # -- asking

    def _connected(self, asked: Sequence[AskedImage] = ()) -> HeldConnection:
        """The connection, or another one when that is over; it has taken what is asked."""
        with self._lock:
            if self._closed:
                raise EndpointClosed(f"endpoint {self.id} is closed here: make another `Endpoint`")
            if self._connection is None or not self._connection.ask(asked):
                self._connection = HeldConnection(self.id, asked)
            return self._connection

    def _ask(
        self,
        paths: Iterable[ImagePath],
        params: Params | str | None,
        timeout: float | None,
        *,
        one: bool = False,
    ) -> list[Future[Row]]:
        named = [os.fspath(path) for path in paths]
        items = items_of(named, self._map, self.id)
        if not items:
            raise UsageError("paths: there are none; give a path, or a list of them")
        if one and len(items) > 1:
            raise UsageError(f"path: {named[0]} is a pattern of {len(items)} files; put it into a list, or use map")
        names = naming.detect(item.path for item in items).naming
        chosen = self._params if params is None else Params.of(params)
        seconds = self._timeout if timeout is None else _checked(timeout)
        until = None if seconds is None else time.monotonic() + seconds
        asked = [AskedImage(item, chosen, names, seconds, until) for item in items]
        self._connected(asked)
        return [image.future for image in asked]

    def requests(
        self, paths: ImagePath | Iterable[ImagePath], params: Params | str | None, timeout: float | None
    ) -> Iterator[Future[Row]]:
        """Futures, asked for as they are taken, so many at a time that they go together."""
        many = iter([paths] if isinstance(paths, str | os.PathLike) else paths)
        while some := list(islice(many, AHEAD)):
            yield from self._ask(some, params, timeout)


def _in_order(futures: list[Future[Row]], rest: Iterator[Future[Row]]) -> Iterator[Row]:
    futures.reverse()
    try:
        while futures:
            row = futures.pop().result()
            if (more := next(rest, None)) is not None:
                futures.insert(0, more)
            yield row
    finally:
        for future in futures:
            future.cancel()


def _as_done(futures: list[Future[Row]], rest: Iterator[Future[Row]]) -> Iterator[Row]:
    done: SimpleQueue[Future[Row]] = SimpleQueue()
    waiting = set(futures)
    for future in futures:
        future.add_done_callback(done.put)
    try:
        while waiting:
            future = done.get()
            waiting.discard(future)
            if (more := next(rest, None)) is not None:
                waiting.add(more)
                more.add_done_callback(done.put)
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()


def _checked(timeout: float | None) -> float | None:
    if timeout is not None and not timeout > 0:
        raise UsageError(f"timeout: {timeout!r} is no time to wait; give seconds, or leave it out")
    return timeout
