"""`mhfd_assess` through the function's way in, on real folders: what may be read, what is killed, what is damaged."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.facility import Facility
from tests.rigs.first_images import first_images, suited
from tests.rigs.packages import answered_here

from mhfd.contract.assessing import Assessment
from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import ExtraMissing
from mhfd.learning.dataset import Dataset, Side
from mhfd.remote import assess, assessing
from mhfd.remote.long import running
from mhfd.remote.long.machine import HostMachine


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    first_images(folder, specimens=3, each=4)
    return folder


class Assessing(Facility):
    """A facility that lets libraries be assessed, with one of three microscopes and the first images of a fourth."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, images: Path) -> None:
        super().__init__(folder, monkeypatch)
        monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
        self.let({})
        self.labelled, self.home = self.data / "first", self.data / "library"
        shutil.copytree(images, self.labelled)
        self.packages = [
            suited(self.home / "packages", title, suits, instrument=at)
            for title, suits, at in (("good", 1.0, "south"), ("middle", 0.4, "east"), ("contrary", -1.0, "west"))
        ]

    def let(self, table: dict[str, Any], **site: Any) -> None:
        self.allow(functions={"mhfd_assess": table}, **site)

    def ask(self, **fields: Any) -> WorkAnswer:
        """As the service would carry it: JSON both ways."""
        usual = {
            "key": "a",
            "into": str(self.out),
            "dataset": str(self.labelled),
            "library": str(self.home),
            "instrument": "north",
        }
        return WorkAnswer.model_validate(json.loads(json.dumps(assess(**json.loads(json.dumps(usual | fields))))))


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Path) -> Assessing:
    return Assessing(tmp_path, monkeypatch, images)


def result(said: WorkAnswer) -> Assessment:
    assert said.result is not None, said.errors
    return Assessment.model_validate(said.result)


def code(said: WorkAnswer) -> str:
    (error,) = said.errors
    return error.code


def test_every_package_is_assessed_and_the_answer_is_an_artefact_too(facility: Assessing) -> None:
    for path in facility.labelled.glob("*-3-*.tif"):
        path.unlink()  # of the test group: nobody may want it
    said = facility.ask()
    assert (said.state, said.ok) == (WorkState.DONE, True)
    found = result(said)
    assert [(one.title, one.rank, one.instruments) for one in found.packages] == [
        ("good", 1, ("south",)),
        ("middle", 2, ("east",)),
        ("contrary", 3, ("west",)),
    ]
    (artefact,) = said.artefacts
    assert (Path(artefact.path).name, artefact.kind) == ("assessment.json", "assessment")
    assert Assessment.model_validate_json(Path(artefact.path).read_text()) == found
    assert said.progress is not None
    assert (said.progress.done, said.progress.total, said.progress.unit) == (3, 3, "packages")
    (line,) = facility.lines()
    size = sum(path.stat().st_size for path in facility.labelled.glob("*.tif"))
    package = sum(path.stat().st_size for one in facility.packages for path in one.folder.iterdir())
    assert line["bytes_read"] == size + package
    again = facility.ask()
    assert again.result == said.result
    assert result(facility.ask(key="b")) == found


def test_it_does_not_run_without_its_table(facility: Assessing) -> None:
    facility.allow()
    assert code(facility.ask()) == Code.NOT_ALLOWED


def test_a_turn_ends_after_a_package_and_the_next_goes_on_with_what_it_had(
    facility: Assessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library may change meanwhile: what is asked is what it was."""
    undisturbed = result(facility.ask(key="undisturbed"))

    class Clock(HostMachine):
        now = 0.0

        def monotonic(self) -> float:
            self.now += 1
            return self.now

    monkeypatch.setattr(running, "MACHINE", Clock())
    said = [facility.ask(turn_s=1)]
    shutil.rmtree(facility.home)
    while said[-1].state is WorkState.MORE:
        said.append(facility.ask(turn_s=1))
    assert [one.progress.done for one in said if one.progress] == [0, 1, 2, 3, 3]
    assert result(said[-1]) == undisturbed


def _killed_after(number: int, facility: Assessing) -> None:
    """A worker that dies when that package has been asked."""
    told = assessing._Turn.told

    def dies(turn: Any, asked: int, count: int, title: str) -> None:
        told(turn, asked, count, title)
        if asked == number:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(assessing._Turn, "told", dies)  # noqa: B010 - in a process of its own
    facility.ask()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_worker_that_is_killed_between_packages_loses_nothing(
    facility: Assessing, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    undisturbed = result(facility.ask(key="undisturbed"))
    process = multiprocessing.get_context("fork").Process(target=_killed_after, args=(number, facility))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    asked: list[str] = []
    told = assessing._Turn.told
    monkeypatch.setattr(
        assessing._Turn,
        "told",
        lambda turn, n, of, title: asked.append(title) if n > number else told(turn, n, of, title),
    )
    said = facility.ask()
    assert result(said) == undisturbed
    assert (len(asked), said.taken_up) == (3 - number, 2)


def test_rubbish_in_the_library_is_in_the_list_and_stops_nobody(facility: Assessing) -> None:
    (facility.home / "packages" / "rubbish").write_text("x")
    (facility.packages[0].folder / "README.md").write_text("another")
    found = result(facility.ask())
    reasons = {one.title: one.reason for one in found.packages if one.rank is None}
    assert set(reasons) == {"rubbish", facility.packages[0].name}
    assert reasons[facility.packages[0].name].startswith("damaged: README.md: has changed")
    assert [one.title for one in found.packages if one.rank] == ["middle", "contrary"]


def test_an_empty_library_is_said_and_one_that_is_not_there_refused(facility: Assessing) -> None:
    (facility.data / "empty").mkdir()
    said = facility.ask(library=str(facility.data / "empty"))
    assert result(said).words == "train none: the library is empty"
    assert code(facility.ask(key="b", library=str(facility.data / "nowhere"))) == Code.UNAVAILABLE


def test_nothing_is_read_that_lies_outside(facility: Assessing) -> None:
    for what in ("library", "dataset"):
        assert code(facility.ask(key=what, **{what: str(facility.secret)})) == Code.REFUSED_PATH
    facility.let({"read_roots": [facility.labelled]})
    assert code(facility.ask()) == Code.REFUSED_PATH


def test_a_link_out_of_the_library_is_no_package_and_is_in_the_log(facility: Assessing) -> None:
    away, link = facility.secret / "package", facility.packages[0].folder
    link.rename(away)
    link.symlink_to(away)
    (one,) = (one for one in result(facility.ask()).packages if one.rank is None)
    assert (one.package, one.reason[:9]) == (link.name, "damaged: ")
    assert "a link leads out" in one.reason or "none of the folders" in one.reason
    (line,) = facility.lines()
    assert line["refused"] == [str(link)]


def test_images_of_another_microscope_are_refused_by_name(facility: Assessing) -> None:
    said = facility.ask(instrument="south")
    assert code(said) == Code.BAD_REQUEST
    assert "are of north, and this is for south" in said.errors[0].why
    assert said.state is None, "the same key with other words is another work"


def test_a_champion_has_to_be_there(facility: Assessing) -> None:
    champion = facility.packages[2]
    assert result(facility.ask(champion=champion.name)).bar == "contrary"
    said = facility.ask(key="b", champion="0" * 64)
    assert (code(said), said.errors[0].field) == (Code.BAD_REQUEST, "champion")
    (champion.folder / "README.md").unlink()
    assert code(facility.ask(key="c", champion=champion.name)) == Code.BAD_REQUEST


def test_another_dataset_is_no_way_to_go_on(facility: Assessing, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_arguments: object, **_options: object) -> None:
        raise ExtraMissing("learned packages: they are run by onnxruntime; run pip install 'mhfd[models]'")

    monkeypatch.setattr("mhfd.learning.assessing.assess", wrong)
    said = facility.ask()
    assert code(said) == Code.NO_EXTRA
    assert "mhfd[models]" in said.errors[0].remedy
    monkeypatch.undo()
    monkeypatch.setenv("MHFD_SITE", str(facility.file))
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    read = Dataset.read(facility.labelled)
    read.on(Side.TRAIN).write(facility.labelled)
    assert code(facility.ask()) == Code.CHANGED
    read.write(facility.labelled)
    assert facility.ask().state is WorkState.DONE


def test_a_full_disk_is_said_and_the_same_key_goes_on(facility: Assessing, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        said = facility.ask()
    assert (code(said), said.state) == (Code.CANNOT_WRITE, None)
    assert "No space left" in said.errors[0].why
    assert facility.ask().state is WorkState.DONE


@pytest.mark.parametrize(
    "fields", [{"instrument": "../x"}, {"task": "cause"}, {"train_at_most": 3}, {"champion": "mhfd"}, {"more": 1}]
)
def test_a_wrong_request_is_not_taken(facility: Assessing, fields: dict[str, Any]) -> None:
    assert code(facility.ask(**fields)) == Code.BAD_REQUEST
    assert not (facility.out / "mhfd-work-a").exists()
