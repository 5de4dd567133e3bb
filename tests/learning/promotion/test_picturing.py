"""Packages that make pictures earn a place, or do not, by specimens that none has seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.besides import besides_dataset
from tests.rigs.networks import finder, restoring_written, smoother

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.packages import Library, sealed
from mhfd.learning.packages.report import read_ground
from mhfd.learning.pictures.comparing import GroupMeans
from mhfd.learning.promotion.life import Life, file_of
from mhfd.learning.promotion.picturing import AS_IT_CAME, tried_pictures


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Nine specimens that were taken twice; three are for the settings."""
    made = besides_dataset(tmp_path_factory.mktemp("twice"), groups=9, each=1, side=80, takes=True)
    sides = {key: Side.TRAIN if number < 3 else Side.TEST for number, key in enumerate(made.groups)}
    return Dataset(made.rows, sides)


def test_what_is_no_better_than_a_gaussian_is_kept_out(twice: Dataset, tmp_path: Path) -> None:
    package = restoring_written(tmp_path / "p", "denoise", smoother())
    library = Library(tmp_path / "home")
    found = tried_pictures(twice, task="denoise", library=library, packages={"mean of nine": package})
    assert found.decision == "kept"
    assert found.line.startswith("kept: what is classical (difference ")
    assert found.challenger == package.name
    assert (found.champion, found.kept, found.test) == ("mhfd", "mhfd", 1)
    assert [entry.role for entry in found.entries] == ["as it came", "classical", "classical", "challenger"]
    assert {duel.against.split(",")[0] for duel in found.duels} == {"Gaussian", "non-local means"}
    assert len(found.groups) == found.images == 6
    assert found.high is not None
    assert found.high < 0
    assert set(found.scores_by_image["mean of nine"]) == {row.sha256 for row in twice.on(Side.TEST).rows}
    (line,) = Life(library, file_of("denoise")).done()
    assert (line.decision, line.reason) == ("kept", found.reason)
    assert tried_pictures(twice, task="denoise", library=library, packages={"again": package}).test == 1


def test_what_is_better_beyond_doubt_is_promoted_and_becomes_champion(
    twice: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mhfd.learning.pictures.classical.SIGMAS", (4.0,))
    monkeypatch.setattr("mhfd.learning.pictures.classical._averaged", lambda plane, *_: plane)
    package = restoring_written(tmp_path / "p", "denoise", smoother())
    library = Library(tmp_path / "home")
    found = tried_pictures(twice, task="denoise", library=library, packages={"mean of nine": package})
    assert found.decision == "promoted"
    assert found.kept == package.name
    assert found.low is not None
    assert found.low > 0
    report = tmp_path / "report.json"
    import json

    report.write_text(json.dumps(sealed(found.model_dump(mode="json", exclude={"digest"}))))
    ground = read_ground(report)
    assert (ground.task, ground.challenger, ground.champion) == ("denoise", package.name, "mhfd")


def test_a_champion_is_in_the_way_too(twice: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mhfd.learning.pictures.classical.SIGMAS", (4.0,))
    monkeypatch.setattr("mhfd.learning.pictures.classical._averaged", lambda plane, *_: plane)
    champion = restoring_written(tmp_path / "p", "denoise", smoother(), title="champion")
    same = restoring_written(tmp_path / "q", "denoise", smoother(), title="the same")
    found = tried_pictures(
        twice, task="denoise", library=Library(tmp_path / "home"), packages={"same": same}, champion=champion
    )
    assert (found.decision, found.kept, found.champion) == ("kept", champion.name, champion.name)
    assert "to champion, 95% [+0.000, +0.000]" in found.reason


def test_who_has_seen_the_specimens_is_refused(twice: Dataset, tmp_path: Path) -> None:
    seen = restoring_written(tmp_path / "p", "denoise", smoother(), groups_seen=(twice.groups[-1],))
    library = Library(tmp_path / "home")
    found = tried_pictures(twice, task="denoise", library=library, packages={"seen": seen})
    assert found.line == f"kept: what is classical (refused: seen has seen {twice.groups[-1]})"
    assert found.test is None
    assert not Life(library, file_of("denoise")).done()


def test_few_specimens_decide_nothing(tmp_path: Path) -> None:
    few = besides_dataset(tmp_path / "d", groups=3, each=1, side=80, takes=True)
    package = restoring_written(tmp_path / "p", "denoise", smoother())
    found = tried_pictures(few, task="denoise", library=Library(tmp_path / "home"), packages={"net": package})
    assert found.reason == "too few specimens: 1, at least 6 that no entry has seen"
    assert found.entries[-1].score is not None


def test_a_microscope_is_tested_with_its_own_images(twice: Dataset, tmp_path: Path) -> None:
    package = restoring_written(tmp_path / "p", "denoise", smoother())
    asked = {"task": "denoise", "library": Library(tmp_path / "home"), "packages": {"net": package}}
    with pytest.raises(UsageError, match=r"none of 0 images .* looked for in the test groups of alpha"):
        tried_pictures(twice, instrument="alpha", **asked)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="lab-denoise: is for denoise, and what is compared is for segment"):
        tried_pictures(twice, **{**asked, "task": "segment"})  # type: ignore[arg-type]


def test_what_pixels_show_is_compared_with_mhfds_tissue(tmp_path: Path) -> None:
    masked = besides_dataset(tmp_path / "d", groups=8, each=1, masks=True)
    sides = {key: Side.TRAIN if number < 2 else Side.TEST for number, key in enumerate(masked.groups)}
    package = restoring_written(tmp_path / "p", "segment", finder(1))
    found = tried_pictures(
        Dataset(masked.rows, sides), task="segment", library=Library(tmp_path / "home"), packages={"begun": package}
    )
    assert found.decision == "kept"
    assert [entry.role for entry in found.entries] == ["classical", "challenger"]
    assert set(found.entries[0].more) >= {"overlap of tissue", "overlap of resin"}
    assert AS_IT_CAME not in found.scores_by_image


def test_a_package_that_refuses_is_worth_what_came(
    twice: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = restoring_written(tmp_path / "p", "denoise", smoother())

    def refuses(*_: object, **__: object) -> None:
        raise UsageError("not this one")

    monkeypatch.setattr("mhfd.learning.inference.restoring.Restorer.of", refuses)
    found = tried_pictures(twice, task="denoise", library=Library(tmp_path / "home"), packages={"net": package})
    as_it_came, challenger = found.entries[0], found.entries[-1]
    assert challenger.refused == 6
    assert challenger.score == as_it_came.score


def test_a_difference_is_of_specimens() -> None:
    import numpy as np

    from mhfd.learning.evaluation import Terms

    table = GroupMeans(tuple("abcdef"), {"a": np.arange(6.0), "b": np.arange(6.0) - 1})
    duel = table.duel("a", "b", Terms(), 0)
    assert duel.gained == pytest.approx(1)
    assert (duel.range.low, duel.range.high) == pytest.approx((1, 1))
    assert duel.p <= 1 / 32
