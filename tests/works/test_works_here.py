"""The endpoint in this process that other tests ask: it ends when they end."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from tests.rigs.here import ID
from tests.rigs.works_here import WorksHere

from mhfd_client.compute.service import Task
from mhfd_client.works import following


def test_what_is_on_its_way_as_it_closes_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training is asked for twice at once: the client leaves with the first answer, the other may still be coming."""
    here, coming, let_in = WorksHere(monkeypatch), Event(), Event()

    def sent(_tasks: list[Task]) -> None:
        coming.set()
        assert let_in.wait(5)

    with following.reach(ID) as opened:  # type: ignore[attr-defined]  # as what asks there calls it
        opened(sent).far.submit(here.identity("mhfd_focus"), {})
    assert coming.wait(5)
    closed = Thread(target=here.close)
    closed.start()
    closed.join(0.2)
    let_in.set()
    closed.join(5)
    assert here.of("mhfd_focus") == [{}]
