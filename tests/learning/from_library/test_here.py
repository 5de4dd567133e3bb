"""`mhfd learn` on this machine: this user's library assessed and benchmarked really; nothing of it is a network.

With networks, and torch: tests/learning/training/test_learned_for_a_microscope.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.benched import GUESSES, SEES, labelled, package
from tests.rigs.packages import answered_here
from tests.rigs.typed import typed_here

import mhfd_client
from mhfd.errors import UsageError
from mhfd.learning.packages import Library
from mhfd.learning.promotion import gates
from mhfd_client import files
from mhfd_client.learning.from_library.asked import usual_title
from mhfd_client.learning.from_library.kept import learnings
from mhfd_client.learning.from_library.learned import number, scored
from mhfd_client.settings.places import models_home


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    labelled(folder)
    return folder


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr(gates, "barred", lambda _package: ())
    return Library(models_home())


def learn(images: Path, **options: Any) -> Any:
    return mhfd_client.learn(images, **{"instrument": "north", **options})


def test_the_best_of_the_library_is_benchmarked_and_promoted_there_alone(library: Library, images: Path) -> None:
    """One of four packages is damaged: it is said, and keeps nobody from being assessed."""
    best = package(library.folder, SEES, title="sees", groups_seen=("south/a/1",))
    package(library.folder, GUESSES, title="guesses", groups_seen=("west/a/1",))
    damaged = package(library.folder, SEES * 3, title="damaged", groups_seen=("east/a/1",))
    (damaged.folder / "README.md").write_text("other")
    learned = learn(images)
    assert learned.assessment.packages[0].package == best.name
    assert any("README.md" in one.reason for one in learned.assessment.packages)
    assert learned.assessment.train == (), "none of them is a network"
    assert learned.benchmark.decision == "promoted", learned.benchmark.line
    assert library.champion("focus", "north") == best == learned.package
    assert library.champion("focus", "south") is None
    assert learned.words[0].startswith("assessed 3: best sees ")
    again = learn(images)
    assert again == learned
    assert len(library.history("focus", "north")) == 1


def test_an_empty_library_is_told_how_it_begins(library: Library, images: Path) -> None:
    with pytest.raises(UsageError, match=r"a library begins with a network of its own: mhfd train focus"):
        learn(images)


def test_a_device_of_this_machine_needs_no_workers(library: Library, images: Path) -> None:
    """It is far away that one goes with the other."""
    with pytest.raises(UsageError, match=r"a library begins with"):
        learn(images, device="cpu")
    with pytest.raises(UsageError, match="threads: they are of each worker"):
        learn(images, threads=2)


def test_the_command_says_the_same(library: Library, images: Path) -> None:
    package(library.folder, GUESSES, title="guesses", groups_seen=("west/a/1",))
    code, told = typed_here(["learn", str(images), "--instrument", "north", "--json"])
    assert code == 0, told
    said = json.loads(told[told.index("{\n") :])
    assert (said["benchmark"]["decision"], said["trainings"]) == ("kept", [])
    code, told = typed_here(["learn", str(images), "--instrument", "west"])
    assert code == 2
    assert "this is for west" in told


def test_what_is_otherwise_by_now_is_told(library: Library, images: Path) -> None:
    best = package(library.folder, SEES, title="sees", groups_seen=("south/a/1",))
    first = learn(images)
    assert first.words[-2:] == (
        f"package {best.name[:12]} (sees); report in {first.report}",
        f"champion of focus at north: {best.name[:12]} (before: mhfd)",
    )
    library.rollback("focus", instrument="north")
    library.remove(best.name)
    told: list[str] = []
    again = learn(images, told=told.append)
    assert (again.package, again.words) == (None, first.words)
    assert told[-2:] == [
        "since then: champion of focus at north is mhfd",
        f"since then: package {best.name[:12]} was removed",
    ]


def test_two_do_not_learn_the_same_at_once(library: Library, images: Path) -> None:
    package(library.folder, GUESSES, title="guesses", groups_seen=("west/a/1",))
    done = learn(images, key="ours")
    lock = files.opened_lock(learnings() / ".ours.lock")
    with files.held(lock), pytest.raises(UsageError, match="ours: is being learned already, by another process here"):
        learn(images, key="ours")
    assert learn(images, key="ours") == done


@pytest.mark.parametrize("name", ["benchmark", "change", "trainings", "words", "report"])
def test_what_was_kept_and_cannot_be_read_is_named(library: Library, images: Path, name: str) -> None:
    package(library.folder, GUESSES, title="guesses", groups_seen=("west/a/1",))
    learn(images, key="ours")
    file = learnings() / "ours.json"
    kept = json.loads(file.read_text())
    kept["came"][name] = 3
    file.write_text(json.dumps(kept))
    with pytest.raises(UsageError, match=r"ours\.json: what was kept cannot be read .*; remove it, and type the same"):
        learn(images, key="ours")


def test_a_title_that_no_card_has_room_for_is_said_before_anything_is_asked(library: Library, images: Path) -> None:
    with pytest.raises(UsageError, match="title: expected 1 to 60 characters"):
        learn(images, title="t" * 61)
    with pytest.raises(UsageError, match="title: expected 1 to 60 characters"):
        learn(images, title="t" * 60, best=2)
    with pytest.raises(UsageError, match="licence: expected 1 to 120 characters"):
        learn(images, licence="")
    assert len(usual_title("m" * 64, "residual") + " 2") == 59


def test_numbers_are_short() -> None:
    assert (number(0.5), number(-0.25), number(1.5), number(0.999)) == (".50", "-.25", "1.50", "1.00")
    assert scored(0.91, 0.86, 0.95) == ".91 [.86, .95]"
    assert (scored(0.5, None, None), scored(None, None, None)) == (".50", "unknown")
