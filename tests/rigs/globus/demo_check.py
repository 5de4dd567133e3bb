"""What came of the demo of the flow: from the journal, the files, the endpoint's own log and the staging area."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mhfd import api
from mhfd.contract.request import Code
from mhfd_client.journal.rows import ImageRow, State
from mhfd_client.journal.view import JournalView
from tests.rigs.flow_rig import Site
from tests.rigs.globus.flows_state import Run


@dataclass(slots=True)
class Findings:
    """Counts, and in words what must not be. `repeats`: images that were scored again, by the reason."""

    images: int = 0
    once: int = 0
    scored: int = 0
    repeated: int = 0
    repeats: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def looked_at(lab: Site, state: Path) -> Findings:
    found = Findings()
    with JournalView.read(state) as journal:
        rows = [row for row in journal.images(limit=100_000) if row.state is not State.REPLACED]
        newest = {row.path: row for row in rows}
        _files(lab, newest, found)
        for row in rows:
            _image(lab, journal, row, found, newest=newest[row.path] is row)
        named = "\n".join(trouble.why for trouble in journal.troubles(limit=100_000))
    found.images = len(rows)
    found.left = lab.staged()
    found.wrong += [
        f"{name} is left in the staging area, and not named" for name in found.left if f"/{name}/" not in named
    ]
    _repeats(lab, found)
    return found


def _files(lab: Site, newest: dict[str, ImageRow], found: Findings) -> None:
    """Every file is known as it is."""
    for path in lab.root.rglob("*.tif"):
        row, about = newest.get(str(path.relative_to(lab.root))), path.stat()
        if row is None or (row.size, row.mtime_ns) != (about.st_size, about.st_mtime_ns):
            found.wrong.append(f"{path.name} was lost")


def _image(lab: Site, journal: JournalView, row: ImageRow, found: Findings, *, newest: bool) -> None:
    first = [verdict for verdict in journal.verdicts(row.id) if verdict.reason is None]
    if row.state is not State.RECORDED or row.report is None or len(first) != 1:
        found.wrong.append(f"{row.path} is {row.state}, judged {len(first)} times")
        return
    report = journal.report(row.report)
    if report.provenance.endpoint != lab.endpoint.id:
        found.wrong.append(f"{row.path} was not scored by the endpoint: {report.finding_detail}")
        return
    if newest:  # of an earlier revision, the bytes are gone
        path = lab.root / row.path
        here = api.score(path, params=report.params, device="cpu")
        same = (here.finding, here.dof) == (report.finding, report.dof)
        if not same or report.image.sha256 not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
            found.wrong.append(f"{row.path} was scored wrongly")
            return
    found.once += 1


def _repeats(lab: Site, found: Findings) -> None:
    """An image is scored again only where a run's reports could not come back."""
    runs = {run.id: run for run in lab.runs()}
    times: dict[str, list[str]] = {}
    for line in map(json.loads, lab.endpoint.log.read_text().splitlines()):
        path = (line.get("paths") or [""])[0]
        match = re.search(r"/mhfd-([0-9a-f-]{36})/", path)
        if match is None or not path.startswith(f"{lab.stage.root}/"):
            continue  # somebody else's request
        found.scored += line["scored"]
        for name in _names(runs[match[1]]):
            times.setdefault(name, []).append(match[1])
    for image, scored_by in times.items():
        if len(scored_by) > 1:
            found.repeated += len(scored_by) - 1
            why = {_why(runs[run]) for run in scored_by}
            found.repeats[" and ".join(sorted(why - {""})) or "nobody knows why"] += len(scored_by) - 1
            if sum(not _why(runs[run]) for run in scored_by) > 1:
                found.wrong.append(f"image {image} was scored by {len(scored_by)} runs that went well")


def _names(run: Run) -> list[str]:
    """What a run had scored: its images, without those that came otherwise than they were seen."""
    names = [str(image["name"]) for image in run.body["batch"]["images"]]
    results = run.execution.state.get("score", {}).get("details", {}).get("results") or [{}]
    errors = (results[0].get("output") or {}).get("errors") or []
    changed = {
        n
        for error in errors
        if error["code"] == Code.CHANGED and error["index"] is not None
        for n in range(error["index"], (error["index"] if error["through"] is None else error["through"]) + 1)
    }
    return [name for n, name in enumerate(names) if n not in changed]


def _why(run: Run) -> str:
    """What kept its reports from coming back; empty when nothing did."""
    if run.status == "ENDED":
        return "its run was cancelled"
    error = run.execution.error
    if error is None or error[0] == "StagingNotCleaned":
        return ""
    ours = any(state.get("Error") == error[0] for state in run.document["definition"]["States"].values())
    return f"its run ended as {error[0]}" + ("" if ours else f" ({error[1]})")
