"""What a worker says, and what it hears besides the others: lines on standard output, a signal, a file named `stop`.

Only the first worker says anything. A reader that is gone is the same as being asked to stop: who would be told?
"""

from pathlib import Path
from typing import TextIO

from mhfd.learning.training.told import Told
from mhfd.learning.training.workers import STOP


class Teller:
    """Of one worker.

    Args:
        folder: The training's.
        out: Where the first worker's lines go.
        first: This is that one.
    """

    def __init__(self, folder: Path, out: TextIO, *, first: bool) -> None:
        self._stop_file, self._out, self._first = folder / STOP, out, first
        self._asked = self._unheard = False

    def ask_to_stop(self, *_: object) -> None:
        """As a signal does."""
        self._asked = True

    @property
    def asked_to_stop(self) -> bool:
        """By a signal, by the file, or by having nobody to tell."""
        if self._first and not self._asked:
            self._asked = self._stop_file.exists()
        return self._asked

    def say(self, told: Told) -> None:
        """A line, at once; of the first worker alone."""
        if not self._first or self._unheard:
            return
        try:
            self._out.write(told.model_dump_json() + "\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):  # ValueError: it is closed on this side
            self._asked = self._unheard = True
