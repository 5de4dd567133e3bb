"""`mhfd score`: many paths in, one line or one report a path out, in the order given.

Images are scored side by side, one thread each; a single image gets every thread. Reading ahead is bounded, so that
memory does not grow with the number of paths.
"""

from __future__ import annotations

import glob
import itertools
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import click

from mhfd import api, threads
from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.errors import UsageError
from mhfd.limits import Limits
from mhfd_client.files import text_of
from mhfd_client.printing import printable
from mhfd_client.progress import bar, within_one
from mhfd_client.runners import set_aside
from mhfd_client.scoring.words import Tally, what_is_wrong

if TYPE_CHECKING:
    from mhfd.overlay import PlacesMap
    from mhfd_client.scoring.map_files import MapFiles

DEADLINE_S: Final = 120.0
"""An image of which nothing moves for longer has its line, and is left behind."""
EXIT_INTERRUPTED: Final = 130


def expand(paths: Iterable[str]) -> list[str]:
    """Patterns become the files they match, sorted; what matches nothing stays, to be reported by its name."""
    found: list[str] = []
    for path in paths:
        matches = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) and not Path(path).exists() else []
        found += matches or [path]
    return found


def line(report: FocusReport) -> str:
    """One readable line an image. File names are shown so that they cannot move the cursor."""
    name = printable(report.image.path or "array")
    if report.finding is not Finding.OK:
        return f"{name}  {printable(what_is_wrong(report))}"
    shape = "x".join(str(side) for side in report.image.shape or ())
    parts = [
        f"dof {report.dof:,}",
        f"density {report.density:,.0f}/Mpx" if report.density is not None else "",
        f"cross-spectrum {report.cross_spectrum:.3f}" if report.cross_spectrum is not None else "",
        f"tissue {report.tissue:.0%}" if report.tissue is not None else "",
        f"{shape} {report.image.dtype}",
    ]
    return f"{name}  " + "  ".join(part for part in parts if part)


def run(
    paths: Sequence[str],
    *,
    params: Params,
    limits: Limits | None = None,
    device: api.Device = "auto",
    jobs: int | None = None,
    as_json: bool = False,
    overlay: Path | None = None,
    focus_map: Path | None = None,
    models: Sequence[str] = (),
    progress: bool = False,
    deadline_s: float = DEADLINE_S,
) -> int:
    """Score every path; returns how many could not be scored.

    With `models` images are scored in worker processes, as a station's are: a package that hangs costs no report. With
    an overlay too they are asked here, and their maps are drawn.
    Ends the process where an image took too long, and when somebody interrupts it.
    """
    files = expand(paths)
    if overlay is not None and len(files) > 1 and overlay.suffix:
        raise UsageError(f"--overlay: {overlay} is one file for {len(files)} images; name a folder")
    maps = None
    if focus_map is not None:
        from mhfd_client.scoring.map_files import MapFiles

        maps = MapFiles(focus_map, files)
    said: dict[int, tuple[Estimate, ...]] = {}
    asked, speakers = None, None
    if models:
        from mhfd_client.runners.estimates.packages import of_names
        from mhfd_client.scoring.here import checked

        asked = checked(of_names(models))
    if asked is not None and overlay is not None:
        from mhfd_client.scoring.drawn import PictureSpeakers

        speakers = PictureSpeakers(asked)
    elif asked is not None:
        from mhfd_client.runners.local import LocalRunner
        from mhfd_client.scoring.here import scored

        workers = min(jobs or threads.thread_count(), len(files))
        runner = LocalRunner(workers=workers, device=device, deadline_s=deadline_s, limits=limits, packages=asked)
        try:
            with closing(runner), bar(len(files), progress and len(files) > 1, above=True, transient=True) as shown:
                reports = ((i, _named(report, files[i])) for i, report in scored(runner, files, params, said))
                return print_in_order(reports, shown.advance, as_json=as_json, maps=maps, said=said)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
    jobs = min(jobs or threads.thread_count(), len(files))
    each = max(1, threads.thread_count() // jobs)

    def one(path: str, moves: Callable[[], object]) -> FocusReport:
        def told(step: str, done: int, of: int) -> None:
            moves()
            if len(files) == 1:
                inside.told(step, done, of)
            elif progress:
                shown.say(f"{path}: {step} {done:,} of {of:,} rows")

        try:
            if overlay is None:
                return api.score(path, params=params, device=device, threads=each, limits=limits, progress=told)
            measured = api.measure(path, params=params, device=device, threads=each, limits=limits)
        except MemoryError:
            why = "set aside: needs more memory than there is; crop it, or give fewer --jobs"
            return set_aside(path, params, why, code=Code.OUT_OF_MEMORY)
        places: list[PlacesMap] = []
        if speakers is not None:
            spoken, places = speakers.say(measured)
            said.update((number, spoken) for number, name in enumerate(files) if name == path)
        if measured.features is not None:
            from mhfd import overlay as drawing  # with Pillow, which nothing else here needs

            target = overlay if overlay.suffix else overlay / f"{Path(path).stem}.overlay.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            drawing.draw(measured, maps=places).save(target)
        return measured.report

    def late(path: str) -> FocusReport:
        return set_aside(path, params, f"set aside: took longer than {deadline_s:g} s; crop it", code=Code.OUT_OF_TIME)

    in_order = _InOrder(one, late, jobs)
    interrupted = False
    with (
        bar(len(files), progress and len(files) > 1, above=True, transient=True) as shown,
        within_one(progress and len(files) == 1) as inside,
    ):
        try:
            results = enumerate(in_order.results(files, deadline_s))
            advance = inside.over if len(files) == 1 else shown.advance
            unscored = print_in_order(results, advance, as_json=as_json, maps=maps, said=said)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:  # likewise, until each has done its image
        click.echo("interrupted", err=True)
        sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)
    if in_order.left_behind:  # the interpreter would wait for its threads
        sys.stdout.flush()
        os._exit(1)
    return unscored


def _named(report: FocusReport, path: str) -> FocusReport:
    """As the person named it: a worker is given absolute paths."""
    return report.model_copy(update={"image": report.image.model_copy(update={"path": text_of(path)})})


def print_in_order(
    results: Iterable[tuple[int, FocusReport]],
    advance: Callable[[], object],
    *,
    as_json: bool,
    maps: MapFiles | None = None,
    said: Mapping[int, Sequence[Estimate]] = MappingProxyType({}),
) -> int:
    """Print reports that come in any order, each with its place, in order; how many could not be scored.

    After each comes what learned packages say of the image, a line each.

    Of several, a line on the error stream counts those that were not looked at apart from those that are bad.
    """
    due, told = 0, Tally()
    early: dict[int, FocusReport] = {}
    for index, report in results:
        early[index] = report
        advance()
        while due in early:
            first = early.pop(due)
            if maps is not None:
                maps.write(due, first)
            told.add(first)
            click.echo(first.model_dump_json() if as_json else line(first))
            for one in said.get(due, ()):
                click.echo(one.model_dump_json() if as_json else f"    {printable(one.words)}")
            due += 1
    if told.without_numbers and told.total > 1:
        click.echo(str(told), err=True)
    return told.without_numbers


class _InOrder:
    """Results in the order of the items, at most two a thread in flight.

    A thread cannot be ended: one that does not move for too long is left behind, and others take its place. The
    function is given what says that it moves.
    """

    def __init__(
        self, function: Callable[[str, Callable[[], None]], FocusReport], late: Callable[[str], FocusReport], jobs: int
    ) -> None:
        self._function, self._late, self._jobs = function, late, jobs
        self._pool = ThreadPoolExecutor(jobs)
        self._moved: dict[int, float] = {}  # when each did last
        self.left_behind = False

    def results(self, items: Sequence[str], deadline_s: float) -> Iterator[FocusReport]:
        rest = iter(enumerate(items))
        waiting = deque((n, item, self._submit(n, item)) for n, item in itertools.islice(rest, 2 * self._jobs))
        while waiting:
            number, item, future = waiting.popleft()
            while not future.done() and self._taken(number) <= deadline_s:
                wait([future], timeout=min(1.0, deadline_s))
            if future.done():
                result = future.result()
            else:
                result, self.left_behind = self._late(item), True
                self._pool.shutdown(wait=False)
                self._pool = ThreadPoolExecutor(self._jobs)
                waiting = deque((n, i, self._submit(n, i) if f.cancel() else f) for n, i, f in waiting)
            waiting.extend((n, i, self._submit(n, i)) for n, i in itertools.islice(rest, 1))
            yield result
        self._pool.shutdown(wait=not self.left_behind)

    def _taken(self, number: int) -> float:
        return time.monotonic() - self._moved[number] if number in self._moved else 0.0

    def _submit(self, number: int, item: str) -> Future[FocusReport]:
        def moves() -> None:
            self._moved[number] = time.monotonic()

        def begin() -> FocusReport:
            moves()
            return self._function(item, moves)

        return self._pool.submit(begin)
