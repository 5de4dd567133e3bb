"""What this machine has for the workers of a training: cores, banks, memory, GPUs. Loads nothing of CUDA."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.memory import SHARE, memory_bytes
from mhfd.threads import cpu_name, thread_count

_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class NodeMachine:
    """A machine as one process has it."""

    cpu: str
    cores: int
    memory_bytes: int | None
    """For all workers together; None: the system does not say."""
    gpus: int

    @property
    def name(self) -> str:
        """Of machines that are as fast as each other. Two nodes of a cluster have the same."""
        memory = "" if self.memory_bytes is None else f", {self.memory_bytes / 2**30:.0f} GiB"
        return f"{self.cpu}, {self.cores} cores{memory}" + (f", {self.gpus} GPUs" if self.gpus else "")


def machine_here() -> NodeMachine:
    """This one."""
    there = memory_bytes()
    return NodeMachine(cpu_name(), thread_count(), None if there is None else round(SHARE * there), gpus_here())


def gpus_here(*, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> int:
    """GPUs that a program started from here would see: those of NVIDIA's driver, or fewer by CUDA's own variable."""
    # A container may have the devices alone; Linux in Windows has one device, whatever stands behind it.
    listed_by = (("proc/driver/nvidia/gpus", "*"), ("dev", "nvidia[0-9]*"), ("dev", "dxg"))
    there = next((found for folder, name in listed_by if (found := len(list((root / folder).glob(name))))), 0)
    named = (os.environ if environ is None else environ).get(_VISIBLE)
    if named is None or not there:
        return there
    listed = [one.strip() for one in named.split(",")]
    # CUDA reads the list up to the first that it does not know.
    return next((number for number, one in enumerate(listed) if one in ("", "-1")), len(listed))
