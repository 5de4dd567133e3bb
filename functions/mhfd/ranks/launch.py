"""Starts mpiexec and waits for the report: for a process that is no rank, such as an endpoint's worker.

The launcher is the administrator's. What is asked goes to the first rank's input, and the report comes from its output:
the ranks need no folder of ours.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import MhfdError, UsageError
from mhfd.ranks.rank_request import OTHER_FILE, RankRequest

_OF_A_RANK: Final = ("PMI_", "PMIX_", "OMPI_", "HYDRA_", "HYDI_", "MPI_LOCAL")
_PATIENCE_S: Final = 5.0
"""For a launcher to end its ranks, before it is killed."""
_SAID: Final = 600


class RanksFailed(MhfdError):
    """The ranks ended without a report."""


class NotThatFile(MhfdError):
    """A rank did not find the file that was opened."""


def command(launcher: Sequence[str], ranks: int) -> list[str]:
    """What is started. `UsageError`: it is not there."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(launcher[0], path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise UsageError(
            f"launcher: {launcher[0]!r} is not on the worker's PATH: pip install 'mhfd[mpi]' brings mpiexec"
        )
    if not _has_mpi4py():
        raise UsageError("ranks: the worker has no mpi4py: pip install 'mhfd[mpi]'")
    return [found, *launcher[1:], "-n", str(ranks), sys.executable, "-m", "mhfd.ranks"]


def _has_mpi4py() -> bool:
    return importlib.util.find_spec("mpi4py") is not None


def score(request: RankRequest, started: Sequence[str]) -> FocusReport:
    """The report of one image, by ranks that `command` starts. Whatever ends the waiting ends them."""
    with subprocess.Popen(
        started,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_own(os.environ),
        start_new_session=True,
        encoding="utf-8",
        errors="backslashreplace",
    ) as process:
        try:
            out, errors = process.communicate(request.model_dump_json())
        except BaseException:
            _end(process)
            raise
    if process.returncode == OTHER_FILE:
        raise NotThatFile("the file changed, or a rank does not find it under the same name")
    if process.returncode:
        said = " ".join(f"{errors}\n{out}".split())[-_SAID:]
        raise RanksFailed(f"{Path(started[0]).name} ended with {process.returncode}: {said}")
    return FocusReport.model_validate_json(out)


def _own(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what makes this process a rank of whoever started it."""
    return {key: value for key, value in environ.items() if not key.startswith(_OF_A_RANK)}


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)  # it ends its ranks, on other machines too
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
