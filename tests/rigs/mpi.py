"""The mpiexec of the tests, which the extra `mpi` brings."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.rigs import REPOSITORY

_FOUND: Final = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

needs_mpi = pytest.mark.skipif(
    _FOUND is None or importlib.util.find_spec("mpi4py") is None, reason="no mpiexec or no mpi4py: pip install .[mpi]"
)


def over_ranks(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, as so many ranks."""
    return subprocess.run(
        [_FOUND or "mpiexec", "-n", str(count), sys.executable, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
