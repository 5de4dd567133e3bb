"""A writer that holds size and mtime still: the file system's own time of change, and the bytes, tell."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.arrivals import Bench, tiff
from tests.rigs.focus_reports import report

from mhfd_client.arrival.events import Unchanged, Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import State
from mhfd_client.naming import Place

HALF, FULL = tiff(b"\x55" * 32 + bytes(32)), tiff(b"\x55" * 64)


class Told:
    """An arrival whose journal is a real one; what it holds is scored by hand."""

    def __init__(self, folder: Path) -> None:
        self.root, self.mtime_ns = folder / "wafer", time.time_ns() + 10**12
        self.root.mkdir(exist_ok=True)
        self.journal = Journal.open(folder / "state", root=self.root)
        self.bench = Bench(self.root, touched=self.journal.touched)

    def restart(self) -> None:
        known = self.bench.journal
        self.bench = Bench(self.root, touched=self.journal.touched)
        self.bench.journal |= known

    def news(self, seconds: float = 70) -> list[Whole | Unchanged]:
        found = [one for one in self.bench.pass_time(seconds) if isinstance(one, Whole | Unchanged)]
        for one in found:
            if isinstance(one, Whole):
                self.journal.arrived(one, Place(1))
                self.bench.journal.add((one.path, one.size, one.mtime_ns))
            else:
                self.journal.unchanged(one)
        return found

    def score(self, sha256: str | None) -> None:
        row = self.journal.find("a.tif")
        assert row is not None
        made = report()
        made = made.model_copy(update={"image": made.image.model_copy(update={"sha256": sha256, "path": None})})
        self.journal.intent([row.id], f"b{row.id}", "local", made.params)
        assert self.journal.scored(row.id, made)

    def write(self, content: bytes) -> None:
        """In place, and its mtime stays what it was."""
        path = self.root / "a.tif"
        path.touch()
        before = path.stat().st_ctime_ns
        with path.open("r+b") as file:
            file.write(content)
        os.utime(path, ns=(self.mtime_ns, self.mtime_ns))
        while path.stat().st_ctime_ns == before:  # the clocks of file systems tick slowly
            os.utime(path, ns=(self.mtime_ns, self.mtime_ns))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    told = Told(tmp_path)
    yield told
    told.journal.close()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_half_written_file_that_was_judged_is_looked_at_again(told: Told) -> None:
    told.write(HALF)
    (first,) = told.news()
    told.score(_digest(HALF))
    told.write(FULL)
    (second,) = told.news()
    assert isinstance(first, Whole)
    assert isinstance(second, Whole)
    assert (second.size, second.mtime_ns) == (first.size, first.mtime_ns)
    row = told.journal.find("a.tif")
    assert row is not None
    assert (row.revision, row.state) == (2, State.WHOLE)
    assert told.news() == []


def test_it_is_not_whole_while_it_is_written(told: Told) -> None:
    """Its size and mtime stand still from the first byte to the last."""
    for end in range(0, len(FULL), 8):
        told.write(FULL[:end] + bytes(len(FULL) - end))
        assert told.news(1.5) == []
    assert [type(one) for one in told.news(3)] == [Whole]


@pytest.mark.parametrize("again", [False, True], ids=["same-process", "restarted"])
def test_a_touch_is_no_new_revision(told: Told, tmp_path: Path, *, again: bool) -> None:
    told.write(FULL)
    assert [type(one) for one in told.news()] == [Whole]
    told.score(_digest(FULL))
    (told.root / "a.tif").chmod(0o440)
    os.link(told.root / "a.tif", tmp_path / "backup.tif")
    if again:
        told.restart()
    assert [type(one) for one in told.news()] == [Unchanged]
    assert told.news() == []
    row = told.journal.find("a.tif")
    assert row is not None
    assert row.revision == 1


@pytest.mark.parametrize("digest", [None, "0" * 64])
def test_what_cannot_be_compared_is_scored_again(told: Told, digest: str | None) -> None:
    told.write(FULL)
    told.news()
    told.score(digest)
    (told.root / "a.tif").chmod(0o440)
    assert [type(one) for one in told.news()] == [Whole]


def test_nothing_is_compared_while_it_is_scored(told: Told) -> None:
    """What was read is known afterwards; then it is compared."""
    told.write(HALF)
    told.news()
    told.write(FULL)
    assert told.news() == []
    told.score(_digest(HALF))
    assert [type(one) for one in told.news()] == [Whole]


def test_a_share_is_believed_by_size_and_mtime(told: Told) -> None:
    """There an inode's number and its time of change may be made up by the mount."""
    told.bench = Bench(told.root, touched=told.journal.touched, shared=True)
    told.write(HALF)
    (one,) = told.news()
    assert isinstance(one, Whole)
    assert one.inode is None
    told.score(_digest(HALF))
    told.write(FULL)
    assert told.news() == []


def test_images_of_an_older_journal_are_no_news(told: Told) -> None:
    told.write(FULL)
    told.news()
    told.score(_digest(FULL))
    with told.journal.together():
        told.journal._db.execute("UPDATE image SET inode = NULL")
    (told.root / "a.tif").chmod(0o440)
    assert told.news() == []
