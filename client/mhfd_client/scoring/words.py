"""What became of many images, in words: what is wrong with one, and how many there are of each kind.

An image that was not looked at (refused, not there, out of time) is told apart from one that was looked at and is bad:
nothing is known of the first. It decides nothing.
"""

from collections import Counter
from collections.abc import Iterable

from mhfd.contract.focus_report import Finding, FocusReport


def what_is_wrong(report: FocusReport) -> str:
    """Why there are no numbers; empty where there are."""
    if report.code is not None:
        return f"not looked at: {report.code}: {report.finding_detail or ''}"
    return "" if report.finding is Finding.OK else f"{report.finding.value}: {report.finding_detail or ''}"


class Tally:
    """How many images there are of each kind."""

    def __init__(self, reports: Iterable[FocusReport] = ()) -> None:
        self.scored = 0
        self.bad: Counter[str] = Counter()
        """Those that were looked at and have no numbers, by finding."""
        self.unseen: Counter[str] = Counter()
        """Those that were not looked at, by code."""
        for report in reports:
            self.add(report)

    def add(self, report: FocusReport) -> None:
        """One more."""
        if report.code is not None:
            self.unseen[report.code] += 1
        elif report.finding is Finding.OK:
            self.scored += 1
        else:
            self.bad[report.finding.value] += 1

    @property
    def total(self) -> int:
        """All of them."""
        return self.scored + self.without_numbers

    @property
    def without_numbers(self) -> int:
        """Those that could not be scored, or were not looked at."""
        return self.bad.total() + self.unseen.total()

    def __str__(self) -> str:
        """As `9 images: 6 scored; 1 could not be scored (1 unreadable); 2 not looked at (2 refused_path)`."""
        parts = [f"{self.scored:,} scored"]
        for what, counted in (("could not be scored", self.bad), ("not looked at", self.unseen)):
            if counted:
                each = ", ".join(f"{count:,} {name}" for name, count in counted.most_common())
                parts.append(f"{counted.total():,} {what} ({each})")
        return f"{self.total:,} image{'' if self.total == 1 else 's'}: {'; '.join(parts)}"
