"""Programs in place of torchrun and its workers: they say what workers say, die, hang, and leave processes behind.

No mock of torch: real processes of a bare Python, which start in a moment.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.learning.training.told import (
    CheckpointSaved,
    StepDone,
    Told,
    TrainingBegun,
    TrainingEnded,
)

HEAD = "import os, signal, subprocess, sys, time\nsay = lambda line: print(line, flush=True)\n"


def job(**fields: Any) -> TrainingJob:
    """One that trains nothing."""
    layout = WorkerLayout(workers=fields.pop("workers", 2), nodes=fields.pop("nodes", 1))
    plan = TrainingPlan(lesson="focus", learner="small", batch=fields.pop("batch", 8))
    return TrainingJob(plan=plan, layout=layout, dataset="/data", digest="0" * 64, **fields)


def begun(step: int = 0) -> TrainingBegun:
    return TrainingBegun(step=step, steps=20, examples=64, validated_on=16, parameters=5, device="cpu", workers=2)


def step(number: int, *, seconds: float = 0.5, memory: int = 1 << 28) -> StepDone:
    return StepDone(
        step=number, epoch=0.1, loss=1.0, rate=0.001, seconds=seconds, exchange_s=0.1, waited_s=0.0, memory_bytes=memory
    )


def saved(number: int) -> CheckpointSaved:
    return CheckpointSaved(step=number, steps=20, file=f"step-{number:06}.ckpt", digest="ab", seconds=1.0)


ENDED = TrainingEnded(why="epochs", step=20, digest="ab")


def says(*said: Told) -> str:
    """The lines of a program that says this."""
    return "".join(f"say({one.model_dump_json()!r})\n" for one in said)


def program(folder: Path, text: str) -> list[str]:
    """A program with this text, as a command."""
    file = folder / "made_workers.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD + text)
    return [sys.executable, "-I", "-S", str(file)]


def having(word: str) -> list[int]:
    """The processes that run with this in their environment or command, and have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            about = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        if word.encode() in about and not dead and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def until(true: Callable[[], object], *, most_s: float = 30.0) -> None:
    """Wait for a condition."""
    give_up = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.01)
