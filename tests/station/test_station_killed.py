"""An image is never lost and never scored twice: the station is killed again and again while images arrive, and while
people speak of them: no word is lost or heard twice, and the verdicts are those of a run that nobody disturbed.

A real process with the real arrival, journal, loop and local runner; SIGKILL at random moments.
"""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.numbered import BLURRED, name_of, numbered
from tests.rigs.runs import Run
from tests.rigs.workplace import Workplace, check

from mhfd.contract.focus_report import FocusReport
from mhfd_client.arrival.events import Whole
from mhfd_client.errors import StateMissing
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import LabelRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.settings.load import load
from mhfd_client.station.inbox import GivenLabel, put
from mhfd_client.station.labelling import hand_in

SPREAD_S = 0.8  # a kill comes within this time of the start of the process, or of its loop: in turn


class Microscope(threading.Thread):
    """Writes small images, one after the other, as instruments do: elsewhere, then renamed in."""

    def __init__(self, root: Path, images: int, every_s: float) -> None:
        super().__init__()
        self.root, self.images, self.every_s = root, images, every_s
        self.halt = threading.Event()

    def run(self) -> None:
        for number in range(self.images):
            part = self.root / f"{name_of(number)}.part"
            tifffile.imwrite(part, np.full((32, 32), number % 251, np.uint8))
            part.replace(part.with_suffix(""))
            if self.halt.wait(self.every_s):
                return


def killed(workplace: Workplace, *, kills: int, images: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible moments, no secrets
    microscope = Microscope(workplace.root, images, every_s=kills / images)
    microscope.start()
    try:
        for number in range(kills):
            with workplace.start(until_idle=3600) as station:
                if number % 2:
                    assert station.stdout is not None
                    assert station.stdout.readline() == b"ready\n"
                with pytest.raises(subprocess.TimeoutExpired):
                    station.wait(timeout=chance.uniform(0.0, SPREAD_S))
                station.kill()
    finally:
        microscope.join()
    with workplace.start(until_idle=1.5) as station:
        said, _ = station.communicate(timeout=120)
    assert station.returncode == 0
    print(said.decode().splitlines()[-1], "by the last one")  # noqa: T201
    check(workplace, images)


def test_killed(tmp_path: Path) -> None:
    killed(Workplace(tmp_path), kills=6, images=60, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    killed(Workplace(tmp_path), kills=100, images=400, seed=2)


# -- while people speak

Saying = tuple[int, dict[str, Any]]  # the image's number, and what is said of it
PEOPLE = ("tests.rigs.numbered:score", "people")


def sayings(images: int) -> list[Saying]:
    """What is said in a run, in order; each changes what stands, so that each has its row."""
    said: list[Saying] = []
    for n in range(images // 2):
        if n % BLURRED == BLURRED - 1:
            said += [(n, {"sharp": False}), (n, {"sharp": None, "fine": True})]
        elif n % 7 == 3:
            said.append((n, {"sharp": True}))
        elif n % 5 == 0:
            said += [(n, {"sharp": None, "again": True, "note": f"dirt {n}"}), (n, {"sharp": True})]
        elif n % 5 == 1:
            said += [(n, {"sharp": None, "again": True}), (n, {"sharp": None, "task": True})]
    return said


class People:
    """Say one thing after the other, as soon as the image is judged."""

    def __init__(self, workplace: Workplace, said: list[Saying]) -> None:
        self._workplace, self._left = workplace, said
        self._loaded = load(env={}, args={"state.dir": str(workplace.state)})

    def say(self, count: int, *, to: str) -> None:
        """The next few, to the station that runs or, while none does, by a command that takes them in itself."""
        state = self._workplace.state
        try:
            with JournalView.read(state) as view:
                ids = {told.image.path: told.image.id for told in view.told()}
        except StateMissing:
            return
        while count and self._left and name_of(self._left[0][0]) in ids:
            number, what = self._left.pop(0)
            label, count = GivenLabel(image=ids[name_of(number)], who="Ann", **what), count - 1
            if to == "station":
                put(state, label)
            else:
                assert hand_in(state, self._workplace.root, self._loaded, [label]) is not None

    @property
    def silent(self) -> bool:
        return not self._left


def undisturbed(folder: Path, images: int) -> Iterator[tuple[str, str, bool, FocusReport, list[Any]]]:
    """Each image as it ends when nothing happens in between: its sentence, its report, what was said of it."""
    run = Run(folder)
    for n in range(images):
        row = run.journal.arrived(Whole(name_of(n), 10, 1, 1.0, 2.0), Place(n))
        assert row is not None
        run.journal.scored(row.id, numbered(n))
        for other, verdict in run.judge.judge(run.journal.image(row.id), numbered(n)):
            run.journal.judged(other, verdict)
    for n, what in sayings(images):
        label = GivenLabel(image=n + 1, who="Ann", **what)
        label.into(run.journal)
        if label.teaches:
            for other, verdict in run.judge.hear(label.image, sharp=label.sharp):
                run.journal.judged(other, verdict)
    while not run.judge.settled:
        for other, verdict in run.judge.settle(1000):
            run.journal.judged(other, verdict)
    yield from ends(run.journal)
    run.close()


def ends(journal: JournalView) -> Iterator[tuple[str, str, bool, FocusReport, list[Any]]]:
    for told in sorted(journal.told(), key=lambda told: told.image.path):
        assert told.image.report is not None
        report, labels = journal.report(told.image.report), [words(row) for row in journal.labels(told.image.id)]
        yield told.image.path, told.verdict.sentence, told.verdict.provisional, report, labels


def words(row: LabelRow) -> tuple[object, ...]:
    return row.sharp, row.fine, row.again, row.note, row.who


def killed_while_people_speak(folder: Path, *, kills: int, images: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible moments, no secrets
    workplace, said = Workplace(folder), sayings(images)
    people, each = People(workplace, said), max(1, len(said) // kills)
    microscope = Microscope(workplace.root, images, every_s=kills / images)
    microscope.start()
    try:
        for _ in range(kills):
            people.say(each, to="command")  # a command takes in, too, what the killed station has left
            with workplace.start(until_idle=3600, more=PEOPLE) as station:
                assert station.stdout is not None
                assert station.stdout.readline() == b"ready\n"
                people.say(each, to="station")
                with pytest.raises(subprocess.TimeoutExpired):  # a station listens to people once a second
                    station.wait(timeout=chance.uniform(0.6, 1.4))
                station.kill()
    finally:
        microscope.join()
    with workplace.start(until_idle=2.5, more=PEOPLE) as station:
        station.communicate(timeout=120)
    assert station.returncode == 0
    people.say(len(said), to="command")
    assert people.silent
    with workplace.start(until_idle=2.5, more=PEOPLE) as station:
        station.communicate(timeout=120)
    assert not list((workplace.state / "inbox").iterdir())

    (folder / "calm").mkdir()
    expected = {path: rest for path, *rest in undisturbed(folder / "calm", images)}
    with Journal.open(workplace.state, root=workplace.root) as journal:
        found = {path: rest for path, *rest in ends(journal)}
        assert found.keys() == expected.keys()
        for path, rest in found.items():
            assert rest == expected[path], path
        rows = len(journal.labels())
        for told in journal.told():
            assert told.verdict.id == journal.image(told.image.id).verdict
            record = json.loads((workplace.state / "records" / f"{told.image.path}.mhfd.json").read_text())
            assert record["verdict"]["sentence"] == told.verdict.sentence
            assert len(record["labels"]) == len(journal.labels(told.image.id))
    print(f"{kills} kills, {rows} labels on {images} images")  # noqa: T201


def test_killed_while_people_speak(tmp_path: Path) -> None:
    killed_while_people_speak(tmp_path, kills=3, images=30, seed=3)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_a_hundred_times_while_people_speak(tmp_path: Path) -> None:
    killed_while_people_speak(tmp_path, kills=100, images=400, seed=4)
