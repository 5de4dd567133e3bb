"""What bars a package whatever it scores: being sure where nothing can be known, and costing too much.

The probes are images of which nobody can say whether they are in focus. Who answers there answers to anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import simulate
from mhfd.api import score
from mhfd.contract.focus_report import FocusReport
from mhfd.learning.inference import NetworkSession, Session, opened

if TYPE_CHECKING:
    from mhfd.learning.packages import Package

SIDE: Final = 512
TIMED_SIDE: Final = 1024
MOST_TIMES: Final = 3.0
"""CPU of features and model, or of a network and what it is shown, in those of `mhfd.score` on the same image."""
_TURNS: Final = 3


def probes(side: int = SIDE) -> Mapping[str, NDArray[Any]]:
    """Images to which the only right answer is none."""
    tissue = simulate.section((side, side), seed=20_261_130)
    cut = np.full((side, side), np.nan, np.float32)
    cut[:, : side // 8] = tissue[:, : side // 8]
    return {
        "blank": np.full((side, side), 128, np.uint8),
        "saturated": np.full((side, side), 255, np.uint8),
        "NaN": cut,
        "inverted": (255 - tissue.astype(np.int16)).astype(np.uint8),
    }


def barred(package: Package) -> tuple[str, ...]:
    """Why a package cannot be promoted, each reason with its number or its image."""
    session = opened(package)
    why = []
    if sure := list(_sure_on(session)):
        why.append(f"answers to {', '.join(sure)} images, of which nobody can say anything")
    if (times := cpu_times(session)) > MOST_TIMES:
        why.append(f"takes {times:.1f} times the CPU of mhfd.score, at most {MOST_TIMES:g}")
    return tuple(why)


def _sure_on(session: Session | NetworkSession) -> Iterator[str]:
    """The probes on which a package says something."""
    for name, pixels in probes().items():
        report = score(pixels, device="cpu", threads=1)
        nothing = [0.0] * len(session.card.recipe.names) if session.card.recipe.baseline else None
        said = session.estimate(pixels, report, nothing)
        if said.refusal is None:
            yield name


def cpu_times(session: Session | NetworkSession, side: int = TIMED_SIDE) -> float:
    """CPU of features and model over that of `mhfd.score`, the quickest of some turns, one after the other."""
    pixels = simulate.section((side, side), seed=7)
    report: FocusReport = score(pixels, device="cpu", threads=1)
    nothing = [0.0] * len(session.card.recipe.names) if session.card.recipe.baseline else None
    scored, asked = [], []
    for _ in range(_TURNS):
        scored.append(_took(lambda: score(pixels, device="cpu", threads=1)))
        asked.append(_took(lambda: session.estimate(pixels, report, nothing)))
    return min(asked) / max(min(scored), 1e-6)


def _took(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
