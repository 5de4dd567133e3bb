"""A look that fails ends neither the looks nor the watch, and is said once as long as it is the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pytest

from mhfd_client.beside.child import Running
from mhfd_client.beside.desk import BesideDesk, Complaints
from mhfd_client.journal.view import JournalView


class Failing(BesideDesk[list[str]]):
    """Each look fails as it is told, or not."""

    def opened(self, journal: JournalView) -> list[str]:
        raise AssertionError(f"{journal.path}: nobody made one")

    def step(self, seen: list[str]) -> None:
        if why := seen.pop(0):
            raise RuntimeError(why)

    def running(self) -> Iterable[Running]:
        return ()


def test_a_look_that_fails_is_said_once_and_again_after_one_that_did_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Failing(tmp_path, "the desk", logging.getLogger("mhfd_client.beside"), every_s=1.0, grace_s=1.0)
    looks = ["no disk", "no disk", "", "no disk", "no journal"]
    while looks:
        desk.look(looks)
    said = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [str(one) for one in said] == ["no disk", "no disk", "no journal"]
    assert not desk.looks


def test_a_journal_that_is_not_there_ends_the_desk_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Failing(tmp_path, "the desk", logging.getLogger("mhfd_client.beside"), every_s=1.0, grace_s=1.0):
        pass
    assert "nothing more is done beside the watch, which goes on" in caplog.text


def test_what_is_wrong_is_new_once() -> None:
    wrong = Complaints()
    assert [wrong.new("a"), wrong.new("a"), wrong.new("b")] == [True, False, True]
    wrong.over()
    assert wrong.new("b")
