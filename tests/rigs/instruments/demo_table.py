"""What the trials of `make demo-adjust` show: read from their CSV alone, held against the bars, told in one line.

    python -m tests.rigs.instruments.demo_table demo.csv

prints the table and the line again, and exits 1 when a bar fails. A trial that is missing is a bar that fails.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from tests.rigs.instruments.demo_rows import DemoRow, rows_of

DEFAULT: Final = "pca"
"""The learner that the bars are for; the others stand in the same table."""
INSTRUMENTS: Final = ("openfibsem", "micromanager")
LEARNERS: Final = (DEFAULT, "lle", "diffusion")

CERTAIN_UM: Final = 1.0
"""Beyond it every sign has to be right."""
SPECIMENS, SIGNS, BLANKS, FAR, KILLS = 15, 60, 12, 8, 20
"""So many of each, with each instrument."""
RMSE_UM, FINAL_UM, IMAGES, BACK_NM = 0.4, 0.3, 6, 1.0
LEAST_FAR_UM, MOST_FAR_UM = 25.0, 40.0


@dataclass(frozen=True)
class Bars:
    """What the trials say."""

    line: str
    table: tuple[str, ...]
    failed: tuple[str, ...]
    """Each bar that fails, in words."""


def right(trial: DemoRow) -> bool:
    """Whether its sign is the truth's."""
    return trial.truth_um is not None and trial.sign is not None and trial.sign * trial.truth_um > 0


def safe(trial: DemoRow) -> bool:
    """Refused, or a step in the right direction that does not end further away."""
    if trial.refusal is not None:
        return True
    if not right(trial) or trial.truth_um is None:
        return False
    ends = trial.final_um if trial.final_um is not None else abs(trial.truth_um - (trial.move_um or 0.0))
    return ends <= abs(trial.truth_um)


def verdicts(file: Path) -> Bars:
    """All that a CSV shows."""
    return judged(rows_of(file))


def judged(trials: list[DemoRow]) -> Bars:
    """All that these trials show."""
    seen = [name for name in INSTRUMENTS if any(trial.instrument == name for trial in trials)]
    failed: list[str] = [] if seen else ["there is no trial at all"]
    for name in seen:
        failed += [f"{name}: {words}" for words in _failed([trial for trial in trials if trial.instrument == name])]
    strange = sorted({trial.instrument for trial in trials} - set(INSTRUMENTS))
    failed += [f"{name}: is no instrument of this demonstration" for name in strange]
    lines = [
        f"{name}: {_line([trial for trial in trials if (trial.instrument, trial.learner) == (name, DEFAULT)])}"
        for name in seen
    ]
    every = _line([trial for trial in trials if trial.learner == DEFAULT])
    return Bars(every, (*_table(trials), "", *lines), tuple(failed))


def _failed(trials: list[DemoRow]) -> list[str]:
    ours = [trial for trial in trials if trial.learner == DEFAULT]
    signs, steps, blanks, far, kills = (_of(ours, part) for part in ("sign", "step", "blank", "far", "kill"))
    certain = _certain(signs)
    wrong = [trial for trial in certain if not right(trial)]
    sizes = _errors(signs)
    away = [trial for trial in steps if not _at_most(trial.final_um, FINAL_UM)]
    dear = [trial for trial in steps if not _at_most(trial.images, IMAGES)]
    lost = [trial for trial in kills if not _back(trial)]
    beyond = [
        trial for trial in far if trial.truth_um is None or not LEAST_FAR_UM <= abs(trial.truth_um) <= MOST_FAR_UM
    ]
    said = [
        (len(certain) < SIGNS, f"{len(certain)} signs beyond {CERTAIN_UM:g} um were asked for, not {SIGNS}"),
        (len({trial.specimen for trial in certain}) < SPECIMENS, f"not {SPECIMENS} specimens were asked about"),
        (bool(wrong), f"{len(wrong)} signs of {len(certain)} are wrong or refused{_places(wrong)}"),
        (
            len(sizes) < len(signs) or not _rms(sizes) <= RMSE_UM,
            f"RMSE {_rms(sizes):.2f} um of {len(sizes)} sizes out of {len(signs)}; at most {RMSE_UM:g} um, of all",
        ),
        (len(steps) < SPECIMENS, f"{len(steps)} repairs were made, not {SPECIMENS}"),
        (bool(away), f"{len(away)} repairs of {len(steps)} end more than {FINAL_UM:g} um away{_places(away)}"),
        (bool(dear), f"{len(dear)} repairs of {len(steps)} took more than {IMAGES} images{_places(dear)}"),
        (len(blanks) < BLANKS, f"{len(blanks)} blank fields were asked about, not {BLANKS}"),
        (any(trial.refusal is None for trial in blanks), f"blank fields got an answer{_places(_answered(blanks))}"),
        (len(far) < FAR, f"{len(far)} fields far out of focus were asked about, not {FAR}"),
        (bool(beyond), f"these are not {LEAST_FAR_UM:g} to {MOST_FAR_UM:g} um away{_places(beyond)}"),
        (not all(safe(trial) for trial in far), f"moved further away{_places([t for t in far if not safe(t)])}"),
        (len(kills) < KILLS, f"a process was killed {len(kills)} times, not {KILLS}"),
        (bool(lost), f"the lens did not come back within {BACK_NM:g} nm, or something was done twice{_places(lost)}"),
    ]
    missing = [name for name in LEARNERS if not _of([trial for trial in trials if trial.learner == name], "sign")]
    return [words for fails, words in said if fails] + [f"{name}: was not tried" for name in missing]


def _line(trials: list[DemoRow]) -> str:
    signs, steps, blanks, kills = (_of(trials, part) for part in ("sign", "step", "blank", "kill"))
    certain = _certain(signs)
    back = [trial for trial in kills if _back(trial)]
    return (
        f"signs right {sum(right(trial) for trial in certain)} of {len(certain)}; RMSE {_rms(_errors(signs)):.2f} um; "
        f"final {_mean(steps, lambda trial: trial.final_um):.2f} um; "
        f"images {_mean(steps, lambda trial: trial.images):.1f}; "
        f"refused {len(blanks) - len(_answered(blanks))} of {len(blanks)}; lens back {len(back)} of {len(kills)}"
    )


def _table(trials: list[DemoRow]) -> tuple[str, ...]:
    rows = [
        "| instrument | learner | signs right, beyond 1 um | RMSE, um | within 4 um | worst | repairs that end within "
        ".3 um | final, um (worst) | images (most) | far: refused, capped, further away |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(trial.instrument for trial in trials):
        for learner in dict.fromkeys(trial.learner for trial in trials if trial.instrument == name):
            these = [trial for trial in trials if (trial.instrument, trial.learner) == (name, learner)]
            signs, steps, far = (_of(these, part) for part in ("sign", "step", "far"))
            if not signs:
                continue
            certain, sizes = _certain(signs), _errors(signs)
            near = _errors([trial for trial in signs if trial.truth_um is not None and abs(trial.truth_um) <= 4])
            refused = sum(trial.refusal is not None for trial in far)
            within = sum(_at_most(trial.final_um, FINAL_UM) for trial in steps)
            finals = [trial.final_um for trial in steps if trial.final_um is not None]
            images = [trial.images for trial in steps if trial.images is not None]
            rows.append(
                f"| {name} | {learner} | {sum(right(trial) for trial in certain)} of {len(certain)} "
                f"| {_rms(sizes):.2f} | {_rms(near):.2f} | {max(map(abs, sizes), default=math.nan):.2f} "
                + (
                    f"| {within} of {len(steps)} | {fmean(finals):.2f} ({max(finals):.2f}) "
                    f"| {fmean(images):.1f} ({max(images)}) "
                    if finals and images
                    else "| | | "
                )
                + (
                    f"| {refused}, {sum(safe(t) for t in far) - refused}, {sum(not safe(t) for t in far)} |"
                    if far
                    else "| |"
                )
            )
    return tuple(rows)


def _of(trials: list[DemoRow], part: str) -> list[DemoRow]:
    return [trial for trial in trials if trial.part == part]


def _certain(signs: list[DemoRow]) -> list[DemoRow]:
    return [trial for trial in signs if trial.truth_um is not None and abs(trial.truth_um) > CERTAIN_UM]


def _answered(trials: list[DemoRow]) -> list[DemoRow]:
    return [trial for trial in trials if trial.refusal is None]


def _errors(signs: list[DemoRow]) -> list[float]:
    return [t.move_um - t.truth_um for t in signs if t.move_um is not None and t.truth_um is not None]


def _at_most(value: float | None, bar: float) -> bool:
    return value is not None and value <= bar  # no number is not at most anything


def _back(trial: DemoRow) -> bool:
    # A note says that an instruction was carried out twice, or that it was not said where the lens is.
    return _at_most(trial.lens_off_nm, BACK_NM) and not trial.note


def _rms(errors: list[float]) -> float:
    return math.sqrt(fmean(error * error for error in errors)) if errors else math.nan


def _mean(trials: list[DemoRow], value: Callable[[DemoRow], float | None]) -> float:
    known = [found for trial in trials if (found := value(trial)) is not None]
    return fmean(known) if known else math.nan


def _places(trials: list[DemoRow]) -> str:
    named = ", ".join(f"{trial.specimen}/{trial.trial}" for trial in trials[:6])
    return f": specimen/trial {named}{', ...' if len(trials) > 6 else ''}" if trials else ""


def main(arguments: list[str]) -> int:
    """The table, the bars that fail, and the line."""
    found = verdicts(Path(arguments[0]))
    print(*found.table, *(f"FAILED: {words}" for words in found.failed), found.line, sep="\n")  # noqa: T201
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
