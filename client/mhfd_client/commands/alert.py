"""`mhfd alert`: do alerts reach you, what rang, and what you say to it."""

import getpass
import re
import sys
import time
from pathlib import Path

import click

from mhfd import documentation
from mhfd_client.commands.common import (
    CONFIG,
    EXIT_PERSON,
    JSON,
    SET,
    Group,
    WatchedFolder,
    echo,
    echo_json,
    folder_options,
    say,
)


@click.group(cls=Group, epilog=f"More: {documentation.page('how-to/alerts')}")
def alert() -> None:
    """Alerts: try them, see what rang, say that you know.

    What rings and where is set in the section [alerts] of the settings.
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
    now = time.time()
    for episode in found.episodes[:limit]:
        until = "still" if episode.closed is None else f"until {iso_z(episode.closed)}"
        remarks = episode.remarks(now)
        more = f" ({remarks})" if remarks else ""
        echo(f"{episode.number}: {iso_z(episode.opened)} {until} [{episode.rule.value}] {episode.story}{more}")
    if not found.episodes:
        echo("nothing has rung")
    if found.digest is not None:
        echo(f"digest of {found.digest.made}, as {found.digest.why}: {found.digest.headline}")
    for sink in found.sinks:
        echo(f"{sink.name}: {sink.state(len(found.pending.get(sink.name, ())))}")


@alert.command()
@folder_options
@click.option("--send", is_flag=True, help="Send it to everyone who is told of alerts, too.")
@JSON
def digest(folder: WatchedFolder, send: bool, as_json: bool) -> None:
    """What to take again before the wafer is unloaded, and what may go on, as of now.

    A watch tells it by itself when a wafer ends. The exit code is 1 when it was to be sent and was not taken.
    """
    from mhfd_client import expected
    from mhfd_client.alerts import SinkFailed, build, digest_message
    from mhfd_client.now import RunNow
    from mhfd_client.results.digest import digest as digest_of

    chosen = folder.loaded().settings
    sinks = build(chosen.alerts) if send else []
    wanted = None if chosen.names.expected is None else expected.load(chosen.names.expected)
    with folder.journal() as journal:
        run = RunNow(journal, wanted)
        with journal.snapshot():
            run.look()
        found = digest_of(run, "somebody has asked for it")
        message = digest_message(found, journal.root())
    say(found.model_dump(mode="json"), found.lines(), as_json=as_json)
    if send and not sinks:
        echo("nobody is told of alerts: set alerts.webhook or alerts.command", err=True)
    failed = not sinks
    for sink in sinks:
        try:
            echo(f"ok   {sink.name}: {sink.send(message)}", err=True)
        except SinkFailed as e:
            failed = True
            echo(f"fail {sink.name}: {e}", err=True)
    if send and failed:
        sys.exit(EXIT_PERSON)


class _Span(click.ParamType):
    """A length of time as people write it."""

    name = "time"
    _UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}  # noqa: RUF012 - read only

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?(s|m|min|h|d)", str(value).strip().lower(), re.ASCII)
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no length of time; write 30m, 8h or 2d", param, ctx)
        return float(match[1]) * self._UNITS[match[2]]


_WHO = click.option("--who", help="Your name.  [default: the name you are logged in with]")


@alert.command()
@folder_options
@click.argument("number", type=click.IntRange(1))
@_WHO
def ack(folder: WatchedFolder, number: int, who: str | None) -> None:
    """You know of an alert: it is shown to everyone, and the alert closes as usual.

    NUMBER is the first word of its line in `mhfd alert list`. May run beside a watch.
    """
    from mhfd_client.alerts import acknowledge

    found = acknowledge(folder.state_dir(), number, who or getpass.getuser())
    echo(f"alert {number} ({found.rule.value}) is acknowledged by {found.acknowledged}")


@alert.command()
@folder_options
@click.argument("number", type=click.IntRange(1))
@click.option("--for", "span", type=_Span(), required=True, metavar="TIME", help="So long: 30m, 8h, 2d.")
@_WHO
def snooze(folder: WatchedFolder, number: int, span: float, who: str | None) -> None:
    """An open alert does not ring again for a while, however much worse it gets. It closes as usual.

    NUMBER is the first word of its line in `mhfd alert list`. May run beside a watch.
    """
    from mhfd_client.alerts import snooze as snoozed
    from mhfd_client.times import local

    until = time.time() + span
    found = snoozed(folder.state_dir(), number, until, who or getpass.getuser())
    echo(f"alert {number} ({found.rule.value}) does not ring again before {local(until)}")
