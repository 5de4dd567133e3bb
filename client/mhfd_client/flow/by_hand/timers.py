"""Globus Timers: they start runs of a flow at times that were set, while nobody is there.

A timer is made by one request that is not repeated, and has a key in its name (`flow.by_hand.once`). Knows nothing of
images; every method takes the time the network takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mhfd.errors import UsageError
from mhfd_client.errors import FlowMissing, FlowRefused, FlowsUnreachable
from mhfd_client.flow.deployments import asked
from mhfd_client.flow.service import BUSY_S, TAG, Start, seconds
from mhfd_client.times import iso, local

if TYPE_CHECKING:
    from globus_sdk import GlobusApp, OnceTimerSchedule, RecurringTimerSchedule

SERVICE: Final = "Globus Timers"
LEAST_S: Final = 60
"""Between two starts."""
NAME_MOST: Final = 200
_LENGTH: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHOWN: Final = 8  # characters of a key, in a name
_FLOW: Final = re.compile(r"/flows/([0-9a-fA-F-]{36})(?:/|$)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a timer starts runs. `at_s`: the first time; None: at once. Nothing else: once; `every_s`: again and again,
    until a moment, or so many times in all."""

    at_s: float | None = None
    every_s: int | None = None
    until_s: float | None = None
    times: int | None = None

    def for_service(self) -> OnceTimerSchedule | RecurringTimerSchedule:
        """As globus-sdk has it."""
        from globus_sdk import OnceTimerSchedule, RecurringTimerSchedule

        first = {} if self.at_s is None else {"when": _when(self.at_s)}
        if self.every_s is None:
            return OnceTimerSchedule(**({"datetime": first["when"]} if first else {}))
        more: dict[str, Any] = {"start": first["when"]} if first else {}
        if self.times is not None:
            more["end"] = {"condition": "iterations", "iterations": self.times}
        elif self.until_s is not None:
            more["end"] = {"condition": "time", "datetime": _when(self.until_s)}
        return RecurringTimerSchedule(self.every_s, **more)

    def words(self) -> str:
        """For people."""
        first = "at once" if self.at_s is None else f"at {local(self.at_s)}"
        if self.every_s is None:
            return f"once, {first}"
        end = "" if self.until_s is None else f", until {local(self.until_s)}"
        return f"every {length(self.every_s)}, first {first}{end}{f', {self.times} times' if self.times else ''}"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that starts a flow, as the service has it."""

    id: str
    name: str
    flow: str
    status: str
    schedule: str
    next: str | None
    last: str | None
    runs: int | None
    errors: int | None
    why: str
    """What stopped it; empty while nothing does."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


class TimerService:
    """Timers, as somebody who may make them.

    Args:
        app: Whose leave; closed with this.
    """

    def __init__(self, app: GlobusApp) -> None:
        from globus_sdk import TimersClient

        self._app = app
        self._timers: TimersClient = TimersClient(app=app)

    def create(
        self,
        key: str,
        flow: str,
        name: str,
        schedule: Schedule,
        body: Mapping[str, Any],
        label: str,
        tags: Sequence[str],
    ) -> Start:
        """Ask for one timer, once. FlowRefused when there is none and will be none; LoginError likewise."""
        from globus_sdk import FlowTimer, GlobusAPIError

        run = {"body": dict(body), "label": label, "tags": [TAG + key, *tags]}
        timer = FlowTimer(flow_id=flow, name=keyed(name, key), schedule=schedule.for_service(), body=run)

        def ask() -> Any:
            try:
                return self._timers.create_timer(timer)
            except GlobusAPIError as e:
                if e.http_status == 429:
                    return None
                raise

        with self._timers.retry_config.tune(max_retries=0):
            try:
                made = self._asked(ask)
            except FlowsUnreachable as e:
                return Start(why=str(e))
        if made is None:
            return Start(wait_s=BUSY_S, why=f"{SERVICE} asks us to wait")
        return Start(str(made["timer"]["job_id"]))

    def listed(self) -> list[Timer]:
        """Those that start flows, the latest first."""
        told = self._asked(self._timers.list_jobs)
        plain = [one for one in told["jobs"] if _flow_of(one)]
        plain.sort(key=lambda one: str(one.get("submitted_at") or ""), reverse=True)
        return [_timer(one) for one in plain]

    def find(self, key: str) -> str | None:
        """The one of this key."""
        return next((one.id for one in self.listed() if one.name.endswith(keyed("", key).strip())), None)

    def named(self, text: str) -> Timer:
        """The one of an id, or of the first characters of one. UsageError; FlowMissing."""
        wanted = text.strip().lower()
        if not re.fullmatch(r"[0-9a-f-]{4,36}", wanted):
            raise UsageError(
                f"{text[:60]!r} is no id of a timer: give the id, or at least its first 4 characters, as "
                "`mhfd flow timer list` shows it"
            )
        found = [one for one in self.listed() if one.id.lower().startswith(wanted)]
        if len(found) > 1:
            raise UsageError(f"{text!r} is the beginning of {len(found)} timers; give more of it")
        if not found:
            raise FlowMissing(f"no timer of ours that starts a flow begins with {text!r}; `mhfd flow timer list`")
        return found[0]

    def delete(self, timer: str) -> None:
        """It starts nothing any more. One that is gone already is deleted."""
        try:
            self._asked(lambda: self._timers.delete_job(timer))
        except FlowMissing:
            return

    def close(self) -> None:
        """Let go of the connections."""
        self._timers.close()
        self._app.close()

    def _asked(self, call: Any) -> Any:
        answer = asked(call, of=SERVICE, login="mhfd login --flow-id ID --timer")
        if answer is None:
            return None
        if not isinstance(answer.data, dict):
            raise FlowRefused(f"{SERVICE} answers something else than we know")
        return dict(answer.data)


def keyed(name: str, key: str) -> str:
    """What a timer is called: how it is found when its making was not answered."""
    return f"{name[:NAME_MOST]} [mhfd {key[:_SHOWN]}]"


def length_of(text: str, option: str) -> int:
    """Seconds of a length as a person writes it. UsageError."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*([smhd])\s*", text.lower())
    if found is None:
        raise UsageError(f"{option} = {text[:40]!r}: is no length of time; write 30m, 6h or 1d")
    whole = int(found[1]) * _LENGTH[found[2]]
    if whole < LEAST_S:
        raise UsageError(f"{option} = {text[:40]!r}: is less than {LEAST_S} s; a run takes longer than that")
    return whole


def length(whole: int) -> str:
    """The same in words, in the largest unit that it is whole in."""
    unit = next(name for name in ("d", "h", "m", "s") if whole % _LENGTH[name] == 0)
    return f"{whole // _LENGTH[unit]} {unit}"


def moment_of(text: str, option: str, *, now_s: float) -> float:
    """A moment to come, as a person writes it; without a zone on this machine's clock. UsageError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} = {text[:40]!r}: is no moment; write 2027-01-31T22:00, on this machine's clock, or with its "
            "zone: 2027-01-31T22:00+01:00"
        ) from None
    at = (found if found.tzinfo is not None else found.astimezone()).timestamp()
    if at <= now_s:
        raise UsageError(f"{option} = {text[:40]!r}: is over already; it is {local(now_s)}")
    return at


def _when(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def _flow_of(plain: Mapping[str, Any]) -> str:
    """The flow that a timer starts; empty for one that does something else."""
    found = _FLOW.search(str(plain.get("callback_url") or ""))
    return str(plain.get("flow_id") or (found[1] if found else ""))


def _timer(plain: Mapping[str, Any]) -> Timer:
    reason = plain.get("inactive_reason") or {}
    detail = reason.get("detail") or {}
    why = " ".join(str(part) for part in (reason.get("cause"), detail.get("code")) if part)
    return Timer(
        str(plain["job_id"]),
        str(plain.get("name") or ""),
        _flow_of(plain),
        str(plain.get("status") or ""),
        _schedule_words(plain),
        _moment(plain.get("next_run")),
        _moment(plain.get("last_ran_at")),
        _count(plain, "n_runs", "number_of_runs"),
        _count(plain, "n_errors", "number_of_errors"),
        why,
    )


def _schedule_words(plain: Mapping[str, Any]) -> str:
    schedule = plain.get("schedule") or {}
    every = schedule.get("interval_seconds") or plain.get("interval")
    if not every:
        return "once"
    end = schedule.get("end") or {}
    until = _moment(end.get("datetime"))
    count = end.get("iterations") or end.get("count")
    return f"every {length(int(every))}{f', until {until}' if until else ''}{f', {count} times' if count else ''}"


def _moment(text: object) -> str | None:
    at = seconds(text)
    return None if at is None else iso(at, to="seconds")


def _count(plain: Mapping[str, Any], *names: str) -> int | None:
    return next((int(plain[name]) for name in names if isinstance(plain.get(name), int)), None)
