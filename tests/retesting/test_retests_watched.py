"""A real watch with a simulated microscope, killed three times: exactly the tests that are due, each answered once."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.rigs.globus.waiting import until
from tests.rigs.watched import Watched

from mhfd_client.journal.rows import RetestReason, State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.retested import retested, summary


def watched(folder: Path, *, every: int) -> Watched:
    root, kept = folder / "wafer7", folder / "kept"
    root.mkdir()
    kept.mkdir()
    env = {**os.environ, "XDG_STATE_HOME": str(folder / "xdg")}
    sets = [f"models.retest_every={every}", "models.use=none", "models.instrument=north", "arrival.settle_s=0.05"]
    options = [word for one in sets for word in ("--set", one)]
    return Watched(root, kept, env, ["--quiet", "--workers", "1", *options])


def killed_thrice(folder: Path, *, images: int, every: int) -> None:
    """Killed while images come, while a test is made, and while one is answered."""
    station = watched(folder, every=every)
    with closing(station):
        part = images // 4

        def answered(count: int) -> bool:
            rows = station.ask(lambda journal: journal.retests()) or []
            return station.alive() and sum(row.answer is not None for row in rows) >= count

        for kill in range(3):
            station.images(part)
            station.start()
            station.recorded(station.made - part // 2 if kill == 0 else station.made)
            if kill == 2:
                until(lambda: answered(1), station.said)
            station.kill()
        station.images(images - station.made)
        last = station.start("--until-idle", "2")
        assert last.wait(500) == 0, station.said()
        with closing(JournalView.read(station.state)) as journal:
            rows = journal.retests()
            assert [(row.reason, row.number, row.judged) for row in rows] == [
                (RetestReason.COUNT, k, k * every) for k in range(1, images // every + 1)
            ]
            assert len({row.image for row in rows}) == len(rows)
            assert summary(retested(journal)) == f"re-tested {len(rows)} of {len(rows)}"
            counts = journal.counts()
            assert counts[State.RECORDED] == images == sum(counts.values())
            assert journal._db.execute("SELECT count(*), count(DISTINCT image) FROM report").fetchone() == (
                images,
                images,
            )
            for one in retested(journal):
                assert one.answer is not None
                assert one.answer.line.startswith("kept: mhfd")
                assert journal.image(one.row.image).judged_ns == max(
                    journal.image(image).judged_ns or 0
                    for image in range(1, images + 1)
                    if (journal.image(image).judged_ns or 0) <= one.row.due_ns
                ), "it is the one that was judged last then"


@pytest.mark.timeout(600)
def test_three_kills(tmp_path: Path) -> None:
    killed_thrice(tmp_path, images=24, every=6)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_images_and_three_kills_are_ten_tests(tmp_path: Path) -> None:
    killed_thrice(tmp_path, images=200, every=20)


def test_a_watch_that_is_stopped_leaves_what_is_due(tmp_path: Path) -> None:
    station = watched(tmp_path, every=2)
    with closing(station):
        station.images(2)
        station.start()
        station.recorded(2)
        assert station.stop(signal.SIGTERM) == 0, station.said()
        rows = station.ask(lambda journal: journal.retests())
        assert [row.name for row in rows] == ["count-1"]
        assert "re-tests: every 2 images and on drift, by this machine" in station.said()
