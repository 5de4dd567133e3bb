"""The judge of a station: the verdicts of a `RunJudge`, made at home in the journal.

The history lives in memory and is rebuilt from the journal, which alone is durable. Judging again (`rejudged`) replays
stored reports and what people said, in the order in which it happened. It scores nothing, writes nothing and reads no
file.
"""

import json
import logging
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import RowDamaged
from mhfd_client.files import text_of
from mhfd_client.journal.rows import ImageRow, LabelRow, Outcome, Told, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import wording
from mhfd_client.verdicts.judge import Judged, RunJudge, Turned
from mhfd_client.verdicts.verdict import Verdict

log = logging.getLogger("mhfd.verdicts")


class JournalJudge:
    """What the station asks: see `station.loop.Judge` and `station.inbox`."""

    def __init__(self, journal: JournalView, settings: VerdictSettings) -> None:
        self._journal = journal
        self._judge = _restored(journal, settings)

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        """The verdict on this image, then those of earlier images that it changes."""
        _retire(self._judge, self._journal, row)
        answers = [_row(judged) for judged in self._judge.see(row.id, report, row.place)]
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

    def knows(self, image: int) -> bool:
        """Whether people may speak of this image: it was judged."""
        return image in self._judge.history

    def hear(self, image: int, *, sharp: bool | None) -> Sequence[tuple[int, VerdictRow]]:
        """A person's label: the verdicts that it changes."""
        return [_row(judged) for judged in self._judge.hear(image, sharp)]

    def would_change(self, image: int, *, sharp: bool | None) -> Turned:
        """How many other verdicts would turn if a person said this of an image. Nothing is said, nothing changes."""
        return self._judge.would_change(image, sharp=sharp)

    def notes(self) -> dict[str, str]:
        """What to say to people now: the question, and the drifts that are open."""
        return _notes(self._judge)


def rejudged(
    journal: JournalView, settings: VerdictSettings, why: str
) -> tuple[list[tuple[int, VerdictRow]], dict[str, str]]:
    """The images whose verdict is another one under these settings, each with the new one; and what to say then."""
    judge = RunJudge(settings)
    now: dict[int, Verdict] = {}
    old: dict[int, VerdictRow] = {}
    for event in _events(journal):
        if isinstance(event, LabelRow):
            answers = judge.hear(event.image, event.sharp) if event.image in judge.history else []
        else:
            image = event.image
            assert image.report is not None  # noqa: S101 - it was judged
            old[image.id] = event.verdict
            _retire(judge, journal, image)
            report = journal.readable_report(image.report)
            answers = [] if report is None else judge.see(image.id, report, image.place)
        now |= {int(str(judged.key)): judged.verdict for judged in answers}
    changed = []
    for key, verdict in now.items():
        before = old[key]
        if before.reason == wording.WRITTEN_AGAIN:
            continue
        was = (before.outcome, before.provisional, before.sentence)
        if was != (verdict.kind, verdict.provisional, verdict.sentence):
            reason = why if verdict.reason is None else f"{why}; {verdict.reason}"
            changed.append(_row(Judged(key, verdict.model_copy(update={"reason": reason}))))
    return changed, _notes(judge)


def verdict_of(row: VerdictRow) -> Verdict:
    """The verdict that a row of the journal holds."""
    return Verdict.model_validate_json(row.detail)


def _events(journal: JournalView) -> Iterator[Told | LabelRow]:
    """What was judged and what people said, in the order in which it happened."""
    labels = journal.labels()
    for told in journal.told():
        while labels and labels[0].after < told.first:
            yield labels.pop(0)
        yield told
    yield from labels


def _restored(journal: JournalView, settings: VerdictSettings) -> RunJudge:
    judge = RunJudge(settings)
    labels = {label.image: label.sharp for label in journal.labels()}
    for told in journal.told():
        image = told.image
        if told.verdict.detail == "{}" or image.report is None:
            continue  # judging failed then: there was no verdict to remember
        _retire(judge, journal, image)
        try:
            report, verdict = journal.report(image.report), verdict_of(told.verdict)
        except (RowDamaged, ValidationError) as e:  # no neighbour of any other: what is known of it cannot be read
            log.warning("%s: left out: %s", text_of(image.path), e)
            continue
        judge.restore(image.id, report, image.place, verdict, labels.get(image.id))
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


def _row(judged: Judged) -> tuple[int, VerdictRow]:
    verdict = judged.verdict
    return int(str(judged.key)), VerdictRow(
        verdict.kind, verdict.sentence, verdict.provisional, verdict.reason, verdict.model_dump_json()
    )
