"""What a worker computes on, and that it computes the same each time. Needs torch."""

from typing import Any

import torch

from mhfd.contract.training import WorkerLayout
from mhfd.learning.training.workers.trouble import TrainingTrouble


def device_of(layout: WorkerLayout, local_rank: int) -> Any:
    """A GPU for each worker of a node, or its processors."""
    if layout.device == "cpu" or (layout.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    there = torch.cuda.device_count()
    if layout.workers > there:  # of all of them, so that none waits for one that is gone
        why = f"{layout.workers} workers on a node want a GPU each, and there are {there}"
        raise TrainingTrouble("device", why, "as many workers as there are GPUs, or device cpu")
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


def compute_the_same(device: Any, threads: int) -> None:
    """The same numbers in the same layout, to the bit: no algorithm is chosen by how fast it was this time.

    On a GPU that is asked for, not enforced: an operator without such an algorithm warns.
    """
    torch.set_num_threads(threads)
    on_gpu = device.type == "cuda"
    torch.use_deterministic_algorithms(True, warn_only=on_gpu)
    if on_gpu:
        torch.backends.cudnn.benchmark = False
        # 10 bits of a number instead of 23 would be faster, and no layout would equal another.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def name_of(device: Any) -> str:
    """For a person."""
    return "cpu" if device.type == "cpu" else str(torch.cuda.get_device_name(device))
