"""`mhfd_client.AsyncEndpoint`: the same for programs that run in `asyncio`. No thread waits for an image."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Future
from itertools import islice
from types import TracebackType
from typing import Self, overload
from uuid import UUID

from mhfd.contract.params import Params
from mhfd_client.scoring.held.endpoint import AHEAD, Endpoint, ImagePath
from mhfd_client.scoring.table import Row, Table
from mhfd_client.surface import brief


class AsyncEndpoint:
    """An endpoint of Globus Compute, to be used as `async with AsyncEndpoint(id) as gpu: row = await gpu.submit(path)`.

    Args:
        id: As for `Endpoint`.
        map: As for `Endpoint`.
        params: As for `Endpoint`.
        timeout: As for `Endpoint`.
    """

    def __init__(
        self,
        id: str | UUID,  # noqa: A002 - what it is called everywhere
        *,
        map: Mapping[str, str] | Iterable[str] | None = None,  # noqa: A002 - what it is called on the command line
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._endpoint = Endpoint(id, map=map, params=params, timeout=timeout)

    def __repr__(self) -> str:
        return f"Async{self._endpoint!r}"

    @property
    def id(self) -> UUID:
        """The endpoint's."""
        return self._endpoint.id

    async def open(self) -> Self:
        """As for `Endpoint`."""
        await asyncio.wrap_future(self._endpoint.opening())
        return self

    @overload
    def submit(  # type: ignore[overload-overlap] # a text is one path
        self, path: ImagePath, *, params: Params | str | None = None, timeout: float | None = None
    ) -> asyncio.Future[Row]: ...
    @overload
    def submit(
        self, path: Iterable[ImagePath], *, params: Params | str | None = None, timeout: float | None = None
    ) -> asyncio.Future[Table]: ...
    @brief
    def submit(
        self,
        path: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> asyncio.Future[Row] | asyncio.Future[Table]:
        """What is awaited for the image's row; of several paths, for their table. Asked for at once."""
        if isinstance(path, str | os.PathLike):
            return asyncio.wrap_future(self._endpoint.submit(path, params=params, timeout=timeout))
        return asyncio.wrap_future(self._endpoint.submit(path, params=params, timeout=timeout))

    async def map(
        self,
        paths: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Row]:
        """Their rows, in the order of the paths."""
        rest = self._endpoint.requests(paths, params, timeout)
        asked = [asyncio.wrap_future(future) for future in islice(rest, AHEAD)][::-1]
        try:
            while asked:
                row = await asked.pop()
                asked[:0] = [asyncio.wrap_future(more) for more in islice(rest, 1)]
                yield row
        finally:
            for future in asked:
                future.cancel()

    async def as_completed(
        self,
        paths: ImagePath | Iterable[ImagePath],
        *,
        params: Params | str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Row]:
        """Their rows, in the order of completion."""
        rest = self._endpoint.requests(paths, params, timeout)
        done: asyncio.Queue[asyncio.Future[Row]] = asyncio.Queue()
        waiting: set[asyncio.Future[Row]] = set()

        def wait_for(some: Iterable[Future[Row]]) -> None:
            for future in some:
                one = asyncio.wrap_future(future)
                waiting.add(one)
                one.add_done_callback(done.put_nowait)

        wait_for(islice(rest, AHEAD))
        try:
            while waiting:
                one = await done.get()
                waiting.discard(one)
                wait_for(islice(rest, 1))
                yield one.result()
        finally:
            for one in waiting:
                one.cancel()

    async def close(self, *, wait: bool = True, cancel: bool = False) -> None:
        """As for `Endpoint`."""
        await asyncio.to_thread(self._endpoint.close, wait=wait, cancel=cancel)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(cancel=kind is not None)
