"""A program beside a watch: what it is told and says, and that it is ended, whether it wants or not."""

from __future__ import annotations

import sys

import pytest

from mhfd_client.beside.child import Child

ECHO = "import sys; sys.stderr.write('first\\nlast word\\n'); print(sys.stdin.read()); sys.exit(3)"
WAITS = "import sys; print('waits', flush=True); sys.stdin.read(); print('over')"
DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stdin.read(); signal.pause()"


def test_it_is_told_and_says_how_it_ended() -> None:
    child = Child(["-c", ECHO], b"what to do")
    child.end(60.0)
    assert (child.code, child.answer, child.said) == (3, "what to do", "last word")


def test_one_that_says_nothing_ended_with_its_code() -> None:
    child = Child(["-c", "raise SystemExit(4)"], b"")
    child.end(60.0)
    assert (child.answer, child.said) == ("", "its process ended with exit code 4")


def test_one_that_is_tied_reads_on_until_it_is_to_end() -> None:
    child = Child(["-c", WAITS], b"", tied=True)
    assert child.code is None
    child.end(60.0)
    assert child.answer == "over"


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_one_that_hears_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mhfd_client.beside.child._TERM_S", 0.01)
    child = Child(["-c", DEAF], b"")
    child.end(0.0)
    assert child.code is not None
    assert child.code < 0
