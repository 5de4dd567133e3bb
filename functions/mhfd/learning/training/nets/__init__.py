"""What the networks are: each drawn once, in steps that torch computes, ONNX keeps, and a count adds up.

Knows no dataset, no loss and no process. Importing this loads numpy alone; `in_torch` is where torch comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mhfd.contract.training import NetLesson
from mhfd.errors import UsageError
from mhfd.learning.training.nets.counting import NetSize, count
from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps
from mhfd.learning.training.nets.from_onnx import weights_in
from mhfd.learning.training.nets.heads import Head, head_of
from mhfd.learning.training.nets.in_onnx import onnx_of
from mhfd.learning.training.nets.mcnn import MCNN
from mhfd.learning.training.nets.regions import REGIONS
from mhfd.learning.training.nets.residual import RESIDUAL
from mhfd.learning.training.nets.small import SMALL
from mhfd.learning.training.nets.weights import Weights, begin, digest_of

__all__ = [
    "NETS",
    "Head",
    "Net",
    "NetDrawn",
    "NetSize",
    "Steps",
    "Weights",
    "begin",
    "count",
    "digest_of",
    "head_of",
    "net_of",
    "onnx_of",
    "weights_in",
]

NETS: Final[Mapping[str, Net]] = MappingProxyType({net.name: net for net in (SMALL, MCNN, RESIDUAL, REGIONS)})
"""By name; the first that may be taught a lesson is the usual one for it."""


def net_of(lesson: NetLesson, name: str | None = None) -> Net:
    """The network of a name that may be taught a lesson. UsageError names those there are.

    Args:
        lesson: What it is to be taught.
        name: Nothing: the usual one.
    """
    fitting = {net.name: net for net in NETS.values() if lesson in net.lessons}
    if name is None and fitting:
        return next(iter(fitting.values()))
    if name not in fitting:
        there = f"choose from {', '.join(fitting)}" if fitting else "there is none yet"
        raise UsageError(f"learner: no network {name!r} can be taught {lesson}; {there}")
    return fitting[name]
