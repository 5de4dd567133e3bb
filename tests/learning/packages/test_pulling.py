"""The champion of another library, taken over: whole or not at all, on its report, where it beat who judges here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import faulty_disk
from tests.rigs.faulty_disk import MODES, Fault, Mode
from tests.rigs.faulty_library import PullRig
from tests.rigs.packages import WEIGHTS, answered_here, written
from tests.rigs.promoted import report_of

from mhfd.errors import LibraryDamaged, PackageRefused, UsageError
from mhfd.learning.packages import Library, Package


@pytest.fixture(autouse=True)
def _answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts a process for it is tested elsewhere."""
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)


@pytest.fixture
def here(tmp_path: Path) -> Library:
    return Library(tmp_path / "here", tmp_path / "shipped")


@pytest.fixture
def there(tmp_path: Path) -> Library:
    return Library(tmp_path / "there", tmp_path / "shipped")


def promoted(
    library: Library, number: float, champion: str = "mhfd", instrument: str | None = "north", **changed: Any
) -> Package:
    package = written(library.folder, weights=WEIGHTS * np.float32(number), **changed)
    named = {} if instrument is None else {"instrument": instrument}
    report = report_of(library.home.parent / "reports", package.name, champion, **named)
    library.promote(package, report, instrument=instrument, who="far@away")
    return package


def test_a_champion_comes_with_its_report_and_the_same_bytes(here: Library, there: Library) -> None:
    package = promoted(there, 1)
    change = here.pull(there, "focus", "north", who="ada@sem")
    champion = here.champion("focus", "north")
    assert champion is not None
    assert champion.name == package.name
    assert champion.folder == here.folder / package.name
    (far,) = there.history("focus", "north")
    assert change.decision == far.change.decision
    assert (change.kind, change.before, change.who) == ("promoted", "mhfd", "ada@sem")
    assert change.why == f"pulled from {there.home}: {far.change.why}"
    report = f"reports/{change.decision}.json"
    assert (here.home / report).read_bytes() == (there.home / report).read_bytes()
    assert here.champion("focus") is None
    with pytest.raises(UsageError, match=f"is the champion of focus at north already, as in {there.home}"):
        here.pull(there, "focus", "north")


def test_what_was_pulled_can_be_pulled_from_here(here: Library, there: Library, tmp_path: Path) -> None:
    package = promoted(there, 1)
    here.pull(there, "focus", "north")
    third = Library(tmp_path / "third", tmp_path / "shipped")
    third.pull(here, "focus", "north")
    assert third.champion_name("focus", "north") == package.name


def test_it_takes_the_place_of_those_alone_that_it_or_who_it_beat_was_compared_with(
    here: Library, there: Library
) -> None:
    one = promoted(there, 1)
    here.pull(there, "focus", "north")
    two = promoted(there, 2, one.name)
    three = promoted(there, 3, two.name)
    assert here.pull(there, "focus", "north").before == one.name, "two had beaten it, and three had beaten two"
    here.rollback("focus", "mhfd", instrument="north")
    own = promoted(here, 7)
    four = promoted(there, 4, three.name)
    with pytest.raises(UsageError, match=f"{four.name} was compared with {three.name}.*here is {own.name}.*--to"):
        here.pull(there, "focus", "north")
    assert here.champion("focus", "north") == own


def test_what_beat_the_champion_of_all_microscopes_takes_the_place_of_mhfd_too(here: Library, there: Library) -> None:
    usual = promoted(there, 1, instrument=None)
    own = promoted(there, 2, usual.name)
    here.pull(there, "focus", "north")
    assert here.champion_name("focus", "north") == own.name


def test_what_was_rolled_back_from_does_not_come_again_unless_it_is_told(here: Library, there: Library) -> None:
    package = promoted(there, 1)
    here.pull(there, "focus", "north")
    here.rollback("focus", instrument="north", why="wrong on wafer 12", who="ada@sem")
    with pytest.raises(UsageError, match=r"was rolled back from here at .* by ada@sem: wrong on wafer 12; .*--again"):
        here.pull(there, "focus", "north")
    assert here.champion("focus", "north") is None
    assert here.pull(there, "focus", "north", again=True).after == package.name
    better = promoted(there, 2, package.name)
    assert here.pull(there, "focus", "north").after == better.name, "another is no return"


def test_what_is_not_to_be_had_there_is_said(here: Library, there: Library) -> None:
    with pytest.raises(UsageError, match="is no library: it has neither"):
        here.pull(there, "focus", "south")
    there.folder.mkdir(parents=True)
    with pytest.raises(UsageError, match="has no champion of focus at south; it has of: none"):
        here.pull(there, "focus", "south")
    promoted(there, 1)
    with pytest.raises(UsageError, match="has no champion of focus at south; it has of: focus at north"):
        here.pull(there, "focus", "south")
    with pytest.raises(UsageError, match="has no champion of focus; it has of: focus at north"):
        here.pull(there, "focus")
    there.rollback("focus", instrument="north")
    with pytest.raises(UsageError, match=r"the champion of focus at north is mhfd.*--instrument north --to mhfd"):
        here.pull(there, "focus", "north")
    assert not here.home.exists()


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        ("package", PackageRefused, r"README\.md: has changed"),
        ("gone", UsageError, "the champion of focus at north there is gone"),
        ("report", UsageError, "its digest does not fit"),
        ("no report", UsageError, "cannot be read: No such file"),
        ("other report", UsageError, "is another report than the history there names"),
        ("alias", LibraryDamaged, "does not say who is champion"),
        ("history", LibraryDamaged, "is missing, or was changed"),
    ],
)
def test_what_is_damaged_there_changes_nothing_here(
    damage: str, error: type[Exception], said: str, here: Library, there: Library
) -> None:
    package = promoted(there, 1)
    own = promoted(here, 7)
    (report,) = (there.home / "reports").iterdir()
    match damage:
        case "package":
            (package.folder / "README.md").write_text("changed")
        case "gone":
            package.folder.rename(there.home / "away")
        case "report":
            report.write_text(report.read_text().replace("difference", "Difference"))
        case "no report":
            report.unlink()
        case "other report":
            report.write_bytes(report_of(there.home, package.name, instrument="south").read_bytes())
        case "alias":
            (there.home / "champions" / "north" / "focus.json").write_text("{")
        case "history":
            (there.home / "history.jsonl").write_text("")
    with pytest.raises(error, match=said):
        here.pull(there, "focus", "north")
    assert here.champion("focus", "north") == own
    assert len(here.history("focus", "north")) == 1
    assert [path.name for path in here.folder.iterdir()] == [own.name]


def test_a_history_that_names_no_report_promotes_nobody_here(here: Library, there: Library) -> None:
    """A line of a promotion without a ground, as no library of ours writes it."""
    package = written(there.folder)
    there._history.record(seat_of("north"), "promoted", package.name, who="somebody", why="because")
    with pytest.raises(UsageError, match="names no report that made"):
        here.pull(there, "focus", "north")


def seat_of(instrument: str) -> Any:
    from mhfd.learning.packages.seats import Seat

    return Seat("focus", instrument)


# -- at the worst moment


PROGRAM = """
import sys
from pathlib import Path
from tests.rigs.packages import answered_here
import mhfd.learning.packages.package as package
package.tried = answered_here
from mhfd.learning.packages import Library
here, there, shipped = map(Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
Library(here, shipped).pull(Library(there, shipped), "focus", "north")
print("done", flush=True)
"""


class Puller:
    """Another process that pulls when it is told to."""

    def __init__(self, here: Library, there: Library) -> None:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        folders = here.home, there.home, there.home.parent / "shipped"
        words = [sys.executable, "-c", PROGRAM, *map(str, folders)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ended(self) -> tuple[int, str]:
        out, wrong = self.process.communicate()
        return self.process.returncode, out + wrong


@pytest.mark.parametrize("mode", MODES)
def test_a_disk_that_fails_at_any_call_and_a_kill_after_any_leave_the_old_champion_or_the_new_one(
    mode: Mode, here: Library, there: Library, tmp_path: Path
) -> None:
    """`kill -9`, a full disk, a short write and an error of the disk, at every call that is made on the library."""
    old = promoted(there, 1)
    here.pull(there, "focus", "north")
    new = promoted(there, 2, old.name)
    rig = PullRig(faulty_disk.built(tmp_path), there.home, tmp_path / "counter")
    try:
        undisturbed = rig.pull(shutil.copytree(here.home, tmp_path / "undisturbed"), Fault(mode=mode))
        assert undisturbed.code == 0, undisturbed.said
        assert undisturbed.calls > 5
        changed = 0
        for at in range(1, undisturbed.calls + 1):
            home = shutil.copytree(here.home, tmp_path / f"home{at}")
            ended = rig.pull(home, Fault(at, mode))
            again = Library(home, tmp_path / "shipped")
            champion = again.champion("focus", "north")
            assert champion is not None
            assert champion.name in (old.name, new.name)
            if ended.code == 1:  # it was told why, and is who it was
                assert champion.name == old.name, f"{ended.failed}: {ended.said}"
                assert ended.said.startswith(("LibraryUnwritable: ", "PackageRefused: ", "LibraryDamaged: ")), (
                    ended.said
                )
            else:
                assert ended.code == (-9 if mode == "kill" else 0), f"{ended.failed}: {ended.said}"
            assert all(one.refused is None for one in again.list())
            if champion.name == old.name:
                once_more = rig.pull(home)
                assert once_more.code == 0, f"after {ended.failed}: {once_more.said}"
            else:
                changed += 1
            assert again.champion_name("focus", "north") == new.name
            assert {one.change.after for one in again.history("focus", "north") if one.in_effect} == {
                old.name,
                new.name,
            }
            assert again.rollback("focus", instrument="north").after == old.name
            shutil.rmtree(home)
    finally:
        rig.close()
    assert changed < undisturbed.calls


def test_of_many_who_pull_at_once_one_changes_and_the_others_are_told(here: Library, there: Library) -> None:
    package = promoted(there, 1)
    pullers = [Puller(here, there) for _ in range(4)]
    threads = [threading.Thread(target=one.go) for one in pullers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = [one.ended() for one in pullers]
    assert sorted(code for code, _ in ended) == [0, 1, 1, 1]
    assert all("is the champion of focus at north already" in said for code, said in ended if code)
    assert [one.change.after for one in here.history("focus", "north")] == [package.name]
    assert [path.name for path in here.folder.iterdir()] == [package.name]


def test_who_reads_while_another_writes_always_finds_a_whole_history(here: Library, there: Library) -> None:
    """The alias is read first, then the lines: another process writes them the other way round."""
    packages = [promoted(there, 1)]
    read, stop = 0, threading.Event()
    wrong: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(2, 12):
                packages.append(promoted(there, number, packages[-1].name))
        except BaseException as error:
            wrong.append(error)
        finally:
            stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not stop.is_set():
        assert all(one.in_effect for one in there.history("focus", "north")[:-1])
        read += 1
    writer.join()
    assert not wrong
    assert read > 1
