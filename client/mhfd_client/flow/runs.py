"""Runs of the flow as a person asks for them: found by id or its first characters, listed, shown.

Asks Globus Flows and changes nothing there. What is said of a run is `flow.run_words`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mhfd.errors import UsageError
from mhfd_client.errors import FlowMissing, FlowRefused
from mhfd_client.flow.run_words import Explained, Surroundings, explained, flow_in, images_in, step_of
from mhfd_client.flow.service import OVER, TAG, FlowService, Run, run_of, seconds
from mhfd_client.flow.steps import Did, steps
from mhfd_client.times import iso
from mhfd_flows.build import Step

if TYPE_CHECKING:
    from mhfd_client.settings.options import Settings

LATEST: Final = 100
"""Runs among which the first characters of an id are looked for."""
_SHORTEST: Final = 4
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list."""

    run: str
    key: str
    label: str
    status: str
    step: str
    """In words, while it is under way; of one that failed, its error."""
    images: int | None
    began_s: float | None

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("run", "key", "label", "status", "step", "images")}
        return told | {"began": _iso(self.began_s)}


@dataclass(frozen=True, slots=True)
class Shown:
    """All about one run."""

    run: Run
    flow: str
    title: str
    label: str
    key: str
    ended_s: float | None
    did: tuple[Did, ...]
    wrong: Explained | None

    @property
    def now(self) -> Did | None:
        """The visit that it is in."""
        return None if self.run.over or not self.did or self.did[-1].ended_s is not None else self.did[-1]

    @property
    def failures(self) -> list[Did]:
        """The visits that failed."""
        return [one for one in self.did if one.failed]

    def step(self, state: str, status: str = "ACTIVE") -> Step:
        """Which step of its flow's road a state is."""
        return step_of(status, state, flow_in(self.label))

    def as_json(self) -> dict[str, Any]:
        run, now = self.run, self.now
        return {
            "run": run.id,
            "flow": self.flow,
            "title": self.title,
            "label": self.label,
            "key": self.key,
            "status": run.status,
            "state": run.state,
            "step": self.step(run.state, run.status).words if not run.over else "",
            "since": None if now is None else _iso(now.began_s),
            "began": _iso(run.began_s),
            "ended": _iso(self.ended_s),
            "error": run.error if run.over else "",
            "wrong": None if self.wrong is None else {"what": self.wrong.what, "do": self.wrong.do},
            "steps": [
                {
                    "state": one.state,
                    "kind": one.kind,
                    "step": self.step(one.state).words,
                    "began": _iso(one.began_s),
                    "took_s": None if one.took_s is None else round(one.took_s, 3),
                    "failed": one.failed,
                }
                for one in self.did
            ],
        }


def surroundings(settings: Settings, flow: str) -> Surroundings:
    """What the settings say of the flow's surroundings."""
    chosen = settings.flow
    return Surroundings(flow, settings.compute.endpoint, chosen.staging, chosen.staging_path, chosen.mapped)


def listed(service: FlowService, limit: int) -> list[ListedRun]:
    """The latest runs, the newest first. Of those that are not well it asks where they are: a list doesn't say."""
    rows = []
    for plain in service.listed(limit):
        status, step, label = str(plain["status"]), "", str(plain.get("label") or "")
        if status != "SUCCEEDED" and status != "ENDED":
            run = run_of(plain if plain.get("details") else service.plain(str(plain["run_id"])))
            status = run.status
            step = run.error if run.over else step_of(status, run.state, flow_in(label)).words
        began = seconds(plain.get("start_time"))
        rows.append(ListedRun(str(plain["run_id"]), _key(plain), label, status, step, images_in(label), began))
    return rows


def find(service: FlowService, flow: str, text: str) -> dict[str, Any]:
    """The run of an id, or of the first characters of one of the latest, as the service describes it.

    UsageError for what is no id, or the beginning of several; FlowMissing; FlowRefused for a run of another flow.
    """
    wanted = text.strip().lower()
    if not _UUID.fullmatch(wanted):
        wanted = _beginning(service, wanted, text)
    try:
        plain = service.plain(wanted)
    except FlowMissing:
        raise FlowMissing(
            f"run {wanted}: Globus Flows does not know it, or does not show it to us; `mhfd run list` shows the latest "
            "of this flow, and `mhfd whoami` as whom we ask"
        ) from None
    theirs = str(plain.get("flow_id"))
    if theirs != flow:
        title = f" ({plain['flow_title']})" if plain.get("flow_title") else ""
        raise FlowRefused(f"run {wanted} is of flow {theirs}{title}, not of {flow}; give --flow-id {theirs}")
    return plain


def shown(service: FlowService, plain: Mapping[str, Any], site: Surroundings) -> Shown:
    """All about a run that was found."""
    run = run_of(plain)
    did, label = tuple(steps(service.log(run.id))), str(plain.get("label") or "")
    return Shown(
        run,
        site.flow,
        str(plain.get("flow_title") or ""),
        label,
        _key(plain),
        seconds(plain.get("completion_time")) if run.status in OVER else None,
        did,
        explained(run, site, [one.state for one in did], flow_in(label)),
    )


def _iso(at_s: float | None) -> str | None:
    return None if at_s is None else iso(at_s)


def _beginning(service: FlowService, wanted: str, text: str) -> str:
    bare = wanted.replace("-", "")
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},32}}", bare):
        raise UsageError(
            f"{text[:60]!r} is no id of a run: give the id, or at least its first {_SHORTEST} characters, as "
            "`mhfd run list` shows it"
        )
    found = [
        str(run["run_id"])
        for run in service.listed(LATEST)
        if str(run["run_id"]).replace("-", "").startswith(bare) or _key(run).startswith(bare)
    ]
    if len(found) > 1:
        raise UsageError(f"{text!r} is the beginning of {len(found)} runs: {', '.join(found[:5])}; give more of it")
    if not found:
        raise FlowMissing(f"none of the latest {LATEST} runs begins with {text!r}; `mhfd run list` shows them")
    return found[0]


def _key(plain: Mapping[str, Any]) -> str:
    """Ours, by which a station finds a run whose start was not answered; empty for one that was started otherwise."""
    tags = (str(tag) for tag in plain.get("tags") or ())
    return next((tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)), "")
