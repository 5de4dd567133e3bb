"""How the readers say what is wrong with a file: raised inside `mhfd.images`, never outside of it.

`load` turns a `Flaw` into a finding. It must not be used for wrong arguments: those are `UsageError`.
"""

from __future__ import annotations

from mhfd.contract import Finding

__all__ = ["Flaw"]


class Flaw(Exception):
    """A file cannot be scored: the finding, and one readable clause that says what is wrong and what to do."""

    def __init__(self, finding: Finding, detail: str) -> None:
        super().__init__(finding, detail)
        self.finding = finding
        self.detail = detail
