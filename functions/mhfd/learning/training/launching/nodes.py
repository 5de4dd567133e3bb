"""A training on several machines of a cluster: one torchrun on each, by the scheduler's own launcher.

Which machines there are is the block's to say, that is the job of Slurm or PBS in which this process runs; nothing here
asks for one. The first of them is where torchruns find each other. Every machine sees the training's folder, the
dataset and this Python under the same names.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.contract.training import WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.training.launching import command

PATIENCE_S: Final = 15.0
"""For a launcher to end what it started on other machines, before it is killed."""
_BRACKETS: Final = re.compile(r"([^,\[\]]+)(?:\[([^\]]*)\])?([^,\[\]]*)")
_ASKED_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Block:
    """The machines that this process's job has."""

    launcher: str
    """What starts a process on each: `srun` or `mpiexec`; empty: there is this machine alone."""
    nodes: tuple[str, ...]


def block_here(environ: Mapping[str, str] | None = None) -> Block:
    """The block that this process is in."""
    env = os.environ if environ is None else environ
    listed = env.get("SLURM_JOB_NODELIST") or env.get("SLURM_NODELIST")
    if env.get("SLURM_JOB_ID") and listed:
        return Block("srun", tuple(expanded(listed)))
    if named := env.get("PBS_NODEFILE"):
        try:
            lines = Path(named).read_text().split()
        except (OSError, UnicodeDecodeError) as e:
            raise UsageError(f"PBS_NODEFILE: {named!r} cannot be read: {e}; say --nodes 1") from None
        if lines:
            return Block("mpiexec", tuple(dict.fromkeys(lines)))
    return Block("", ("localhost",))


def block_nodes(environ: Mapping[str, str] | None = None) -> int:
    """How many machines this process's job has: 1 outside of any."""
    return len(block_here(environ).nodes)


def expanded(listed: str) -> list[str]:
    """Slurm's list of machines, `n[01-03,7],login`, one by one."""
    names: list[str] = []
    for begin, ranges, end in _BRACKETS.findall(listed):
        if not ranges:
            names.append(begin + end)
            continue
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            names += [f"{begin}{number:0{len(first)}}{end}" for number in range(int(first), int(last or first) + 1)]
    return names


def torchruns(layout: WorkerLayout, folder: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The command that starts torchrun on each machine of the block. UsageError: it has too few of them."""
    block = block_here(environ)
    if len(block.nodes) < layout.nodes:
        raise UsageError(
            f"nodes: {layout.nodes} were asked for, and the job that this runs in has {len(block.nodes)}; ask Slurm or "
            "PBS for more, or train on fewer"
        )
    started = [
        *command.module("torch.distributed.run"),
        *("--nnodes", str(layout.nodes), "--node-rank", "{node}", "--rdzv-backend", "static"),
        *("--master-addr", block.nodes[0], "--master-port", str(_port())),
        *command.workers(layout, folder),
    ]
    return on_each(started, block.launcher, layout.nodes, environ)


def on_each(started: Sequence[str], launcher: str, nodes: int, environ: Mapping[str, str] | None = None) -> list[str]:
    """A command that runs another one on each machine, below a guard there. `{node}` in it is the machine's number."""
    path = (os.environ if environ is None else environ).get("PATH", os.defpath)
    found = shutil.which(launcher, path=path)
    if found is None:
        raise UsageError(
            f"nodes: {launcher} is not on the PATH, and {nodes} nodes need it; load its module, or use one"
        )
    options = (
        # No step of the job's waits for this one; workers bind themselves; one that dies ends all.
        [
            *(f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--overlap", "--cpu-bind=none"),
            *("--kill-on-bad-exit=1", "--input=none", "--export=ALL"),
        ]
        if launcher == "srun"
        else ["-n", str(nodes), *_one_a_node(found)]
    )
    return [found, *options, *command.guarded(started, "--node")]


def _one_a_node(mpiexec: str) -> list[str]:
    """How this mpiexec is told to start one process a machine, and to leave cores alone."""
    try:
        said = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, timeout=_ASKED_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise UsageError(f"nodes: {mpiexec} does not answer: {e}") from None
    words = (said.stdout + said.stderr).lower()
    if "open mpi" in words or "openrte" in words or "prrte" in words:
        return ["--map-by", "ppr:1:node", "--bind-to", "none"]
    return ["--ppn", "1", "--cpu-bind", "none"] if "pals" in words else ["-ppn", "1"]


def _port() -> int:
    """One that is free here."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("", 0))
        return int(taken.getsockname()[1])
