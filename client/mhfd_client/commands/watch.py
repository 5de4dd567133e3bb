"""`mhfd watch` and `mhfd plan`: what happens to the files of a folder, and what would."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, WatchedFolder, echo, echo_json, folder_options
from mhfd_client.commands.page import page_options, warn
from mhfd_client.printing import printable

if TYPE_CHECKING:
    from rich.live import Live

    from mhfd.contract.focus_report import FocusReport
    from mhfd_client.adjustment.beside.lens_desk import LensDesk
    from mhfd_client.adjustment.beside.modes import AdjustMode
    from mhfd_client.journal.rows import ImageRow, VerdictRow
    from mhfd_client.retesting.desk import RetestDesk
    from mhfd_client.settings.load import Loaded
    from mhfd_client.station.assembly import Assembled

F = TypeVar("F", bound=Callable[..., Any])

_NAMES = click.option(
    "--names",
    "names__preset",
    metavar="PRESET",
    help="How files are named (names.preset): auto, atlas, maps, plain, ...",
)


def watch_options(function: F) -> F:
    """How a folder is watched: who scores, how files are named, who looks after the lens, where the page is served."""
    given: tuple[Callable[[F], F], ...] = (
        click.option("--params", "score__preset", help="robust, paper_text or paper_code."),
        click.option(
            "--device", "score__device", type=click.Choice(["auto", "cpu", "gpu"]), help="Where images are scored."
        ),
        click.option(
            "--workers",
            "runner__workers",
            type=click.IntRange(1),
            help="Worker processes.  [default: one a processor core]",
        ),
        click.option(
            "--runner",
            "runner__kind",
            type=click.Choice(["local", "compute", "flow"]),
            help="Who scores: this machine, an endpoint, or one that a flow brings images to.",
        ),
        click.option("--endpoint", "compute__endpoint", metavar="UUID", help="The endpoint of Globus Compute."),
        click.option(
            "--map",
            "compute__map",
            multiple=True,
            metavar="HERE=THERE",
            help="What the endpoint calls a folder of ours.",
        ),
        _NAMES,
        click.option(
            "--expected",
            "names__expected",
            type=click.Path(),
            help="What should come: a list of sections, or Atlas' .ve-mif.",
        ),
        click.option(
            "--adjust",
            type=click.Choice(["record", "propose", "apply"]),
            help="Look after the lens: record what people turn; or also propose what to turn when an image is out of "
            "focus; or also turn it and have the image taken again, where instrument.toml allows it.  [default: never]",
        ),
        click.option("--no-page", is_flag=True, help="Serve no page."),
        page_options,
    )
    for decorate in reversed(given):
        function = decorate(function)
    return function


@click.command()
@folder_options
@click.option("--until-idle", type=click.FloatRange(0.1), metavar="SECONDS", help="End when nothing happens so long.")
@watch_options
@click.option("-v", "--verbose", is_flag=True, help="Say more on the error stream.")
@click.option("-q", "--quiet", is_flag=True, help="No line for each image.")
def watch(
    folder: WatchedFolder,
    until_idle: float | None,
    adjust: AdjustMode | None,
    no_page: bool,
    page_host: str,
    page_port: int | None,
    verbose: bool,
    quiet: bool,
    **settings: object,
) -> None:
    """Watch a folder: score, judge and record each image as it comes.

    The folder is only read. Stop with Ctrl-C; started again, it goes on where it was. The exit code is 0 after a clean
    end, 1 when something needs a person (its line says what), 2 for wrong usage, 3 when another watch has the folder.
    """
    from mhfd_client.page.process import Serving, address, beside, bound, told
    from mhfd_client.service.notify import Supervisor
    from mhfd_client.station.assembly import assembled
    from mhfd_client.station.loop import stopped_by_signals

    loaded = folder.loaded(**settings)
    _log(logging.INFO if verbose else logging.WARNING)
    said = _Said(quiet=quiet)
    supervisor = Supervisor(os.environ)
    with _ends_with_its_own_code(), ExitStack() as stack:
        listening = None if no_page else stack.enter_context(bound(page_host, page_port))  # first: it may be taken
        page = None if listening is None else address(listening, page_host)
        desk = None if adjust is None else _desk(folder, loaded, adjust)
        tests = _retests(folder, loaded)
        made = assembled(
            folder.root,
            loaded,
            until_idle=until_idle,
            said=said,
            page=page,
            lens=(lambda: None) if desk is None else desk.needs,
            turns=supervisor.turns,
            held_s=(lambda _: 0.0) if tests is None else tests.hold_s,
        )
        parts = stack.enter_context(made)
        arrival = parts.arrival
        opened = None
        if listening is not None:
            warn(page_host)
            opened = stack.enter_context(beside(Serving(parts.state_dir, loaded, page_host, adjust), listening))
            echo(f"page: {told(opened, parts.state_dir)}", err=True)
        echo(f"watching {arrival.root} ({arrival.mode}); names: {parts.names}; state: {parts.state_dir}", err=True)
        if loaded.settings.runner.kind == "compute":
            echo(f"scored by: endpoint {loaded.settings.compute.endpoint} of Globus Compute", err=True)
        if loaded.settings.runner.kind == "flow":
            echo(f"scored by: runs of flow {loaded.settings.flow.id}; `mhfd run list` shows them", err=True)
        if loaded.origins["state.dir"] == "argument":
            _remember(arrival.root, parts.state_dir)
        if opened is not None:
            for line in _next(opened, parts, loaded.settings.verdict.confirm):
                echo(line, err=True)
        with said.heartbeat(), desk or nullcontext(), tests or nullcontext(), stopped_by_signals(parts.station):
            supervisor.ready()
            summary = parts.station.run()
        waiting = arrival.pending
        digest = None
        if summary.by_itself:
            parts.alerts.finish()
            digest = parts.digest("the watch has ended")
    if waiting:
        echo(f"{waiting} files are not whole yet: `mhfd plan` says why; the next start looks at them again", err=True)
    left = f", {summary.left} left for the next start" if summary.left else ""
    echo(f"{summary.scored} images scored in {summary.seconds:.0f} s{left}", err=True)
    for line in digest.lines() if digest and digest.images else ():
        echo(line, err=True)


def _desk(folder: WatchedFolder, loaded: Loaded, mode: AdjustMode) -> LensDesk:
    """What looks after the lens beside this watch. SettingsError where its instrument does not go along."""
    from mhfd_client.adjustment.beside.lens_desk import LensDesk
    from mhfd_client.adjustment.beside.listen import ListenJob
    from mhfd_client.adjustment.beside.modes import instrument_for
    from mhfd_client.settings.places import models_home
    from mhfd_client.station.assembly import state_of

    state_dir = state_of(folder.root, loaded.settings)
    config = instrument_for(mode, state_dir)
    recorder = None
    if config is not None:
        recorder = ListenJob(state_dir=state_dir, watched=Path(os.path.realpath(folder.root))).start
    called = "no instrument" if config is None else config.name or config.kind
    echo(f"lens: {mode}, {called}", err=True)
    return LensDesk(state_dir, mode, config, home=models_home(loaded.settings), recorder=recorder)


def _retests(folder: WatchedFolder, loaded: Loaded) -> RetestDesk | None:
    """What tests who judges beside this watch; None: nobody wants it."""
    models = loaded.settings.models
    if not models.retest_every:
        return None
    from mhfd_client.retesting.desk import RetestDesk
    from mhfd_client.retesting.job import RetestWay
    from mhfd_client.station.assembly import state_of

    state_dir = state_of(folder.root, loaded.settings)
    way = RetestWay.of(loaded.settings, state_dir)
    echo(f"re-tests: every {models.retest_every:,} images and on drift, {way.told}", err=True)
    return RetestDesk(state_dir, way)


@contextmanager
def _ends_with_its_own_code() -> Iterator[None]:
    """What starts a watch again tells by the code whether that can help: a share may come back."""
    from mhfd_client.errors import FolderNotThere, StateLocked
    from mhfd_client.service.unit import HAS_ANOTHER

    try:
        yield
    except FolderNotThere as error:
        raise click.ClickException(str(error)) from error
    except StateLocked as error:
        ended = click.ClickException(str(error))
        ended.exit_code = HAS_ANOTHER
        raise ended from error


def _remember(root: str, state_dir: Path) -> None:
    """What --state said holds from now on, also without it; where it was until now is said, and stays as it is."""
    from mhfd_client.errors import StateError
    from mhfd_client.settings import places, remembered

    note = places.note_of(root)
    try:
        before = remembered.recalled(note)
    except StateError:
        before = None  # it is gone or damaged: this is the remedy
    if before is None:
        default = places.default_state(root)
        old = default if (default / "journal.db").is_file() else None
    else:
        old = before
    now = Path(os.path.realpath(state_dir))
    try:
        if before != now:
            remembered.remember(note, root, state_dir)
            echo("other commands find this state without --state from now on", err=True)
    except StateError as error:
        echo(f"warning: {error}", err=True)
    if old is not None and Path(os.path.realpath(old)) != now:
        echo(f"until now the state of this folder was in {old}, which stays as it is", err=True)


def _next(opened: str, parts: Assembled, confirm: int) -> list[str]:
    """What a person does now."""
    if any(label.sharp for label in parts.journal.last_labels().values()):
        return [f"open {opened}"]
    asks = f"when it asks, say of {confirm} images whether they are sharp; until then every verdict is provisional"
    return [f"open {opened}", asks]


class _Said:
    """Prints each verdict, and on a terminal keeps a line of what is going on below them."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._now: dict[int, str] = {}  # image -> what is said of it
        self._last: float | None = None
        self._began = time.monotonic()

    def __call__(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        self._now[row.id] = verdict.outcome.value
        self._last = time.monotonic()
        if not self._quiet:
            again = f" [{verdict.reason}]" if verdict.reason else ""
            line = printable(f"{row.path}  {verdict.outcome.value}: {verdict.sentence}{again}")
            try:
                sys.stdout.write(f"{line}\n")  # not through click, which would write into the living line
                sys.stdout.flush()
            except OSError as error:  # nobody reads any more, or the disk of a log is full: the watch goes on
                self._quiet = True
                _nowhere(sys.stdout)
                logging.getLogger("mhfd").warning("no more lines: the standard output failed: %s", error)

    def heartbeat(self) -> Live | nullcontext[None]:
        """A line that lives below the verdicts, on a terminal only."""
        if not sys.stderr.isatty():
            return nullcontext()
        from rich.console import Console
        from rich.live import Live

        return Live(
            self,
            console=Console(stderr=True),
            refresh_per_second=1,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )

    def __rich__(self) -> str:
        since = time.monotonic() - (self._last or self._began)
        counts = (
            ", ".join(f"{n:,} {name}" for name, n in sorted(Counter(self._now.values()).items())) or "no verdict yet"
        )
        return f"watching: {counts}; last {since:.0f} s ago" if self._last else f"watching for {since:.0f} s: {counts}"


@click.command()
@folder_options
@_NAMES
@JSON
def plan(folder: WatchedFolder, as_json: bool, **settings: object) -> None:
    """What a watch would do with every file there, and why. Touches nothing.

    The exit code is 1 when it would see none of them, or not most of the images, and 2 for wrong usage.
    """
    from mhfd_client.arrival import plan as planning
    from mhfd_client.arrival.left_alone import Tally
    from mhfd_client.arrival.listing import NO_IMAGE
    from mhfd_client.arrival.root import checked_root
    from mhfd_client.errors import StateMissing
    from mhfd_client.files import text_of
    from mhfd_client.journal.view import JournalView
    from mhfd_client.settings.places import state_place
    from mhfd_client.station.assembly import named, state_of

    loaded = folder.loaded(**settings)
    root = checked_root(folder.root)
    state_dir = state_of(root, loaded.settings)
    origin = state_place(root, settings=loaded.settings, origin=loaded.origins["state.dir"]).origin
    detected = named(root, loaded.settings)
    try:
        view = JournalView.read(state_dir)
    except StateMissing:
        view = None
    with view or nullcontext():
        found = planning.plan(
            root,
            settings=loaded.settings.arrival,
            known=view.known if view else lambda *_: False,
            ignore=detected.naming.ignore,
        )
    tally = Tally(loaded.settings.arrival.patterns)
    for s in found:
        tally.add(*(((), (s.path,)) if s.why.startswith(NO_IMAGE) else ((s.path,) * (s.decision != "ignore"), ())))
    lines = [(sighting, detected.naming.place(sighting.path)) for sighting in found]
    if as_json:
        echo_json(
            {
                "root": text_of(root),
                "state_dir": state_dir,
                "state_from": origin,
                "journal": view is not None,
                "names": str(detected),
                "crowds": [crowd.as_json() for crowd in detected.crowds],
                "left_alone": tally.said,
                "files": [
                    {
                        "path": text_of(s.path),
                        "bytes": s.size,
                        "decision": s.decision.value,
                        "why": s.why,
                        "section": place.section,
                        "tile": place.tile,
                    }
                    for s, place in lines
                ],
            }
        )
        sys.exit(EXIT_PERSON if tally.said else 0)
    echo(f"names: {detected}")
    echo(f"state: {state_dir} [{origin}]" + ("" if view else " (no journal yet)"))
    for s, place in lines:
        where = "" if s.decision.value == "ignore" else f" ({place})"
        echo(f"{s.decision.value:6} {s.path}{where}: {s.why}")
    counts = Counter(s.decision.value for s in found)
    echo(", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "nothing is there")
    if tally.said:
        echo(tally.said)
        sys.exit(EXIT_PERSON)


def _nowhere(stream: TextIO) -> None:
    """What is still in its buffer must not fail the end of the process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Printable(logging.Formatter):
    """File names in messages cannot move the cursor either; a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


def _log(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log = logging.getLogger("mhfd")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(level)
