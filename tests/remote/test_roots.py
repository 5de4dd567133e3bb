"""What lies outside is never touched, and what does not answer holds up nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.rigs.facility import Facility, asked, codes, examined

from mhfd.contract.request import Code
from mhfd.remote import patience
from mhfd.remote.refusal import Refusal
from mhfd.remote.roots import Roots

STRACE = "/usr/bin/strace"
FAR = "/mhfd-automount"


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


class Touched:
    """Every call of the system that has a path, of those that Python offers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        for name in ("open", "stat", "lstat", "readlink", "access", "listdir", "scandir", "mkdir"):
            self._watch(monkeypatch, name)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(os, name)

        def watched(path: object = ".", *args: object, **options: object) -> object:
            self.paths.append(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "")
            return real(path, *args, **options)

        monkeypatch.setattr(os, name, watched)


@pytest.mark.parametrize("way", ["as written", "link", "folder", "through a folder", "link to a link", "up"])
def test_what_lies_outside_is_not_touched(facility: Facility, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    (facility.data / "link").symlink_to(f"{FAR}/a.tif")
    (facility.data / "folder").symlink_to(FAR)
    (facility.data / "first").symlink_to("link")
    (facility.data / "up").symlink_to(f"../../../../../../../..{FAR}/a.tif")
    paths = {
        "as written": f"{FAR}/a.tif",
        "link": f"{facility.data}/link",
        "folder": f"{facility.data}/folder",
        "through a folder": f"{facility.data}/folder/a.tif",
        "link to a link": f"{facility.data}/first",
        "up": f"{facility.data}/up",
    }
    path = paths[way]
    touched = Touched(monkeypatch)
    for response in (asked(paths=[path]), examined(paths=[path], hash=True)):
        assert codes(response) == [Code.REFUSED_PATH]
        assert "below none of the folders" in response.errors[0].why
    assert touched.paths
    assert [one for one in touched.paths if one.startswith(FAR)] == []


@pytest.mark.soak
@pytest.mark.skipif(not os.access(STRACE, os.X_OK), reason="no strace here")
def test_the_system_itself_is_not_asked(facility: Facility, tmp_path: Path) -> None:
    """As above, as the system sees it."""
    (facility.data / "link").symlink_to(f"{FAR}/a.tif")
    seen = tmp_path / "seen"
    code = f"from mhfd.remote import run; run(paths=['{FAR}/b.tif', '{facility.data}/link'], write_to='{FAR}/c')"
    command = [STRACE, "-f", "-e", "trace=%file", "-o", str(seen), sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"strace may not look here: {done.stderr[-200:]!r}")
    assert [line for line in seen.read_text().splitlines() if f'"{FAR}' in line] == []


def test_the_folders_may_be_named_by_a_link_or_without(facility: Facility, tmp_path: Path) -> None:
    facility.image("deep/a.tif")
    (tmp_path / "named").symlink_to(facility.data)
    (facility.data / "other").symlink_to(tmp_path / "named" / "deep")
    (facility.data / "deep" / "back").symlink_to("../deep/a.tif")
    (facility.data / "deep" / "round").symlink_to("../../data/deep/a.tif")  # out of it, and in again
    facility.allow(read_roots=[tmp_path / "named"])
    for folder in (tmp_path / "named", facility.data):
        paths = [f"{folder}/{name}" for name in ("deep/a.tif", "other/a.tif", "deep//./back", "deep/round")]
        assert asked(paths=paths).ok, paths


def test_the_innermost_folder_counts(facility: Facility) -> None:
    path = facility.image("in/a.tif")
    facility.allow(read_roots=[facility.data, facility.data / "in"])
    assert asked(paths=[path]).ok
    assert codes(asked(paths=[str(facility.data / "in")])) == [Code.REFUSED_PATH]


@pytest.fixture
def dead(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that does not answer before the test is over, as of a file server that is gone."""
    folder, over, real = facility.data.with_name("dead"), threading.Event(), os.path.realpath

    def resolved(path: object, *args: object, **options: object) -> object:
        if str(path) == str(folder):
            over.wait()
        return real(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(os.path, "realpath", resolved)
    monkeypatch.setattr(patience, "MOMENT_S", 0.05)
    folder.mkdir()
    yield folder
    over.set()


def test_a_folder_that_does_not_answer_holds_up_no_other(facility: Facility, dead: Path) -> None:
    path = facility.image("a.tif")
    (facility.data / "link.tif").symlink_to(dead / "b.tif")
    facility.allow(read_roots=[dead, facility.data])
    response = asked(paths=[path, f"{dead}/b.tif", f"{facility.data}/link.tif", f"{FAR}/c", path])
    assert codes(response) == [Code.UNAVAILABLE, Code.UNAVAILABLE, Code.REFUSED_PATH]
    assert "does not answer" in response.errors[0].why
    assert response.reports[0] is not None
    assert response.reports[4] is not None
    roots = {root.path: root for root in examined(paths=[path]).roots}
    assert roots[str(facility.data)].usable


def test_who_asks_at_the_same_time_waits_for_the_same_answer(facility: Facility) -> None:
    begun, joined, go = threading.Event(), threading.Event(), threading.Event()
    asked_for: list[int] = []

    def slow() -> str:
        asked_for.append(1)
        begun.set()
        go.wait(60)
        return "there"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(patience.asked, "a folder", slow)
        assert begun.wait(60)

        def joins() -> str:
            joined.set()
            return patience.asked("a folder", slow)

        second = pool.submit(joins)
        assert joined.wait(60)
        go.set()
        assert [first.result(60), second.result(60)] == ["there", "there"]
    assert len(asked_for) <= 2  # the second may have come when the first had its answer


def test_what_does_not_answer_is_asked_once(facility: Facility, dead: Path) -> None:
    for _ in range(5):
        with pytest.raises(Refusal), Roots([dead], use="read").file(f"{dead}/a"):
            pass
    assert len([thread for thread in threading.enumerate() if thread.name == f"asks for {dead}"]) == 1
