"""The trials of `make demo-adjust` as lines of a CSV: all that is said of them is said from these."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol

Part = Literal["sign", "step", "blank", "far", "kill"]


@dataclass(frozen=True, kw_only=True)
class DemoRow:
    """One trial. None: there is no such number, or nobody knows it."""

    instrument: str
    learner: str
    """Who spoke: `pca`, which is the package; `lle` and `diffusion` beside it, of the same pairs."""
    part: Part
    """`sign`: what is said of one pair; `step`: the whole repair; `far`: that from 25 to 40 um away; `blank`: where
    nothing is; `kill`: a program that died between the two images of a pair."""
    specimen: int
    trial: int
    truth_um: float | None = None
    """What would have to be added to the working distance."""
    move_um: float | None = None
    """What was said that has to be."""
    sd_um: float | None = None
    sign: int | None = None
    refusal: str | None = None
    final_um: float | None = None
    """How far from the focus the lens was left."""
    images: int | None = None
    lens_off_nm: float | None = None
    """How far from where it was before, after the next start."""
    note: str = ""


class Kept(Protocol):
    """Where rows go."""

    def __call__(self, row: DemoRow) -> None:
        """Keep one."""


@contextmanager
def kept_in(path: Path) -> Iterator[Kept]:
    """A CSV, written line by line."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(DemoRow)])
        writer.writeheader()

        def keep(row: DemoRow) -> None:
            writer.writerow({name: _written(value) for name, value in asdict(row).items()})
            file.flush()

        yield keep


def _written(value: object) -> object:
    return f"{value:.6f}" if isinstance(value, float) else value


def rows_of(path: Path) -> list[DemoRow]:
    """What a CSV holds."""
    with path.open(newline="") as file:
        return [DemoRow(**{name: _read(name, text) for name, text in line.items()}) for line in csv.DictReader(file)]


def _read(name: str, text: str) -> Any:
    if name in {"instrument", "learner", "part", "note"}:
        return text
    if not text:
        return None
    if name in {"specimen", "trial", "sign", "images"}:
        return int(text)
    return text if name == "refusal" else float(text)
