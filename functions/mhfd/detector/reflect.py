"""What the two backends on the CPU share: their threads, and which parameters they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhfd.errors import UsageError
from mhfd.threads import cpu_name, thread_count

if TYPE_CHECKING:
    from mhfd.contract.params import Params


class ReflectDetector:
    """A backend for a half-sample reflect border and untruncated Gaussians at native size."""

    def __init__(self, threads: int | None, how: str) -> None:
        """`threads`: nothing for as many as this process may use. `how`: what computes, as people are told."""
        if threads is not None and threads < 1:
            raise UsageError(f"threads: must be at least 1, got {threads}")
        self.threads = thread_count() if threads is None else threads
        self.device = f"{cpu_name()}, {self.threads} threads, {how}"

    def supports(self, params: Params) -> bool:
        """See `Detector`."""
        return params.border == "reflect" and params.truncate is None and params.resize is None

    def check(self, params: Params) -> None:
        """UsageError for parameters that it does not compute."""
        if not self.supports(params):
            raise UsageError("params: this backend computes border 'reflect' without truncate or resize: use 'paper'")
