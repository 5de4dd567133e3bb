"""`mhfd work`: work on an endpoint that takes longer than a person waits: begin, look, follow, cancel."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from mhfd import documentation
from mhfd_client.commands.common import (
    EXIT_INTERRUPTED,
    EXIT_PERSON,
    JSON,
    SET,
    Group,
    chosen_options,
    echo,
    say,
    set_pairs,
)
from mhfd_client.errors import StationError
from mhfd_client.times import local

if TYPE_CHECKING:
    from mhfd_client.runners.work import Ended, Going
    from mhfd_client.works.kept_work import KeptWork

    Events = Generator[Going | Ended, None, None]

_KEY: Final = click.argument("key", metavar="KEY")


@click.group(cls=Group, epilog=f"More: {documentation.page('how-to/long-work')}")
def work() -> None:
    """Work on an endpoint that goes on when you go away: begin it, look at it, follow it, cancel it.

    KEY names a work; it is printed at the beginning.
    """


@work.command()
@click.argument("function", metavar="FUNCTION")
@click.option("--endpoint", metavar="UUID", help="Where.  [with --via flow: compute.endpoint of the settings]")
@click.option(
    "--request",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="The function's own fields, as a JSON object; -: what is piped in.",
)
@click.option(
    "--key", metavar="KEY", help="Of the work: the same key and request are the same work.  [default: a new one]"
)
@click.option(
    "--into",
    metavar="FOLDER",
    help="The endpoint's folder in which the work has its own.  [default: mhfd-works in the first that it may write]",
)
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="What the endpoint lets a user choose.")
@click.option(
    "--via",
    type=click.Choice(["compute", "flow"]),
    default="compute",
    show_default=True,
    help="How: the endpoint sees what the request names, or runs of a flow bring it there.",
)
@SET
@click.option("--follow/--no-follow", default=True, show_default=True, help="Stay until it has ended.")
@JSON
def begin(
    function: str,
    endpoint: str | None,
    file: Path | None,
    key: str | None,
    into: str | None,
    options: tuple[str, ...],
    via: Literal["compute", "flow"],
    pairs: tuple[str, ...],
    follow: bool,
    as_json: bool,
) -> None:
    """Begin a work: FUNCTION with a request, on an endpoint. Prints its key first.

    Nothing is lost when this ends, however it does: `mhfd work follow KEY` goes on. While nobody follows, what has
    begun goes on to the end of its turn (`turn_s` of the request, 300 seconds), and rests at its last checkpoint.
    """
    from mhfd_client.files import json_in
    from mhfd_client.works import asked, beginning, following

    kept = beginning.begin(
        function,
        {} if file is None else json_in(file, "--request", most=asked.MOST_BYTES),
        endpoint=endpoint,
        key=key,
        into=into,
        via=via,
        options=chosen_options(options),
        settings=set_pairs(pairs),
        say=_aside,
    )
    place = "" if kept.into is None else f", in {kept.into}"
    echo(f"{kept.key}  {kept.function} on endpoint {kept.endpoint}{place}", err=as_json)
    if follow:
        _tell(kept, following.follow, as_json=as_json)
        return
    with _left(kept):
        following.hand_over(kept, say=_aside)
    say(kept.as_json(), [f"handed over; goes on: mhfd work follow {kept.key}"], as_json=as_json)


@work.command(name="list")
@JSON
def list_(as_json: bool) -> None:
    """The works that this user began on this machine, as far as it has heard of them. Asks nobody."""
    from mhfd_client.works.kept_work import known
    from mhfd_client.works.told import state_told

    found = known()
    lines = [f"{one.key}  {one.function}  {local(one.begun_s)}  {state_told(one)}" for one in found]
    say([one.brief() for one in found], lines or ["no works"], as_json=as_json)


@work.command()
@_KEY
@JSON
def show(key: str, as_json: bool) -> None:
    """What was asked, how far it was when that was heard last, its result and where its files are. Asks nobody."""
    from mhfd_client.works.kept_work import KeptWork
    from mhfd_client.works.told import lines_told

    kept = KeptWork.named(key)
    say(kept.as_json(), lines_told(kept), as_json=as_json)
    if not as_json:
        _result(kept)


@work.command()
@_KEY
@JSON
def follow(key: str, as_json: bool) -> None:
    """Go on with a work, and say how far it is, until it has ended.

    The exit code is 0 when it is done, 1 when it failed, was cancelled or was not taken.
    """
    from mhfd_client.works import following
    from mhfd_client.works.kept_work import KeptWork

    _tell(KeptWork.named(key), following.follow, as_json=as_json)


@work.command()
@_KEY
@JSON
def cancel(key: str, as_json: bool) -> None:
    """End a work, whoever has it: at its next checkpoint. What it has made so far stays in its folder.

    The exit code is 0 also when it was cancelled before, 1 when it had ended otherwise.
    """
    from mhfd_client.works import following
    from mhfd_client.works.kept_work import KeptWork

    _tell(KeptWork.named(key), following.cancel, as_json=as_json, wanted="cancelled")


def _tell(kept: KeptWork, asked: Callable[..., Events], *, as_json: bool, wanted: str = "done") -> None:
    """Follow it, and say what became of it. Ends with `EXIT_PERSON` when that is not what was wanted."""
    from mhfd_client.progress import bar
    from mhfd_client.runners.work import Going
    from mhfd_client.works.told import answer_told, lines_told, on_bar

    seen, said = sys.stderr.isatty(), ""
    with (
        _left(kept),
        bar(None, seen, what=kept.function, transient=True) as shown,
        closing(asked(kept, say=shown.say if seen else _aside)) as heard,
    ):
        for event in heard:
            on_bar(shown, event.answer)
            if not seen and isinstance(event, Going) and (words := answer_told(event.answer)) != said:
                said = words
                _aside(words)
    _, *lines = lines_told(kept)
    say(kept.as_json(), lines, as_json=as_json)
    if not as_json:
        _result(kept)
    if kept.state != wanted or (wanted == "done" and kept.answer is not None and not kept.answer.ok):
        sys.exit(EXIT_PERSON)


@contextmanager
def _left(kept: KeptWork) -> Iterator[None]:
    """Whatever ends the waiting, the work can be gone on with, and that is said."""
    goes_on = f"goes on: mhfd work follow {kept.key}"
    try:
        yield
    except KeyboardInterrupt:
        from mhfd_client.works.told import left_told

        _aside(f"not followed any more: {left_told(kept)}; {goes_on}")
        sys.exit(EXIT_INTERRUPTED)
    except StationError:
        _aside(goes_on)
        raise


def _result(kept: KeptWork) -> None:
    """What the function itself says."""
    if kept.answer is not None and kept.answer.result is not None:
        click.echo(json.dumps(kept.answer.result, indent=2, ensure_ascii=True))


def _aside(text: str) -> None:
    """Not of the result."""
    echo(text, err=True)
