"""The judge of a station: the verdicts of a `RunJudge`, made at home in the journal.

The history lives in memory and is rebuilt from the journal, which alone is durable. Judging again (`rejudged`) starts
from stored reports and what people said. It scores nothing, writes nothing and reads no file.
"""

import json
import logging
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import RowDamaged
from mhfd_client.files import text_of
from mhfd_client.journal.rows import ImageRow, Outcome, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import wording
from mhfd_client.verdicts.blur.calibration import Calibration
from mhfd_client.verdicts.history.history import History
from mhfd_client.verdicts.judge import Judged, RunJudge, Turned
from mhfd_client.verdicts.verdict import Verdict

log = logging.getLogger("mhfd.verdicts")


class JournalJudge:
    """What the station asks: see `station.loop.Judge` and `station.inbox`."""

    def __init__(self, journal: JournalView, settings: VerdictSettings, calibration: Calibration | None = None) -> None:
        self._journal = journal
        self._judge = _restored(journal, settings, calibration)

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        """The verdict on this image, then those of earlier images that it changes: if these are many, they wait.

        A person may have spoken of the same bytes: of the revision before, which was scored again.
        """
        _retire(self._judge, self._journal, row)
        said = self._journal.labels(row.id)
        sharp = said[-1].sharp if said else None
        answers = list(_rows(self._judge.see(row.id, report, row.place, order=row.id, sharp=sharp)))
        newest = self._journal.find(row.path)
        if newest is not None and newest.revision > row.revision:
            self._judge.retire(row.id)
            answers[0] = row.id, _withdrawn(row, answers[0][1])
        return answers

    def withdraw(self, row: ImageRow) -> Sequence[tuple[int, VerdictRow]]:
        """This revision has come: nothing is called in focus any more that was said of the bytes before it.

        What was to be imaged again stays so until the new bytes are judged.
        """
        _retire(self._judge, self._journal, row)
        withdrawn = []
        for earlier in map(self._journal.image, self._journal.revisions(row.path, before=row.revision)):
            if earlier.verdict is not None:
                before = self._journal.verdict(earlier.verdict)
                if (now := _withdrawn(earlier, before)) is not before:
                    withdrawn.append((earlier.id, now))
        return withdrawn

    @property
    def history(self) -> History:
        """The images that others are compared with; to be looked at only."""
        return self._judge.history

    @property
    def waiting(self) -> bool:
        """Whether verdicts wait to be given again: for `go_on`."""
        return self._judge.waiting > 0

    @property
    def settled(self) -> bool:
        """Whether all verdicts were given again in one order, since the last image or label: by `settle`."""
        return self._judge.settled

    def go_on(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        """A slice of the verdicts that wait, newest first: those that are different now."""
        return _rows(self._judge.go_on(count))

    def settle(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        """A slice of giving all verdicts again in one order, for when nothing else is to be done."""
        return _rows(self._judge.settle(count))

    def knows(self, image: int) -> bool:
        """Whether people may speak of this image: it was judged."""
        return image in self._judge.history

    def hear(self, image: int, *, sharp: bool | None) -> Sequence[tuple[int, VerdictRow]]:
        """A person's label: this image's verdict, then those that it changes: if these are many, they wait."""
        return _rows(self._judge.hear(image, sharp))

    def would_change(self, *images: int, sharp: bool | None) -> Turned:
        """How many other verdicts would turn if a person said this of images. Nothing is said, nothing changes."""
        return self._judge.would_change(*images, sharp=sharp)

    def notes(self) -> dict[str, str]:
        """What to say to people now: the question, and the drifts that are open."""
        return _notes(self._judge)


def rejudged(
    journal: JournalView, settings: VerdictSettings, why: str, calibration: Calibration | None = None
) -> tuple[list[tuple[int, VerdictRow]], dict[str, str]]:
    """The images whose verdict is another one under these settings, each with the new one; and what to say then."""
    judge = _restored(journal, settings, calibration)
    found = [Judged(j.key, j.verdict.model_copy(update={"reason": why})) for j in judge.finish()]
    return list(_rows(found)), _notes(judge)


def verdict_of(row: VerdictRow) -> Verdict:
    """The verdict that a row of the journal holds."""
    return Verdict.model_validate_json(row.detail)


def _restored(journal: JournalView, settings: VerdictSettings, calibration: Calibration | None) -> RunJudge:
    judge = RunJudge(settings, calibration)
    said: dict[int, bool | None] = {}
    newest = 0
    for label in journal.labels():
        if said.get(label.image) != label.sharp:
            said[label.image], newest = label.sharp, label.after
    late = []
    for told in journal.told():
        image = told.image
        if image.report is None or told.verdict.reason == wording.WRITTEN_AGAIN:
            continue
        try:
            verdict = None if told.verdict.detail == "{}" else verdict_of(told.verdict)
        except ValidationError as e:
            log.warning("%s: its verdict is damaged, and is given again: %s", text_of(image.path), e)
            verdict = None  # as where judging failed: told again when all are put in order
        _retire(judge, journal, image)
        try:
            report = journal.report(image.report)
        except RowDamaged as e:  # no neighbour of any other: what is known of it cannot be read
            log.warning("%s: left out: %s", text_of(image.path), e)
            continue
        judge.restore(image.id, report, image.place, verdict, said.get(image.id), order=image.id)
        if told.verdict.provisional and told.verdict.id <= newest:
            late.append(image.id)
    judge.put_off(late, "a person has spoken since")
    return judge


def _notes(judge: RunJudge) -> dict[str, str]:
    question = judge.question()
    asked = None if question is None else {"images": list(question.keys), "sentence": question.sentence}
    drifts = [drift.model_dump(mode="json") for drift in judge.drifts.values()]
    return {"question": json.dumps(asked), "drifts": json.dumps(drifts)}


def _retire(judge: RunJudge, journal: JournalView, image: ImageRow) -> None:
    """Its earlier revisions are no neighbours of anything any more."""
    if image.revision > 1:
        for earlier in journal.revisions(image.path, before=image.revision):
            if earlier in judge.history:
                judge.retire(earlier)


def _withdrawn(image: ImageRow, verdict: VerdictRow) -> VerdictRow:
    if verdict.outcome is not Outcome.IN_FOCUS:
        return verdict
    return VerdictRow(Outcome.UNDETERMINED, wording.written_again(image.place), reason=wording.WRITTEN_AGAIN)


def _rows(found: Iterable[Judged]) -> Sequence[tuple[int, VerdictRow]]:
    return [(int(str(judged.key)), _row(judged.verdict)) for judged in found]


def _row(verdict: Verdict) -> VerdictRow:
    return VerdictRow(verdict.kind, verdict.sentence, verdict.provisional, verdict.reason, verdict.model_dump_json())
