"""`make demo-adjust`: what is worth the focus that mhfd learned from an operator's hand, on real SDKs.

OpenFIBSEM's demo microscope with simulated tissue below it, then the beads of Micro-Manager's demo camera. On each, 24
moves on 6 specimens are recorded and learned from; then 15 new specimens, four times each, are out of focus and
repaired by `apply_once`; then there is nothing to be seen, or the focus is 25 to 40 um away, or a program dies between
the two images of a pair. Every trial is a line of a CSV. Ends with one line made from that alone; the exit code is 1,
with the reasons, when a bar fails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from mhfd.contract import Proposal
from mhfd.learning.manifold.learning import learn
from mhfd.learning.manifold.model import HeldMoves, taught_by
from mhfd.learning.manifold.movers import MOVE_LEARNERS
from mhfd.learning.manifold.pair import measured
from mhfd.learning.manifold.table import MoveTable, move_table
from mhfd.learning.packages import Library
from mhfd_client.adjustment.applying import Ask
from mhfd_client.adjustment.as_pair import image_pair
from mhfd_client.adjustment.asked import asker
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.adjustment.moves import as_dataset
from tests.rigs.instruments.demo_rig import DemoRig
from tests.rigs.instruments.demo_rows import kept_in
from tests.rigs.instruments.demo_table import DEFAULT, INSTRUMENTS, LEARNERS, verdicts
from tests.rigs.instruments.demo_trials import (
    NEW,
    TAUGHT,
    Desk,
    RepairedPair,
    desk_of,
    from_far,
    killed,
    of_nothing,
    record_moves,
    repairs,
)
from tests.rigs.instruments.micromanager import MicroManagerRig
from tests.rigs.instruments.openfibsem import OpenFibsemServer

SEED: Final = 19


def _micromanager(folder: Path) -> DemoRig:
    rig = MicroManagerRig(folder)
    rig.ready()
    return rig


RIGS: Final[dict[str, Callable[[Path], DemoRig]]] = {"openfibsem": OpenFibsemServer, "micromanager": _micromanager}


def say(words: str) -> None:
    """To whoever watches."""
    print(words, flush=True)  # noqa: T201


def played(desk: Desk, folder: Path, *, seed: int, wrong_sign: bool) -> None:
    """All trials on one instrument."""
    began = time.monotonic()

    def told(words: str) -> None:
        say(f"{desk.rig.kind}, {time.monotonic() - began:3.0f} s: {words}")

    record_moves(desk, folder)
    dataset = as_dataset(desk.state)
    told(f"{len(dataset.rows)} moves on {len(TAUGHT)} specimens are recorded")
    library = Library(folder / "models")
    learned = learn(dataset, learner=DEFAULT, library=library, seed=seed)
    told(f"a package is learned, and {learned.decision}: {learned.report.reason}")
    if learned.package is None:
        raise SystemExit("what was learned is no package")
    if learned.decision == "promoted":
        library.promote(learned.package, learned.report_path)
    package = str(learned.package.folder)
    ask = turned(asker(desk.state, desk.instrument, home=folder / "models", package=package), wrong_sign=wrong_sign)
    pairs = repairs(desk, ask, DEFAULT)
    told(f"{len(pairs)} fields of {len(NEW)} new specimens are repaired")
    beside(desk, move_table(dataset.rows), pairs, seed=seed)
    from_far(desk, ask, DEFAULT)
    of_nothing(desk, ask, DEFAULT)
    told("far out of focus, and nothing to be seen")
    mhfd, watched = str(Path(sys.executable).with_name("mhfd")), folder / "run"
    watched.mkdir()
    killed(
        desk,
        folder,
        [mhfd, "adjust", "apply", str(watched), "--state", str(desk.state), "--package", package, "--really"],
    )
    told("killed between the two images of a pair, and started again")


def turned(ask: Ask, *, wrong_sign: bool) -> Ask:
    """Who is asked; every sign turned around, where that is to be seen to fail."""

    def asked(pair: TakenPair) -> Proposal:
        said = ask(pair)
        if not wrong_sign or said.sign is None:
            return said
        move = None if said.move_um is None else -said.move_um
        return said.model_copy(update={"sign": -said.sign, "move_um": move})

    return asked


def beside(desk: Desk, table: MoveTable, pairs: Sequence[RepairedPair], *, seed: int) -> None:
    """What the other learners say of the same pairs, taught with the same moves."""
    seen = [measured(image_pair(pair.taken, desk.instrument)) for pair in pairs]
    rows = np.array([np.concatenate([one.features, one.spectrum]) for one in seen], np.float32)
    usable = table.where(table.usable)
    for name in LEARNERS:
        if name == DEFAULT:
            continue
        learner = MOVE_LEARNERS[name]
        model = taught_by(usable, learner, HeldMoves.of(usable, learner, seed=seed), seed=seed)
        for pair, (move, sd, *_) in zip(pairs, model.predict(rows).tolist(), strict=True):
            desk.keep(replace(pair.row, learner=name, move_um=move, sd_um=sd, sign=1 if move > 0 else -1, refusal=None))


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, and say what came of it."""
    parser = argparse.ArgumentParser(prog="demo-adjust", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("demo-out/adjust"), help="made anew")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=INSTRUMENTS, action="append", help="one of them")
    parser.add_argument("--wrong-sign", action="store_true", help="turn every sign around, to see it fail")
    told = parser.parse_args(arguments)
    shutil.rmtree(told.into, ignore_errors=True)
    told.into.mkdir(parents=True)
    file = told.into / "trials.csv"
    with kept_in(file) as keep:
        for kind in told.only or INSTRUMENTS:
            folder = (told.into / kind).resolve()
            folder.mkdir()
            rig = RIGS[kind](folder)
            try:
                played(
                    desk_of(rig, folder / "state", told.seed, keep), folder, seed=told.seed, wrong_sign=told.wrong_sign
                )
            finally:
                rig.stop()
    bars = verdicts(file)
    for words in (*bars.table, *(f"FAILED: {words}" for words in bars.failed), f"every trial: {file}", bars.line):
        say(words)
    return 1 if bars.failed else 0


if __name__ == "__main__":
    sys.exit(main())
