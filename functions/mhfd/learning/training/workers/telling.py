"""What a worker says, and what it hears besides the others: lines on standard output, a signal, a file named `stop`.

Only the first worker says anything. A reader that is gone is the same as being asked to stop: who would be told?
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from mhfd.learning.training.told import Told

STOP: Final = "stop"
"""A file of this name in the training's folder ends it after the step under way. Whoever starts it removes it."""


class Teller:
    """Of one worker."""

    def __init__(self, folder: Path, *, first: bool) -> None:
        self._stop_file = folder / STOP
        self._first = first
        self._asked = False
        signal.signal(signal.SIGTERM, self._on_signal)

    @property
    def asked_to_stop(self) -> bool:
        """By a signal, by the file, or by having nobody to tell."""
        if self._first and not self._asked:
            self._asked = self._stop_file.exists()
        return self._asked

    def say(self, told: Told) -> None:
        """A line, at once; of the first worker alone."""
        if not self._first or self._asked_by_silence:
            return
        try:
            sys.stdout.write(told.model_dump_json() + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, ValueError):  # ValueError: it is closed here
            self._asked = self._asked_by_silence = True
            # What is left in its buffer would raise once more when the interpreter ends.
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115

    _asked_by_silence = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
