"""What a watch does with the lens after a verdict: which image is next, how often it is tried, when a person is asked.

The journal and the ledger are real; the repairs, which are programs of their own, end here as the test says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.rigs.blurs import blur
from tests.rigs.page_rig import Rig

from mhfd.contract.focus_report import Finding
from mhfd_client.adjustment import ledger, outstanding, places
from mhfd_client.adjustment.beside.lens_desk import COMES_S, FRESH_S, IN_A_ROW, LensDesk
from mhfd_client.adjustment.beside.modes import AdjustMode, instrument_for
from mhfd_client.adjustment.beside.out_of_focus import OutOfFocus
from mhfd_client.adjustment.beside.repair import RepairJob, RepairTold
from mhfd_client.adjustment.beside.tries import RepairEnd
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.outstanding import Outstanding
from mhfd_client.alerts import LensNeeds
from mhfd_client.errors import SettingsError
from mhfd_client.files import held, opened_lock
from mhfd_client.instruments.config import NAME, InstrumentConfig, SoftLimits, config_of
from mhfd_client.journal.rows import Outcome, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.station.inbox import GivenLabel, put
from mhfd_client.verdicts.blur.blur import BlurKind

CONFIG = InstrumentConfig(
    kind="pretend", address="/nowhere", allow="apply", limits=SoftLimits(low_um=1.0, high_um=9000.0), timeout_s=10.0
)


@dataclass
class Scripted:
    """A repair that ends when the test says so, as its program would have told it."""

    job: RepairJob
    code: int | None = None
    answer: str = ""
    said: str = ""
    ended: list[float] = field(default_factory=list)

    def ends(self, end: RepairEnd | None, words: str = "as was tried", *, busy: bool = False) -> None:
        if self.job.what != "restore":
            told: dict[str, str | None] = {**self.job.about, "end": None if end is None else end.value}
            ledger.add(self.job.state_dir, LensEntry.REPAIRED, words, actor="watch", about=told)
        self.answer, self.code = RepairTold(end=end, words=words, busy=busy).model_dump_json(), 0

    def dies(self) -> None:
        self.code, self.said = -9, "its process ended with exit code -9"

    def end(self, grace_s: float) -> None:
        self.ended.append(grace_s)
        self.dies()


class Bench:
    """A run, and a desk beside it whose time the test makes."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.now, self.steady = rig, time.time(), 0.0
        self.jobs: list[Scripted] = []
        self.mode: AdjustMode = "apply"
        rig.run(8, confirm=3)

    def desk(self, config: InstrumentConfig | None = CONFIG) -> LensDesk:
        def starts(job: RepairJob) -> Scripted:
            self.jobs.append(Scripted(job))
            return self.jobs[-1]

        return LensDesk(
            self.rig.state, self.mode, config, starts=starts, now=lambda: self.now, clock=lambda: self.steady
        )

    def start(self, config: InstrumentConfig | None = CONFIG) -> None:
        """A watch starts, or starts again."""
        self.view = JournalView.read(self.rig.state)
        self.blurred, self.at = OutOfFocus(self.view), self.desk(config)

    def look(self, *, after_s: float = 0.0) -> Scripted | None:
        """One look, and whether it began something."""
        self.now, self.steady = self.now + after_s, self.steady + after_s
        before = len(self.jobs)
        self.at.step(self.blurred)
        return self.jobs[-1] if len(self.jobs) > before else None

    def begins(self, *, after_s: float = 0.0) -> Scripted:
        found = self.look(after_s=after_s)
        assert found is not None
        return found

    def told(self, what: LensEntry) -> list[str]:
        return [line.words for line in ledger.lines(self.rig.state) if line.what is what]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Rig(tmp_path) as rig:
        bench = Bench(rig)
        bench.start()
        yield bench
        bench.view.close()


def test_a_blurred_image_is_mended_and_its_new_take_is_waited_for(bench: Bench) -> None:
    assert bench.look() is None
    image = bench.rig.image(9, factor=0.4)
    repair = bench.begins()
    assert (repair.job.what, repair.job.image, repair.job.section) == ("apply", image, 9)
    assert bench.look(after_s=5.0) is None  # one at a time
    repair.ends(RepairEnd.RETAKEN)
    assert bench.look() is None
    assert bench.look(after_s=60.0) is None
    bench.rig.image(9)
    assert bench.look() is None
    assert bench.at.needs() == LensNeeds()


NOT_OURS: dict[str, Callable[[Rig], int]] = {
    "incomplete": lambda rig: rig.image(9, finding=Finding.INCOMPLETE, detail="cut off"),
    "blank": lambda rig: rig.image(9, finding=Finding.BLANK),
    "sharp": lambda rig: rig.image(9),
    "vibration": lambda rig: rig.image(9, factor=0.4, blur=blur(3.0, kind=BlurKind.VIBRATION)),
}


@pytest.mark.parametrize("kind", NOT_OURS)
def test_what_is_no_matter_of_focus_is_not_touched(bench: Bench, kind: str) -> None:
    NOT_OURS[kind](bench.rig)
    assert bench.look() is None


def test_nothing_is_done_before_somebody_has_said_what_is_sharp(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(8)
        rig.image(9, factor=0.4)
        with JournalView.read(rig.state) as view:
            blurred = OutOfFocus(view)
            assert blurred.look()
            assert not blurred.images


@pytest.mark.parametrize(("origin", "ours"), [("confirmed", True), ("provisional", False)])
def test_of_provisional_verdicts_those_by_what_a_person_confirmed_count(bench: Bench, origin: str, ours: bool) -> None:
    image = bench.rig.image(9)
    detail = f'{{"origin": "{origin}"}}'
    said = VerdictRow(Outcome.OUT_OF_FOCUS, "The focus drifts.", True, "the focus drifts", detail)
    bench.rig.journal.judged(image, said)
    assert (bench.look() is not None) is ours


def test_what_is_old_is_left_to_a_person(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    assert bench.look(after_s=FRESH_S + 60.0) is None
    file = bench.rig.root / "S_0010.tif"
    bench.now = time.time()
    bench.rig.image(10, factor=0.4)
    file.touch()
    assert bench.begins().job.section == 10


def test_what_turned_good_or_is_fine_or_is_there_anew_is_not_touched(bench: Bench) -> None:
    image = bench.rig.image(9, factor=0.4)
    put(bench.rig.state, GivenLabel(image=image, sharp=None, fine=True, task=True, who="Ann"))
    bench.rig.take_in()
    assert bench.look() is None
    put(bench.rig.state, GivenLabel(image=image, sharp=None, task=True, who="Ann"))
    bench.rig.take_in()
    put(bench.rig.state, GivenLabel(image=image, sharp=True, who="Ann"))
    bench.rig.take_in()
    assert bench.look() is None
    bench.rig.image(10, factor=0.4)
    bench.rig.image(10)  # somebody has taken it again
    assert bench.look() is None


def test_a_section_is_tried_so_often_and_then_a_person_is_asked(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    bench.begins().ends(RepairEnd.RETAKEN, "moved +3 um; taken again")
    bench.look()
    bench.rig.image(9, factor=0.45)
    bench.begins().ends(RepairEnd.NOT_BETTER, "not better: put back")
    assert bench.look() is None
    (asked,) = bench.at.needs().asked
    assert (asked.section, asked.why) == (9, "still out of focus after 2 tries; the last: not better: put back")
    assert bench.told(LensEntry.ASKED) == [asked.why]
    bench.view.close()
    bench.start()  # the watch starts again
    assert bench.look() is None
    assert bench.at.needs().asked == (asked,)
    assert len(bench.told(LensEntry.ASKED)) == 1
    bench.rig.image(9)  # a person did it
    bench.look()
    assert bench.at.needs() == LensNeeds()


def test_a_watch_that_starts_again_counts_what_its_dead_program_had_begun(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    bench.begins()
    bench.view.close()
    bench.start()  # killed, and started again
    assert bench.look() is None  # what it had begun may be under way still
    assert bench.begins(after_s=30.0).job.section == 9
    bench.view.close()
    bench.start()
    assert bench.look(after_s=30.0) is None
    assert bench.told(LensEntry.ASKED) == ["still out of focus after 2 tries"]


@pytest.mark.parametrize("end", [RepairEnd.REFUSED, RepairEnd.REFOCUSED])
def test_where_another_try_would_end_the_same_a_person_is_asked_at_once(bench: Bench, end: RepairEnd) -> None:
    bench.rig.image(9, factor=0.4)
    bench.begins().ends(end, "no structure")
    assert bench.look() is None
    assert [one.why for one in bench.at.needs().asked] == ["no structure"]


def test_a_new_take_that_never_comes_is_named(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    bench.begins().ends(RepairEnd.RETAKEN, "taken again")
    assert bench.look() is None
    assert bench.look(after_s=COMES_S + 10.0) is None
    assert [one.why for one in bench.at.needs().asked] == ["taken again; no new image of it has come"]


def test_a_dead_instrument_is_asked_again_less_and_less_often_and_no_try_is_lost(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    waits = []
    for _ in range(4):
        waited = 0.0
        while (repair := bench.look(after_s=1.0)) is None:
            waited += 1.0
        waits.append(waited)
        repair.ends(RepairEnd.FAILED, "no answer within 10 s")
        bench.look()
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[1] > 0
    assert bench.at.needs().trouble == "no answer within 10 s"
    assert bench.told(LensEntry.TROUBLE) == ["no answer within 10 s"]  # said once
    while (repair := bench.look(after_s=10.0)) is None:
        pass
    repair.ends(RepairEnd.RETAKEN)
    bench.look()
    assert bench.at.needs() == LensNeeds()
    assert len(bench.told(LensEntry.WELL)) == 1
    assert not bench.told(LensEntry.ASKED)


def test_one_that_does_not_end_is_ended(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    repair = bench.begins()
    assert bench.look(after_s=CONFIG.timeout_s) is None
    assert not repair.ended
    bench.look(after_s=40 * CONFIG.timeout_s)
    assert repair.ended == [0.0]


def test_what_a_killed_watch_had_begun_may_end_first(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    orphan = bench.begins()
    bench.view.close()
    bench.start()
    with held(opened_lock(places.lock(bench.rig.state))):
        assert bench.look(after_s=60.0) is None
    orphan.ends(RepairEnd.RETAKEN)
    assert bench.look() is None
    bench.rig.image(9)
    assert bench.look(after_s=60.0) is None
    assert len(bench.jobs) == 1


def test_who_else_moves_the_lens_is_waited_for(bench: Bench) -> None:
    bench.rig.image(9, factor=0.4)
    bench.begins().ends(RepairEnd.FAILED, "another program", busy=True)
    assert bench.look() is None
    bench.begins(after_s=3.0).ends(RepairEnd.RETAKEN)
    bench.look()
    assert not bench.told(LensEntry.TROUBLE)


def test_the_lens_is_put_back_before_anything_else(bench: Bench) -> None:
    left = Outstanding(why="a pair", instrument="it", actor="watch", home_um=5000.0)
    outstanding.put(bench.rig.state, left)
    bench.rig.image(9, factor=0.4)
    bench.view.close()
    bench.start()
    first = bench.begins()
    assert first.job.what == "restore"
    first.ends(RepairEnd.FAILED, "no answer")
    assert bench.look() is None
    second = bench.begins(after_s=5.0)
    assert second.job.what == "restore"
    places.outstanding(bench.rig.state).unlink()
    second.ends(None)
    third = bench.begins()
    assert third.job.what == "apply"
    outstanding.put(bench.rig.state, left)
    third.dies()  # with the lens elsewhere
    assert bench.look() is None
    assert bench.begins(after_s=5.0).job.what == "restore"


def test_nothing_more_is_tried_after_some_in_a_row(bench: Bench) -> None:
    for section in range(9, 9 + IN_A_ROW):
        if section == 8 + IN_A_ROW:
            bench.rig.image(30, factor=0.4)
            bench.begins().ends(RepairEnd.NOT_BETTER, "put back")
        bench.rig.image(section, factor=0.4)
        bench.begins().ends(RepairEnd.REFUSED, "too far")
        bench.look()
    bench.rig.image(20, factor=0.4)
    assert bench.look() is None
    needs = bench.at.needs()
    assert "in a row could not be mended" in (needs.trouble or "")
    asked = {one.section: one.why for one in needs.asked}
    assert asked[20].startswith("not tried:")
    assert asked[30] == "still out of focus after 1 try; the last: put back"  # none is left without a word
    bench.rig.image(9)  # one of them is well: it is not the instrument
    assert bench.look() is None
    assert bench.at.needs().trouble is None
    bench.rig.image(21, factor=0.4)
    assert bench.begins().job.section == 21


def test_a_proposal_is_asked_for_once_an_image_and_nobody_is_asked(bench: Bench) -> None:
    bench.mode = "propose"
    bench.view.close()
    bench.start()
    bench.rig.image(9, factor=0.4)
    repair = bench.begins()
    assert repair.job.what == "propose"
    repair.ends(RepairEnd.PROPOSED)
    assert bench.look(after_s=60.0) is None
    bench.rig.image(10, factor=0.4)
    bench.begins().ends(RepairEnd.REFUSED, "no structure")
    assert bench.look(after_s=60.0) is None
    assert bench.at.needs() == LensNeeds()


@pytest.mark.parametrize("mode", ["record", "propose"])
def test_without_an_instrument_nothing_is_asked_of_one(bench: Bench, mode: AdjustMode) -> None:
    bench.mode = mode
    bench.view.close()
    bench.start(None)
    bench.rig.image(9, factor=0.4)
    assert bench.look() is None


def test_lines_that_somebody_wrote_by_hand_are_no_tries(bench: Bench) -> None:
    odd: dict[str, str | None] = {"repair": "r", "image": "seven", "shot": "S", "section": "IX", "end": "mended"}
    for what in (LensEntry.REPAIR, LensEntry.REPAIRED, LensEntry.ASKED):
        ledger.add(bench.rig.state, what, "?", actor="watch", about=odd)
        ledger.add(bench.rig.state, what, "?", actor="watch")
    with places.ledger(bench.rig.state).open("ab") as file:
        file.write(b"\xff{}\n[]\n" + b"a" * 100)
    bench.rig.image(9, factor=0.4)
    assert bench.begins().job.section == 9


def test_a_look_that_fails_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(bench.blurred, "look", broken)
        bench.at.look(bench.blurred)
    bench.rig.image(9, factor=0.4)
    bench.at.look(bench.blurred)
    assert len(bench.jobs) == 1


@pytest.mark.parametrize(
    ("mode", "allow", "wrong"),
    [
        ("record", "off", ""),
        ("propose", "propose", ""),
        ("propose", "apply", ""),
        ("apply", "apply", ""),
        ("propose", "off", 'says allow = "off"; write allow = "propose" there, or use --adjust record'),
        ("apply", "propose", 'says allow = "propose"; write allow = "apply" there, or use --adjust propose'),
        ("apply", None, "is not there, so no lens can be moved"),
        ("record", None, ""),
    ],
)
def test_a_mode_needs_the_instruments_file_to_allow_it(
    tmp_path: Path, mode: AdjustMode, allow: str | None, wrong: str
) -> None:
    if allow is not None:
        (tmp_path / NAME).write_text(
            f'kind = "pretend"\naddress = "/x"\nallow = "{allow}"\n[limits]\nlow_um = 1.0\nhigh_um = 2.0\n'
        )
    if wrong:
        with pytest.raises(SettingsError, match=wrong):
            instrument_for(mode, tmp_path)
    else:
        assert instrument_for(mode, tmp_path) == (None if allow is None else config_of(tmp_path))


def test_a_watch_loads_neither_packages_nor_pixels_for_it() -> None:
    code = (
        "import sys, mhfd_client.adjustment.beside.lens_desk, mhfd_client.beside.child\n"
        "heavy = 'onnxruntime sklearn scipy tifffile mhfd.learning mhfd.images mhfd.api mhfd.native'.split()\n"
        "print([one for one in heavy if one in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
