"""Champions: who becomes one, who goes, and what a crash leaves behind."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.benchmarks import benchmark
from tests.rigs.packages import WEIGHTS, answered_here, written
from tests.rigs.promoted import report_of

from mhfd.errors import LibraryDamaged, PackageRefused, UsageError
from mhfd.learning.packages import Library, Package, sealed


@pytest.fixture(autouse=True)
def _answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts a process for it is tested elsewhere."""
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home", tmp_path / "shipped")


def made(library: Library, number: float = 1.0, **changed: Any) -> Package:
    return written(library.folder, weights=(WEIGHTS * np.float32(number)), **changed)


def promoted(library: Library, package: Package, tmp_path: Path, champion: str = "mhfd") -> None:
    library.promote(package, report_of(tmp_path / "reports", package.name, champion), who="somebody")


def names(library: Library) -> list[str]:
    return sorted(path.name for path in library.folder.iterdir())


def test_mhfd_is_champion_where_nobody_is(library: Library) -> None:
    assert library.champion("focus") is None
    assert library.champion_name("cause") == "mhfd"
    assert library.history() == ()
    assert library.list() == ()


def test_who_earned_it_becomes_champion_and_the_history_says_on_what_ground(library: Library, tmp_path: Path) -> None:
    package = made(library)
    report = report_of(tmp_path / "r", package.name)
    library.promote(package, report, who="ada@sem")
    assert library.champion("focus") == package
    assert library.champion("cause") is None
    ((told),) = library.history("focus")
    change = told.change
    assert told.in_effect
    assert (change.who, change.kind, change.before, change.after) == ("ada@sem", "promoted", "mhfd", package.name)
    assert change.decision == json.loads(report.read_text())["digest"]
    assert change.why.startswith("difference -.4")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decision": "kept", "reason": "22 scenes"}, "the decision is 'kept'.*22 scenes"),
        ({"decision": "Promoted"}, "the decision is 'Promoted'"),
        ({"challenger": "0" * 64}, "is about 0000"),
        ({"task": "cause"}, "for cause"),
        ({"champion": "1" * 64}, "compares with 1111.*champion of focus is mhfd"),
        ({"task": "everything"}, "task"),
        ({"reason": None}, "reason"),
        ({"digest": 7}, "digest"),
    ],
)
def test_nobody_becomes_champion_by_another_report(
    changed: dict[str, Any], said: str, library: Library, tmp_path: Path
) -> None:
    package = made(library)
    report = report_of(tmp_path / "r", package.name, **changed)
    if "digest" in changed:
        report.write_text(json.dumps(json.loads(report.read_text()) | changed))
    with pytest.raises(UsageError, match=said):
        library.promote(package, report)
    assert library.champion("focus") is None
    assert library.history() == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no report"),
        ("[]", "is no JSON object"),
        ("{}", "is no report of a comparison: task"),
        ("[" * 100_000, "is no report"),
        (None, "cannot be read"),
    ],
    ids=["empty", "list", "nothing", "deep", "missing"],
)
def test_what_is_no_report_is_said(text: str | None, said: str, library: Library, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=said):
        library.promote(made(library), path)


def test_kept_is_kept_also_where_there_was_no_challenger(library: Library, tmp_path: Path) -> None:
    report = report_of(tmp_path / "r", "", decision="kept", challenger=None, reason="no challenger")
    with pytest.raises(UsageError, match="the decision is 'kept', and not 'promoted': no challenger"):
        library.promote(made(library), report)


def test_a_promotion_reads_what_a_comparison_writes(library: Library, tmp_path: Path) -> None:
    package = made(library)
    found = benchmark(decision="promoted", challenger=package.name, champion="mhfd", reason="saves .08 an image")
    report = tmp_path / "report.json"
    report.write_text(json.dumps(sealed(found.model_dump(mode="json", exclude={"digest"}))))
    assert library.promote(package, report).why == "saves .08 an image"
    assert library.champion("focus") == package


def test_a_report_that_was_changed_afterwards_is_refused(library: Library, tmp_path: Path) -> None:
    package = made(library)
    report = report_of(tmp_path / "r", package.name, decision="kept")
    report.write_text(report.read_text().replace('"kept"', '"promoted"'))
    with pytest.raises(UsageError, match="its digest does not fit"):
        library.promote(package, report)


def test_a_champion_is_compared_with_the_champion_of_now(library: Library, tmp_path: Path) -> None:
    one, two = made(library, 1), made(library, 2)
    late = report_of(tmp_path / "late", two.name)
    promoted(library, one, tmp_path)
    with pytest.raises(UsageError, match="run `mhfd evaluate` against it"):
        library.promote(two, late)
    with pytest.raises(UsageError, match="is the champion of focus already"):
        promoted(library, one, tmp_path, one.name)
    promoted(library, two, tmp_path, one.name)
    assert library.champion("focus") == two


def test_a_package_of_elsewhere_is_copied_and_a_damaged_one_is_not(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "elsewhere")
    promoted(library, package, tmp_path)
    champion = library.champion("focus")
    assert champion is not None
    assert champion.folder == library.folder / package.name
    other = written(tmp_path / "elsewhere", title="other")
    (other.folder / "README.md").write_text("changed")
    with pytest.raises(PackageRefused, match=r"README.md: has changed"):
        promoted(library, other, tmp_path, package.name)
    assert names(library) == [package.name]


def test_back_goes_to_who_was_champion_before_and_never_round_in_a_circle(library: Library, tmp_path: Path) -> None:
    one, two, three = (made(library, number) for number in (1, 2, 3))
    promoted(library, one, tmp_path)
    promoted(library, two, tmp_path, one.name)
    promoted(library, three, tmp_path, two.name)
    went = [library.rollback("focus").after for _ in range(3)]
    assert went == [two.name, one.name, "mhfd"]
    with pytest.raises(UsageError, match="there is nothing to go back from"):
        library.rollback("focus")
    assert [told.change.kind for told in library.history()] == ["promoted"] * 3 + ["rolled back"] * 3


def test_back_goes_to_mhfd_or_to_anybody_who_once_was_and_to_nobody_else(library: Library, tmp_path: Path) -> None:
    one, two, never = (made(library, number) for number in (1, 2, 3))
    promoted(library, one, tmp_path)
    promoted(library, two, tmp_path, one.name)
    with pytest.raises(UsageError, match="was never champion of focus; there are: mhfd, "):
        library.rollback("focus", never.name)
    assert library.rollback("focus", "mhfd", why="wrong on wafer 12").why == "wrong on wafer 12"
    with pytest.raises(UsageError, match="mhfd is the champion"):
        library.rollback("focus")
    promoted(library, two, tmp_path)
    assert library.rollback("focus", one.name[:8]).after == one.name


def test_back_to_a_package_that_is_gone_or_damaged_is_refused_and_to_mhfd_never(
    library: Library, tmp_path: Path
) -> None:
    one, two = made(library, 1), made(library, 2)
    promoted(library, one, tmp_path)
    promoted(library, two, tmp_path, one.name)
    (one.folder / "README.md").write_text("changed")
    with pytest.raises(PackageRefused, match=r"README\.md: has changed"):
        library.rollback("focus")
    library.remove(one.name)
    with pytest.raises(UsageError, match="is not here any more"):
        library.rollback("focus")
    (two.folder / "README.md").write_text("changed")
    with pytest.raises(PackageRefused):
        library.champion("focus")
    (library.home / "champions" / "focus.json").write_text("{")
    with pytest.raises(LibraryDamaged, match="mhfd models rollback focus --to mhfd"):
        library.champion("focus")
    with pytest.raises(LibraryDamaged):
        promoted(library, made(library, 4), tmp_path, two.name)
    change = library.rollback("focus", "mhfd")
    assert (change.before, change.after) == (two.name, "mhfd")
    assert library.champion("focus") is None
    assert [told.in_effect for told in library.history("focus")] == [True, True, True]


class Killed(BaseException):
    """The process died here."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def dying(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The so-manieth call that opens or changes something on the disk never happens."""
    count = 0

    def wrap(owner: Any, name: str) -> None:
        usual = getattr(owner, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                raise Killed
            return usual(*args, **kwargs)

        monkeypatch.setattr(owner, name, called)

    wrap(os, "fsync")
    wrap(Path, "replace")
    wrap(Path, "rename")
    wrap(Path, "open")


def test_who_dies_at_any_step_leaves_the_old_champion(library: Library, tmp_path: Path) -> None:
    """After the last step, the new one. What was begun can be repeated, and the history tells what came to nothing."""
    one = made(library)
    promoted(library, one, tmp_path)
    two = written(tmp_path / "elsewhere", title="other")
    report = report_of(tmp_path / "r", two.name, one.name)
    died_between = 0
    for at in itertools.count(1):
        again = Library(shutil.copytree(library.home, tmp_path / f"home{at}"), tmp_path / "shipped")
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, at)
            try:
                again.promote(two, report)
            except Killed:
                died = True
            else:
                died = False
        assert again.champion_name("focus") == (one if died else two).name
        if not died:
            break
        assert [told.change.after for told in again.history("focus") if told.in_effect] == [one.name]
        if len(again.history("focus")) == 2:
            died_between += 1
            again.promote(two, report)
            assert [told.in_effect for told in again.history("focus")] == [True, False, True]
            assert again.rollback("focus").after == one.name
    assert at > 15
    assert died_between > 1, "no death between the line and the alias was tried"


def test_a_line_that_was_cut_off_is_no_line_and_the_next_is_whole(library: Library, tmp_path: Path) -> None:
    package = made(library)
    lines = library.home / "history.jsonl"
    lines.write_bytes(b'{"schema_version":1,"at":"2026')
    promoted(library, package, tmp_path)
    assert [told.change.after for told in library.history()] == [package.name]
    assert len(lines.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_history_that_somebody_changed_is_found_and_the_champion_speaks_on(
    change: str, library: Library, tmp_path: Path
) -> None:
    one, two = made(library, 1), made(library, 2)
    promoted(library, one, tmp_path)
    promoted(library, two, tmp_path, one.name)
    path = library.home / "history.jsonl"
    first, second = path.read_text().splitlines(keepends=True)
    path.write_text((first.replace("somebody", "nobody") if change == "edited" else "") + second)
    with pytest.raises(LibraryDamaged, match="is missing, or was changed"):
        library.history("focus")
    assert library.champion("focus") == two
    assert library.rollback("focus", "mhfd").after == "mhfd"


def test_two_at_once_do_not_both_become_champion(library: Library, tmp_path: Path) -> None:
    """Both compared with mhfd: whoever comes second finds another champion."""
    packages = [made(library, number) for number in (1, 2, 3)]
    reports = [report_of(tmp_path / f"r{i}", one.name) for i, one in enumerate(packages)]
    start, refused = threading.Barrier(3), []

    def promote(package: Package, report: Path) -> None:
        start.wait()
        try:
            Library(library.home, tmp_path / "shipped").promote(package, report)
        except UsageError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=promote, args=pair) for pair in zip(packages, reports, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(refused) == 2
    assert all("run `mhfd evaluate` against it" in said for said in refused)
    assert [told.in_effect for told in library.history("focus")] == [True]


def test_the_champion_and_what_ships_are_not_removed(library: Library, tmp_path: Path) -> None:
    one, two = made(library, 1), made(library, 2)
    shipped = written(tmp_path / "shipped", title="radius")
    promoted(library, one, tmp_path)
    with pytest.raises(UsageError, match="is the champion of focus: first `mhfd models rollback focus`"):
        library.remove(one.name)
    with pytest.raises(UsageError, match="only packages there are removed"):
        library.remove(shipped.name)
    with pytest.raises(UsageError, match="there is no package"):
        library.remove("abcdef")
    library.remove(two.name[:8])
    assert names(library) == [one.name]
    assert [(one.shipped, one.package and one.package.card.title) for one in library.list()] == [
        (False, "made up"),
        (True, "radius"),
    ]
    assert library.shipped() == (shipped,)


def test_a_damaged_package_is_listed_as_such_and_can_be_removed(library: Library) -> None:
    package = made(library)
    (package.folder / "README.md").write_text("changed")
    (listed,) = library.list()
    assert listed.package is None
    assert "README.md: has changed" in str(listed.refused)
    with pytest.raises(PackageRefused, match=r"README\.md: has changed"):
        library.find(package.name)
    library.remove(package.name)
    assert library.list() == ()


@pytest.mark.parametrize("what", ["link", "nowhere", "file", "folder"])
def test_whatever_is_listed_as_damaged_is_removed_by_its_name(library: Library, tmp_path: Path, what: str) -> None:
    """Of a link the link: what it leads to is somebody else's."""
    library.folder.mkdir(parents=True)
    (tmp_path / "theirs").mkdir()
    place = library.folder / "odd"
    if what == "file":
        place.touch()
    elif what == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / ("theirs" if what == "link" else "none"))
    assert library.list()[0].refused is not None
    library.remove("odd")
    assert [one.name for one in library.folder.iterdir()] == []
    assert (tmp_path / "theirs").is_dir()


def test_a_package_is_found_by_folder_name_beginning_and_title(library: Library, tmp_path: Path) -> None:
    package = made(library)
    for word in (str(package.folder), package.name, package.name[:6], "made up"):
        assert library.find(word) == package
    with pytest.raises(UsageError, match="there is no package"):
        library.find(package.name[:5])
    made(library, 2)
    with pytest.raises(UsageError, match="is the name of several packages"):
        library.find("made up")


def test_what_a_killed_writer_left_goes_away_a_day_later(library: Library) -> None:
    for name in (".making-old", ".making-new"):
        (library.folder / name).mkdir(parents=True)
    os.utime(library.folder / ".making-old", (1e9, 1e9))
    package = made(library)
    assert names(library) == [".making-new", package.name]
    assert [one.folder.name for one in library.list()] == [package.name]


def test_what_ships_can_be_champion_and_is_not_copied(library: Library, tmp_path: Path) -> None:
    shipped = written(tmp_path / "shipped")
    promoted(library, shipped, tmp_path)
    assert library.champion("focus") == shipped
    assert not library.folder.exists()


def test_a_change_is_one_rename(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ever reads an alias that is half written, and there is none besides."""
    package = made(library)
    usual = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda part, path: killed() if path.parent.name == "champions" else usual(part, path)
    )
    with pytest.raises(Killed):
        promoted(library, package, tmp_path)
    assert library.champion("focus") is None
    assert not list((library.home / "champions").iterdir())
