"""`mhfd_benchmark` through the function's way in, on a real folder: one test of a life, one decision, whoever dies."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.benched import GUESSES, images, labelled, package
from tests.rigs.facility import Facility
from tests.rigs.packages import answered_here

from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import ExtraMissing
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.packages import MHFD, Library, Package, history, read_package
from mhfd.learning.promotion import gates
from mhfd.learning.promotion.life import Life, file_of
from mhfd.remote import benchmark, benchmarking
from mhfd.remote.long.turn import LongWork


class Killed(BaseException):
    """As when the process dies there: nobody catches it."""


class Benchmarks(Facility):
    """A facility with a library that may be written, a dataset of two microscopes, and a package just trained."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, labelled: Path) -> None:
        super().__init__(folder, monkeypatch)
        self.patch = monkeypatch
        self.there = self.data / "library"
        self.there.mkdir()
        self.let({})
        self.labelled = self.data / "labelled"
        shutil.copytree(labelled, self.labelled)
        self.build(Dataset.read(labelled))
        for path in self.labelled.glob("north-[01]-*.tif"):
            path.unlink()  # of the training: nobody may want them
        self.library = Library(self.there)
        self.mine = package(self.data / "works" / "packages")
        self.barred = 0
        monkeypatch.setattr(gates, "barred", self._barred)
        monkeypatch.setattr(benchmarking, "_MEASURED", str(labelled.parent / "measured"))
        monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)

    def let(self, table: dict[str, Any], **site: Any) -> None:
        self.allow(functions={"mhfd_benchmark": table}, **({"write_roots": [self.out, self.there]} | site))

    def build(self, dataset: Dataset) -> None:
        rows = tuple(row.model_copy(update={"path": str(self.labelled / Path(row.path).name)}) for row in dataset.rows)
        Dataset(rows, dataset.split).write(self.labelled)

    def _barred(self, _package: Package) -> tuple[str, ...]:
        self.barred += 1
        return ()

    def ask(self, **fields: Any) -> WorkAnswer:
        """As the service would carry it: JSON both ways."""
        usual = {
            "key": "a",
            "into": str(self.out),
            "dataset": str(self.labelled),
            "library": str(self.there),
            "instrument": "north",
            "trained": [str(self.mine.folder)],
        }
        return WorkAnswer.model_validate(json.loads(json.dumps(benchmark(**json.loads(json.dumps(usual | fields))))))

    def tests(self) -> list[str]:
        return [one.decision for one in Life(self.library, file_of("focus", "north")).done()]

    def champions(self) -> list[tuple[str, str]]:
        return [(one.change.kind, one.change.after) for one in self.library.history("focus", "north")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "labelled"
    labelled(folder)
    return folder


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> Benchmarks:
    return Benchmarks(tmp_path, monkeypatch, made)


def codes(said: WorkAnswer) -> list[str]:
    return [one.code for one in said.errors]


def result(said: WorkAnswer) -> dict[str, Any]:
    assert said.result is not None, said.errors
    return said.result


def test_it_decides_on_the_test_side_and_the_library_follows(facility: Benchmarks) -> None:
    said = facility.ask()
    assert (said.state, said.ok) == (WorkState.DONE, True), said.errors
    found = result(said)
    assert (found["decision"], found["test"], found["challenger"]) == ("promoted", 1, facility.mine.name)
    named = {Path(one.path).name: one for one in said.artefacts}
    assert {one.kind for one in said.artefacts} == {"report", "package"}
    report = json.loads(Path(named["report.json"].path).read_text("utf-8"))
    assert (report["digest"], report["instrument"]) == (found["report"], "north")
    assert Path(named["report.html"].path).stat().st_size == named["report.html"].bytes
    (folder,) = {Path(one.path).parent for one in said.artefacts if one.kind == "package"}
    assert read_package(folder).name == facility.mine.name
    assert facility.library.champion_name("focus", "north") == facility.mine.name
    assert facility.library.champion_name("focus", "south") == MHFD
    assert facility.library.champion("focus", "north") is not None
    assert facility.ask() == said, "asked again it is known"
    assert (facility.tests(), facility.champions()) == (["promoted"], [("promoted", facility.mine.name)])
    (line, _) = facility.lines()
    assert line["work"]["state"] == "done"


def test_who_judges_is_told_and_the_library_is_put_right_before_it_follows(facility: Benchmarks) -> None:
    """At the microscope somebody went back to mhfd, or on to a package that was never champion here."""
    assert facility.ask().ok
    better, other = (
        package(facility.data / "works" / "more", weights, title=title, groups_seen=())
        for weights, title in ((1.5 * GUESSES, "guesses"), (GUESSES, "other"))
    )
    facility.library.add(other)
    found = result(
        facility.ask(key="b", trained=[str(better.folder)], against=[facility.mine.name], champion=other.name)
    )
    assert (found["decision"], found["champion"], found["challenger"]) == ("promoted", other.name, facility.mine.name)
    told, promoted = facility.champions()[1:]
    assert told[1] == other.name
    assert promoted == ("promoted", facility.mine.name)
    found = result(facility.ask(key="c", trained=[], against=[other.name], champion=facility.mine.name))
    assert (found["decision"], found["champion"]) == ("kept", facility.mine.name)
    assert len(facility.champions()) == 3


# -- whoever dies, and when


def steps(facility: Benchmarks, kill_at: int | None) -> list[str]:
    """One question; before the step of that number everything dies. The steps that there were."""
    done: list[str] = []

    def stepped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def dies(*args: Any, **more: Any) -> Any:
            done.append(name)
            if len(done) == kill_at:
                raise Killed(name)
            return call(*args, **more)

        return dies

    places = [
        (LongWork, "save"),
        (LongWork, "artefact"),
        (Life, "record"),
        (Library, "promote"),
        (history, "append_line"),
        (history, "write_whole"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in places:
            patch.setattr(owner, name, stepped(name, getattr(owner, name)))
        with contextlib.suppress(Killed):
            facility.ask()
    return done


def test_killed_before_any_step_there_is_one_test_and_one_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path
) -> None:
    (tmp_path / "whole").mkdir()
    whole = Benchmarks(tmp_path / "whole", monkeypatch, made)
    names = steps(whole, None)
    assert {*names} == {"save", "record", "promote", "append_line", "write_whole", "artefact"}
    expected = result(whole.ask())
    ends = {names.index(one) for one in names} | {len(names) - 1 - names[::-1].index(one) for one in names}
    for number in sorted(place + 1 for place in ends):
        folder = tmp_path / f"killed-{number}"
        folder.mkdir()
        facility = Benchmarks(folder, monkeypatch, made)
        steps(facility, number)
        said = facility.ask()
        assert said.state is WorkState.DONE, (number, said.errors)
        assert {**result(said), "report": ""} == {**expected, "report": ""}, "but for the names of the images' files"
        assert facility.tests() == ["promoted"], number
        assert facility.champions()[-1] == ("promoted", facility.mine.name), number
        assert facility.library.champion_name("focus", "north") == facility.mine.name, number
        assert sum(one.in_effect for one in facility.library.history("focus", "north")) == 1, number
        shutil.rmtree(folder)


@pytest.mark.parametrize("where", ["append_line", "write_whole", "record"])
def test_a_full_disk_ends_in_words_and_loses_nothing(facility: Benchmarks, where: str) -> None:
    def full(*_args: Any, **_more: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", str(facility.there / "history.jsonl"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Life if where == "record" else history, where, full)
        said = facility.ask()
    assert (said.state, codes(said)) == (None, [Code.CANNOT_WRITE])
    assert "No space left on device" in said.errors[0].why
    assert facility.library.champion_name("focus", "north") == MHFD
    assert result(facility.ask())["decision"] == "promoted"
    assert facility.tests() == ["promoted"]
    assert facility.library.champion_name("focus", "north") == facility.mine.name


def test_a_library_that_went_on_meanwhile_keeps_its_champion(facility: Benchmarks) -> None:
    """This worker dies between its decision and the library; when it is asked again somebody else is champion."""
    promote = Library.promote

    def dies(*_args: Any, **_more: Any) -> Any:
        raise Killed

    facility.patch.setattr(Library, "promote", dies)
    with pytest.raises(Killed):
        facility.ask()
    facility.patch.setattr(Library, "promote", promote)
    other = facility.library.add(package(facility.data / "works" / "more", 1.5 * GUESSES, title="other"))
    facility.library.follow(other.name, "focus", instrument="north", why="somebody knows better")
    said = facility.ask()
    assert result(said)["decision"] == "promoted", "what was decided stays, and comes home"
    assert facility.library.champion_name("focus", "north") == other.name


# -- what may be read and written


def test_no_package_and_no_library_outside_is_touched(facility: Benchmarks) -> None:
    outside = package(facility.secret / "packages")
    assert codes(facility.ask(trained=[str(outside.folder)])) == [Code.REFUSED_PATH]
    facility.let({}, write_roots=[facility.out])
    (error,) = facility.ask(key="b").errors
    assert error.code == Code.REFUSED_WRITE
    facility.let({})
    facility.let({}, read_roots=[facility.labelled, facility.data / "works"])
    assert codes(facility.ask(key="c")) == [Code.REFUSED_PATH]
    facility.let({})
    (facility.there / "tests").symlink_to(facility.secret)
    (error,) = facility.ask(key="d").errors
    assert (error.code, error.field) == (Code.BAD_REQUEST, "library")
    assert "'tests' in it is a link" in error.why
    assert {path.name for path in facility.secret.iterdir()} == {"packages"}


def test_a_package_may_lie_where_its_training_writes(facility: Benchmarks) -> None:
    trained = package(facility.out / "mhfd-work-t" / "files-1" / "packages")
    assert result(facility.ask(trained=[str(trained.folder)]))["challenger"] == trained.name


def test_a_damaged_package_is_named_and_whole_again_it_goes_on(facility: Benchmarks) -> None:
    weights = facility.mine.folder / "weights.onnx"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    (error,) = facility.ask().errors
    assert (error.code, error.field) == (Code.BAD_REQUEST, "trained")
    assert "weights.onnx" in error.why
    weights.write_bytes(whole)
    (error,) = facility.ask(key="b", against=["ab" * 32]).errors
    assert (error.code, error.field) == (Code.BAD_REQUEST, "against")
    assert facility.ask().ok


def test_what_decides_nothing_says_why_and_what_each_says(facility: Benchmarks) -> None:
    (row,) = images(facility.data / "last", "north", (70,), each=1)
    Dataset((row,), {row.group.key: Side.TEST}).write(facility.data / "last")
    said = facility.ask(dataset=str(facility.data / "last"))
    found = result(said)
    assert (found["decision"], found["test"], found["images"]) == ("kept", None, 1)
    assert found["said"][0]["sha256"] == row.sha256
    assert facility.tests() == []
    for key, fields, words in (
        ("b", {"instrument": "east"}, "the images are of north, south, and this is for east"),
        ("c", {"champion": "ab" * 32}, "the library has no package ab"),
    ):
        (error,) = facility.ask(key=key, **fields).errors
        assert error.code == Code.BAD_REQUEST
        assert words in error.why


def test_who_was_taught_with_a_test_group_is_named(facility: Benchmarks) -> None:
    facility.mine = package(facility.data / "works" / "seen", groups_seen=("north/north 4/other day",))
    found = result(facility.ask())
    assert (found["decision"], found["test"], found["challenger"]) == ("kept", None, None)
    assert "mine has seen north 4" in found["line"]


def test_images_are_counted_and_a_quota_ends_a_turn(facility: Benchmarks, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    facility.let({}, state=state, max_images_a_day=10)
    said = facility.ask()
    assert (said.state, codes(said)) == (None, [Code.QUOTA])
    facility.let({})
    assert facility.ask().ok


def test_without_what_runs_packages_it_says_so_and_goes_on_once_it_is_there(facility: Benchmarks) -> None:
    def away() -> Any:
        raise ExtraMissing("learned packages are run by onnxruntime: pip install 'mhfd[models]'")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mhfd.learning.inference.runtime.loaded", away)
        (error,) = facility.ask().errors
    assert error.code == Code.NO_EXTRA
    assert "mhfd[models]" in error.remedy
    assert facility.ask().ok


def test_without_a_table_it_does_not_run(facility: Benchmarks) -> None:
    facility.allow()
    assert codes(facility.ask()) == [Code.NOT_ALLOWED]
    facility.let({"max_seconds": 1e-6})
    assert codes(facility.ask()) == [Code.OUT_OF_TIME]


@pytest.mark.parametrize(
    "fields",
    [{"trained": 7}, {"instrument": "../x"}, {"against": ["x"]}, {"prevalence": 2}, {"trained": ["/a"] * 5}],
)
def test_a_wrong_request_is_not_taken(facility: Benchmarks, fields: dict[str, Any]) -> None:
    said = facility.ask(**fields)
    assert (said.state, set(codes(said))) == (None, {Code.BAD_REQUEST})
