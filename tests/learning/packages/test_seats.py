"""Champions and challengers by microscope: whose is whose, and what is kept where none is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.packages import WEIGHTS, answered_here, card_of, written
from tests.rigs.promoted import report_of

from mhfd.errors import LibraryDamaged, PackageRefused, UsageError
from mhfd.learning.packages import Library, Package, instruments_of, refused_for


@pytest.fixture(autouse=True)
def _answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts a process for it is tested elsewhere."""
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home", tmp_path / "shipped")


def made(library: Library, number: float = 1.0, **changed: Any) -> Package:
    return written(library.folder, weights=(WEIGHTS * np.float32(number)), **changed)


def promoted(library: Library, package: Package, instrument: str | None = None, champion: str = "mhfd") -> None:
    named = {} if instrument is None else {"instrument": instrument}
    report = report_of(library.home.parent / "reports", package.name, champion, **named)
    library.promote(package, report, instrument=instrument, who="somebody")


def changes(library: Library, *seat: Any) -> list[tuple[str, str, str]]:
    return [(one.change.kind, one.change.before, one.change.after) for one in library.history(*seat) if one.in_effect]


def test_each_microscope_has_its_own_champion_and_goes_back_alone(library: Library) -> None:
    north, south = made(library, 1), made(library, 2)
    promoted(library, north, "north")
    promoted(library, south, "south")
    assert library.champion("focus", "north") == north
    assert library.champion("focus", "south") == south
    assert library.champion("focus") is None
    assert library.instruments() == ("north", "south")
    assert library.rollback("focus", instrument="north").after == "mhfd"
    assert library.champion_name("focus", "north") == "mhfd"
    assert library.champion_name("focus", "south") == south.name
    assert [one.change.instrument for one in library.history()] == ["north", "south", "north"]
    assert changes(library, "focus", "south") == [("promoted", "mhfd", south.name)]
    assert library.history("focus") == ()


def test_a_microscope_without_a_record_has_the_champion_of_all_until_it_has_its_own(library: Library) -> None:
    usual, own = made(library, 1), made(library, 2)
    promoted(library, usual)
    assert library.champion("focus", "north") == usual
    assert library.instruments() == ()
    with pytest.raises(UsageError, match=f"compares with mhfd, and the champion of focus at north is {usual.name}"):
        promoted(library, own, "north")
    promoted(library, own, "north", usual.name)
    assert changes(library, "focus", "north") == [("promoted", usual.name, own.name)]
    assert library.rollback("focus", instrument="north").after == usual.name
    assert library.rollback("focus", instrument="north").after == "mhfd"
    assert library.champion("focus", "north") is None, "its own word counts from now on"
    assert library.champion("focus") == usual


def test_a_microscope_goes_back_also_from_the_champion_of_all(library: Library) -> None:
    one, two = made(library, 1), made(library, 2)
    promoted(library, one)
    promoted(library, two, champion=one.name)
    assert library.rollback("focus", instrument="north").after == one.name
    assert library.champion("focus") == two


def test_where_no_microscope_is_named_everything_is_kept_as_it_was(library: Library) -> None:
    """Libraries of before go on, and lines of before keep their sums: nothing is said of a microscope."""
    package = made(library)
    promoted(library, package)
    line = (library.home / "history.jsonl").read_bytes()
    said = json.loads(line)
    assert list(said) == [
        "schema_version",
        "at",
        "who",
        "task",
        "kind",
        "before",
        "after",
        "why",
        "decision",
        "follows",
    ]
    alias = library.home / "champions" / "focus.json"
    digest = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
    assert alias.read_bytes() == (
        f'{{"schema_version":1,"task":"focus","package":"{package.name}","line":"{digest}"}}\n'.encode()
    )
    assert sorted(path.name for path in (library.home / "champions").iterdir()) == ["focus.json"]


def test_the_report_of_a_microscope_promotes_nobody_at_another(library: Library) -> None:
    package = made(library, groups_seen=("north/mouse/a",))
    for decided, asked in (("north", "south"), (None, "south"), ("north", None)):
        report = report_of(
            library.home.parent / "r", package.name, **({} if decided is None else {"instrument": decided})
        )
        words = (decided or "no microscope in particular", asked or "no microscope in particular")
        with pytest.raises(UsageError, match=f"was decided for {words[0]}, and this is {words[1]}"):
            library.promote(package, report, instrument=asked)
    promoted_for = report_of(library.home.parent / "r", package.name, instrument="north")
    with pytest.raises(UsageError, match="made up learned from north, and this is south"):
        library.promote(package, promoted_for, instrument="south")
    assert library.history() == ()


def test_the_report_of_a_promotion_stays_in_the_library(library: Library) -> None:
    package = made(library)
    promoted(library, package, "north")
    (told,) = library.history("focus", "north")
    kept = library.home / "reports" / f"{told.change.decision}.json"
    assert kept.read_bytes() == (library.home.parent / "reports" / "report.json").read_bytes()


def test_of_a_lens_there_is_one_champion_whatever_the_microscope(library: Library) -> None:
    """What proposes moves is asked without one, and its reports name none."""
    package = made(library, task="adjust")
    report = report_of(library.home.parent / "r", package.name, task="adjust")
    library.promote(package, report, instrument="north")
    assert library.champion("adjust") == library.champion("adjust", "south") == package
    assert library.instruments() == ()
    assert library.rollback("adjust", instrument="north").after == "mhfd"
    assert library.champion("adjust") is None


# -- challengers


def test_a_challenger_judges_nothing_until_it_is_champion_and_is_none_then(library: Library) -> None:
    one, two = made(library, 1), made(library, 2)
    assert library.challenger("focus", "north") is None
    library.challenge(one, instrument="north", why="learned from new labels", who="ada@sem")
    assert library.challenger("focus", "north") == one
    assert library.challenger_name("focus") is None
    assert library.champion("focus", "north") is None
    library.challenge(two, instrument="north")
    assert library.challenger_name("focus", "north") == two.name
    promoted(library, two, "north")
    assert library.challenger_name("focus", "north") is None
    assert changes(library, "focus", "north") == [
        ("challenges", "nobody", one.name),
        ("challenges", one.name, two.name),
        ("promoted", "mhfd", two.name),
        ("challenge ended", two.name, "nobody"),
    ]
    library.rollback("focus", instrument="north")
    assert library.challenger_name("focus", "north") is None, "it is over for good"
    promoted(library, two, "north")
    with pytest.raises(UsageError, match="was never champion of focus at north"):
        library.rollback("focus", one.name, instrument="north")


def test_the_same_challenge_again_is_one_and_the_champion_challenges_nobody(library: Library) -> None:
    one, two = made(library, 1), made(library, 2)
    assert library.challenge(one, instrument="north") == library.challenge(one, instrument="north")
    assert len(library.history("focus", "north")) == 1
    promoted(library, two, "north")
    with pytest.raises(UsageError, match="is the champion of focus at north, and challenges nobody"):
        library.challenge(two, instrument="north")
    assert library.challenger("focus", "north") == one


def test_a_challenger_that_is_removed_challenges_no_more_and_one_that_is_gone_is_said(library: Library) -> None:
    one, two = made(library, 1), made(library, 2)
    library.challenge(one, instrument="north")
    library.challenge(two)
    library.remove(one.name)
    assert library.challenger("focus", "north") is None
    assert library.challenger("focus") == two
    two.folder.rename(library.home / "away")
    with pytest.raises(PackageRefused, match="the challenger of focus is gone"):
        library.challenger("focus")


def test_the_champion_of_any_microscope_is_not_removed(library: Library) -> None:
    package = made(library)
    promoted(library, package, "FEI 2")
    with pytest.raises(UsageError, match="first `mhfd models rollback focus --instrument 'FEI 2'`"):
        library.remove(package.name)


def test_a_package_of_elsewhere_that_challenges_is_copied(library: Library, tmp_path: Path) -> None:
    package = written(tmp_path / "elsewhere")
    library.challenge(package)
    challenger = library.challenger("focus")
    assert challenger is not None
    assert challenger.folder == library.folder / package.name


# -- what is damaged


def test_a_damaged_alias_is_said_of_its_microscope_and_stops_no_other(library: Library) -> None:
    one, two = made(library, 1), made(library, 2)
    promoted(library, one, "north")
    promoted(library, two, "south")
    library.challenge(two, instrument="north")
    (library.home / "champions" / "north" / "focus.json").write_text("{")
    with pytest.raises(LibraryDamaged, match="`mhfd models rollback focus --instrument north --to mhfd` makes it mhfd"):
        library.champion("focus", "north")
    assert library.champion("focus", "south") == two
    assert library.rollback("focus", instrument="south").after == "mhfd"
    change = library.rollback("focus", "mhfd", instrument="north")
    assert (change.before, change.after) == (one.name, "mhfd")
    (library.home / "challengers" / "north" / "focus.json").write_text("{")
    with pytest.raises(LibraryDamaged, match=r"does not say who is challenger.*delete the file"):
        library.challenger("focus", "north")
    promoted(library, one, "north")
    assert library.champion("focus", "north") == one, "a damaged challenger keeps nobody from being champion"


def test_an_alias_that_was_put_elsewhere_is_none(library: Library) -> None:
    promoted(library, made(library), "north")
    champions = library.home / "champions"
    (champions / "north").rename(champions / "south")
    with pytest.raises(LibraryDamaged, match="it is of focus at north"):
        library.champion("focus", "south")


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", "focus.json", "none", " north", "north ", "north.", "n" * 65, "-x"]
)
def test_what_is_no_name_of_a_microscope_is_refused(name: str, library: Library) -> None:
    with pytest.raises(UsageError, match="is no name of a microscope"):
        library.champion("focus", name)
    assert not library.home.exists()


def test_folders_that_are_no_microscopes_are_passed_over(library: Library) -> None:
    promoted(library, made(library), "north")
    (library.home / "champions" / "focus.json").mkdir()
    (library.home / "champions" / ".north").mkdir()
    assert library.instruments() == ("north",)
    assert [one.in_effect for one in library.history()] == [True]


# -- packages of other microscopes


@pytest.mark.parametrize(
    ("groups", "taught"),
    [
        (("north/mouse/a", "north/mouse/b", "FEI 2/rat/c"), ("FEI 2", "north")),
        (("simulator/specimen 7/1", "simulated specimen 4", "some/where/over/there"), ()),
        (("/mouse/a",), ()),
        ((), ()),
    ],
)
def test_the_microscopes_of_a_package_are_those_of_its_groups(groups: tuple[str, ...], taught: tuple[str, ...]) -> None:
    assert instruments_of(card_of(groups_seen=groups)) == taught


def test_a_package_of_another_microscope_is_refused_by_name_unless_it_has_earned_a_place(library: Library) -> None:
    package = made(library, groups_seen=("north/mouse/a",))
    assert refused_for(package.card, "north") is None
    assert refused_for(package.card, None) is None
    with pytest.raises(PackageRefused, match=f"{package.short}: made up learned from north, and this is south"):
        library.refuse_elsewhere(package, "south")
    library.challenge(package, instrument="south")
    library.refuse_elsewhere(package, "south")
    with pytest.raises(PackageRefused, match="learned from north, and this is east"):
        library.refuse_elsewhere(package, "east")
    promoted(library, package, "south")
    library.refuse_elsewhere(package, "south")


def test_a_package_of_two_microscopes_and_one_of_none_may_be_asked_at_either(library: Library) -> None:
    both = card_of(groups_seen=("north/mouse/a", "south/mouse/b"))
    drawn = card_of(groups_seen=("simulator/specimen 7/1",))
    assert [refused_for(card, name) for card in (both, drawn) for name in ("north", "south")] == [None] * 4


def test_a_damaged_copy_is_mended_by_the_same_package_from_elsewhere(library: Library, tmp_path: Path) -> None:
    package = made(library)
    promoted(library, package, "north")
    (package.folder / "README.md").write_text("changed")
    whole = written(tmp_path / "elsewhere")
    assert library.add(whole).name == package.name
    assert library.champion("focus", "north") == package
    assert [path.name for path in library.folder.iterdir()] == [package.name]
