"""The trials of `make demo-adjust`, on any instrument whose truth is known: what an operator does, what mhfd does then.

Each goes the way that a person's would: moves are recorded, learned from, and the package that came of it is asked
through `apply_once`. Judges nothing: rows go to the CSV.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.contract import Proposal
from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.applying import Adjusted, Ask, apply_once
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import Lens, TakenPair, restore
from mhfd_client.adjustment.moves import record_typed
from mhfd_client.errors import StationError
from mhfd_client.instruments.config import NAME, config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.protocol import Instrument
from tests.rigs.globus.processes import Program
from tests.rigs.globus.waiting import until
from tests.rigs.instruments.demo_rig import DemoRig
from tests.rigs.instruments.demo_rows import DemoRow, Kept

TAUGHT: Final = range(6)
MOVES_EACH: Final = 4
HAND_UM: Final = 0.2
"""How well the operator finds the focus: standard deviation."""
REACH_UM: Final = 8.0
"""So far away, at most, lenses are found in the morning."""
NEW: Final = range(500, 515)
TRIALS_EACH: Final = 4
BLANKS: Final = 12
FAR_UM: Final = (25.0, 30.0, 35.0, 40.0, -25.0, -30.0, -35.0, -40.0)
KILLED: Final = 20


@dataclass(frozen=True)
class Desk:
    """One instrument, its rig, and the state folder of the station beside it."""

    rig: DemoRig
    state: Path
    instrument: Instrument
    rng: np.random.Generator
    keep: Kept


@dataclass(frozen=True, eq=False)
class RepairedPair:
    """The first pair of a repair, and what was said of it."""

    taken: TakenPair
    row: DemoRow


def desk_of(rig: DemoRig, state: Path, seed: int, keep: Kept) -> Desk:
    """With an `instrument.toml` that lets mhfd move the lens."""
    config = rig.config()
    state.mkdir(parents=True)
    token = "" if config.token_file is None else f'token_file = "{config.token_file}"\n'
    (state / NAME).write_text(
        f'kind = "{config.kind}"\naddress = "{config.address}"\nallow = "apply"\n{token}'
        f"[limits]\nlow_um = {config.limits.low_um}\nhigh_um = {config.limits.high_um}\n"
        f"hour_um = {config.limits.hour_um}\n"
    )
    return Desk(rig, state, opened(config_of(state)), np.random.default_rng(seed), keep)


def record_moves(desk: Desk, folder: Path) -> None:
    """An operator's Friday: out of focus, a pair is taken, and the operator turns the lens to where it is sharp."""
    for specimen in TAUGHT:
        for field in range(MOVES_EACH):
            desk.rig.lay(specimen, field)
            desk.rig.put_lens(desk.rig.focus_um + float(desk.rng.uniform(-REACH_UM, REACH_UM)))
            with Lens(desk.state, config_of(desk.state), desk.instrument, field=f"taught {specimen}/{field}") as lens:
                pair = lens.pair(lens.config.perturbation_um)
            left = desk.rig.focus_um + float(desk.rng.normal(0, HAND_UM))
            desk.rig.put_lens(left)
            images = []
            for which, image in (("A", pair.a), ("B", pair.b)):
                path = folder / f"{desk.rig.kind}-{specimen}-{field}-{which}.tif"
                write_image(path, image.pixels, image.reading.pixel_nm, image.reading.working_distance_um)
                images.append(path)
            record_typed(
                desk.state,
                f"working distance {left - pair.centre_um:+.4f} um",
                pair=(images[0], images[1]),
                perturbation_um=pair.perturbation_um,
                who="the demo's operator",
                instrument=desk.instrument.name,
                specimen=f"specimen {specimen}",
            )


def write_image(path: Path, pixels: NDArray[Any], pixel_nm: float | None, working_distance_um: float) -> None:
    """As OpenFIBSEM writes what mhfd reads of an image."""
    told: dict[str, Any] = {"microscope_state": {"electron_beam": {"working_distance": working_distance_um * 1e-6}}}
    if pixel_nm is not None:
        told["pixel_size"] = {"x": pixel_nm * 1e-9, "y": pixel_nm * 1e-9}
    tifffile.imwrite(path, pixels, metadata=told)


def repairs(desk: Desk, ask: Ask, learner: str) -> list[RepairedPair]:
    """New specimens, each out of focus: what is said of the first pair, and where the lens is after the repair."""
    found: list[RepairedPair] = []
    for specimen in NEW:
        for trial in range(TRIALS_EACH):
            away = float(desk.rng.uniform(1.0, REACH_UM)) * (-1) ** trial
            desk.rig.lay(specimen, trial)
            start = put(desk, away)
            pairs: list[TakenPair] = []
            done = repaired(desk, ask, pairs, name=f"new {specimen}/{trial}")
            row = DemoRow(
                instrument=desk.rig.kind,
                learner=learner,
                part="sign",
                specimen=specimen,
                trial=trial,
                truth_um=desk.rig.focus_um - start,
                **said_by(done),
            )
            desk.keep(row)
            desk.keep(replace(row, part="step", **ended(desk, done)))
            found += [RepairedPair(pair, row) for pair in pairs[:1]]
    return found


def from_far(desk: Desk, ask: Ask, learner: str) -> None:
    """So far away that hardly anything is seen: it is refused, or nearer afterwards."""
    for trial, away in enumerate(FAR_UM):
        desk.rig.lay(600 + trial, 0)
        start = put(desk, away)
        done = repaired(desk, ask, [], name=f"far {trial}")
        desk.keep(
            DemoRow(
                instrument=desk.rig.kind,
                learner=learner,
                part="far",
                specimen=600 + trial,
                trial=trial,
                truth_um=desk.rig.focus_um - start,
                **said_by(done),
                **ended(desk, done),
            )
        )


def of_nothing(desk: Desk, ask: Ask, learner: str) -> None:
    """Where there is nothing to be seen, nothing is said and the lens stays."""
    for trial in range(BLANKS):
        desk.rig.lay(700 + trial, 0, blank=True)
        start = put(desk, float(desk.rng.uniform(-REACH_UM, REACH_UM)))
        done = repaired(desk, ask, [], name=f"blank {trial}")
        off = abs(desk.rig.lens_um() - start) * 1e3
        desk.keep(
            DemoRow(
                instrument=desk.rig.kind,
                learner=learner,
                part="blank",
                specimen=700 + trial,
                trial=trial,
                **said_by(done),
                images=done.images if isinstance(done, Adjusted) else None,
                lens_off_nm=off,
            )
        )


def put(desk: Desk, away_um: float) -> float:
    """The lens, so far from the focus. Where it stands."""
    desk.rig.put_lens(desk.rig.focus_um + away_um)
    return desk.rig.lens_um()


def repaired(desk: Desk, ask: Ask, pairs: list[TakenPair], *, name: str) -> Adjusted | StationError:
    """The real thing; its pairs are kept."""

    def asked(pair: TakenPair) -> Proposal:
        pairs.append(pair)
        return ask(pair)

    try:
        return apply_once(desk.state, really=True, ask=asked, instrument=desk.instrument, field=name)
    except StationError as error:
        return error


def said_by(done: Adjusted | StationError) -> dict[str, Any]:
    """What was said first, as columns."""
    if not isinstance(done, Adjusted):
        return {"note": str(done)}
    said = done.before
    refusal = said.refusal and said.refusal.value
    return {"move_um": said.move_um, "sd_um": said.sd_um, "sign": said.sign, "refusal": refusal, "note": done.outcome}


def ended(desk: Desk, done: Adjusted | StationError) -> dict[str, Any]:
    """Where the lens really is, as columns."""
    images = done.images if isinstance(done, Adjusted) else None
    return {"final_um": abs(desk.rig.lens_um() - desk.rig.focus_um), "images": images}


def killed(desk: Desk, folder: Path, command: Sequence[str]) -> None:
    """A program dies between the two images of a pair: the next start brings the lens back, and repeats nothing.

    The first half in the pair that is asked about, the others in the one that verifies a move.
    """
    for trial in range(KILLED):
        desk.rig.lay(800 + trial, trial)
        start = put(desk, float(desk.rng.uniform(1.0, REACH_UM)) * (-1) ** trial)
        begun = moves_of(desk)
        desk.rig.hold(1 if trial < KILLED // 2 else 3)
        program = Program(command, env=dict(os.environ), cwd=folder, output=folder / "killed.log", name="mhfd adjust")
        until(partial(_holding, desk, program), "it takes no second image")
        away = abs(desk.rig.lens_um() - start) * 1e3
        program.kill()
        desk.rig.release()
        words = restore(desk.state, desk.instrument)
        note = "" if words and away > 1 else f"it was {away:.1f} nm away and this was done: {words}"
        twice = [name for name, times in (moves_of(desk) - begun).items() if times > 1]
        desk.keep(
            DemoRow(
                instrument=desk.rig.kind,
                learner="pca",
                part="kill",
                specimen=800 + trial,
                trial=trial,
                lens_off_nm=abs(desk.rig.lens_um() - start) * 1e3,
                note=note or (f"twice: {twice}" if twice else ""),
            )
        )


def _holding(desk: Desk, program: Program) -> bool:
    return program.alive() and desk.rig.holding()


def moves_of(desk: Desk) -> Counter[str | None]:
    """How often each instruction was carried out, by the ledger."""
    return Counter(line.instruction for line in ledger.lines(desk.state) if line.what is LensEntry.MOVE)
