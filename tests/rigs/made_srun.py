"""A program in place of Slurm's srun: it takes the options that ours is given, as the real one spells them, and starts
the tasks on this machine, each told that it is a node of its own.

What it does as srun does: the environment of a task, no input, SIGTERM passed on to all, all ended when one fails, and
the largest exit code as its own. No Slurm was asked.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def put_on_path(folder: Path) -> str:
    """A PATH with it."""
    folder.mkdir(parents=True, exist_ok=True)
    srun = folder / "srun"
    srun.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{Path(__file__).absolute()}' \"$@\"\n")
    srun.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def job_of(nodes: int) -> dict[str, str]:
    """What Slurm's job of so many nodes has in its environment: addresses of this machine."""
    return {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": f"127.0.0.[1-{nodes}]", "GLOO_SOCKET_IFNAME": "lo"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="srun")
    parser.add_argument("-N", "--nodes", type=int, required=True)
    parser.add_argument("-n", "--ntasks", type=int, required=True)
    parser.add_argument("--ntasks-per-node", type=int, choices=[1])
    parser.add_argument("--overlap", action="store_true")
    parser.add_argument("--cpu-bind", choices=["none"])
    parser.add_argument("-K", "--kill-on-bad-exit", type=int, choices=[0, 1])
    parser.add_argument("--input", choices=["none"])
    parser.add_argument("--export", choices=["ALL"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if "SLURM_JOB_ID" not in os.environ:
        sys.exit("srun: error: no job")
    tasks = [
        subprocess.Popen(
            asked.command,
            stdin=subprocess.DEVNULL,
            env=os.environ
            | {
                "SLURM_NODEID": str(node),
                "SLURM_PROCID": str(node),
                "SLURM_LOCALID": "0",
                "SLURM_NTASKS": str(asked.ntasks),
            },
            start_new_session=True,
        )
        for node in range(asked.nodes)
    ]

    def pass_on(number: int, _frame: object) -> None:
        for task in tasks:
            task.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    told = False
    while None in [task.poll() for task in tasks]:
        if asked.kill_on_bad_exit and not told and any(task.returncode for task in tasks):
            told = True
            pass_on(signal.SIGTERM, None)
        time.sleep(0.02)
    return max(abs(int(task.returncode)) for task in tasks)


if __name__ == "__main__":
    sys.exit(main())
