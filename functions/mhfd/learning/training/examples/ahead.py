"""Images decoded while the step before runs: as many as asked for at a time, in the order of the requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from mhfd.learning.training.examples.altering import Copy
from mhfd.learning.training.examples.example import Example, Examples


class DecodedAhead(Iterator[Example]):
    """The examples of some requests, in their order. What is wrong with one is raised where it would have come.

    Args:
        examples: Where they come from.
        requests: Number and copy of each; taken from as room becomes free.
        threads: That decode.
        ahead: Examples that are decoded, or about to be, beyond those that were handed out.
    """

    def __init__(
        self, examples: Examples, requests: Iterable[tuple[int, Copy | None]], *, threads: int = 1, ahead: int = 8
    ) -> None:
        self._examples, self._requests = examples, iter(requests)
        self._ahead = max(1, ahead)
        self._waiting: deque[Future[Example]] = deque()
        self._threads = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="decoding")
        self._closed = False
        self._fill()

    def __next__(self) -> Example:
        if not self._waiting:
            self.close()
            raise StopIteration
        try:
            example = self._waiting.popleft().result()
            self._fill()
        except BaseException:
            self.close()
            raise
        return example

    def close(self) -> None:
        """No more of them: what is decoded now is waited for, what is not begun never is."""
        self._closed = True
        self._waiting.clear()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self) -> None:
        while not self._closed and len(self._waiting) < self._ahead:
            request = next(self._requests, None)
            if request is None:
                return
            self._waiting.append(self._threads.submit(self._examples.load, *request))
