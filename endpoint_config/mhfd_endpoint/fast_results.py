"""Sends each result of a task on at once, instead of up to half a second later.

`mhfd endpoint init --fast-results` copies this file into the endpoint's own folder, as `bin/globus-compute-endpoint`,
and puts that folder first on the PATH of the processes that run tasks. It needs nothing of mhfd and can be read here
whole. For the one command that starts such a process it lowers one default, `ResultPublisher(poll_period_s=)`, and goes
on as the real program; every other command is handed to the real program untouched. A release that lacks the parameter
is only slower, and its log says so. To undo it, delete the file.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

PROGRAM = "globus-compute-endpoint"
COMMAND = "_start-user-endpoint"
SECONDS = 0.01  # the least that the endpoint takes


def lower(seconds: float = SECONDS) -> str:
    """Lower the default of how often results are looked for. Says what was done."""
    from globus_compute_endpoint.endpoint.rabbit_mq import ResultPublisher

    defaults = getattr(ResultPublisher.__init__, "__kwdefaults__", None) or {}
    before = defaults.get("poll_period_s")
    if not isinstance(before, float | int) or isinstance(before, bool):
        return "this release has no ResultPublisher(poll_period_s=): results are as slow as it makes them"
    if before <= seconds:
        return f"this release looks for results every {before:g} s: nothing to lower"
    defaults["poll_period_s"] = seconds
    return f"results are looked for every {seconds:g} s instead of {before:g} s"


def real_program(own: Path, path: str) -> tuple[str, str]:
    """The real program, and the PATH without this one."""
    folders = [f for f in path.split(os.pathsep) if f and Path(f).resolve() != own]
    without = os.pathsep.join(folders)
    beside = Path(sys.executable).parent / PROGRAM
    return shutil.which(PROGRAM, path=without) or str(beside), without


def main() -> int:
    """The real program, with the default lowered for the one command that starts a user's process."""
    real, path = real_program(Path(sys.argv[0]).resolve().parent, os.environ.get("PATH", os.defpath))
    os.environ["PATH"] = path
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == COMMAND:
        try:
            from importlib.metadata import entry_points

            (entry,) = entry_points(group="console_scripts", name=PROGRAM)
            run = entry.load()
            said = lower()
        except Exception as e:
            said = f"nothing was lowered, results are as slow as the release makes them: {type(e).__name__}: {e}"
            run = None
        print(f"mhfd fast results: {said}", file=sys.stderr, flush=True)  # noqa: T201 - the endpoint's own log
        if run is not None:
            sys.argv[0] = real
            return int(run() or 0)
    elif command.startswith("_"):  # what the release's own processes call it with
        said = f"this release has {command} and no {COMMAND}: nothing was lowered, results are as slow as it makes them"
        print(f"mhfd fast results: {said}", file=sys.stderr, flush=True)  # noqa: T201 - the endpoint's own log
    return os.execv(real, [real, *sys.argv[1:]])  # noqa: S606 - the same arguments, to the same program


if __name__ == "__main__":
    sys.exit(main())
