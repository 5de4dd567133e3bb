"""One test of who judges, by this machine: what the champion says of an image of the run, beside what it said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import tifffile
from tests.rigs.benched import package
from tests.rigs.globus.waiting import until
from tests.rigs.packages import answered_here
from tests.rigs.run_tested import RunUnderTest
from tests.rigs.watched import picture

from mhfd.learning.dataset import Dataset, Side
from mhfd_client.results.retested import answer_words
from mhfd_client.retesting.asking import SAME
from mhfd_client.retesting.job import run


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunUnderTest]:
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    found = RunUnderTest(tmp_path)
    with closing(found.journal):
        yield found


def test_where_mhfd_judges_its_verdict_is_compared_with_the_label(tested: RunUnderTest) -> None:
    tested.image()
    tested.journal.labelled(1, sharp=False, who="Ann")
    answer = tested.answer()
    assert (answer.champion, answer.says_bad, answer.bad, answer.right) == (None, False, True, False)
    assert answer.line.startswith("kept: mhfd")
    assert answer_words(answer).startswith("champion mhfd (sharp, said out of focus by Ann: wrong)")
    dataset = Dataset.read(tested.folder / "tests" / f"{tested.journal.identity()}-count-1")
    (row,) = dataset.rows
    assert row.group.key.startswith("north/wafer7/")
    assert dataset.side(row) is Side.TEST
    assert (row.target.bad, row.said_by) == (True, "Ann")


def test_the_champion_s_number_is_the_same_here_and_where_it_is_tested(tested: RunUnderTest) -> None:
    champion = package(tested.folder / "trained")
    tested.promote(champion)
    tested.image(**{champion.name: 0.5})
    answer = tested.answer()
    assert (answer.champion, answer.title, answer.here) == (champion.name, "mine", 0.5)
    assert answer.bad is None
    assert answer.right is None
    assert answer.there is not None
    assert abs(answer.there - 0.5) > SAME
    assert answer.differs is not None
    assert "the runtimes differ; compare the versions" in answer.differs
    tested.journal._db.execute("UPDATE estimate SET json = json_set(json, '$.p', ?)", (answer.there,))
    assert tested.answer().differs is None


def test_an_image_of_which_nothing_can_be_said_is_not_asked_about(tested: RunUnderTest) -> None:
    tested.file.write_bytes(b"no image")
    tested.image()
    answer = tested.answer()
    assert answer.skipped is not None
    assert answer.skipped.startswith("nothing can be said of the image: ")
    assert not (tested.folder / "tests").exists()


def test_a_file_that_changed_since_is_not_taken_for_it(tested: RunUnderTest) -> None:
    tested.image()
    tifffile.imwrite(tested.file, picture(2))
    assert tested.answer().skipped == "the file is another one now: it changed since it was judged"


def test_a_share_that_is_gone_is_asked_again(tested: RunUnderTest) -> None:
    tested.image()
    tested.file.unlink()
    told = run(tested.test())
    assert (told.answer, told.tries) == (None, 1)
    assert told.why is not None
    assert "cannot be laid" in told.why


def test_a_process_of_its_own_says_the_same(tested: RunUnderTest) -> None:
    tested.image()
    job = tested.test()
    child = job.start()
    until(lambda: child.code is not None, "it does not end")
    told = job.read(child)
    assert told.answer is not None, told.why
    assert told.answer.line == tested.answer().line


def test_it_ends_with_who_started_it(tested: RunUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, too: then the pipe between them is gone, and nobody else has this end of it."""
    tested.image()
    child = tested.test().start()
    child._untie()
    until(lambda: child.code is not None, "it goes on")
    assert (child.code, child.answer) == (1, "")
