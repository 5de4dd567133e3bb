"""`mhfd status`, `retake`, `rejudge` and `report`: what came of a watch."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mhfd_client.commands.common import EXIT_PERSON, JSON, WatchedFolder, echo, folder_options, say

if TYPE_CHECKING:
    from mhfd_client.journal.view import JournalView
    from mhfd_client.results.status import RunStatus, Speaker
    from mhfd_client.settings.options import VerdictSettings


_RANG: Final = 5
"""So many alerts that are over are told."""


@click.command()
@folder_options
@JSON
@click.option("--check", is_flag=True, help="Exit with 1 when somebody should look: for a cron job.")
@click.option("--running", is_flag=True, help="Only whether a watch runs, at once: exit with 1 when none does.")
def status(folder: WatchedFolder, as_json: bool, check: bool, running: bool) -> None:
    """How a run stands: seen, judged, pending, failed, retake, missing."""
    from mhfd_client.results.status import status as status_of

    if running:
        _running(folder, as_json=as_json, check=check)
        return

    settings = folder.loaded().settings
    with folder.journal() as journal:
        now = status_of(journal, settings.names)
        lines = [] if as_json else [*_lines(now, folder.root), *_uncalibrated(journal, settings.verdict)]
    say(now.as_json(), lines, as_json=as_json)
    if check and now.needs_person:
        sys.exit(EXIT_PERSON)


def _running(folder: WatchedFolder, *, as_json: bool, check: bool) -> None:
    """For who supervises a watch, every few seconds: nothing of the run is counted."""
    from mhfd_client.now import alive, doing

    if as_json or check:
        raise click.UsageError("--running gives one line and its exit code: leave --json and --check out")
    with folder.journal() as journal:
        beat = journal.heartbeat()
    lives = alive(beat, time.time())
    echo(doing(beat, running=lives))
    if not lives:
        sys.exit(EXIT_PERSON)


def _uncalibrated(journal: JournalView, settings: VerdictSettings) -> list[str]:
    """Why verdicts have no um, though a calibration is set."""
    from mhfd_client.calibration.applies import applied, of_settings

    calibration = of_settings(settings)
    if calibration is None:
        return []
    found = applied(journal, settings, calibration)
    return [f"calibration: {found}"] if found.refused else []


def _lines(now: RunStatus, root: str) -> list[str]:
    from mhfd_client.naming import REMEDY, crowded_words
    from mhfd_client.results import retested
    from mhfd_client.times import iso_z
    from mhfd_client.verdicts.blur import advice

    provisional = f", {now.provisional:,} of them provisional" if now.provisional else ""
    lines = [
        f"{now.root}: {now.doing}",
        f"seen {now.seen:,}, judged {now.judged:,}, pending {now.pending:,}, failed {now.failed:,}, "
        f"retake {len(now.retake):,}, missing {len(now.missing):,}",
        "verdicts: " + ", ".join(f"{n:,} {outcome.value}" for outcome, n in now.outcomes.items()) + provisional,
        *_unconfirmed(now),
        f"sections: {now.sections:,}" + (f", {now.to_come:,} images or sections still to come" if now.to_come else ""),
        str(now.latency),
        *(_learned(speaker) for speaker in now.speakers),
        *([] if now.judging is None else now.judging.lines),
        *retested.lines(now.retests),
        *_waited(now),
    ]
    if now.missing:
        some = "; ".join(str(place) for place in now.missing[:20])
        lines.append(f"missing: {some}" + (f" and {len(now.missing) - 20} more" if len(now.missing) > 20 else ""))
    if now.crowds:
        lines.append(f"names: {crowded_words(now.crowds)}. {REMEDY}")
    if now.without_section:
        lines.append(f"names: {now.without_section:,} files have no section: compared in the order in which they came")
    for run in now.runs.runs:
        names = run.first if len(run.images) == 1 else f"{run.first} to {run.last}"
        since = iso_z(run.since_ns / 1e9)
        lines.append(f"run {run.short}: {run.step.words} since {since}; {len(run.images)} image(s): {names}")
    if now.runs and not now.running:
        lines.append("the runs go on at Globus without the station; this is as it saw them last")
    lines += [f"trouble: {trouble.why}" for trouble in now.troubles]
    lines += [str(drift["sentence"]) for drift in now.drifts]
    for alert in now.alerts:
        remarks = alert.remarks(time.time())
        more = f" ({remarks})" if remarks else ""
        lines.append(f"alert {alert.number} since {iso_z(alert.opened)}: {alert.story}{more}")
    for alert in now.rang[:_RANG]:
        lines.append(f"alert {alert.number} of {iso_z(alert.opened)}: {alert.story}")
    if len(now.rang) > _RANG:
        lines.append(f"{len(now.rang) - _RANG:,} more rang before: mhfd alert list {root}")
    lines += [f"{sink.name} is {sink.state()}; see `mhfd alert list`" for sink in now.sinks if sink.failures]
    if now.question:
        lines.append(str(now.question["sentence"]))
        lines += [f"  {path}" for path in now.question["paths"]]
        lines.append(f"Say it with: mhfd confirm {root} IMAGE... or mhfd reject {root} IMAGE...")
    if now.retake:
        kinds = advice.by_kind(item.blur for item in now.retake if item.what_to_do)
        by = ", ".join(f"{count:,} by {advice.WORDS[kind].name}" for kind, count in kinds)
        lines.append(f"What to image again{f' ({by})' if by else ''}: mhfd retake {root}")
    return lines


def _learned(speaker: Speaker) -> str:
    from mhfd.contract.estimate import SHORT

    silent = f", said nothing of {speaker.refused:,}" if speaker.refused else ""
    return f"learned: {speaker.title} {speaker.package[:SHORT]} spoke of {speaker.spoke:,} images{silent}"


def _waited(now: RunStatus) -> list[str]:
    """The last time in which images waited."""
    return [*(one.words for one in now.backlogs[-1:]), *([f"what would help: {now.help}"] if now.help else [])]


def _unconfirmed(now: RunStatus) -> list[str]:
    from mhfd_client.journal.rows import Outcome

    if now.confirmed or not now.judged:
        return []
    sharp = now.outcomes[Outcome.IN_FOCUS]
    return [f"nobody has confirmed a sharp image yet: {sharp:,} of {now.judged:,} in focus provisionally"]


@click.command()
@folder_options
@click.option(
    "--threshold", "verdict__threshold", type=float, help="Of the expected density, instead of the setting's."
)
@click.option("--dry-run", is_flag=True, help="Only show what would change; may run beside a watch.")
def rejudge(folder: WatchedFolder, dry_run: bool, **settings: object) -> None:
    """Verdicts again from the stored reports: nothing is scored, no image is read.

    Each changed verdict is added to its image's history. Any setting of the section `verdict` can be given with --set.
    """
    from mhfd_client.station.rejudge import rejudge as again

    loaded = folder.loaded(**settings)
    given = {
        key: origin for key, origin in loaded.origins.items() if key.startswith("verdict.") and origin != "default"
    }
    what = ", ".join(f"{key} = {getattr(loaded.settings.verdict, key[8:])}" for key in given) or "the default settings"
    changes = again(folder.root, loaded, why=f"judged again with {what}", dry_run=dry_run)
    turned = [change for change in changes if change.turned]
    for change in turned:
        echo(f"{change.path}  {change.before.outcome.value} -> {change.after.outcome.value}: {change.after.sentence}")
    same = len(changes) - len(turned)
    would = "would change" if dry_run else "changed"
    echo(f"{len(turned):,} verdicts {would}; {same:,} others have new numbers in their sentence")


@click.command()
@folder_options
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The page to write.")
def report(folder: WatchedFolder, html: Path) -> None:
    """A page about a run that stands alone: what failed and why, what to image again, what is missing."""
    from mhfd_client.results import run_report

    loaded = folder.loaded()
    with folder.journal() as journal:
        run_report.write(journal, loaded, html)
    echo(f"look at {os.fspath(html)}")
