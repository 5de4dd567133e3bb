"""How much one user may have done in a day, counted over all requests, workers and restarts.

A user is a Globus identity where the endpoint tells it, else the local account. The count is one small file of the
site's state folder, changed in one write under the system's lock. Images and bytes are counted before they are taken,
so that workers side by side never exceed them; of seconds each worker may exceed by the image it has in hand. A day is
one of UTC. What cannot be counted is not done: a quota that a fault switches off is none.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from mhfd.contract.request import Code
from mhfd.remote import linefile, worker
from mhfd.remote.refusal import Refusal, problem
from mhfd.site import Site

SCHEMA_VERSION: Final = 1
PATTERN: Final = "quota-*.json"
_ROOM: Final = 512
"""Bytes of a file: always as many, so that a full disk is found at the first and one write changes all."""
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_WAIT_S: Final = 10.0
_TOMORROW: Final = "it goes on at 00:00 UTC; ask the endpoint's administrator if you need more today"


@dataclass(slots=True)
class Counted:
    """What a user has had on a day."""

    day: str
    images: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    device_s: float = 0.0

    @classmethod
    def of(cls, data: bytes) -> Self:
        """From a file's bytes. ValueError: it is damaged, or of a newer mhfd."""
        found = json.loads(data)
        if not isinstance(found, dict) or found.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not a count of this version")
        values = {one.name: found.get(one.name) for one in fields(cls)}
        day = values.pop("day")
        numbers = values.values()
        if not isinstance(day, str) or not all(type(n) in (int, float) and n >= 0 for n in numbers):  # type: ignore[operator]
            raise ValueError("not a count")
        return cls(day, **values)  # type: ignore[arg-type]

    def to_bytes(self, user: str) -> bytes:
        """As a file has it."""
        plain = {"schema_version": SCHEMA_VERSION, "user": user, **asdict(self)}
        return json.dumps(plain).encode().ljust(_ROOM - 1) + b"\n"


def limits(site: Site) -> dict[str, int | float]:
    """What a user may have in a day, by the names of `Counted`; what has no limit is left out."""
    found = {
        "images": site.max_images_a_day,
        "bytes_read": site.max_bytes_read_a_day,
        "bytes_written": site.max_bytes_written_a_day,
        "device_s": site.max_device_s_a_day,
    }
    return {name: most for name, most in found.items() if most is not None}


_WORDS: Final = {
    "images": "{:,} images",
    "bytes_read": "{:,} bytes read",
    "bytes_written": "{:,} bytes written",
    "device_s": "{:,.0f} seconds of work",
}


class Quota:
    """What the user of this task may still have."""

    def __init__(self, folder: Path | None, most: dict[str, int | float], user: str) -> None:
        self._folder, self._most, self._user = folder, most, user
        self._worked = 0.0

    @classmethod
    def none(cls) -> Self:
        """No limits."""
        return cls(None, {}, "")

    @classmethod
    def of(cls, site: Site) -> Self:
        """As the administrator says, for whoever asks now."""
        return cls(site.state, limits(site), worker.identity() or f"account-{worker.user()}")

    @property
    def on(self) -> bool:
        """Whether anything is counted."""
        return self._folder is not None and bool(self._most)

    def worked(self, seconds: float) -> None:
        """So much work was done; counted with the next that is taken, or at the end."""
        self._worked += seconds

    def take(self, *, images: int = 0, bytes_read: int = 0, bytes_written: int = 0) -> None:
        """Have this counted, or be refused: then nothing of it is."""
        if not self.on:
            return
        wanted: dict[str, int] = {"images": images, "bytes_read": bytes_read, "bytes_written": bytes_written}
        with self._count() as count:
            over = self._over(count, wanted)
            if over is None:
                for name, more in wanted.items():
                    setattr(count, name, getattr(count, name) + more)
        if over is not None:
            most = _WORDS[over].format(self._most[over])
            why = f"this endpoint gives each user {most} a day, and yours are used up or would not suffice"
            raise Refusal(problem(Code.QUOTA, why, _TOMORROW))

    def settle(self) -> None:
        """Count the work that is not counted yet."""
        if self.on and self._worked:
            with self._count():
                pass

    def _over(self, count: Counted, wanted: dict[str, int]) -> str | None:
        """Which limit this would exceed, or which is reached already."""
        for name, most in self._most.items():
            had, more = getattr(count, name), wanted.get(name, 0)
            if had + more > most or (had >= most and any(wanted.values())):
                return name
        return None

    @contextmanager
    def _count(self) -> Iterator[Counted]:
        try:
            with self._opened() as fd, linefile.locked(fd, wait_s=_WAIT_S):
                count = self._read(fd)
                count.device_s += self._worked
                self._worked = 0.0
                try:
                    yield count
                finally:
                    os.pwrite(fd, count.to_bytes(self._user), 0)
        except OSError as e:
            why = f"what you have used today cannot be counted ({e.strerror or e}), and this endpoint has a limit of it"
            do = "ask the endpoint's administrator: `state` in the site's configuration, `mhfd endpoint check`"
            raise Refusal(problem(Code.QUOTA, why, do)) from None

    @contextmanager
    def _opened(self) -> Iterator[int]:
        assert self._folder is not None  # noqa: S101 - `on`
        fd = os.open(self._folder / file_name(self._user), os.O_RDWR | os.O_CREAT | _SAFE, 0o640)
        try:
            if os.fstat(fd).st_uid != os.geteuid():
                raise PermissionError(1, "the file that counts belongs to another account")
            yield fd
        finally:
            os.close(fd)

    def _read(self, fd: int) -> Counted:
        today = utc_day(time.time())
        data = os.pread(fd, _ROOM * 2, 0)
        if not data:
            return Counted(today)
        try:
            count = Counted.of(data)
        except ValueError:
            if utc_day(os.fstat(fd).st_mtime) < today:  # whatever it said, it was of another day
                return Counted(today)
            raise OSError("the file that counts is damaged; its administrator deletes it") from None
        return count if count.day == today else Counted(today)


def utc_day(moment: float) -> str:
    """The day of a time since the epoch."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def file_name(user: str) -> str:
    """Where a user is counted."""
    return f"quota-{worker.plain(user)}.json"


def counts(state: Path) -> Iterator[tuple[str, Counted | None]]:
    """Who has had what on the day of their last request, from the files of a state folder. None: one is damaged.

    OSError: the folder cannot be read.
    """
    for path in sorted(state.iterdir()):
        if not path.match(PATTERN):
            continue
        with contextlib.suppress(FileNotFoundError):
            try:
                data: Any = path.read_bytes()
                yield str(json.loads(data)["user"]), Counted.of(data)
            except (ValueError, KeyError, TypeError):
                yield path.name, None
