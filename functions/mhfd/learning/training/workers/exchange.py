"""What workers hear of each other: one sum a step, in which they also say that they are asked to stop, or in trouble.

One all_reduce of one vector a step, not one for each layer: the negotiation of one for each layer is what cost the
paper's training 450 to 858 ms. Needs torch; without torchrun's environment there is one worker, who exchanges nothing.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import torch
from torch import distributed

from mhfd.learning.training.workers.trouble import TrainingTrouble

FLAGS: Final = 2
"""Numbers at the end of what is summed: how many workers were asked to stop, and how many are in trouble."""

_SAID: Final = 4096
"""Bytes that a trouble may take."""


class Exchange:
    """One worker's place among the others.

    Args:
        device: That the exchanged vectors are on: GPUs exchange by NCCL, processors by gloo.
        patience_s: How long one that does not answer is waited for.
        environ: What torchrun said.
    """

    def __init__(self, device: Any, *, patience_s: float, environ: Mapping[str, str] = os.environ) -> None:
        self.rank = int(environ.get("RANK", "0"))
        self.workers = int(environ.get("WORLD_SIZE", "1"))
        self._device = device
        self._many = "WORLD_SIZE" in environ
        if self._many:
            by = {"backend": "nccl", "device_id": device} if device.type == "cuda" else {"backend": "gloo"}
            distributed.init_process_group(timeout=timedelta(seconds=patience_s), **by)

    def room(self, numbers: int) -> Any:
        """A vector of zeros for so many numbers, to be summed."""
        return torch.zeros(numbers + FLAGS, dtype=torch.float32, device=self._device)

    def add_up(self, vector: Any, *, stop: bool = False, trouble: TrainingTrouble | None = None) -> bool:
        """Sum a vector over all workers, in place. True: one of them was asked to stop.

        Every worker raises the same TrainingTrouble when one of them has one: who has it gives what it has, which
        nobody looks at.
        """
        vector[-2], vector[-1] = float(stop), float(trouble is not None)
        if self._many:
            distributed.all_reduce(vector)
        asked, troubled = vector[-2:].tolist()
        if troubled:
            raise self._told(trouble)
        return bool(asked)

    def agree(self, trouble: TrainingTrouble | None) -> None:
        """Nobody goes on from here when one is in trouble; all raise it."""
        self.add_up(self.room(0), trouble=trouble)

    def text_of_first(self, text: str) -> str:
        """What the first worker has to say, for all."""
        if not self._many:
            return text
        length = torch.tensor([len(text.encode())], device=self._device)
        distributed.broadcast(length, src=0)
        said = torch.zeros(int(length.item()), dtype=torch.uint8, device=self._device)
        if self.rank == 0:
            said.copy_(torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8))
        distributed.broadcast(said, src=0)
        return bytes(said.cpu().tolist()).decode()

    def as_first(self, vector: Any) -> None:
        """What the first worker has, for all, in place."""
        if self._many:
            distributed.broadcast(vector, src=0)

    def leave(self) -> None:
        """All have said what they had to."""
        if self._many:
            distributed.destroy_process_group()

    def _told(self, trouble: TrainingTrouble | None) -> TrainingTrouble:
        """The trouble of the last of those who are in one, in its words."""
        if not self._many:
            assert trouble is not None  # noqa: S101 - nobody else could be
            return trouble
        who = torch.tensor([self.rank if trouble else -1], device=self._device)
        distributed.all_reduce(who, op=distributed.ReduceOp.MAX)
        said = torch.zeros(_SAID, dtype=torch.uint8, device=self._device)
        if trouble is not None:
            words = "\0".join((trouble.code, trouble.remedy, trouble.why)).encode()[:_SAID]
            said[: len(words)] = torch.frombuffer(bytearray(words), dtype=torch.uint8).to(self._device)
        distributed.broadcast(said, src=int(who.item()))
        code, remedy, why = bytes(said.cpu().tolist()).rstrip(b"\0").decode(errors="replace").split("\0", 2)
        return TrainingTrouble(code, why, remedy)
