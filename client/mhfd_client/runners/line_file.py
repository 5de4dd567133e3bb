"""A file beside the journal in which a runner notes, a line a step, what is out: so that a crash does not lose sight.

Appended to, and written anew at each start. A process that is killed loses none of it, a torn last line is left out.
Only the runner of the station writes; what a line means is its own matter.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Final

from mhfd_client.files import write_whole

log = logging.getLogger("mhfd.notes")

SCHEMA_VERSION: Final = 1
"""Of the lines of all runners, kept in the first one; a file without it is of version 1."""


class Notes:
    """The file of one station for one counterpart; what belongs to another is forgotten.

    Args:
        file: Where; nothing to keep no file.
        head: Its first line: whose it is.
        take: Called with each line that is there; ValueError, KeyError or TypeError for what is none.
        left: The lines that still count, after all were taken.
    """

    def __init__(
        self,
        file: Path | None,
        head: dict[str, str],
        take: Callable[[dict[str, Any]], object],
        left: Callable[[], Iterable[dict[str, Any]]],
    ) -> None:
        self._file = file
        self._stream: IO[str] | None = None
        if file is None:
            return
        self._read(file, head, take)
        first = {"schema_version": SCHEMA_VERSION, **head}
        write_whole(file, "".join(json.dumps(line) + "\n" for line in (first, *left())).encode())
        self._stream = file.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """On the disk when this returns. OSError."""
        if self._stream is not None:
            self._append(self._stream, line)
            os.fsync(self._stream.fileno())

    def say(self, line: dict[str, Any]) -> None:
        """What can be found out again, if it cannot be written or a power failure loses it."""
        if self._stream is not None:
            try:
                self._append(self._stream, line)
            except OSError as e:
                log.warning("%s cannot be written: %s", self._file, e)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                stream.close()
        except OSError as e:  # what a full disk did not take before
            log.warning("%s cannot be written: %s", self._file, e)

    @staticmethod
    def _append(stream: IO[str], line: dict[str, Any]) -> None:
        stream.write(json.dumps(line) + "\n")
        stream.flush()

    @staticmethod
    def _read(file: Path, head: dict[str, str], take: Callable[[dict[str, Any]], object]) -> None:
        try:
            first, *lines = file.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        except FileNotFoundError:
            return
        try:
            begun = {"schema_version": 1, **json.loads(first)}
        except (ValueError, TypeError):
            return
        if begun != {"schema_version": SCHEMA_VERSION, **head}:
            return
        for text in lines:
            try:
                take(json.loads(text))
            except (ValueError, KeyError, TypeError):
                log.warning("%s: a line cannot be read, and is left out", file)
