"""`mhfd demo`: a pretend microscope, the real station, a pretend operator, and the truth to grade them by.

Nothing is special-cased: files are written as an instrument would, by another process, scored in real worker
processes and judged with the default settings. The operator answers what the station asks, by looking at the truth
as a person looks at an image.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd_client.alerts import Digest, Rule
from mhfd_client.demo.rung import Heard, Rang, graded
from mhfd_client.errors import StationError
from mhfd_client.journal.rows import ImageRow, Outcome, State, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.microscope.truth import Grade, answer, grade, read_truth
from mhfd_client.page.process import Serving, beside, bound
from mhfd_client.page.screenshot import shoot
from mhfd_client.printing import printable
from mhfd_client.results import run_report
from mhfd_client.results.latency import Latency, latency
from mhfd_client.settings import load as settings
from mhfd_client.station.assembly import assembled
from mhfd_client.station.inbox import GivenLabel, images_waiting, put
from mhfd_client.station.loop import Station

PATIENCE_S: Final = 4.0
"""A truncated file is waited for, in case its writer goes on: less here than for a real instrument."""
STUCK_S: Final = 60.0
"""When nothing has moved for so long after the last image, something is wrong: the grade will show what."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    grade: Grade
    latency: Latency
    page: Path
    rang: tuple[Rang, ...]
    digest: Digest

    @property
    def false_alerts(self) -> int:
        """How many rang for nothing."""
        return sum(one.right is False for one in self.rang)

    @property
    def clean(self) -> bool:
        """Everything was found, nothing else accused, and nothing rang for nothing."""
        return not (self.grade.missed or self.grade.false_alarms or self.false_alerts)

    def __str__(self) -> str:
        told, wait = self.grade, self.latency
        return (
            f"found {told.found} of {told.planted} planted, {len(told.missed)} missed, "
            f"{len(told.false_alarms)} false alarms; {len(self.rang)} alerts rang, {self.false_alerts} of them false; "
            f"whole-to-verdict p50 {wait.p50_ms or 0:.0f} ms, p95 {wait.p95_ms or 0:.0f} ms"
        )


def run(into: Path | None, *, seed: int = 0, sections: int = 200, size: int = 512, stay: bool = False) -> bool:
    """The demo as a command: says what happens, ends with the grade; True when it is clean.

    `stay`: the page is served on, for a visitor, until Ctrl-C.
    """
    folder = Path(tempfile.mkdtemp(prefix="mhfd-demo-")) if into is None else into
    click.echo(f"a pretend microscope images {sections} sections into {folder / 'run'}; the station watches")
    with ExitStack() as stack:
        listening = stack.enter_context(bound("127.0.0.1", None))
        address = ""

        def ready(serving: Serving) -> None:
            nonlocal address
            address = stack.enter_context(beside(serving, listening))
            click.echo(f"page: {address}")

        found = road(folder, seed=seed, sections=sections, size=size, talk=True, ready=ready)
        if shoot(address, folder / "page.png"):
            click.echo(f"a picture of the page: {folder / 'page.png'}")
        _tell(found)
        if stay:
            click.echo(f"the page stays until Ctrl-C: {address}")
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
    return found.clean


def _tell(found: Found) -> None:
    for shot in (*found.grade.missed, *found.grade.false_alarms):
        word = "missed" if shot.planted else "false alarm"
        click.echo(f"{word}: {shot.path} ({shot.kind}, {shot.amount:.1f}): expected {shot.expected}")
    for one in found.rang:
        click.echo(printable(str(one)))
    for line in found.digest.lines():
        click.echo(printable(line))
    click.echo(f"look at {found.page}")
    click.echo(str(found))


def road(
    folder: Path,
    *,
    seed: int,
    sections: int,
    size: int,
    talk: bool = False,
    ready: Callable[[Serving], None] = lambda _: None,
) -> Found:
    """Simulate, watch, answer, report, grade. `folder` gets `run`, `run.truth.csv`, `state` and `report.html`.

    `ready` is told what a page of it would serve, once there is something to serve.
    """
    root, state, page = folder / "run", folder / "state", folder / "report.html"
    if root.exists() or state.exists():
        raise UsageError(f"into: {folder} holds a run already; name a new folder, so that nothing is overwritten")
    root.mkdir(parents=True)
    loaded = settings.load(args={"state.dir": str(state), "arrival.patience_s": PATIENCE_S})
    heard = Heard()
    with (
        assembled(root, loaded, said=_Talk() if talk else None, also_told=[heard]) as parts,
        _microscope(root, seed, sections, size) as microscope,
    ):
        ready(Serving(state, loaded, "127.0.0.1"))
        operator = _Operator(microscope, root, state, parts.station)
        operator.start()
        parts.station.run()
        operator.join()
        if microscope.wait():
            raise StationError(f"the pretend microscope failed with exit code {microscope.returncode}")
        parts.alerts.finish()
        digest = parts.digest("the demo has ended")
    with JournalView.read(state) as journal:
        verdicts = {told.image.path: told.verdict.outcome.value for told in journal.told()}
        run_report.write(journal, loaded, page)
        waited = latency(one.image for one in journal.told())
    truth, rules = read_truth(_truth(root)), loaded.settings.alerts
    limits = {Rule.OUT_OF_FOCUS: rules.out_of_focus, Rule.UNUSABLE: rules.unusable}
    return Found(grade(truth, verdicts), waited, page, graded(heard.messages, truth, limits=limits), digest)


class _Operator(threading.Thread):
    """Looks at the images that the station asks about, and sends the station home when all is done."""

    def __init__(self, microscope: subprocess.Popen[bytes], root: Path, state: Path, station: Station) -> None:
        super().__init__(name="pretend-operator", daemon=True)
        self._microscope, self._root, self._state, self._station = microscope, root, state, station
        self._answered: set[int] = set()

    def run(self) -> None:
        try:
            with JournalView.read(self._state) as journal:
                while not self._done(journal):
                    self._answer(journal)
                    time.sleep(0.2)
        finally:
            self._station.stop()

    def _answer(self, journal: JournalView) -> None:
        new = {journal.image(i).path: i for i in _asked(journal) - self._answered}
        if new:
            for path, sharp in answer(read_truth(_truth(self._root)), new).items():
                put(self._state, GivenLabel(image=new[path], sharp=sharp))
            self._answered.update(new.values())

    def _done(self, journal: JournalView) -> bool:
        """The microscope has ended, and the station with all it left; or nothing moves any more."""
        if self._microscope.poll() is None:
            return False
        if self._microscope.returncode:
            return True
        counts = journal.counts()
        rows = journal.images(limit=sum(counts.values()))
        seen = {row.path for row in rows}
        due = {shot.path for shot in read_truth(_truth(self._root))}
        waiting = images_waiting(self._state)
        if due <= seen and sum(counts.values()) == counts[State.RECORDED] and not waiting:
            return _asked(journal) <= self._answered
        last = max((row.judged_ns or row.whole_ns for row in rows), default=time.time_ns())
        return time.time_ns() - last > STUCK_S * 1e9


class _Talk:
    """A line for each image that is not in focus, and one for every fiftieth that is."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        if verdict.outcome is not Outcome.IN_FOCUS:
            click.echo(printable(verdict.sentence))
        elif verdict.reason is None:
            self._count += 1
            if self._count % 50 == 0:
                click.echo(f"... {self._count} images in focus")


@contextmanager
def _microscope(root: Path, seed: int, sections: int, size: int) -> Iterator[subprocess.Popen[bytes]]:
    """In a process of its own: in life it is another machine."""
    options = f"--at-once --seed {seed} --sections {sections} --size {size}".split()
    command = [sys.executable, "-c", "from mhfd_client.cli import main; main()", "simulate", "--into", str(root)]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def _asked(journal: JournalView) -> set[int]:
    """The images that the station asks about."""
    question = json.loads(journal.notes().get("question", "null"))
    return set(question["images"]) if question else set()


def _truth(root: Path) -> Path:
    return root.with_name(root.name + ".truth.csv")
