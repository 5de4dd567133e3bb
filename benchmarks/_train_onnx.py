"""What an image costs: each network as a package asks it, beside `mhfd.score`, in processor time of one thread.

Taken in turns in one process, the least of several, so that what else the machine does weighs on all alike. Preparing
the pixels is in it: a network that is asked has to do that as well.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, Final

from benchmarks._table import markdown
from benchmarks.speed import picture as image_of
from numpy.typing import NDArray

import mhfd
from mhfd.learning.inference.runtime import loaded
from mhfd.learning.preparation.normalisation import NORMALISATION, padded
from mhfd.learning.training.nets import NETS, begin, head_of, onnx_of

SIDE: Final = 1024
ROUNDS: Final = 9
MOST_TIMES: Final = 2.5
"""Of `mhfd.score`, that `small` may take."""
SCORE: Final = "mhfd.score"
LARGE: Final = 4096
ROOT: Final = Path(__file__).resolve().parents[1]
PROBE: Final = """
import sys
name, side, root = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.path.insert(0, root)
from benchmarks import _train_onnx as onnx
from benchmarks.speed import picture
pixels = picture(side)
if name != "nothing":
    onnx.asked(name)(pixels)
lines = open("/proc/self/status").read().splitlines()
print(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one way took."""

    name: str
    seconds: float
    times: float
    """Of `mhfd.score`."""


def asked(name: str) -> Callable[[NDArray[Any]], object]:
    """A network of focus, with the weights that it begins with: they cost what others cost."""
    net, head = NETS[name], head_of("focus")
    weights = begin(net, channels=1, outputs=head.outputs, seed=0)
    library = loaded()
    options = library.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    session = library.InferenceSession(
        onnx_of(net, weights, channels=1, head=head), options, providers=["CPUExecutionProvider"]
    )

    def ask(pixels: NDArray[Any]) -> object:
        image = padded(NORMALISATION.of(pixels), net.multiple)[None]
        return session.run(None, {"image": image})

    return ask


def costs(*, side: int = SIDE, rounds: int = ROUNDS) -> list[Asked]:
    """Of `mhfd.score`, of preparing alone, and of each network that says something of an image."""
    pixels = image_of(side)
    ways: dict[str, Callable[[], object]] = {
        SCORE: lambda: mhfd.score(pixels, device="cpu", threads=1),
        "preparing alone": lambda: NORMALISATION.of(pixels),
    }
    for name, net in NETS.items():
        if {"focus", "cause"} & set(net.lessons):
            ask = asked(name)
            ways[name] = lambda ask=ask: ask(pixels)  # type: ignore[misc]  # the default is the value of now
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            began = process_time()
            way()
            least[name] = min(least[name], process_time() - began)
    return [Asked(name, seconds, seconds / least[SCORE]) for name, seconds in least.items()]


def peak_mb(name: str, side: int = LARGE) -> int:
    """The most that a process had that asked a network once, by the kernel's count; `nothing`: that asked none."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, name, str(side), str(ROOT)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def table(found: list[Asked], peaks: dict[str, int]) -> str:
    """As the page has it."""
    header = [f"{SIDE}x{SIDE}, one thread", "processor ms", "times mhfd.score", f"peak at {LARGE}x{LARGE}, MiB"]
    rows = [[one.name, f"{1e3 * one.seconds:.1f}", f"{one.times:.2f}", peaks.get(one.name, "")] for one in found]
    return markdown(header, rows)


def measured(*, rounds: int = ROUNDS) -> str:
    """All of it, measured now."""
    found = costs(rounds=rounds)
    peaks = {one.name: peak_mb(one.name) for one in found if one.name in NETS}
    small = next(one for one in found if one.name == "small")
    held = "holds" if small.times <= MOST_TIMES else "does NOT hold"
    return (
        f"{table(found, peaks)}\n\nThe least of {rounds} rounds in turns, in one process; preparing the pixels is in "
        f"it. A process that only makes the image of {LARGE}x{LARGE} has {peak_mb('nothing')} MiB. The limit of "
        f"{MOST_TIMES} for `small` {held}."
    )


if __name__ == "__main__":
    print(measured())
