"""Who ran what on how much data at what cost, and who asked for what they may not have, from the site's log and counts.

Reads only: the file in use and those that were put aside, of every account, with lines of older versions. A line that
is none is counted, not guessed.
"""

import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from mhfd.contract.work import ENDS
from mhfd.remote import linefile, quota, tasklog
from mhfd.site import Site
from mhfd_endpoint.errors import EndpointError

_LATEST: Final = 1000
_NUMBERS: Final = ("images", "bytes", "bytes_written", "wall_s", "cpu_s", "gpu_s", "device_s")
_NOT_DONE: Final = {"refused", "failed", "nothing"}
_CUT_OFF: Final = {"ended", tasklog.LOST}


@dataclass(slots=True)
class Used:
    """What one user ran of one function on one day with one version."""

    day: str
    user: str
    identity: str | None
    function: str
    version: str
    requests: int = 0
    not_done: int = 0
    cut_off: int = 0
    works: int = 0
    """Pieces of long work, each asked for as often as it took."""
    works_ended: int = 0
    images: int = 0
    bytes: int = 0
    bytes_written: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float = 0.0
    device_s: float = 0.0

    def __str__(self) -> str:
        who = self.user if self.identity is None else f"{self.user} ({self.identity})"
        odd = [f"{n:,} {word}" for n, word in ((self.not_done, "not done"), (self.cut_off, "cut off")) if n]
        return (
            f"{self.day}  {who}  {self.function}  mhfd {self.version}: {self.requests:,} requests"
            + (f" ({', '.join(odd)})" if odd else "")
            + (f" for {self.works:,} works, {self.works_ended:,} ended" if self.works else f", {self.images:,} images")
            + f", {self.bytes / 1e9:.2f} GB, {self.gpu_s:,.1f} GPU-seconds, "
            f"{self.cpu_s:,.1f} CPU-seconds, {self.wall_s:,.1f} s"
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that asked for what it may not have."""

    at: str
    user: str
    identity: str | None
    function: str
    task: str | None
    paths: tuple[str, ...]
    more: int

    def __str__(self) -> str:
        more = f" and {self.more:,} more" if self.more else ""
        return f"{self.at}  {self.identity or self.user}  {self.function}: {', '.join(map(repr, self.paths))}{more}"


@dataclass(frozen=True, slots=True)
class QuotaUsed:
    """What a user has had of one limit today. `used` is null where the count is damaged."""

    user: str
    limit: str
    used: float | None
    most: float

    def __str__(self) -> str:
        if self.used is None:
            return f"{self.user}: the count is damaged, and nothing is done for them today: delete it"
        return f"{self.user}: {self.used:,.10g} of {self.most:,.10g} {self.limit}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything. `strange`: lines that are none of a request."""

    used: list[Used] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    quotas: list[QuotaUsed] = field(default_factory=list)
    strange: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def lines(log: Path) -> Iterator[str]:
    """The lines of a log, of a file or of a folder's files, oldest first; and of processes that died without a word."""
    try:
        files = tasklog.files(log)
        if not any(one.exists() for one in (log, linefile.aside(log, 1), Path(f"{log}{linefile.OPEN}"))):
            raise FileNotFoundError
        for file in files:
            yield from _of_file(file)
    except FileNotFoundError:
        raise EndpointError(f"{log}: there is no such file: no task has run yet, or `log` names another") from None
    except OSError as e:
        raise EndpointError(f"{log}: cannot be read: {e.strerror}; ask its owner") from None


def _of_file(file: Path) -> Iterator[str]:
    """Opened newest first, so that nothing is missed when one is put aside meanwhile; each once."""
    opened: dict[tuple[int, int], TextIOWrapper] = {}
    with ExitStack() as stack:
        number = missing = 0
        while missing < 2:  # one may be missing: it is just getting its next name
            try:
                found = stack.enter_context(
                    (linefile.aside(file, number) if number else file).open(encoding="utf-8", errors="replace")
                )
            except FileNotFoundError:
                missing += 1
            else:
                missing = 0
                status = os.fstat(found.fileno())
                opened.setdefault((status.st_dev, status.st_ino), found)
            number += 1
        for found in reversed(opened.values()):
            yield from (line.rstrip("\n") for line in found)
    yield from (line.decode("utf-8", "replace").rstrip("\n") for line in linefile.lost(file))


def usage(found: Iterable[str]) -> Usage:
    """The sums by day, user, function and version, and the latest requests for what is refused."""
    sums: dict[tuple[str, str, str, str, str], Used] = {}
    works: dict[tuple[str, ...], dict[str, bool]] = {}
    refused: deque[Refused] = deque(maxlen=_LATEST)
    strange = 0
    for text in found:
        try:
            line = _Line.of(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            strange += 1
            continue
        key = (line.at[:10], line.user, line.identity or "", line.function, line.version)
        used = sums.setdefault(key, Used(line.at[:10], line.user, line.identity, line.function, line.version))
        used.requests += 1
        used.not_done += line.outcome in _NOT_DONE
        used.cut_off += line.outcome in _CUT_OFF
        for name, value in line.numbers.items():
            setattr(used, name, getattr(used, name) + value)
        if line.work:
            named = works.setdefault(key, {})
            named[line.work] = named.get(line.work, False) or line.ended
            used.works, used.works_ended = len(named), sum(named.values())
        if line.refused:
            refused.append(
                Refused(line.at, line.user, line.identity, line.function, line.task, line.refused, line.refused_more)
            )
    return Usage([sums[key] for key in sorted(sums)], list(refused), strange=strange)


@dataclass(frozen=True, slots=True)
class _Line:
    at: str
    user: str
    identity: str | None
    task: str | None
    function: str
    version: str
    outcome: str
    numbers: dict[str, int | float]
    refused: tuple[str, ...]
    refused_more: int
    work: str | None
    """The key of long work."""
    ended: bool

    @classmethod
    def of(cls, line: Any) -> "_Line":
        """From a line of any version. ValueError, KeyError, TypeError or AttributeError: it is none."""
        first = line.get("schema_version", 1) == 1 if isinstance(line, dict) else False
        names = {name: name for name in _NUMBERS} | {"bytes": "bytes" if first else "bytes_read"}
        if first:  # of before: only what was taken and done had a line
            names = {name: names[name] for name in ("images", "bytes", "wall_s", "cpu_s", "gpu_s")}
        numbers = {name: line[there] for name, there in names.items()}
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers.values()):
            raise TypeError
        refused, work = line.get("refused", []), line.get("work") or {}
        return cls(
            str(line["at"]),
            str(line["user"]),
            _text(line.get("identity")),
            _text(line.get("task")),
            str(line.get("function", "mhfd_focus")),
            f"{line['version']} {line['code']}",
            "done" if first else str(line["outcome"]),
            numbers,
            tuple(map(str, refused)),
            int(line.get("refused_more", 0)),
            _text(work.get("key")),
            work.get("state") in ENDS,
        )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


_LIMITS: Final = {
    "images": "{:,} images",
    "bytes_read": "{:,} bytes read",
    "bytes_written": "{:,} bytes written",
    "device_s": "{:,.0f} s of work",
}


def limit_words(site: Site) -> str:
    """What a user may have in a day; nothing without a limit."""
    return ", ".join(_LIMITS[name].format(value) for name, value in quota.limits(site).items())


def quotas(site: Site) -> list[QuotaUsed]:
    """What each user has had today of what they may have in a day."""
    most = quota.limits(site)
    if site.state is None or not most:
        return []
    try:
        found = list(quota.counts(site.state))
    except OSError as e:
        raise EndpointError(f"{site.state}: cannot be read: {e.strerror}; make it, or ask its owner") from None
    today = quota.utc_day(time.time())
    return [
        QuotaUsed(user, limit, None if count is None else getattr(count, limit), most[limit])
        for user, count in found
        if count is None or count.day == today
        for limit in (most if count is not None else list(most)[:1])
    ]
