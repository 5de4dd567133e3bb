"""The GPU's kernels on the CPU, built once for all tests of a process."""

from collections.abc import Callable

import pytest
from tests.rigs.gpu_emulator import build_kernels


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., int]:
    """See `gpu_emulator.build_kernels`."""
    return build_kernels(tmp_path_factory.mktemp("kernels"))
