"""Arrival: each hazard made to happen, on real files. Time is set by hand where the logic depends on it."""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.arrivals import Bench, HandClock, News, as_nobody, collect, tiff, touch_later
from watchdog.events import DirCreatedEvent, FileCreatedEvent, FileMovedEvent

from mhfd_client.arrival import folder as module
from mhfd_client.arrival.events import Decision, FolderTrouble, Recovered, TroubleKind, Whole
from mhfd_client.arrival.folder import Arrival
from mhfd_client.arrival.notices import Hint, NoHints, Notices
from mhfd_client.arrival.plan import plan
from mhfd_client.arrival.root import open_to_read
from mhfd_client.errors import WatchError
from mhfd_client.settings.options import ArrivalSettings

TIFF = tiff()
NEVER = 86400.0
"""A settle time that no test waits for: what comes with it came by another road."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "wafer7"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(root: Path) -> Iterator[Callable[..., Arrival]]:
    """Starts an arrival with change notices, in real time."""
    started: list[Arrival] = []

    def start(**fields: Any) -> Arrival:
        made = Arrival(root, settings=ArrivalSettings(mode="events", **fields), known=lambda *_: False)
        started.append(made)
        assert made.mode == "events"
        return made

    yield start
    for made in started:
        made.close()


def paths(news: list[News]) -> list[str | None]:
    return [one.path for one in news if isinstance(one, Whole)]


def kinds(news: list[News]) -> list[tuple[type, TroubleKind, str | None]]:
    return [(type(one), one.kind, one.path) for one in news if isinstance(one, FolderTrouble | Recovered)]


# A file grows ---------------------------------------------------------------------------------------------------------


def test_slow_writer(root: Path) -> None:
    bench = Bench(root)
    with (root / "a.tif").open("wb", buffering=0) as file:
        for i in range(len(TIFF)):
            file.write(TIFF[i : i + 1])
            touch_later(root / "a.tif")
            assert bench.whole(1.5) == []
    news = bench.pass_time(2)
    assert paths(news) == ["a.tif"]
    (one,) = news
    assert isinstance(one, Whole)
    found = (root / "a.tif").stat()
    assert (one.size, one.mtime_ns) == (found.st_size, found.st_mtime_ns)
    assert bench.whole(600) == []


def test_pause_longer_than_the_settle_time(root: Path) -> None:
    """The header says how much is to come."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF[: len(TIFF) // 2])
    assert bench.whole(25) == []
    (root / "a.tif").write_bytes(TIFF)
    touch_later(root / "a.tif")
    assert bench.whole(1.5) == []
    assert bench.whole(2) == ["a.tif"]


@pytest.mark.parametrize("content", [b"", TIFF[:5], TIFF[: len(TIFF) // 2], bytes(len(TIFF))])
def test_a_writer_that_died_is_not_waited_for_for_ever(root: Path, content: bytes) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(content)
    assert bench.whole(29) == []
    assert bench.whole(2) == ["a.tif"]


@given(
    cuts=st.lists(st.integers(1, len(TIFF) - 1), max_size=5), pauses=st.lists(st.floats(0, 29), min_size=5, max_size=5)
)
@settings(deadline=None, max_examples=25)
def test_however_it_is_written_it_comes_once(cuts: list[int], pauses: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bench = Bench(root)
        for cut, pause in zip(sorted(cuts), pauses, strict=False):
            (root / "a.tif").write_bytes(TIFF[:cut])
            touch_later(root / "a.tif")
            assert bench.whole(pause) == []
        (root / "a.tif").write_bytes(TIFF)
        touch_later(root / "a.tif")
        assert bench.whole(5) == ["a.tif"]


def test_pre_allocated_writer(root: Path) -> None:
    """The size is final from the first byte; only the mtime moves."""
    bench = Bench(root)
    pixels = b"\x55" * 8192
    content = tiff(pixels)
    with (root / "a.tif").open("wb", buffering=0) as file:
        file.truncate(len(content))
        assert bench.whole(20) == []
        for start in range(0, len(content), 1024):
            os.pwrite(file.fileno(), content[start : start + 1024], start)
            touch_later(root / "a.tif")
            assert bench.whole(1.5) == []
        assert bench.whole(2) == ["a.tif"]


def test_mmap_writer(root: Path) -> None:
    bench = Bench(root)
    content = tiff(b"\x55" * 65536)
    with (root / "a.tif").open("wb+", buffering=0) as file:
        file.truncate(len(content))
        with mmap.mmap(file.fileno(), len(content)) as memory:
            for start in range(0, len(content), 16384):
                memory[start : start + 16384] = content[start : start + 16384]
                memory.flush()
                touch_later(root / "a.tif")
                assert bench.whole(1.5) == []
        assert bench.whole(2) == ["a.tif"]


def test_a_header_that_is_filled_in_without_a_new_mtime(root: Path) -> None:
    """A mapped file may show its new content before its new mtime."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(bytes(len(TIFF)))
    before = (root / "a.tif").stat().st_mtime_ns
    assert bench.whole(10) == []
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", ns=(before, before))
    assert bench.whole(2.5) == ["a.tif"]


def test_zero_tail_comes_as_it_is(root: Path) -> None:
    """Whether zeros are an image is not for arrival to say."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF[:-32] + bytes(32))
    assert bench.whole(2) == ["a.tif"]


def test_a_file_that_never_rests_is_reported(root: Path) -> None:
    bench = Bench(root, settings={"max_age_s": 60})
    news: list[News] = []
    for _ in range(70):
        (root / "a.tif").write_bytes(TIFF)
        touch_later(root / "a.tif")
        news += bench.pass_time(1)
    assert kinds(news) == [(FolderTrouble, TroubleKind.UNSETTLED, "a.tif")]
    assert [trouble.path for trouble in bench.troubles.values()] == ["a.tif"]
    news = bench.pass_time(3)
    assert paths(news) == ["a.tif"]
    assert kinds(news) == [(Recovered, TroubleKind.UNSETTLED, "a.tif")]
    assert bench.troubles == {}


# It comes by another road ---------------------------------------------------------------------------------------------


def test_renamed_in_from_outside(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, list_s=NEVER)
    assert arrival.poll(0) == []
    (tmp_path / "a.tif").write_bytes(TIFF)
    (tmp_path / "a.tif").replace(root / "a.tif")
    assert paths(collect(arrival, bool)) == ["a.tif"]


def test_the_folder_is_named_by_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    arrival = Arrival(
        link, settings=ArrivalSettings(mode="events", settle_s=NEVER, list_s=NEVER), known=lambda *_: False
    )
    try:
        assert arrival.poll(0) == []
        (tmp_path / "a.tif").write_bytes(TIFF)
        (tmp_path / "a.tif").replace(root / "a.tif")
        assert paths(collect(arrival, bool)) == ["a.tif"]
    finally:
        arrival.close()


def test_part_file_renamed_inside(root: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, list_s=NEVER)
    assert arrival.poll(0) == []
    (root / "a.tif.part").write_bytes(TIFF)
    (root / "a.tif.part").rename(root / "a.tif")
    assert paths(collect(arrival, bool)) == ["a.tif"]


def test_renamed_in_but_cut_off_is_waited_for(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    """The order tells: the second file comes at once, the first is still waited for."""
    arrival = watch(settle_s=0, patience_s=NEVER)
    assert arrival.poll(0) == []
    for name, content in (("a.tif", TIFF[:-1]), ("b.tif", TIFF)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).replace(root / name)
    assert paths(collect(arrival, bool)) == ["b.tif"]
    assert arrival.pending == 1


def test_closed_by_its_writer(root: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, settle_closed_s=0.01, list_s=NEVER)
    assert arrival.poll(0) == []
    (root / "a.tif").write_bytes(TIFF)
    assert paths(collect(arrival, bool)) == ["a.tif"]


def test_an_old_mtime_on_a_local_disk_is_rest_enough(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (bench.clock.time() - 3600,) * 2)
    assert bench.whole(0) == ["a.tif"]


def test_a_marker_says_when_it_is_finished(root: Path) -> None:
    bench = Bench(root, settings={"marker": ".done"})
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(3000) == []
    (root / "a.tif.done").touch()
    assert bench.whole(0.5) == ["a.tif"]


def test_a_change_undoes_what_was_known_of_its_end(root: Path) -> None:
    """Its header agreed, then it was written anew, and only then the marker came."""
    bench = Bench(root, settings={"marker": ".done"})
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == []
    (root / "a.tif").write_bytes(tiff(b"\x55" * 6400)[:300])
    (root / "a.tif.done").touch()
    assert bench.whole(20) == []
    assert bench.whole(15) == ["a.tif"]


@pytest.mark.parametrize("hint", [Hint.CLOSED, Hint.RENAMED])
def test_a_change_undoes_how_it_came(root: Path, hint: Hint) -> None:
    """Closed or renamed, and then opened again."""
    bench = Bench(root, settings={"settle_s": 10, "settle_closed_s": 3})
    (root / "a.tif").write_bytes(TIFF[:-1])
    bench.arrival.poll(0)
    bench.arrival._waiting.see("a.tif", (root / "a.tif").stat(), bench.clock.monotonic(), hint)
    assert bench.whole(1) == []
    (root / "a.tif").write_bytes(TIFF)
    touch_later(root / "a.tif")
    assert bench.whole(9) == []
    assert bench.whole(3) == ["a.tif"]


# Many, again, gone ----------------------------------------------------------------------------------------------------


def test_replaced_by_renaming(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    """The same name acquired again is a new revision."""
    arrival = watch(settle_s=NEVER, list_s=NEVER)
    for size in (64, 128, 192):
        arrival.poll(0)
        (tmp_path / "a.tif").write_bytes(tiff(b"\x55" * size))
        (tmp_path / "a.tif").replace(root / "a.tif")
        (news,) = collect(arrival, bool)
        assert isinstance(news, Whole)
        assert (news.path, news.size) == ("a.tif", len(tiff(b"\x55" * size)))


def test_overwritten_in_place_is_found_by_the_rescan(root: Path) -> None:
    """A folder's listing does not show it: the next full rescan does."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    (root / "a.tif").write_bytes(TIFF)
    touch_later(root / "a.tif")
    assert bench.whole(40) == []
    assert bench.whole(30) == ["a.tif"]


def test_an_mtime_that_goes_backwards_is_a_new_revision(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    os.utime(root / "a.tif", (1, 1))
    assert bench.whole(70) == ["a.tif"]


def test_an_mtime_in_the_future(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (bench.clock.time() + 7200,) * 2)
    assert bench.whole(1.5) == []
    assert bench.whole(1) == ["a.tif"]


def test_burst(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    """2,000 files at once, half written here, half moved in: each comes once."""
    arrival = watch(settle_s=1, settle_closed_s=0.05)
    assert arrival.poll(0) == []
    for i in range(1000):
        (root / f"w{i:04}.tif").write_bytes(TIFF)
        (tmp_path / "m.tif").write_bytes(TIFF)
        (tmp_path / "m.tif").replace(root / f"m{i:04}.tif")
    news = collect(arrival, lambda news: len(news) >= 2000, seconds=200)
    assert sorted(map(str, paths(news))) == sorted(f"{kind}{i:04}.tif" for kind in "wm" for i in range(1000))
    assert arrival.poll(0) == []
    assert arrival.pending == 0


def test_very_many_at_once_come_in_portions(root: Path) -> None:
    """Opening files on a slow share takes its time: the first are not kept back until the last was looked at."""
    clock = HandClock()

    def slow(path: str) -> int:
        clock.advance(0.1)
        return open_to_read(path)

    for i in range(10):
        (root / f"{i}.tif").write_bytes(TIFF)
        os.utime(root / f"{i}.tif", (1, 1))
    settings = ArrivalSettings(mode="poll")
    arrival = Arrival(root, settings=settings, known=lambda *_: False, clock=clock, opener=slow)
    portions = [paths(arrival.poll(0)) for _ in range(4)]
    assert list(map(len, portions)) == [3, 3, 3, 1]
    assert [path for portion in portions for path in portion] == [f"{i}.tif" for i in range(10)]


def test_how_long_something_may_still_come(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.arrival.unsettled_s() == math.inf, "it has not looked yet"
    assert bench.whole(1) == []
    assert bench.arrival.unsettled_s() == bench.settings.patience_s + bench.settings.settle_s
    assert bench.whole(2) == ["a.tif"]
    assert bench.arrival.unsettled_s() == 0


def test_deleted_before_it_was_whole(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(1) == []
    assert bench.arrival.pending == 1
    (root / "a.tif").unlink()
    assert bench.whole(100) == []
    assert bench.arrival.pending == 0


def test_deleted_while_it_is_opened(root: Path) -> None:
    """Between the look and the open."""

    def vanish(path: str) -> int:
        Path(path).unlink()
        return open_to_read(path)

    bench = Bench(root, opener=vanish)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(100) == []
    assert bench.arrival.pending == 0


def test_a_restart_takes_nothing_twice(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    (one,) = bench.pass_time(3)
    assert isinstance(one, Whole)
    (root / "b.tif").write_bytes(TIFF)
    again = Bench(root)
    again.journal.add((one.path, one.size, one.mtime_ns))
    assert again.whole(10) == ["b.tif"]


def test_what_the_journal_could_not_take_is_handed_on_again(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(3) == ["a.tif"]
    bench.arrival.again("a.tif")
    assert bench.whole(3) == ["a.tif"]
    assert bench.whole(100) == []


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_permission_denied_on_a_file(open_root: Path) -> None:
    (open_root / "a.tif").write_bytes(TIFF)
    (open_root / "b.tif").write_bytes(TIFF)
    (open_root / "a.tif").chmod(0)
    bench = Bench(open_root)
    with as_nobody():
        assert bench.whole(20) == ["b.tif"]
        news = bench.pass_time(100)
        assert kinds(news) == [(FolderTrouble, TroubleKind.DENIED, "a.tif")]
        assert isinstance(news[0], FolderTrouble)
        assert "Permission denied" in news[0].why
    (open_root / "a.tif").chmod(0o644)
    with as_nobody():
        news = bench.pass_time(5)
    assert kinds(news) == [(Recovered, TroubleKind.DENIED, "a.tif")]
    assert paths(news) == ["a.tif"]


def test_permission_denied_on_a_folder(open_root: Path) -> None:
    inner = open_root / "S_001"
    inner.mkdir()
    (inner / "a.tif").write_bytes(TIFF)
    (open_root / "b.tif").write_bytes(TIFF)
    inner.chmod(0)
    bench = Bench(open_root)
    with as_nobody():
        news = bench.pass_time(100)
    assert kinds(news) == [(FolderTrouble, TroubleKind.DENIED, "S_001")]
    assert paths(news) == ["b.tif"]
    inner.chmod(0o755)
    with as_nobody():
        news = bench.pass_time(5)
    assert kinds(news) == [(Recovered, TroubleKind.DENIED, "S_001")]
    assert paths(news) == ["S_001/a.tif"]


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_permission_denied_on_the_folder_itself(open_root: Path, mode: int) -> None:
    (open_root / "a.tif").write_bytes(TIFF)
    bench = Bench(open_root)
    open_root.chmod(mode)
    with as_nobody():
        news = bench.pass_time(100)
    assert kinds(news) == [(FolderTrouble, TroubleKind.DENIED, None)]
    open_root.chmod(0o755)
    with as_nobody():
        news = bench.pass_time(5)
    assert kinds(news) == [(Recovered, TroubleKind.DENIED, None)]
    assert paths(news) == ["a.tif"]


def test_a_notice_of_what_may_not_be_looked_at(open_root: Path) -> None:
    """It leads to a listing, which names the folder."""

    class Once(NoHints):
        left = 1

        def take(self) -> tuple[dict[str, Hint], dict[str, Hint]]:
            self.left, left = 0, self.left
            return ({"S_001/a.tif": Hint.CLOSED} if left else {}), {}

    bench = Bench(open_root, settings={"poll_s": NEVER})
    assert bench.whole(1) == []
    (open_root / "S_001").mkdir()
    (open_root / "S_001" / "a.tif").write_bytes(TIFF)
    (open_root / "S_001").chmod(0o444)
    bench.arrival._hints = Once()
    with as_nobody():
        news = bench.pass_time(0)
    (open_root / "S_001").chmod(0o755)
    assert kinds(news) == [(FolderTrouble, TroubleKind.DENIED, "S_001")]


def windows(number: int) -> OSError:
    error = OSError(errno.EACCES, "The process cannot access the file because another process has locked it")
    error.winerror = number  # type: ignore[attr-defined, unused-ignore] # there on Windows only
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EBUSY, "Device or resource busy"), TroubleKind.BUSY),
        (OSError(errno.ETXTBSY, "Text file busy"), TroubleKind.BUSY),
        (OSError(errno.EACCES, "Permission denied"), TroubleKind.DENIED),
        (windows(32), TroubleKind.BUSY),
        (windows(33), TroubleKind.BUSY),
        (OSError(errno.EIO, "Input/output error"), TroubleKind.IO_ERROR),
        (OSError(errno.ESTALE, "Stale file handle"), TroubleKind.IO_ERROR),
    ],
    ids=str,
)
def test_a_sharing_violation_means_not_ready(root: Path, error: OSError, kind: TroubleKind) -> None:
    held = True

    def opener(path: str) -> int:
        if held:
            raise error
        return open_to_read(path)

    bench = Bench(root, opener=opener)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(31) == []
    assert kinds(bench.pass_time(3)) == [(FolderTrouble, kind, "a.tif")]
    assert bench.pass_time(50) == []
    held = False
    news = bench.pass_time(5)
    assert kinds(news) == [(Recovered, kind, "a.tif")]
    assert paths(news) == ["a.tif"]


def test_a_short_sharing_violation_is_not_worth_a_word(root: Path) -> None:
    refusals = iter(range(5))

    def opener(path: str) -> int:
        if next(refusals, None) is not None:
            raise OSError(errno.EBUSY, "busy")
        return open_to_read(path)

    bench = Bench(root, opener=opener)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(10) == ["a.tif"]


# The folder goes and comes --------------------------------------------------------------------------------------------


class Swap:
    """Takes a folder away and brings it back: by unmounting where that is asked for and allowed, else by renaming."""

    def __init__(self, root: Path, how: str) -> None:
        self.root, self.away = root, root.with_name("away")
        self.away.mkdir()
        bind = ["mount", "--bind", str(self.away), str(root)]
        self.mounted = how == "mount" and subprocess.run(bind, capture_output=True, check=False).returncode == 0
        self.by_mounting = self.mounted
        if not self.mounted:
            self.away.rmdir()

    def out(self) -> None:
        """An empty folder stands in its place, as below a mount."""
        if self.by_mounting:
            subprocess.run(["umount", self.root], check=True)
            self.mounted = False
        else:
            self.root.rename(self.away)
            self.root.mkdir()

    def back(self) -> None:
        if self.by_mounting:
            subprocess.run(["mount", "--bind", self.away, self.root], check=True)
            self.mounted = True
        else:
            self.root.rmdir()
            self.away.rename(self.root)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", self.root], check=True)


@pytest.fixture(params=["mount", "rename"])
def swap(root: Path, request: pytest.FixtureRequest) -> Iterator[Swap]:
    made = Swap(root, request.param)
    yield made
    made.close()


def test_unmounted_and_back(root: Path, swap: Swap) -> None:
    """An empty mount point is not 'all images deleted', and nothing is taken twice when they are back."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    (root / "b.tif").write_bytes(TIFF)
    bench.pass_time(2.5)  # seen, not whole
    swap.out()
    bench.clock.advance(0.2)
    assert bench.arrival.poll(0) == []  # b.tif is gone: not deleted, the folder is
    assert bench.arrival.pending == 1
    news = bench.pass_time(100)
    assert kinds(news) == [(FolderTrouble, TroubleKind.ROOT_EMPTY, None)]
    assert isinstance(news[0], FolderTrouble)
    assert "is it mounted?" in news[0].why
    assert bench.arrival.pending == 1
    swap.back()
    (root / "c.tif").write_bytes(TIFF)
    news = bench.pass_time(10)
    assert kinds(news) == [(Recovered, TroubleKind.ROOT_EMPTY, None)]
    assert paths(news) == ["b.tif", "c.tif"]


def test_unmounted_and_back_under_change_notices(root: Path, swap: Swap, watch: Callable[..., Arrival]) -> None:
    """The notices of the old mount are dead; those of the new one must work."""
    arrival = watch(list_s=0.05, poll_s=0.05, settle_s=NEVER)
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (1, 1))
    assert paths(collect(arrival, bool)) == ["a.tif"]
    swap.out()
    assert kinds(collect(arrival, bool)) == [(FolderTrouble, TroubleKind.ROOT_EMPTY, None)]
    swap.back()
    assert kinds(collect(arrival, bool)) == [(Recovered, TroubleKind.ROOT_EMPTY, None)]
    assert arrival.mode == "events"
    (root / "b.tif.part").write_bytes(TIFF)
    (root / "b.tif.part").rename(root / "b.tif")
    assert paths(collect(arrival, bool)) == ["b.tif"]


def test_gone_and_back(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    root.rename(root.with_name("elsewhere"))
    assert kinds(bench.pass_time(100)) == [(FolderTrouble, TroubleKind.ROOT_GONE, None)]
    root.mkdir()
    assert kinds(bench.pass_time(5)) == [
        (Recovered, TroubleKind.ROOT_GONE, None),
        (FolderTrouble, TroubleKind.ROOT_EMPTY, None),
    ]
    root.rmdir()
    root.with_name("elsewhere").rename(root)
    assert kinds(bench.pass_time(5))[-1] == (Recovered, TroubleKind.ROOT_EMPTY, None)
    assert bench.troubles == {}
    assert bench.whole(100) == []


def test_a_new_folder_with_images_in_it_is_taken(root: Path) -> None:
    """The operator has swapped the folder: that is no trouble."""
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    root.rename(root.with_name("old"))
    root.mkdir()
    (root / "b.tif").write_bytes(TIFF)
    assert bench.whole(10) == ["b.tif"]


def test_notices_come_of_the_new_folder(root: Path, watch: Callable[..., Arrival]) -> None:
    """Those of the old one go on, under the old name: they must not be all there is."""
    arrival = watch(list_s=0.05, settle_s=NEVER)
    arrival.poll(0)
    root.rename(root.with_name("old"))
    root.mkdir()
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (1, 1))
    assert paths(collect(arrival, bool)) == ["a.tif"]
    (root / "b.tif.part").write_bytes(TIFF)
    (root / "b.tif.part").rename(root / "b.tif")
    assert paths(collect(arrival, bool)) == ["b.tif"]


def test_not_mounted_at_the_start(root: Path, swap: Swap) -> None:
    (root / "a.tif").write_bytes(TIFF)
    swap.out()
    bench = Bench(root, had_images=True)
    assert kinds(bench.pass_time(10)) == [(FolderTrouble, TroubleKind.ROOT_EMPTY, None)]
    swap.back()
    news = bench.pass_time(10)
    assert kinds(news) == [(Recovered, TroubleKind.ROOT_EMPTY, None)]
    assert paths(news) == ["a.tif"]


def test_emptied_by_the_operator_is_no_trouble(root: Path) -> None:
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["a.tif"]
    (root / "a.tif").unlink()
    assert bench.whole(200) == []
    root.rename(root.with_name("old"))
    root.mkdir()
    assert bench.whole(200) == []


# Where notices do not reach -------------------------------------------------------------------------------------------


def test_a_share_is_polled(root: Path) -> None:
    """Seen within one poll; whole once it was seen to rest, whatever the server's clock says."""
    bench = Bench(root, shared=True, settings={"mode": "auto", "poll_s": 3})
    assert bench.arrival.mode == "poll"
    assert bench.whole(10) == []
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (1, 1))
    seen_after = 0.0
    while bench.arrival.pending == 0:
        assert bench.whole(0.5) == []
        seen_after += 0.5
    assert seen_after <= 3.5
    assert bench.whole(1) == []
    assert bench.whole(1) == ["a.tif"]


def test_no_notices_to_be_had(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on by looking, says so, and tries again at the next rescan."""

    class Refused(Notices):
        def __init__(self, root: str) -> None:
            raise OSError(errno.ENOSPC, f"inotify watch limit reached at {root}")

    with monkeypatch.context() as patch:
        patch.setattr(module, "Notices", Refused)
        bench = Bench(root, settings={"mode": "events"})
        (root / "a.tif").write_bytes(TIFF)
        news = bench.pass_time(5)
        assert kinds(news) == [(FolderTrouble, TroubleKind.EVENTS_LOST, None)]
        assert isinstance(news[0], FolderTrouble)
        assert "fs.inotify.max_user_watches" in news[0].why
        assert paths(news) == ["a.tif"]
        assert bench.arrival.mode == "poll"
    assert kinds(bench.pass_time(100)) == [(Recovered, TroubleKind.EVENTS_LOST, None)]
    assert bench.arrival.mode == "events"
    bench.arrival.close()


def test_lost_notices_cost_time_and_no_image(root: Path) -> None:
    """The threads that collect them have died: the listing finds the file, the rescan starts new ones."""
    bench = Bench(root, settings={"mode": "events"})
    assert bench.whole(1) == []
    hints = bench.arrival._hints
    assert isinstance(hints, Notices)
    assert len(hints._threads) >= 2
    assert hints.alive()
    hints.close()
    assert not hints.alive()
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(15) == ["a.tif"]
    bench.pass_time(70)
    again = bench.arrival._hints
    assert again is not hints
    assert isinstance(again, Notices)
    assert again.alive()
    assert bench.arrival.mode == "events"
    bench.arrival.close()


def test_the_strongest_notice_of_a_path_is_kept(root: Path) -> None:
    notices = Notices(str(root))
    try:
        for event in (
            FileCreatedEvent(str(root / "a.tif")),
            FileMovedEvent("", str(root / "a.tif")),
            FileCreatedEvent(str(root / "a.tif")),
            DirCreatedEvent(str(root / "S_001")),
            FileCreatedEvent(str(root.parent / "elsewhere.tif")),
        ):
            notices._collect(event)
        assert notices.take() == ({"a.tif": Hint.RENAMED}, {"S_001": Hint.SEEN})
        assert notices.take() == ({}, {})
    finally:
        notices.close()


def test_a_wait_can_be_ended(root: Path) -> None:
    """`wake` before the wait counts too, so that a signal between look and wait is not lost."""
    bench = Bench(root)
    bench.arrival.wake()
    bench.arrival._hints.wait(3600)  # would outlast the test


# Folders --------------------------------------------------------------------------------------------------------------


def test_folders_that_appear_later(root: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, list_s=NEVER, settle_closed_s=0.01)
    assert arrival.poll(0) == []
    deep = root / "S_001" / "tiles"
    deep.mkdir(parents=True)
    (deep / "a.tif").write_bytes(TIFF)
    # The writer may be faster than the watch on its new folder: then the file is found, but not how it came.
    (deep / "b.tif.part").write_bytes(TIFF)
    (deep / "b.tif.part").rename(deep / "b.tif")
    collect(arrival, lambda news: arrival.pending + len(paths(news)) == 2)


def test_a_folder_that_is_moved_in(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, list_s=NEVER)
    assert arrival.poll(0) == []
    outside = tmp_path / "S_001"
    (outside / "tiles").mkdir(parents=True)
    (outside / "workspace").mkdir()
    for name in ("a.tif", "tiles/b.tif", "notes.txt"):
        (outside / name).write_bytes(TIFF)
    outside.rename(root / "S_001")
    news = collect(arrival, lambda news: len(news) >= 2)
    assert sorted(map(str, paths(news))) == ["S_001/a.tif", "S_001/tiles/b.tif"]


def test_nested_folders_are_polled(root: Path) -> None:
    bench = Bench(root)
    assert bench.whole(5) == []
    (root / "x" / "y" / "z").mkdir(parents=True)
    (root / "x" / "y" / "z" / "a.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["x/y/z/a.tif"]
    shutil.rmtree(root / "x")
    assert bench.whole(5) == []
    (root / "x").mkdir()
    (root / "x" / "b.tif").write_bytes(TIFF)
    assert bench.whole(5) == ["x/b.tif"]


# Names ----------------------------------------------------------------------------------------------------------------

OTHERS = [
    ".hidden.tif",
    ".Trash/a.tif",
    "a.tif.part",
    "a.tif.tmp",
    "a.tif.filepart",
    "~$a.tif",
    "a.tif~",
    "a.mhfd.png",
    "$recycle.bin/a.tif",
    "overviews/ov000.tif",
    "Workspace/ov000.tif",
    "tile_preview.tif",
    "a.dm4",
    "notes.txt",
    "same.png",
    "same.JPG",
    "same.bmp",
    "other.jpeg",
    "thumbnail_001.bmp",
    "a_thumb.jpg",
]


def test_what_is_left_alone(root: Path) -> None:
    """Of every road: listing, notice, plan."""
    ignore = ("overviews/", "workspace/", "*preview*")
    ours = ["a.bmp", "b.jpg", "c.mrc", "other.png", "same.ome.tif"]
    for name in [*OTHERS, *ours]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(TIFF)
    assert Bench(root, ignore=ignore).whole(40) == ours
    said = {s.path: s for s in plan(root, settings=ArrivalSettings(), known=lambda *_: False, ignore=ignore)}
    for name in OTHERS:
        sighting = said.get(name) or said[name.split("/")[0] + "/"]
        assert sighting.decision is Decision.IGNORE
        assert sighting.why
    assert said["same.png"].why == said["same.JPG"].why == "left alone: a preview of same.ome.tif beside it"
    assert "preview of other.png" in said["other.jpeg"].why
    assert "'overviews/'" in said["overviews/"].why


def test_what_is_left_alone_by_notices(root: Path, tmp_path: Path) -> None:
    settings = ArrivalSettings(mode="events", settle_s=NEVER, list_s=NEVER)
    arrival = Arrival(root, settings=settings, known=lambda *_: False, ignore=("overviews/", "workspace/", "*preview*"))
    try:
        arrival.poll(0)
        for name in ["same.tif", "other.png", *OTHERS, "last.tif"]:
            (root / name).parent.mkdir(exist_ok=True)
            (tmp_path / "x").write_bytes(TIFF)
            (tmp_path / "x").replace(root / name)
        news = collect(arrival, lambda news: "last.tif" in paths(news))
    finally:
        arrival.close()
    assert paths(news) == ["same.tif", "other.png", "last.tif"]
    assert arrival.pending == 0


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.tif").write_bytes(TIFF)
    (root / "real.tif").write_bytes(TIFF)
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "out.tif").symlink_to(tmp_path / "outside" / "a.tif")
    (root / "in.tif").symlink_to(root / "real.tif")
    (root / "round").symlink_to(root)
    (root / "dangling.tif").symlink_to(root / "nothing")
    bench = Bench(root)
    assert bench.whole(5) == ["real.tif"]
    said = {s.path: s.why for s in plan(root, settings=bench.settings, known=lambda *_: False)}
    assert "leads out of the watched folder" in said["out.tif"]
    assert "leads out of the watched folder" in said["folder"]
    assert "seen in its own place" in said["in.tif"]


def test_a_link_that_takes_a_files_place_is_not_opened(root: Path, tmp_path: Path) -> None:
    """It was a file when it was listed."""
    (tmp_path / "secret.tif").write_bytes(TIFF)
    bench = Bench(root)
    (root / "a.tif").write_bytes(TIFF)
    assert bench.whole(1) == []
    (root / "a.tif").unlink()
    (root / "a.tif").symlink_to(tmp_path / "secret.tif")
    assert bench.whole(10) == []
    assert bench.arrival.pending == 0
    with pytest.raises(OSError, match="symbolic links"):
        open_to_read(str(root / "a.tif"))


def test_pipes_and_folders_of_an_images_name(root: Path) -> None:
    os.mkfifo(root / "pipe.tif")
    (root / "folder.tif").mkdir()
    (root / "folder.tif" / "a.tif").write_bytes(TIFF)
    assert Bench(root).whole(5) == ["folder.tif/a.tif"]


@pytest.mark.parametrize(
    "name",
    [
        "TILE.TIF",
        "Tile.Tiff",
        "a b  c.tif",
        "ünïcödé-試料.tif",
        "new\nline.tif",
        r"back\slash.tif",
        "x" * 251 + ".tif",
        os.fsdecode(b"caf\xe9.tif"),
        "/".join(["d" * 200] * 15) + "/deep.tif",
    ],
    ids=lambda name: ascii(name[:20]),
)
def test_odd_names(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(TIFF)
    assert Bench(root).whole(5) == [name]
    (sighting,) = plan(root, settings=ArrivalSettings(), known=lambda *_: False)
    assert sighting.path == name
    assert (root / sighting.path).read_bytes() == TIFF


def test_odd_names_by_notices(root: Path, tmp_path: Path, watch: Callable[..., Arrival]) -> None:
    arrival = watch(settle_s=NEVER, list_s=NEVER)
    arrival.poll(0)
    name = os.fsdecode(b"caf\xe9\n.TIF")
    (tmp_path / "x").write_bytes(TIFF)
    (tmp_path / "x").replace(root / name)
    assert paths(collect(arrival, bool)) == [name]


@pytest.mark.parametrize("text", [r"\\SEMPC\atlas\wafer7", r"E:\atlas"])
def test_paths_of_windows_are_explained(text: str) -> None:
    with pytest.raises(WatchError, match="mount -t cifs"):
        Arrival(text, settings=ArrivalSettings(), known=lambda *_: False)


def test_a_root_that_is_none(root: Path) -> None:
    (root / "a.tif").write_bytes(TIFF)
    with pytest.raises(WatchError, match="is the share mounted"):
        Arrival(root / "nothing", settings=ArrivalSettings(), known=lambda *_: False)
    with pytest.raises(WatchError, match="is a file"):
        plan(root / "a.tif", settings=ArrivalSettings(), known=lambda *_: False)


# Plan -----------------------------------------------------------------------------------------------------------------


def test_plan_says_what_a_watch_would_do(root: Path) -> None:
    clock = HandClock()

    def aged(name: str, content: bytes, seconds: float) -> None:
        (root / name).write_bytes(content)
        os.utime(root / name, (clock.time() - seconds,) * 2)

    aged("cut.tif", TIFF[:-1], 10)
    aged("cut_long_ago.tif", TIFF[:-1], 7200)
    aged("fresh.tif", TIFF, 0.5)
    aged("future.tif", TIFF, -7200)
    aged("known.tif", TIFF, 60)
    aged("old.tif", TIFF, 3 * 86400)
    aged("other.tif", b"no TIFF at all, but text", 60)
    aged("x.txt", b"", 1)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in root.iterdir())
    sightings = plan(root, settings=ArrivalSettings(), known=lambda path, *_: path == "known.tif", clock=clock)
    assert {s.path: (s.decision, s.why) for s in sightings} == {
        "cut.tif": (
            Decision.WAIT,
            f"{len(TIFF) - 1} of at least {len(TIFF)} bytes are here; at rest for 10 s of 30 s",
        ),
        "cut_long_ago.tif": (
            Decision.TAKE,
            f"at rest for 2 h, though {len(TIFF) - 1} of at least {len(TIFF)} bytes are here",
        ),
        "fresh.tif": (Decision.WAIT, "may still be written: changed 0.5 s ago"),
        "future.tif": (
            Decision.WAIT,
            "may still be written: changed 0 s ago (its mtime is 2 h ahead of this clock)",
        ),
        "known.tif": (Decision.KNOWN, "this revision is in the journal"),
        "old.tif": (Decision.TAKE, "at rest for 3 days, and its header agrees with its length"),
        "other.tif": (Decision.TAKE, "at rest for 60 s; its header is of no image that is read"),
        "x.txt": (Decision.IGNORE, f"no image: its name matches none of {', '.join(ArrivalSettings().patterns)}"),
    }
    assert sorted((p.name, p.stat().st_mtime_ns) for p in root.iterdir()) == before


def test_plan_and_watch_agree(root: Path) -> None:
    """What plan takes is what a watch takes at its first look, and nothing else."""
    clock = HandClock()
    for i, age in enumerate([0, 1, 3, 29, 31, 1e5]):
        for kind, content in (("whole", TIFF), ("cut", TIFF[:-9]), ("empty", b""), ("text", b"x" * 40)):
            (root / f"{kind}{i}.tif").write_bytes(content)
            os.utime(root / f"{kind}{i}.tif", (clock.time() - age,) * 2)
    planned = plan(root, settings=ArrivalSettings(), known=lambda *_: False, clock=clock)
    arrival = Arrival(root, settings=ArrivalSettings(mode="poll"), known=lambda *_: False, clock=clock)
    assert [s.path for s in planned if s.decision is Decision.TAKE] == sorted(map(str, paths(arrival.poll(0))))


def test_plan_of_what_may_not_be_read(open_root: Path) -> None:
    (open_root / "a.tif").write_bytes(TIFF)
    os.utime(open_root / "a.tif", (1, 1))
    (open_root / "closed").mkdir()
    (open_root / "a.tif").chmod(0)
    (open_root / "closed").chmod(0)
    with as_nobody():
        said = {s.path: s for s in plan(open_root, settings=ArrivalSettings(), known=lambda *_: False)}
    (open_root / "closed").chmod(0o755)
    assert {path: (s.decision, s.why) for path, s in said.items()} == {
        "a.tif": (Decision.WAIT, "cannot be opened: Permission denied"),
        "closed/": (Decision.WAIT, "cannot be listed: Permission denied"),
    }


def test_plan_says_that_a_share_is_watched_first(root: Path) -> None:
    (root / "a.tif").write_bytes(TIFF)
    os.utime(root / "a.tif", (1, 1))
    (sighting,) = plan(root, settings=ArrivalSettings(), known=lambda *_: False, shared=True)
    assert sighting.decision is Decision.TAKE
    assert sighting.why.endswith("on a share, once it was seen unchanged for 2 s")
