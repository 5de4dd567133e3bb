"""A folder of files that say what shall happen to their scorer (`tests.rigs.jobs`), and the jobs for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mhfd.contract.params import Params
from mhfd_client.runners import Job


@dataclass
class Folder:
    """Makes files that say what shall happen to their scorer, and jobs for them."""

    path: Path
    made: int = 0

    def job(self, order: str = "ok", *, name: str | None = None, params: Params | None = None) -> Job:
        self.made += 1
        path = self.path / (name or f"{self.made:03}-{order}.tif")
        path.write_text(f"{order}\n")
        found = path.stat()
        return Job(self.made, str(path), found.st_size, found.st_mtime_ns, params or Params())
