"""How often a good image rings, how often a bad one does not, and how far what is said of its blur can be believed.

Simulated runs in which dose, contrast and density change; real sections in a row, in which faults are planted; stacks
of which one image is changed; runs of the pretend microscope that drift, or start blurred. Beside it the classical
measures with a running median, and what each of them costs.

Rules are tuned on the seeds from 1000 on (`--tune`), and reported on those from 2000 on. With `--cache DIR` the scored
reports are kept: judging them again takes seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks import _coloured_noise, _planned_runs
from benchmarks import _verdict_tables as tables
from benchmarks._first_verdicts import each_kind, first_verdicts, one_changed
from benchmarks._real_runs import MANY, fields, paths_of, real
from benchmarks._simulated_runs import simulated
from benchmarks._table import markdown, publish
from benchmarks._taken import CLASSICAL, Run, kept

import mhfd
from mhfd.simulate import section

TUNING: Final = 1000
REPORTING: Final = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8, help="simulated runs; 0: none")
    parser.add_argument("--sections", type=int, default=400, help="of each")
    parser.add_argument("--every", type=int, default=8, help="one section of so many is also taken badly, in every way")
    parser.add_argument("--first-seed", type=int, default=REPORTING)
    parser.add_argument("--tune", action="store_true", help=f"seeds from {TUNING} on; nothing is written to docs/")
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder of real sections, good ones")
    parser.add_argument("--planned", action="store_true", help="also mosaics, a blurred start, a slow drift")
    parser.add_argument("--coloured", type=int, default=0, metavar="FIELDS", help="also coloured noise, so many fields")
    parser.add_argument("--cost", action="store_true", help="also milliseconds an image")
    parser.add_argument("--say", action="store_true", help="print every verdict that is wrong")
    parser.add_argument("--cache", type=Path, help="where scored reports are kept")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    first = TUNING if args.tune else args.first_seed
    seeds = range(first, first + args.runs)
    with ProcessPoolExecutor(args.workers) as pool:
        long_runs = _made(pool, args.cache, {
            f"simulated-{seed}-{args.sections}-{args.every}": partial(simulated, seed, args.sections, args.every)
            for seed in seeds
        })  # fmt: skip
        real_runs = _made(pool, args.cache, {
            f"{folder.name}-{len(paths_of(folder))}-{i}-{first}": partial(real, folder, part, first)
            for folder in args.data
            for i, part in enumerate(fields(folder).values())
        })  # fmt: skip
        planned = {
            name: [pool.submit(_planned_runs.scored, args.cache, name, plan) for plan in plans]
            for name, plans in (_planned_runs.plans(first).items() if args.planned else ())
        }
        planned_runs = {name: [future.result() for future in futures] for name, futures in planned.items()}
        coloured = list(pool.map(_coloured_noise.sharpness, range(first, first + args.coloured)))
    body = []
    if long_runs:
        body.append(_simulated(long_runs, seeds, say=args.say))
    for name, run in real_runs.items():
        if len(run) >= MANY:
            body.append(_real(name, run, say=args.say))
    stacks = {name: run for name, run in real_runs.items() if len(run) < MANY}
    for folder in dict.fromkeys(name.rsplit("-", 3)[0] for name in stacks):
        mine = {name: run for name, run in stacks.items() if name.rsplit("-", 3)[0] == folder}
        body.append(_stacks(folder, mine, say=args.say))
    if planned_runs:
        body.append(f"## Whole runs, in the end\n\n{_planned_runs.table(planned_runs)}")
    if coloured:
        body.append(_coloured(coloured))
    if args.cost:
        body.append(_cost())
    page = "\n\n".join(body)
    if args.tune or first < REPORTING:
        print(page)
    else:
        sys.argv[1:] = _as_anywhere(sys.argv[1:])
        publish("verdicts", "Verdicts: found, missed, alarmed for nothing", page, packages=("numpy", "scipy"))


def _as_anywhere(typed: list[str]) -> list[str]:
    """What was typed, as the page shows it: where data and cache lie is this machine's own."""
    shown: list[str] = []
    before = ""
    for word in typed:
        if before == "--cache" or word == "--cache":
            before = word
            continue
        shown.append(Path(word).name if before == "--data" else word)
        before = word
    return shown


def _made(pool: ProcessPoolExecutor, cache: Path | None, makers: dict[str, Callable[[], Run]]) -> dict[str, Run]:
    waiting = {name: pool.submit(kept, cache, name, make) for name, make in makers.items()}
    return {name: future.result() for name, future in waiting.items()}


def _simulated(runs: dict[str, Run], seeds: range, *, say: bool) -> str:
    told: dict[str, tables.Both] = {}
    for how, answers in (("operator answers at once", True), ("nobody answers", False)):
        pairs = [first_verdicts(name, run, answers=answers) for name, run in runs.items()]
        told[how] = [one for good, _ in pairs for one in good], [one for _, bad in pairs for one in bad]
    both = next(iter(told.values()))
    return (
        f"## Simulated runs\n\n{len(runs)} of {len(next(iter(runs.values())))} sections, seeds {seeds[0]} to "
        f"{seeds[-1]}, 512 x 512 pixels: density drifts, dose (40 to 400 electrons a pixel) and "
        "contrast (.5 to 1) change in steps, 16% have a harmless artefact, 6% fail and stay in the stream. "
        "First verdicts.\n\n"
        f"{tables.rules(told)}\n\nOf those that the operator answers:\n\n{tables.kinds(both)}\n\n"
        f"{tables.doses(both)}\n\n{_sentences(both, say)}"
    )


def _real(name: str, run: Run, *, say: bool) -> str:
    name = name.rsplit("-", 3)[0]
    both = each_kind(name, run)
    return (
        f"## Real sections in a row: {name}\n\n{len(run)} sections. Each kind has runs of its own, in which one image "
        "of five is changed, at other places in each; the noise's spectrum is put back. The first three are confirmed. "
        "So each good image is counted several times: in other company.\n\n"
        f"{tables.rules({'first three confirmed': both})}\n\n{tables.kinds(both)}\n\n{_sentences(both, say)}"
    )


def _stacks(folder: str, stacks: dict[str, Run], *, say: bool) -> str:
    pairs = [one_changed(name, run) for name, run in stacks.items()]
    both = [one for good, _ in pairs for one in good], [one for _, bad in pairs for one in bad]
    named = f"{folder}, {len(stacks)} fields, {sum(map(len, stacks.values()))} sections"
    return (
        f"## Stacks with one image changed: {named}\n\nEach in turn is judged by the others, of which three are "
        "confirmed. The noise that is put back is read from the image's own spectrum: where the scene reaches its "
        "edges (vnc, of a transmission microscope), its finest detail is put back too, and such images are not blurred "
        f"there.\n\n{tables.rules({'three confirmed': both})}\n\n{tables.kinds(both)}\n\n{_sentences(both, say)}"
    )


def _sentences(both: tables.Both, say: bool) -> str:
    if say:
        print(tables.wrong(both, most=1000), tables.missed(both), sep="\n")
    return tables.wrong(both)


def _coloured(found: list[dict[tuple[str, float], _coloured_noise.Values]]) -> str:
    rows = markdown(["AUC", *_coloured_noise.LAGS], _coloured_noise.rows(found))
    return (
        f"## Coloured noise\n\nr = 0 against 2 px, {len(found)} fields at doses of 40 to 400, any against any "
        f"other: no neighbours help. Noise as strong as before, spread along the scan line:\n\n{rows}"
    )


def _cost() -> str:
    """Milliseconds an image of 1024 x 1024, one thread, the least of several."""
    pixels = section((1024, 1024), seed=REPORTING)
    plane = pixels.astype(np.float32)
    whole = _least_ms(lambda: mhfd.score(pixels, threads=1))
    rows: list[list[object]] = [["mhfd.score(), all of the report", f"{whole:.1f}", "1"]]
    for name, measure in CLASSICAL.items():
        ms = _least_ms(partial(measure, plane))
        rows.append([name, f"{ms:.1f}", f"{ms / whole:.2f}"])
    return f"## Cost\n\n1024 x 1024 pixels, one thread:\n\n{markdown(['', 'ms', 'of score()'], rows)}"


def _least_ms(work: Callable[[], object], times: int = 15) -> float:
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return 1000 * min(found)


if __name__ == "__main__":
    main()
