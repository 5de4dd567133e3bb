"""What `make demo-adjust` wants of a microscope whose truth is known: specimens, where their focus is, and a hand."""

from __future__ import annotations

from typing import Protocol

from mhfd_client.instruments.config import InstrumentConfig


class DemoRig(Protocol):
    """A real SDK's demo instrument, running."""

    kind: str

    @property
    def focus_um(self) -> float:
        """Where the specimen that lies there is in focus: a working distance."""

    def config(self) -> InstrumentConfig:
        """How mhfd reaches it, and what it may do there."""

    def lay(self, specimen: int, field: int, *, blank: bool = False) -> None:
        """Another specimen, or another field of it; the lens stays. Two fields are two places of the stage."""

    def put_lens(self, um: float) -> None:
        """The operator's hand."""

    def lens_um(self) -> float:
        """Where the lens really is."""

    def hold(self, images: int) -> None:
        """So many images come; the next one waits, until `release`."""

    def holding(self) -> bool:
        """Does one wait?"""

    def release(self) -> None:
        """Images come again. The one that waited may be for nobody."""

    def stop(self) -> None:
        """End it."""
