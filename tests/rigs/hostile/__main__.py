"""The command; see the package."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.runners import Job
from mhfd_client.runners.driver import Driver
from mhfd_client.runners.local import LocalRunner
from tests.rigs.hostile.mutants import mutant
from tests.rigs.hostile.scoring import PEAK, SECONDS

FAILED = "FAILED"
"""What came of an image whose scoring ended in no finding of its own."""


@dataclass(frozen=True)
class Ended:
    """What came of one file, and what it took."""

    name: str
    finding: str
    detail: str
    seconds: float
    peak_mb: float


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    files = sorted(file for folder in options.folders for file in _files(folder))
    if not files:
        _say("no files there")
        return 2
    with tempfile.TemporaryDirectory(prefix="mhfd-hostile-") as scratch:
        made = Path(options.keep or scratch)
        made.mkdir(parents=True, exist_ok=True)
        runner = LocalRunner(
            workers=options.jobs,
            threads=1,
            device="cpu",
            attempts=1,
            score="tests.rigs.hostile.scoring:score",
            deadline_s=options.seconds,
            memory_bytes=round(options.memory_gb * 1e9),
        )
        ended = []
        with closing(runner):
            for one in _scored(runner, files, options.mutants, options.seed, made):
                ended.append(one)
                if one.finding == FAILED:
                    _say(f"{FAILED}  {one.name}  {one.detail}")
                elif options.mutants is not None and not options.keep:
                    (made / one.name).unlink()
    if options.log:
        options.log.write_text("".join(json.dumps(asdict(one)) + "\n" for one in ended))
    _say(table(ended))
    return 1 if any(one.finding == FAILED for one in ended) else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what the command is for


def table(ended: Sequence[Ended]) -> str:
    """Findings by kind; the slowest and the dearest of all."""
    lines = [f"{'finding':<12} {'files':>6} {'slowest':>9} {'peak':>9}"]
    for finding in sorted({one.finding for one in ended}):
        of_it = [one for one in ended if one.finding == finding]
        seconds, peak_mb = max(one.seconds for one in of_it), max(one.peak_mb for one in of_it)
        lines.append(f"{finding:<12} {len(of_it):>6} {seconds:>7.2f} s {peak_mb:>6.0f} MB")
    slowest, dearest = max(ended, key=lambda one: one.seconds), max(ended, key=lambda one: one.peak_mb)
    lines.append(f"{len(ended)} files; the slowest: {slowest.name}; the dearest: {dearest.name}")
    return "\n".join(lines)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rigs.hostile")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--mutants", type=int, metavar="N", help="score N damaged copies instead of the files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the damaged copies there")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--seconds", type=float, default=60.0, help="that one file may take")
    parser.add_argument("--memory-gb", type=float, default=1.0, help="that one file may take")
    parser.add_argument("--log", type=Path, metavar="FILE", help="what came of each file: a JSON object a line")
    return parser.parse_args(argv)


def _files(folder: Path) -> Iterator[Path]:
    yield from [folder] if folder.is_file() else (path for path in folder.rglob("*") if path.is_file())


def _scored(runner: LocalRunner, files: Sequence[Path], mutants: int | None, seed: int, made: Path) -> Iterator[Ended]:
    names: dict[int, str] = {}

    def jobs() -> Iterator[Job]:
        for number in range(len(files) if mutants is None else mutants):
            if mutants is None:
                path, names[number] = files[number], str(files[number])
            else:
                name, data = mutant(number, files, seed)
                path, names[number] = made / name, name
                path.write_bytes(data)
            status = path.stat()
            yield Job(number, str(path), status.st_size, status.st_mtime_ns, Params())

    for answers in Driver(runner, str(UUID(int=0))).results(jobs()):
        yield from (_ended(names[answer.id], answer.report) for answer in answers)


def _ended(name: str, report: FocusReport) -> Ended:
    took = report.timing_ms
    if SECONDS not in took:  # set aside by the runner: scoring itself gave nothing
        return Ended(name, FAILED, report.finding_detail or "", 0.0, 0.0)
    return Ended(name, report.finding.value, report.finding_detail or "", took[SECONDS], took[PEAK])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
