"""What a label would turn is said before it counts: as it then comes, and without touching anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.runs import Run

from mhfd_client.journal.rows import Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.foreseen import HANDFUL, Foreseen, foreseen


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def outcomes(run: Run) -> dict[int, Outcome]:
    return {told.image.id: told.verdict.outcome for told in run.journal.told()}


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("confirmed", [0, 3])
def test_it_comes_as_it_was_foreseen(run: Run, sharp: bool, confirmed: bool) -> None:
    images = [run.image(section, density=4000.0 * (1 - 0.02 * (section % 7))) for section in range(1, 21)]
    for image in images[:confirmed]:
        run.journal.labelled(image, sharp=True)
        for other, verdict in run.judge.hear(image, sharp=True):
            run.journal.judged(other, verdict)
    before = outcomes(run)
    with JournalView.read(run.state) as view:
        then = foreseen(view, VerdictSettings(), [images[10]], sharp=sharp)
    assert outcomes(run) == before
    assert then.today == dict(Counter(before.values()))
    for other, verdict in (*run.judge.hear(images[10], sharp=sharp), *run.judge.go_on(100)):
        run.journal.judged(other, verdict)
    turned = [k for image, k in outcomes(run).items() if image != images[10] and k is not before[image]]
    assert then.into == dict(Counter(turned))
    assert then.many == (len(turned) > HANDFUL)


def test_several_images_are_counted_together(run: Run) -> None:
    images = [run.image(section) for section in range(1, 12)]
    with JournalView.read(run.state) as view:
        one = foreseen(view, VerdictSettings(), images[:1], sharp=True)
        all_of_them = foreseen(view, VerdictSettings(), images, sharp=False)
    assert not one.many
    assert all_of_them.total == 0, "those that the label is on are not counted"


def test_the_words() -> None:
    today = {Outcome.IN_FOCUS: 1200, Outcome.UNDETERMINED: 3}
    assert str(Foreseen({Outcome.OUT_OF_FOCUS: 1197, Outcome.UNDETERMINED: 1}, today)) == (
        "This would turn 1,197 images out of focus (today 0) and 1 image into 'can't tell' (today 3)."
    )
    assert str(Foreseen({}, today)) == "This would turn no other image."
