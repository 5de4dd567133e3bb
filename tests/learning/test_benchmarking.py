"""What decides at a microscope: its own images, on the test side, by the test that it has left."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.benched import GUESSES, SPECIMENS, images, labelled, package

from mhfd.contract.benchmarking import Benchmarked
from mhfd.errors import UsageError
from mhfd.learning.benchmarking import PAGE, REPORT, benchmark
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.learners.reach import reach_of
from mhfd.learning.packages import Library, Package, sealed
from mhfd.learning.promotion.life import Life, file_of


class Bench:
    """A library of its own, and a dataset of two microscopes."""

    def __init__(self, folder: Path, dataset: Dataset, cache: Path) -> None:
        self.folder, self.dataset, self.cache = folder, dataset, cache
        self.library = Library(folder / "library")
        self.mine = package(folder / "trained")

    def run(self, dataset: Dataset | None = None, **asked: Any) -> Benchmarked:
        usual: dict[str, Any] = {"instrument": "north", "trained": [self.mine.folder], "champion": None}
        return benchmark(
            dataset or self.dataset,
            library=self.library,
            out=self.folder / "out",
            cache=self.cache,
            gate=lambda _package: (),
            **(usual | asked),
        )

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out" / REPORT).read_text("utf-8"))
        return found

    def tests(self, instrument: str | None = "north") -> list[str]:
        return [one.decision for one in Life(self.library, file_of("focus", instrument)).done()]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def bench(tmp_path: Path, dataset: Dataset, cache: Path) -> Bench:
    return Bench(tmp_path, dataset, cache)


def test_the_test_side_of_the_microscope_alone_decides_and_the_test_is_its_own(bench: Bench) -> None:
    found = bench.run()
    assert (found.decision, found.test, found.champion, found.challenger) == ("promoted", 1, None, bench.mine.name)
    assert (found.images, found.groups) == (SPECIMENS * 4, SPECIMENS)
    assert found.low is not None
    assert found.low > 0
    document = bench.report()
    assert document == sealed({key: value for key, value in document.items() if key != "digest"})
    assert document["digest"] == found.report
    assert (document["instrument"], document["challenger"], document["champion"]) == ("north", bench.mine.name, "mhfd")
    assert document["groups"] == sorted(f"north {n}" for n in range(2, 2 + SPECIMENS)), "and no south, and no training"
    assert found.line in (bench.folder / "out" / PAGE).read_text("utf-8")
    assert [one.name for one in found.entries] == ["mhfd", "mhfd, no baseline", "mine"]
    assert found.entries[2].package == bench.mine.name
    assert (bench.tests(), bench.tests("south"), bench.tests(None)) == (["promoted"], [], [])
    assert bench.run() == found, "asked again it is the same test"
    assert bench.tests() == ["promoted"]
    assert bench.run(seed=1).test == 2


def test_who_judges_is_who_is_told(bench: Bench) -> None:
    other = bench.library.add(package(bench.folder / "packages", GUESSES, title="other"))
    found = bench.run(champion=other.name)
    assert (found.decision, found.champion) == ("promoted", other.name)
    assert bench.report()["champion"] == other.name
    kept = bench.run(trained=(), against=[other.name], champion=bench.library.add(bench.mine).name)
    assert (kept.decision, kept.champion, kept.challenger) == ("kept", bench.mine.name, other.name)
    with pytest.raises(UsageError, match="there is no package"):
        bench.run(champion="ab" * 32)


def test_too_few_specimens_decide_nothing_and_spend_nothing(bench: Bench) -> None:
    rows = [row for row in bench.dataset.rows if row.group.specimen in ("north 2", "north 3")]
    found = bench.run(Dataset(tuple(rows), {row.group.key: Side.TEST for row in rows}))
    assert (found.decision, found.test, found.challenger) == ("kept", None, bench.mine.name)
    assert "too few specimens: 2, at least 6" in found.line
    assert len(found.said) == len(rows)
    assert bench.tests() == []


def test_of_one_image_it_is_said_what_each_says_and_how_far_it_lies(bench: Bench, tmp_path: Path) -> None:
    (row, *_) = images(tmp_path / "last", "north", (70,), each=1)
    taught = measured_rings(bench)
    bench.mine = package(tmp_path / "ringed", rings=reach_of(taught))
    one = Dataset((row,), {row.group.key: Side.TEST})
    found = bench.run(one)
    assert (found.decision, found.test, found.images, found.groups) == ("kept", None, 1, 1)
    assert found.line == "kept: mhfd (labels: of 1 image it is good; both kinds are needed, good and bad)"
    (said,) = found.said
    assert (said.sha256, said.bad) == (row.sha256, False)
    assert said.scores["mhfd"] is None, "it compares with two sharp others of the group"
    assert said.scores["mhfd, no baseline"] is not None
    assert said.scores["mine"] is not None
    far = said.far[bench.mine.name]
    assert far is not None
    assert 0 < far < 1
    unlabelled = row.model_copy(update={"target": row.target.model_copy(update={"bad": None})})
    assert "it has no label" in bench.run(Dataset((unlabelled,), one.split)).line
    assert bench.report()["test"] is None
    assert bench.tests() == []
    assert bench.run(one, trained=(), champion=bench.library.add(bench.mine).name).line.startswith("kept: mine (labels")


def measured_rings(bench: Bench) -> Any:
    from mhfd.learning import features
    from mhfd.learning.learners.matrix import matrix_of

    return matrix_of(bench.dataset.on(Side.TRAIN), ("rings",), bench.cache).values[:, : len(features.names(("rings",)))]


def test_images_of_another_microscope_are_refused_by_name(bench: Bench) -> None:
    with pytest.raises(UsageError, match="the images are of north, south, and this is for east"):
        bench.run(instrument="east")
    rows = [row for row in bench.dataset.rows if row.group.specimen in ("north 0", "south 51")]
    one_side = Dataset(tuple(rows), bench.dataset.split)
    with pytest.raises(UsageError, match="no image of north is on its test side"):
        bench.run(one_side)


def test_what_overlaps_ends_in_words(bench: Bench, tmp_path: Path) -> None:
    first, last = bench.dataset.rows[0], bench.dataset.rows[8 + 4 * 3]
    assert (bench.dataset.side(first), bench.dataset.side(last)) == (Side.TRAIN, Side.TEST)
    twice = replace(bench.dataset, rows=(*bench.dataset.rows, first.model_copy(update={"group": last.group})))
    with pytest.raises(UsageError, match="one lies in train, the other in test"):
        bench.run(twice)
    elsewhere = first.model_copy(update={"path": str(tmp_path / "not-opened.tif")})
    rows = (elsewhere, *twice.rows[1:])
    with pytest.raises(UsageError, match="one lies in train, the other in test"):
        bench.run(replace(twice, rows=rows))
    bench.mine = seen = package(tmp_path / "seen", groups_seen=("north/north 4/other day",))
    found = bench.run()
    assert (found.decision, found.test, found.challenger) == ("kept", None, None)
    assert "mine has seen north 4" in found.line
    assert [one.barred for one in found.entries if one.package == seen.name] == [("has seen north 4",)]


def test_a_package_for_something_else_does_not_stand(bench: Bench, tmp_path: Path) -> None:
    other: Package = package(tmp_path / "cause", title="why", task="cause")
    with pytest.raises(UsageError, match="why: is a package for cause, and this is for focus"):
        bench.run(trained=[other.folder])
