"""Images of a run as they were scored, and kept in a folder, so that rules can be tried on them in seconds.

What is kept is used again while nothing that makes or measures images has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from benchmarks.peers import laplacian_variance, log_variance, tenengrad
from numpy.typing import NDArray

import mhfd
from mhfd.contract.focus_report import FocusReport

CLASSICAL: Final = {"Tenengrad": tenengrad, "Laplacian": laplacian_variance, "LoG(1.5)": log_variance}
_CODE: Final = Path(mhfd.__file__).parent
_MAKES: Final = ("contract", "detector", "images", "measure", "native", "simulate", "stretch.py")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taken:
    """One image, scored. Its pixels are gone."""

    kind: str
    """`sharp`, a harmless artefact, or a fault."""
    size: float
    """Of the fault, pixels: what an interval should hold."""
    dose: float
    report: FocusReport
    classical: dict[str, float]

    @classmethod
    def of(cls, kind: str, size: float, dose: float, pixels: NDArray[Any]) -> Taken:
        plane = pixels.astype(np.float32)
        values = {name: measure(plane) for name, measure in CLASSICAL.items()}
        return cls(kind, size, dose, mhfd.score(np.ascontiguousarray(pixels), threads=1), values)


@dataclass(frozen=True, slots=True)
class Section:
    """A section as the run has it, and as it would have been, had something gone wrong."""

    number: int
    taken: Taken
    otherwise: tuple[Taken, ...] = field(default=())


Run = tuple[Section, ...]


def kept(folder: Path | None, name: str, make: Callable[[], Run]) -> Run:
    """A run: made now, or as it was kept."""
    return stored(folder, name, make, lambda run: [asdict(s) for s in run], lambda read: tuple(map(_section, read)))


def stored(
    folder: Path | None, name: str, make: Callable[[], T], plain: Callable[[T], Any], read: Callable[[Any], T]
) -> T:
    """Anything that is made of reports: `plain` makes lists and dictionaries of it, `read` makes it of them."""
    if folder is None:
        return make()
    path = folder / f"{name}-{_code()}.json"
    if path.exists():
        return read(json.loads(path.read_text()))
    made = make()
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(plain(made), default=lambda report: report.model_dump(mode="json")))
    part.rename(path)
    return made


def report_of(read: dict[str, Any]) -> FocusReport:
    """What `stored` kept of a report."""
    return FocusReport.model_validate_json(json.dumps(read))


def _section(read: dict[str, Any]) -> Section:
    return Section(read["number"], _taken(read["taken"]), tuple(_taken(t) for t in read["otherwise"]))


def _taken(read: dict[str, Any]) -> Taken:
    return Taken(**{**read, "report": report_of(read["report"])})


@cache
def _code() -> str:
    """Another one whenever what makes or measures images is another."""
    digest = hashlib.sha256()
    ours = list(Path(__file__).parent.glob("_*_runs.py"))
    theirs = [p for name in _MAKES for p in ([_CODE / name] if name.endswith(".py") else (_CODE / name).rglob("*"))]
    for path in sorted([*ours, *(p for p in theirs if p.suffix in (".py", ".c", ".h"))]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
