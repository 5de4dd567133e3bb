"""What one request asked for and what was done of it: the numbers of its line in the log, and what counts for a quota.

Bounded, whatever was in the request. Knows no file and no verb.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from mhfd.contract.request import Code, Problem
from mhfd.contract.work import Progress
from mhfd.remote import worker
from mhfd.remote.quota import Quota
from mhfd.remote.refusal import shown

_REFUSED: Final = {Code.REFUSED_PATH.value, Code.REFUSED_WRITE.value}
_KEPT: Final = 40
"""Refused paths that the line has."""
_LOOKED_AT: Final = 50_000
"""Paths that nobody looked at, that are held against the folders."""
_OF_A_FOLDER: Final = 4
"""... of one folder, as long as others have some: a thousand of one do not hide the one of another."""


class Ledger:
    """See the module.

    Args:
        function: The name of the verb.
        fields: The request as it came, whatever it is.
    """

    def __init__(self, function: str, fields: Mapping[str, Any]) -> None:
        self.function = function
        self.quota = Quota.none()
        self.scored = self.seen = self.pixels = self.bytes_read = self.bytes_written = 0
        self.device_s = self.gpu_s = 0.0
        self.device: str | None = None
        paths = fields.get("paths")
        self.paths: tuple[Any, ...] = tuple(paths) if isinstance(paths, list | tuple) else ()
        self._write_to, self._client = fields.get("write_to", fields.get("into")), fields.get("client")
        self.work: dict[str, Any] | None = None
        """Of long work: which it is, and how it was left."""
        if isinstance(key := fields.get("key"), str):
            self.works(key)
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._by_code: Counter[str] = Counter()
        self._by_folder: Counter[str] = Counter()
        self._first: list[str] = []
        self._more: list[str] = []
        self._refused = 0
        self._why: str | None = None

    # -- what is about to be done: a quota may forbid it

    def reads(self, size: int, *, images: int = 0) -> None:
        """So many bytes are read now, as so many images."""
        self.quota.take(images=images, bytes_read=size)
        self.bytes_read += size

    def writes(self, size: int) -> None:
        """So many bytes are written now."""
        self.quota.take(bytes_written=size)
        self.bytes_written += size

    @contextmanager
    def working(self) -> Iterator[None]:
        """The worker, and its device, is held while this is done."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.device_s += took
            self.quota.worked(took)

    # -- what came of it

    def works(self, key: str, state: str | None = None, taken_up: int = 0, progress: Progress | None = None) -> None:
        """The request is about long work."""
        done = (None, None, None) if progress is None else (progress.done, progress.total, shown(progress.unit, 40))
        self.work = {"key": shown(key, 64), "state": state, "taken_up": taken_up}
        self.work |= dict(zip(("done", "total", "unit"), done, strict=True))

    def problems(self, found: tuple[Problem, ...]) -> None:
        """Why the request, or parts of it, were not done."""
        for problem in found:
            first = problem.index
            count = 1 if first is None else (first if problem.through is None else problem.through) - first + 1
            self._by_code[problem.code] += count
            if first is None and self._why is None:
                self._why = problem.why if problem.field is None else f"{problem.field}: {problem.why}"
            if problem.code in _REFUSED and problem.path is not None:
                self.refused(problem.path)

    def refused(self, path: str) -> None:
        """A path that may not be touched."""
        self._refused += 1
        folder = path.rpartition("/")[0]
        self._by_folder[folder] += 1
        kept = self._first if self._by_folder[folder] <= _OF_A_FOLDER else self._more
        if len(kept) < _KEPT:
            kept.append(shown(path))

    @property
    def any_done(self) -> bool:
        """Whether anything was done of what was asked for."""
        return bool(self.scored or self.seen)

    def unlooked(self, errors: tuple[Problem, ...], *, taken: bool, outside: Callable[[str], bool]) -> None:
        """Of the paths that nobody has looked at (of a request that was not taken: all), those outside are refused."""
        left = (self.paths[e.index : e.through + 1] for e in errors if e.index is not None and e.through is not None)
        for path in (next(left, ()) if taken else self.paths)[:_LOOKED_AT]:
            if isinstance(path, str) and outside(path):
                self.refused(path)

    def line(self, outcome: str) -> dict[str, Any]:
        """All of it."""
        refused = (self._first + self._more)[:_KEPT]
        texts = [path for path in (*self.paths[:1], *self.paths[-1:]) if isinstance(path, str)]
        return {
            "function": self.function,
            "outcome": outcome,
            "problems": dict(sorted(self._by_code.items())),
            "why": self._why,
            "client": shown(self._client, 100) if isinstance(self._client, str) else None,
            "images": len(self.paths),
            "scored": self.scored,
            "seen": self.seen,
            "pixels": self.pixels,
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "wall_s": round(time.monotonic() - self._began, 4),
            "cpu_s": round(time.process_time() - self._cpu, 4),
            "device_s": round(self.device_s, 4),
            "gpu_s": round(self.gpu_s, 4),
            "device": self.device,
            "warm": worker.tasks_before() > 0,
            "paths": [shown(path) for path in texts],
            "work": self.work,
            "write_to": shown(self._write_to) if isinstance(self._write_to, str) else None,
            "refused": refused,
            "refused_more": self._refused - len(refused),
        }
