"""Decoding ahead: in order, while whoever asks is busy, never more than asked for, errors in their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest

from mhfd.errors import UsageError
from mhfd.learning.training.examples import Copy, DecodedAhead, Example, Examples


class Slow:
    """Gives numbers, counts what is held, and waits where a test says so."""

    def __init__(self, *, bad: int | None = None) -> None:
        self.begun = 0
        self.grew = threading.Condition()
        self.may_go = threading.Event()
        self.may_go.set()
        self.bad = bad

    def load(self, index: int, copy: Copy | None) -> Example:
        with self.grew:
            self.begun += 1
            self.grew.notify_all()
        assert self.may_go.wait(30)
        if index == self.bad:
            raise UsageError(f"image {index}: torn")
        return Example(np.full((1, 1, 1), index, np.float32), np.zeros(1, np.float32))

    def reached(self, count: int) -> bool:
        with self.grew:
            return self.grew.wait_for(lambda: self.begun >= count, 30)


def ahead(of: Slow, count: int, **how: int) -> DecodedAhead:
    return DecodedAhead(cast(Examples, of), ((n, None) for n in range(count)), **how)


@pytest.mark.parametrize("threads", [1, 3])
def test_all_of_them_in_order(threads: int) -> None:
    with ahead(Slow(), 50, threads=threads, ahead=4) as some:
        assert [int(one.x[0, 0, 0]) for one in some] == list(range(50))


def test_the_next_are_decoded_while_nobody_asks_and_no_more() -> None:
    slow = Slow()
    taken: list[int] = []

    def requests() -> Iterator[tuple[int, Copy | None]]:
        for n in range(50):
            taken.append(n)
            yield n, None

    with DecodedAhead(cast(Examples, slow), requests(), ahead=3) as some:
        assert slow.reached(3)
        assert len(taken) == 3
        next(some)
        assert slow.reached(4)
        assert len(taken) == 4


def test_an_error_comes_where_the_image_would_have() -> None:
    some = ahead(Slow(bad=2), 9, ahead=8)
    assert [int(next(some).x[0, 0, 0]) for _ in range(2)] == [0, 1]
    with pytest.raises(UsageError, match="image 2: torn"):
        next(some)
    with pytest.raises(StopIteration):
        next(some)


def test_an_error_of_the_requests_is_raised_and_ends_it() -> None:
    def requests() -> Iterator[tuple[int, Copy | None]]:
        yield 0, None
        raise UsageError("no order")

    with pytest.raises(UsageError, match="no order"):
        DecodedAhead(cast(Examples, Slow()), requests(), ahead=4)


def test_closed_it_begins_nothing_more_and_its_threads_are_gone() -> None:
    slow = Slow()
    slow.may_go.clear()
    some = ahead(slow, 50, ahead=6)
    assert slow.reached(1)
    slow.may_go.set()
    some.close()
    assert slow.begun <= 6
    assert list(some) == []
    assert not [one for one in threading.enumerate() if one.name.startswith("decoding")]
    some.close()
