"""What is started: torchrun on this machine, and the environment that it has. Loads no torch."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mhfd.contract.training import WorkerLayout

WORKERS: Final = "mhfd.learning.training.workers"
GUARD: Final = Path(__file__).with_name("guard.py")
LOOPBACK: Final = "lo0" if sys.platform == "darwin" else "lo"

_NOT_OURS: Final = (
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "MASTER_"),
    *("TORCHELASTIC_", "TORCH_ELASTIC_", "PET_", "TORCH_NCCL_ASYNC", "PYTHON_EXEC"),
    *("OMP_", "KMP_", "GOMP_", "MKL_NUM_", "OPENBLAS_NUM_"),
)
"""What makes this process a worker of somebody else's training, or says what our workers are told in another way.
torchrun reads its own options from PET_, and PYTHON_EXEC is what it would start as Python."""


def torchrun(layout: WorkerLayout, folder: Path) -> list[str]:
    """The command for one node: no other machine is asked for anything."""
    return [
        *module("torch.distributed.run"),
        *("--standalone", "--local-addr", "127.0.0.1"),
        *workers(layout, folder),
    ]


def workers(layout: WorkerLayout, folder: Path) -> list[str]:
    """torchrun's options that say how many workers of what there are on a node, and the end of its command.

    No restarts by torchrun: it counts them over the whole training, and would start anew what fails at once.
    """
    return [
        *("--nproc-per-node", str(layout.workers), "--max-restarts", "0"),
        *("-m", WORKERS, str(folder)),
    ]


def module(name: str) -> list[str]:
    """A module as a program of this Python. The folder that somebody stands in is not searched for modules."""
    return [sys.executable, "-P", "-m", name]


def guarded(command: Sequence[str], *options: str) -> list[str]:
    """A command below the guard."""
    return [sys.executable, "-I", "-S", str(GUARD), *options, "--", *command]


def environment(layout: WorkerLayout, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What torchrun and its workers are told by the environment."""
    there = os.environ if environ is None else environ
    kept = {name: value for name, value in there.items() if not name.startswith(_NOT_OURS)}
    kept |= {
        "OMP_NUM_THREADS": str(layout.threads),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        # A worker that was stopped does not end when it is asked to.
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "5",
    }
    if layout.nodes == 1:
        kept |= {"GLOO_SOCKET_IFNAME": LOOPBACK, "NCCL_SOCKET_IFNAME": LOOPBACK}
    return kept
