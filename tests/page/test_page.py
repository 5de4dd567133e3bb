"""What the page knows, and its process beside a watch. No browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import REPOSITORY
from tests.rigs.focus_reports import report
from tests.rigs.loops import alone
from tests.rigs.page_rig import Rig
from tests.rigs.typed import typed_here

from mhfd import images
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.view import JournalView
from mhfd_client.page import actions, panels, pictures
from mhfd_client.page.ahead import Ahead
from mhfd_client.page.model import PageModel
from mhfd_client.page.process import PageProcess, Serving, bound
from mhfd_client.page.token import token_of
from mhfd_client.results.retake import retakes
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.station.inbox import images_waiting


def model(rig: Rig) -> PageModel:
    made = PageModel(JournalView.read(rig.state), confirm=3)
    made.refresh()
    return made


def test_the_model_follows_the_journal_and_agrees_with_a_fresh_one(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        seen = model(rig)
        assert not seen.refresh()
        rig.run(9, confirm=2)
        blurred = rig.image(12, factor=0.4)
        assert seen.refresh()
        rig.image(12, name="other.tif")  # of the next wafer: no retake, and its place is crowded
        assert seen.refresh()
        assert blurred in {one.image for one in seen.retake}
        words = "1 place has several files: S_0012.tif and other.tif are section 12. If they are retakes, say so"
        assert words in panels.panels(panels.templates(), seen)["missing"]
        shots = [row[-2] for row in panels.points(seen.entries.values(), seen)]
        assert len(set(shots)) == len(shots), "neither hides the other in the chart"
        good = rig.image(12)  # its file is written again, and it is good
        assert seen.refresh()
        fresh = model(rig)
        assert seen.entries.keys() == fresh.entries.keys()
        assert seen.cursor == fresh.cursor
        assert (
            seen.retake
            == fresh.retake
            == tuple(retakes(rig.journal.told(), rig.journal.last_labels(), rig.journal.report))
        )
        assert blurred not in {one.image for one in seen.retake}
        assert {row[-2] for row in panels.points([seen.entries[good], seen.entries[blurred]], seen)} == {blurred}
        assert [str(p) for p in seen.missing] == ["section 10", "section 11"]
        assert seen.labels.keys() == {1, 2}
        seen.journal.close()
        fresh.journal.close()


def test_the_anchor_shown_is_what_the_confirmed_images_say(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        ids = rig.run(9, confirm=3)
        seen = model(rig)
        (anchor,) = seen.anchors()
        densities = [seen.entries[i].told.score.density or 0 for i in ids[:3]]
        assert anchor.density == pytest.approx(sorted(densities)[1])
        assert anchor.images == tuple(ids[:3])
        seen.journal.close()


def test_without_sections_neighbours_are_those_before_and_after_of_the_same_tile(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        ids = [rig.image(None, tile=tile, name=f"{n}_{tile}.png") for n in (1, 2, 3) for tile in ("0-0-0", "0-0-1")]
        seen = model(rig)
        before, after = seen.neighbours(seen.entries[ids[2]])
        assert (before and before.id, after and after.id) == (ids[0], ids[4])
        assert seen.without_section == 6
        assert "6 files have no section in their names" in panels.panels(panels.templates(), seen)["missing"]
        seen.journal.close()


def test_neighbours_are_those_in_z_of_the_same_tile(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        a = {s: rig.image(s, tile="r1-c1") for s in (1, 2, 5)}
        rig.image(3, tile="r1-c2")
        again = rig.image(5, tile="r1-c1", name="again.tif")
        seen = model(rig)

        def around(image: int) -> list[int | None]:
            return [None if e is None else e.id for e in seen.neighbours(seen.entries[image])]

        assert around(a[2]) == [a[1], again]
        assert around(a[1]) == [None, a[2]]
        assert around(again) == [a[2], None]
        seen.journal.close()


def test_a_word_without_a_station_is_taken_in_at_once(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        image = rig.run(8)[0]
        said = actions.Said(image=image, label="sharp", who=" Ann\n\u202eB ")
        actions.say(rig.state, str(rig.root), rig.loaded, said)
        assert images_waiting(rig.state) == {image}  # a station runs: it is the station's to take in
    actions.say(rig.state, str(rig.root), rig.loaded, actions.Said(image=image, label="sharp", who="Eve"))
    assert images_waiting(rig.state) == frozenset()
    with JournalView.read(rig.state) as journal:
        (label,) = journal.labels()
        assert (label.sharp, label.who) == (True, "Ann B")
        assert "you confirmed it" in journal.verdicts(image)[-1].sentence


def test_what_cannot_be_counted_is_said_and_to_be_asked(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async def at_once() -> bool:
        return True

    nothing = {"many": True, "sentence": "How many verdicts this would turn could not be counted."}
    assert alone(Ahead(tmp_path, VerdictSettings()).ask(1, sharp=False, gone=never)) == nothing
    with Rig(tmp_path) as rig:
        image = rig.run(8)[0]
        ahead = Ahead(rig.state, VerdictSettings())
        assert not alone(ahead.ask(image, sharp=True, gone=never))["many"]
        assert alone(ahead.ask(image, sharp=True, gone=at_once)) == nothing
        left = threading.Event()
        left.set()
        assert ahead._count(image, True, left) is None, "a count that nobody waits for ends"


def test_a_focus_map_says_where_features_are_missing(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        image = rig.run(8)[-1]
        seen = model(rig)
        entry = seen.entries[image]
        for side, words in (("left", "in the left"), ("right", "in the right"), ("top", "in the upper part")):
            one = report(entry.expected, sides={side: 0.3})
            assert one.cells is not None
            assert words in panels.map_words(one.cells, entry, one)
        flat = report(entry.expected)
        assert flat.cells is not None
        assert "All 16 parts" in panels.map_words(flat.cells, entry, flat)
        shares = panels.map_shares(flat.cells, entry, flat)
        assert shares == pytest.approx([1.0] * 16, rel=0.02)
        seen.journal.close()


def test_a_large_image_is_read_once_for_many_parts_and_forgotten_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Rig(tmp_path) as rig:
        ids = rig.run(8)
        rows = [rig.journal.image(i) for i in ids]
    loads: list[str] = []
    real = images.load

    def load(path: str, **how: Any) -> images.Image:
        loads.append(path)
        return real(path, **how)

    monkeypatch.setattr(images, "load", load)
    files = pictures.PictureReader(str(rig.root), budget=3 * 192 * 192)
    part = pictures.Cutout(0, 0, 50, 50, 50)
    threads = [threading.Thread(target=files.part, args=(rows[0], part)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    for row in rows[1:5]:
        files.part(row, part)
    files.part(rows[0], part)
    assert len(loads) == 6  # it had made room
    picture, kind = files.part(rows[0], pictures.Cutout(0, 0, 192, 192, 64))
    assert kind == "image/jpeg"
    assert len(picture) > 500
    (rig.state / "full").write_text("a file where the folder should be")
    small = files.keep_small(rows[0], rig.state / "full" / "1.jpg")
    assert small.startswith(b"\x89PNG"), "a disk that takes no picture hides none"


def test_the_focus_map_is_clear_where_all_is_well() -> None:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(pictures.heat([1.0, 0.2, None, 0.5], 2, 2))) as drawn:
        alpha = np.asarray(drawn)[..., 3]
    assert alpha[0, 0] == alpha[1, 0] == 0
    assert alpha[0, 1] > alpha[1, 1] > 0


def get(port: int, token: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?token={token}", timeout=60) as answer:
        return int(answer.status)


@pytest.mark.skipif(os.name != "posix", reason="processes are told apart by signals here")
def test_a_page_that_dies_is_started_again_and_ends_with_the_watch(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        listening = bound("127.0.0.1", None)
        port, token = listening.getsockname()[1], token_of(rig.state)
        beside = PageProcess(Serving(rig.state, rig.loaded, "127.0.0.1"), listening)
        try:
            assert get(port, token) == 200
            first = beside.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            assert get(port, token) == 200  # the port stays open: a browser only waits
            assert beside.pid != first
        finally:
            last = beside.pid
            beside.close()
        assert last is not None
        with pytest.raises(ProcessLookupError):
            os.kill(last, 0)


def test_the_watch_itself_loads_no_web_server() -> None:
    code = (
        "import sys, mhfd_client.station.assembly, mhfd_client.page.process; "
        "print([m for m in ('bokeh', 'starlette', 'uvicorn', 'playwright') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["page", "watch"])
def test_without_its_extra_it_says_what_to_install(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Rig(tmp_path) as rig:
        rig.run(1)
    monkeypatch.delitem(sys.modules, "mhfd_client.page.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, told = typed_here([command, str(rig.root), "--state", str(rig.state)])
    assert (code, told) == (1, "Error: the page needs uvicorn: pip install 'mhfd[station]'\n")


@pytest.mark.skipif(os.name != "posix", reason="it is stopped by a signal here")
def test_the_page_of_a_run_that_is_not_watched(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(7)
        rig.close()
    command = [str(Path(sys.executable).with_name("mhfd")), "page", str(rig.root), "--state", str(rig.state)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("page: http://127.0.0.1:")
        port, _, token = line.removeprefix("page: http://127.0.0.1:").strip().partition("/?token=")
        assert get(int(port), token) == 200
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(60)
    nothing = subprocess.run(
        [*command[:3], "--state", str(tmp_path / "none")], capture_output=True, text=True, check=False, timeout=60
    )
    assert nothing.returncode == 1
    assert "no journal" in nothing.stderr


@pytest.mark.parametrize("journal", ["0:0", "ours"])
def test_the_journal_of_systemd_is_not_told_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    """A variable that a shell has of the service that started it is not enough: who reads there is a person."""
    (tmp_path / "run").mkdir()
    Journal.open(tmp_path / "state", root=tmp_path / "run").close()
    monkeypatch.setattr("mhfd_client.page.serving.serve", lambda serving, listening: listening.close())
    errors = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{errors.st_dev}:{errors.st_ino}" if journal == "ours" else journal)
    code, said = typed_here(["page", str(tmp_path / "run"), "--state", str(tmp_path / "state")])
    assert code == 0, said
    (line,) = (line for line in said.splitlines() if line.startswith("page: http://127.0.0.1:"))
    assert (token_of(tmp_path / "state") in said) == (journal != "ours")
    assert (str(tmp_path / "state" / "page-token") in line) == (journal == "ours")


@pytest.mark.parametrize(("ci", "workers"), [(True, ()), (False, ("-n", "1"))], ids=["CI", "dealt out"])
def test_a_missing_browser_fails_in_ci_and_is_said_loudly_elsewhere(
    tmp_path: Path, ci: bool, workers: tuple[str, ...]
) -> None:
    (tmp_path / "bin").mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    environment |= {"PATH": str(tmp_path / "bin"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment |= {"CI": "true"} if ci else {}
    (tmp_path / "test_one.py").write_text("def test_a_page(browser): assert browser\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.rigs.loudly_skipped"]
    command += ["-p", "xdist", *workers, f"--rootdir={tmp_path}", "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == (1 if ci else 0)
    assert "no Chromium on PATH" in done.stdout
    assert ("THE PAGE WAS NOT TESTED" in done.stdout) is not ci
