"""What a run does, what went wrong with it and what to do, in words: for the station, the page and `mhfd run`.

Words only; those of our flows' states and ends are their stages' own. It asks nobody, and knows of a run what
`flow.service` tells.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mhfd_client.flow.service import Run, leftover_of
from mhfd_flows.build import EndingWords, FlowRecipe, Step
from mhfd_flows.shipped import FLOWS


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What surrounds a flow, as far as it is known."""

    flow: str
    endpoint: str | None
    staging: str | None
    staging_path: str
    mapped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """What is the matter, and what a person does about it; empty when there is nothing to do."""

    what: str
    do: str = ""


_OLDER: Final = dict.fromkeys(("LookAtStaged", "Measure", "Whole", "AnyWhole"), Step.MOVE)
"""States of what older versions of mhfd deployed."""
_LABEL: Final = 64
_COLLECTION: Final = re.compile(r"scopes/([0-9a-fA-F-]{36})/data_access")


def step_of(status: str, state: str, of: FlowRecipe | None = None) -> Step:
    """Where a run is. `status` as Globus Flows says it; `state` of the definition; `of`: its flow, if known."""
    if status == "INACTIVE":
        return Step.CONSENT
    found = next((flow.steps[state] for flow in (of, *FLOWS.values()) if flow and state in flow.steps), None)
    return found or _OLDER.get(state) or (Step.OTHER if state else Step.BEGIN)


def ending(error: str) -> EndingWords | None:
    """The words for an error that a flow of ours ends in by itself; any other comes from outside."""
    return next((flow.endings[error] for flow in FLOWS.values() if error in flow.endings), None)


def label(folder: str, images: int) -> str:
    """What a run is called at Globus, which takes 64 characters."""
    count = f": {images} image{'s' * (images != 1)}"
    return f"mhfd {folder[: _LABEL - len(count) - 5]}{count}"


def images_in(label: str) -> int | None:
    """How many images a run has, by its label; None when it is not ours."""
    found = re.fullmatch(r"mhfd .*: (\d+) images?", label, re.DOTALL)
    return None if found is None else int(found[1])


def work_label(function: str, key: str) -> str:
    """What a run is called that carries a work."""
    return f"{function} {key}"[:_LABEL]


def flow_in(label: str) -> FlowRecipe | None:
    """The flow of a run that carries a work, by its label; None for any other."""
    function, _, key = label.partition(" ")
    return long_flow(function) if key else None


def long_flow(name: str) -> FlowRecipe | None:
    """The flow that does this long work, by what the work is called, or the flow; None: there is none."""
    return next((flow for flow in FLOWS.values() if flow.asked.long and name in (flow.work, flow.name)), None)


def work_in(label: str) -> str | None:
    """The key of the work that a run carries, by its label; None when it carries none of ours."""
    return None if flow_in(label) is None else label.partition(" ")[2]


def login_line(site: Surroundings, more: tuple[str, ...] = (), *, timer: bool = False) -> str:
    """The command with which a person lets this flow go on. `more`: collections that it must name too; `timer`: timers
    may start it."""
    mapped = "".join(f" --mapped {one}" for one in sorted({*site.mapped, *more}))
    return f"mhfd login --flow-id {site.flow}{mapped}{' --timer' if timer else ''}"


def consent(run: Run, site: Surroundings) -> Explained:
    """Why a run is INACTIVE, and who can help."""
    where = f" in {run.state}" if run.state else ""
    said = run.why or run.error or "it does not say why"
    asked = tuple(sorted(set(_COLLECTION.findall(json.dumps(dict(run.output), default=str)))))
    if run.error != "ConsentRequired" and not asked:
        return Explained(f"is INACTIVE{where}: {said}", "the web app of Globus says what is missing, and resumes it")
    named = asked or (() if site.staging is None else (site.staging,))
    of = f" on collection {' and '.join(named)}" if named else ""
    return Explained(f"is INACTIVE{where}: nobody has let the flow act{of} ({said})", f"run: {login_line(site, named)}")


def late(run: Run, seconds: float, of: FlowRecipe | None = None) -> Explained:
    """A run that stays in one step."""
    step = step_of(run.status, run.state, of)
    return Explained(f"is in {run.state or 'its first step'} for {seconds / 60:.0f} min, {step.words}", step.late)


def ended(run: Run, site: Surroundings) -> Explained | None:
    """What went wrong with a run that is over; nothing when all went well."""
    leftover = leftover_line(site, run)
    if run.status == "SUCCEEDED":
        return None
    if run.status == "ENDED":
        return Explained("was cancelled by a person or is gone", f"{leftover}, if it is there")
    words = ending(run.error) or EndingWords(run.why, "{leftover}, if it is there")
    said = f"ended as {run.error or run.status}{f': {words.what}' if words.what else ''}"
    return Explained(said, words.do.format(leftover=leftover, endpoint=site.endpoint or "ID"))


def explained(run: Run, site: Surroundings, did: Sequence[str] = (), of: FlowRecipe | None = None) -> Explained | None:
    """What is wrong with a run now, if anything is. `did`: the states that it came to; `of`: its flow, if known."""
    if run.status == "INACTIVE":
        return consent(run, site)
    told = ended(run, site) if run.over else None
    if told is None or not _kept(run, did, of):
        return told
    goes_on = f"what is done of it stays in {_its_folder(site, run)}: with the same key and folder another run goes on"
    return Explained(told.what, goes_on if run.status == "ENDED" else "; ".join(filter(None, (told.do, goes_on))))


def _kept(run: Run, did: Sequence[str], of: FlowRecipe | None) -> bool:
    """Whether its folder is there, for another run."""
    if of is None or of.keeping is None or run.error in of.at_once:
        return False
    made = any(of.places.get(state) in of.keeping.made for state in did)
    return run.status == "ENDED" or (made and "Clean" not in did)


def leftover_line(site: Surroundings, run: Run) -> str:
    """What a person does with a folder that a run has left."""
    return f"delete the folder {_its_folder(site, run)} by hand"


def _its_folder(site: Surroundings, run: Run) -> str:
    where = f"of collection {site.staging}" if site.staging else "of the staging collection"
    return f"{leftover_of(site.staging_path, run)} {where}"
