"""`mhfd learn --endpoint`: three works, one training, one package, one change, whoever is killed and whatever is lost.

The endpoint is the real functions in this process, with one who counts instead of training.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.benched import labelled
from tests.rigs.here import ID
from tests.rigs.library_far import FarLibrary
from tests.rigs.packages import answered_here
from tests.rigs.promoted import report_of
from tests.rigs.remote.counting import STEPS
from tests.rigs.typed import typed_here
from tests.rigs.works_here import WorksHere

from mhfd.errors import UsageError
from mhfd.learning.packages import Library
from mhfd_client.errors import ChampionChanged, PackageElsewhere, StateFull, WorkNotDone
from mhfd_client.runners import far as carried


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    labelled(folder)
    return folder


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Path) -> Iterator[FarLibrary]:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("MHFD_PURPOSE", "train")
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    monkeypatch.setattr(carried, "_PAUSE_S", 0.01)
    with closing(WorksHere(monkeypatch)) as here:
        yield FarLibrary(tmp_path, monkeypatch, here, images)


def test_what_earns_its_place_comes_home_as_champion_of_that_microscope(far: FarLibrary) -> None:
    told: list[str] = []
    learned = far.learn(told=told.append)
    assert learned.benchmark.decision == "promoted", learned.benchmark.line
    assert learned.package is not None
    assert far.mine.champion("focus", "north") == learned.package
    assert far.mine.champion("focus", "south") is None
    assert far.changes() == [("promoted", learned.package.name)]
    assert {path.name for path in learned.report.iterdir()} == {"report.json", "report.html"}
    assert far.asked() == ["mhfd_assess assess", "mhfd_train train-1", "mhfd_benchmark benchmark"]
    (train,), (benchmark,) = far.here.of("mhfd_train")[:1], far.here.of("mhfd_benchmark")[:1]
    assert (train["parent"], train["library"]) == (far.parents[0].name, str(far.there))
    assert benchmark["against"] == [far.parents[1].name]
    assert [line.partition(" ")[0].rstrip(":") for line in told] == [
        "assessed",
        "trained",
        "benchmarked",
        "home",
        "champion",
    ]
    assert learned.words == tuple(told)


def test_the_same_words_ask_nothing_again_and_afresh_asks_all(far: FarLibrary) -> None:
    first = far.learn()
    asked = len(far.here.asked)
    again = far.learn()
    assert again == first
    assert len(far.here.asked) == asked
    assert far.counter.counted == list(range(1, STEPS + 1))
    assert len(far.changes()) == 1
    far.learn(afresh=True)
    assert len(far.here.asked) > asked


@pytest.mark.parametrize("at", range(1, 6))
def test_killed_anywhere_it_is_one_training_one_package_one_change(far: FarLibrary, at: int) -> None:
    """Before a step's line is told, and after the library has changed but before that is kept."""
    told: list[str] = []

    def killed(line: str) -> None:
        told.append(line)
        if len(told) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        far.learn(told=killed)
    learned = far.learn()
    assert learned.package is not None
    assert far.counter.counted == list(range(1, STEPS + 1))
    assert far.changes() == [("promoted", learned.package.name)]
    assert len(list(far.mine.folder.iterdir())) == 1
    assert len({one["key"] for name, one in far.here.asked if name == "mhfd_benchmark"}) == 1


def test_nothing_trained_the_best_is_benchmarked_as_it_stands(far: FarLibrary) -> None:
    far.train = []
    learned = far.learn(best=0)
    assert learned.trainings == ()
    assert learned.package is not None
    assert learned.package.name == far.parents[0].name
    assert not far.here.of("mhfd_train")


def test_what_does_not_earn_it_is_the_challenger(far: FarLibrary) -> None:
    learned = far.learn(prevalence=0.000001)
    assert learned.benchmark.decision == "kept"
    assert learned.package is not None
    assert far.changes() == [("challenges", learned.package.name)]
    assert far.mine.champion_name("focus", "north") == "mhfd"
    assert "champion stays mhfd" in learned.words[-1]


def test_another_champion_meanwhile_is_not_replaced(far: FarLibrary, tmp_path: Path) -> None:
    other = far.parents[1]

    def meanwhile(line: str) -> None:
        if line.startswith("benchmarked"):
            report = report_of(tmp_path / "other", other.name, instrument="north")
            far.mine.promote(other, report, instrument="north")

    with pytest.raises(ChampionChanged, match=r"earned its place against mhfd, and who judges focus at north is"):
        far.learn(told=meanwhile)
    assert far.changes() == [("promoted", other.name)]
    with pytest.raises(ChampionChanged):
        far.learn()


def test_a_package_that_was_damaged_on_the_way_is_asked_for_again(far: FarLibrary) -> None:
    whole: dict[Path, bytes] = {}

    def damaged(line: str) -> None:
        if line.startswith("benchmarked"):
            for path in far.facility.out.glob("mhfd-work-*benchmark*/files-*/packages/*/README.md"):
                whole[path] = path.read_bytes()
                path.write_text("# other\n")

    with pytest.raises(PackageElsewhere, match=r"README\.md: has changed"):
        far.learn(told=damaged)
    assert whole
    assert not far.changes()
    assert not far.mine.folder.exists() or not list(far.mine.folder.iterdir())
    for path, data in whole.items():
        path.write_bytes(data)
    assert far.learn().change is not None
    assert far.counter.counted == list(range(1, STEPS + 1))


def test_a_report_that_was_changed_on_the_way_promotes_nobody(far: FarLibrary) -> None:
    def changed(line: str) -> None:
        if line.startswith("benchmarked"):
            (report,) = far.facility.out.glob("mhfd-work-*benchmark*/files-*/report/report.json")
            report.write_text(report.read_text().replace("promoted", "promoted "))

    with pytest.raises(PackageElsewhere, match=r"report\.json is not what was made there"):
        far.learn(told=changed)
    assert not far.changes()


def test_a_training_that_was_cancelled_goes_on_with_the_same_words(far: FarLibrary) -> None:
    def before(step: int) -> None:
        if step == 3:
            asked = far.here.of("mhfd_train")[0]
            far.here.answers["mhfd_train"](**asked | {"cancel": True})

    far.counter.before = before
    with pytest.raises(WorkNotDone, match=r"training .*-train-1: cancelled: .*the same again goes on"):
        far.learn()
    far.counter.before = lambda _step: None
    assert far.learn().change is not None
    assert far.counter.counted == [1, 2, 3, 4, 5, 6], "no step was done twice"
    assert far.asked()[1:3] == ["mhfd_train train-1", "mhfd_train train-1-2"]


def test_a_full_disk_here_is_said_and_loses_nothing(far: FarLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = os.fsync, [False]

    def fsync(file: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    monkeypatch.setattr("os.fsync", fsync)
    full[0] = True
    with pytest.raises(StateFull):
        far.learn()
    assert not far.here.asked, "what is asked is kept before it is asked"
    full[0] = False

    def when(line: str) -> None:
        full[0] = line.startswith("benchmarked")

    with pytest.raises(StateFull):
        far.learn(told=when)
    full[0] = False
    assert far.learn().change is not None
    assert far.counter.counted == list(range(1, STEPS + 1))
    assert len(far.changes()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"library": None}, "library: say where the endpoint has its library"),
        ({"library": "models"}, "library: 'models' is no folder of an endpoint"),
        ({"instrument": "west"}, "the images of .* are of north, south, and this is for west"),
        ({"endpoint": None, "library": None, "into": "/out"}, "into: it belongs to learning on an endpoint"),
        ({"via": "flow"}, "into: a flow finds its folders itself"),
        ({"via": "post", "into": None}, "via: 'post' is neither"),
        ({"prevalence": 2.0}, "prevalence: 2.0 is not above 0"),
        ({"device": "gpu"}, "device: far away it goes with --workers"),
        ({"epochs": 0}, "epochs: "),
        ({"map": {"/elsewhere": "/there"}}, "compute.map: no pair covers"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(far: FarLibrary, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        far.learn(**options)
    assert not far.here.asked


def test_the_command_prints_a_line_a_step_and_the_same_as_json(far: FarLibrary) -> None:
    there = ["--endpoint", str(ID), "--library", str(far.there), "--into", str(far.facility.out)]
    words = ["learn", str(far.dataset), "--instrument", "north", "--epochs", "3", *there]
    code, told = typed_here(words)
    assert code == 0, told
    assert "\nchampion of focus at north: " in told
    code, told = typed_here([*words, "--json"])
    assert code == 0, told
    said = json.loads(told[told.index("{\n") :])
    assert said["change"]["after"] == said["package"] == Library(far.mine.home).champion_name("focus", "north")
    assert said["schema_version"] == 1
