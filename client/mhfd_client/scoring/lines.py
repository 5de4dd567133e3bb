"""`mhfd score`: many paths in, one line or one report a path out, in the order given.

Images are scored side by side, one thread each; a single image gets every thread. Reading ahead is bounded, so that
memory does not grow with the number of paths.
"""

import glob
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import click

from mhfd import api, threads
from mhfd import overlay as drawing
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd_client.printing import printable
from mhfd_client.scoring.map_files import MapFiles
from mhfd_client.scoring.progress import bar


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
        return f"{name}  {report.finding.value}: {printable(report.finding_detail or '')}"
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
    device: api.Device = "auto",
    jobs: int | None = None,
    as_json: bool = False,
    overlay: Path | None = None,
    focus_map: Path | None = None,
    progress: bool = False,
) -> int:
    """Score every path; returns how many could not be scored."""
    files = expand(paths)
    if overlay is not None and len(files) > 1 and overlay.suffix:
        raise UsageError(f"--overlay: {overlay} is one file for {len(files)} images; name a folder")
    maps = None if focus_map is None else MapFiles(focus_map, files)
    jobs = min(jobs or threads.thread_count(), len(files))
    each = max(1, threads.thread_count() // jobs)

    def one(path: str) -> FocusReport:
        measured = api.measure(path, params=params, device=device, threads=each)
        if overlay is not None and measured.features is not None:
            target = overlay if overlay.suffix else overlay / f"{Path(path).stem}.overlay.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            drawing.draw(measured).save(target)
        return measured.report

    with bar(len(files), progress and len(files) > 1, above=True, transient=True) as shown:
        return print_in_order(enumerate(_in_order(one, files, jobs)), shown.advance, as_json=as_json, maps=maps)


def print_in_order(
    results: Iterable[tuple[int, FocusReport]],
    advance: Callable[[], object],
    *,
    as_json: bool,
    maps: MapFiles | None = None,
) -> int:
    """Print reports that come in any order, each with its place, in order; how many could not be scored."""
    unscored = due = 0
    early: dict[int, FocusReport] = {}
    for index, report in results:
        early[index] = report
        advance()
        while due in early:
            first = early.pop(due)
            if maps is not None:
                maps.write(due, first)
            unscored += first.finding is not Finding.OK
            click.echo(first.model_dump_json() if as_json else line(first))
            due += 1
    return unscored


def _in_order(function: Callable[[str], FocusReport], items: Sequence[str], jobs: int) -> Iterator[FocusReport]:
    """Results in the order of the items, at most two a worker in flight."""
    with ThreadPoolExecutor(jobs) as pool:
        rest = iter(items)
        waiting: deque[Future[FocusReport]] = deque(
            pool.submit(function, item) for item in itertools.islice(rest, 2 * jobs)
        )
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(rest, 1):
                waiting.append(pool.submit(function, item))
            yield result
