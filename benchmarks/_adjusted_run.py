"""A simulated run whose images the pretend microscope takes, watched with or without a hand on its lens.

The focus drifts with the sections; every so many the microscope focuses by itself; and at a few that goes wrong, so
that the lens stands some um off while the section is taken. The truth of each image is where the lens stood.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.beside.lens_desk import LensDesk
from mhfd_client.adjustment.beside.repair import RepairJob
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.beside.child import Running
from mhfd_client.instruments.config import NAME, config_of
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_client.journal.rows import Outcome, State
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.load import Loaded, load
from mhfd_client.station.assembly import assembled
from mhfd_client.station.inbox import GivenLabel, put

HOME_UM: Final = 5000.0
CONFIRMED: Final = 3
"""So many images at the beginning are called sharp by the operator."""
_CALM: Final = 8
"""No failure before so many sections: what is sharp has to be known first."""
_LOOK_S: Final = 0.05
_STUCK_S: Final = 120.0


@dataclass(frozen=True)
class AdjustedPlan:
    """What happens in the run, whoever looks after the lens."""

    sections: int = 200
    failures: float = 0.05
    """Part of the sections at which the microscope's own focusing goes wrong."""
    seed: int = 0
    drift_um: float = 0.06
    """By how much the focus lies elsewhere with each section."""
    every: int = 25
    """The microscope focuses by itself at each so manieth section."""
    size: int = 512
    hour_um: float = 500.0
    """What the lens may be moved in an hour: a run of days takes minutes here."""

    def knocks(self) -> dict[int, float]:
        """How far the lens stands off, by section."""
        rng = np.random.default_rng([self.seed, 19])
        count = max(1, round(self.failures * self.sections))
        which = rng.choice(np.arange(_CALM, self.sections + 1), count, replace=False)
        return {int(s): float(rng.choice([-1, 1]) * rng.uniform(3.0, 8.0)) for s in sorted(which)}


@dataclass
class SectionTold:
    """What became of one section. `um`: how far out of focus each of its takes is, in the order they were taken."""

    section: int
    um: list[float] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    tries: int = 0
    spent: int = 0
    """Images that were taken to mend it, its new takes not counted."""
    asked: str = ""
    seconds: float = 0.0
    """From its image to where nothing more was to be done."""

    @property
    def left(self) -> bool:
        """Whether it is to be taken again by a person."""
        return self.outcomes[-1] != Outcome.IN_FOCUS.value

    @property
    def worse_um(self) -> float:
        """By how much its last take is further out of focus than its first."""
        return abs(self.um[-1]) - abs(self.um[0])


@dataclass(frozen=True)
class AdjustedRun:
    """What became of a run."""

    plan: AdjustedPlan
    sections: list[SectionTold]
    seconds: float
    images: int
    """That the microscope took in all."""


def run(
    folder: Path,
    plan: AdjustedPlan,
    *,
    adjust: bool,
    waits: bool = True,
    interval_s: float = 1.0,
    home: Path | None = None,
    starts: Callable[[RepairJob], Running] | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> AdjustedRun:
    """Image every section below `folder`, and see what the watch makes of it.

    Args:
        folder: A new one.
        plan: What happens.
        adjust: Whether the watch has a hand on the lens.
        waits: Each section waits for the verdict of the one before; else one comes every `interval_s`.
        home: Where learned packages are kept; the champion of `adjust` is asked.
        starts: How repairs are started; else as programs of their own.
        said: Told what happens.
    """
    state, root = folder / "state", folder / "run"
    root.mkdir(parents=True)
    scope = make_pretend(
        folder / "scope",
        lens_um=HOME_UM,
        focus_um=HOME_UM,
        focus_um_a_section=plan.drift_um,
        seed=plan.seed,
        size=plan.size,
        run=str(root),
    )
    state.mkdir()
    span = 20.0 + plan.drift_um * plan.sections
    (state / NAME).write_text(
        f'kind = "pretend"\naddress = "{scope.folder}"\nallow = "apply"\n\n[limits]\nlow_um = {HOME_UM - span:.1f}\n'
        f"high_um = {HOME_UM + span:.1f}\nhour_um = {plan.hour_um:.1f}\n"
    )
    loaded = load(args={"state.dir": str(state), "runner.workers": 1, "arrival.settle_s": 0.1}, env={})
    desk = LensDesk(
        state, "apply" if adjust else "record", config_of(state) if adjust else None, home=home, starts=starts
    )
    began = time.monotonic()
    with assembled(root, loaded, lens=desk.needs if adjust else lambda: None) as parts, desk:
        microscope = _Microscope(scope, plan, state, loaded, parts.station.stop, adjust, waits, interval_s, said)
        microscope.start()
        parts.station.run()
        microscope.join()
    if microscope.failed is not None:
        raise microscope.failed
    seconds = time.monotonic() - began
    return AdjustedRun(plan, _told(state, scope, plan, microscope.took), seconds, scope.count().images)


class _Microscope(threading.Thread):
    """Takes section after section, as its own program does, and has its operator say what is sharp at first."""

    def __init__(
        self,
        scope: PretendScope,
        plan: AdjustedPlan,
        state: Path,
        loaded: Loaded,
        stop: Callable[[], None],
        adjust: bool,
        waits: bool,
        interval_s: float,
        said: Callable[[str], None],
    ) -> None:
        super().__init__(name="pretend-microscope", daemon=True)
        self._scope, self._plan, self._state, self._stop = scope, plan, state, stop
        self._adjust, self._waits, self._interval, self._said = adjust, waits, interval_s, said
        self._root = Path(scope.truth().run)
        self.took: dict[int, float] = {}
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            with JournalView.read(self._state) as journal:
                self._all(journal)
        except BaseException as error:
            self.failed = error
        finally:
            self._stop()

    def _all(self, journal: JournalView) -> None:
        rng, knocks = np.random.default_rng([self._plan.seed, 20]), self._plan.knocks()
        for section in range(1, self._plan.sections + 1):
            truth = self._scope.truth()
            if section % self._plan.every == 0:
                right = truth.focus_at(section, 0) + float(rng.normal(0, 0.15))
                self._scope.turn_to(right, actor="autofocus")
            before = self._scope.lens().working_distance_um
            knocked = truth.focus_at(section, 0) + knocks.get(section, 0.0)
            if section in knocks:
                self._scope.turn_to(knocked, actor="autofocus")
            began = time.monotonic()
            self._scope.run_image(section)
            if self._waits or section <= CONFIRMED + 1:
                self._until(lambda section=section: self._done(journal, section), f"section {section}")  # type: ignore[misc]
            else:
                time.sleep(self._interval)
            self.took[section] = time.monotonic() - began
            if section in knocks and abs(self._scope.lens().working_distance_um - knocked) < 1e-6:
                self._scope.turn_to(before, actor="autofocus")  # nobody has mended it: it does so by itself, too late
            if section == CONFIRMED:
                self._confirm(journal)
        for section in range(1, self._plan.sections + 1):
            self._until(lambda section=section: self._done(journal, section), f"section {section}, at the end")  # type: ignore[misc]

    def _confirm(self, journal: JournalView) -> None:
        for row in journal.images():
            put(self._state, GivenLabel(image=row.id, sharp=True, who="operator"))
        self._until(lambda: len(journal.last_labels()) >= CONFIRMED, "the operator's word")

    def _done(self, journal: JournalView, section: int) -> bool:
        """Nothing more is to be done for it by itself."""
        rows = [row for row in journal.images(limit=100_000) if row.section == section]
        if not rows or rows[-1].state is not State.RECORDED or rows[-1].verdict is None:
            return False
        if not self._adjust or section <= CONFIRMED:
            return True
        verdict = journal.verdict(rows[-1].verdict)
        if verdict.outcome is not Outcome.OUT_OF_FOCUS:
            return True
        return any(
            line.what is LensEntry.ASKED and line.about.get("section") == str(section)
            for line in ledger.lines(self._state)
        )

    def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _STUCK_S
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not done after {_STUCK_S:g} s")
            time.sleep(_LOOK_S)


def _told(state: Path, scope: PretendScope, plan: AdjustedPlan, took: dict[int, float]) -> list[SectionTold]:
    """What became of each section, by the journal and the ledger; the truth by where the lens stood."""
    truth = scope.truth()
    found = {section: SectionTold(section) for section in range(1, plan.sections + 1)}
    with JournalView.read(state) as journal:
        for row in journal.images(limit=100_000):
            if row.section is None or row.report is None or row.verdict is None:
                continue
            one = found[row.section]
            stood_um = 1e6 * (journal.report(row.report).image.focus_m or float("nan"))
            one.um.append(stood_um - truth.focus_at(row.section, 0))
            one.outcomes.append(journal.verdict(row.verdict).outcome.value)
            one.seconds = took[row.section]
    for line in ledger.lines(state):
        section = line.about.get("section")
        if section is not None and line.what is LensEntry.REPAIR:
            found[int(section)].tries += 1
        elif section is not None and line.what is LensEntry.ASKED:
            found[int(section)].asked = line.words
        elif line.what is LensEntry.IMAGE and line.field and line.field.startswith("section "):
            found[int(line.field.split()[1])].spent += 1
    return list(found.values())
