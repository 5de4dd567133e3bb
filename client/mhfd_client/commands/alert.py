"""`mhfd alert`: do alerts reach you, and what rang."""

import sys
from pathlib import Path

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, SET, WatchedFolder, echo, echo_json, folder_options


@click.group()
def alert() -> None:
    """Alerts: try them, and see what rang.

    What rings and where is set in the section [alerts] of the settings; see docs/how-to/alerts.md.
    """


@alert.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@CONFIG
@SET
@JSON
def test(directory: str | None, config: Path | None, pairs: tuple[str, ...], as_json: bool) -> None:
    """Send a test message to everyone who is told of alerts, and say what became of it.

    The exit code is 1 when a message was not taken, or when nobody would be told.
    """
    import time

    from mhfd_client.alerts import SinkFailed, build, sample

    sinks = build(WatchedFolder(directory or "", None, config, pairs).loaded().settings.alerts)
    message = sample(str(Path(directory).absolute()) if directory else "", time.time())
    results = []
    for sink in sinks:
        try:
            ok, what = True, sink.send(message)
        except SinkFailed as e:
            ok, what = False, str(e)
        results.append({"sink": sink.name, "ok": ok, "what": what})
        if not as_json:
            echo(f"{'ok  ' if ok else 'fail'} {sink.name}: {what}")
    if as_json:
        echo_json(results)
    elif not sinks:
        echo("nobody is told of alerts: set alerts.webhook or alerts.command", err=True)
    if not sinks or not all(result["ok"] for result in results):
        sys.exit(EXIT_PERSON)


@alert.command("list")
@folder_options
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, the newest first.")
@JSON
def list_(folder: WatchedFolder, limit: int, as_json: bool) -> None:
    """What rang in a run, whether it is over, and who could not be told."""
    from mhfd_client.alerts import overview
    from mhfd_client.times import iso_z

    found = overview(folder.state_dir())
    if as_json:
        echo_json(found.as_json())
        return
    for episode in found.episodes[:limit]:
        until = "still" if episode.closed is None else f"until {iso_z(episode.closed)}"
        echo(f"{iso_z(episode.opened)} {until} [{episode.rule.value}] {episode.text}")
    if not found.episodes:
        echo("nothing has rung")
    for sink in found.sinks:
        echo(f"{sink.name}: {sink.state(len(found.pending.get(sink.name, ())))}")
