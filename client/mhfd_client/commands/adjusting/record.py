"""`mhfd adjust record` and `mhfd adjust moves`: what the operator turned, kept, and what of it teaches something."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import JSON, WatchedFolder, echo, folder_options, say

if TYPE_CHECKING:
    from mhfd_client.adjustment.recording.recorded_move import RecordedMove
    from mhfd_client.adjustment.recording.teaching import SortedRecord

_IMAGE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@folder_options
@click.option("--move", metavar="TEXT", help="One move that you made, as 'working distance -3.2 um'; else it listens.")
@click.option("--before", type=_IMAGE, help="With --move: the image that you saw before.")
@click.option("--after", type=_IMAGE, help="With --move: the image of the same field that you took after it.")
@click.option("--pair", nargs=2, type=_IMAGE, metavar="A B", help="With --move: a pair that was taken before it.")
@click.option(
    "--perturbation", metavar="LENGTH", help="Of the pair: A was taken so much further away, B so much nearer."
)
@click.option("--who", metavar="NAME", help="Turned it, where the instrument does not say.")
@click.option("--specimen", metavar="NAME", help="What is looked at.  [default: the watched folder's name]")
@click.option("--note", metavar="TEXT", help="With --move: anything.")
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), help="Listen so many seconds, not for ever.")
def record(
    folder: WatchedFolder,
    move: str | None,
    before: Path | None,
    after: Path | None,
    pair: tuple[Path, Path] | None,
    perturbation: str | None,
    who: str | None,
    specimen: str | None,
    note: str | None,
    seconds: float | None,
) -> None:
    """Keep what the operator turns, with the images before and after: a lens is learned from that.

    With --move it keeps one move that you type. Without, it listens to the instrument of `instrument.toml` until
    Ctrl-C: images are those that land in DIR. It takes no image and turns nothing.
    """
    given = {"--before": before, "--after": after, "--pair": pair, "--perturbation": perturbation, "--note": note}
    named = specimen or Path(folder.root).resolve().name
    if move is None:
        if extra := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{extra[0]} belongs to --move: give the move, as --move 'working distance -3.2 um'")
        _listen(folder, who=who, specimen=named, seconds=seconds)
        return
    if seconds is not None:
        raise click.UsageError("--for belongs to listening: leave out --move")
    from mhfd_client.adjustment.moves import record_typed
    from mhfd_client.adjustment.typed import length

    _watched(folder)
    state_dir = folder.state_dir()
    kept = record_typed(
        state_dir,
        move,
        before=before,
        after=after,
        pair=pair or None,
        perturbation_um=None if perturbation is None else length(perturbation, "--perturbation"),
        who=who,
        instrument=_instrument(state_dir),
        specimen=named,
        note=note,
        look=True,
        tell=lambda words: echo(words, err=True),
    )
    echo(f"kept: {kept.words}; see what teaches something: mhfd adjust moves {_again(folder)}")


def _watched(folder: WatchedFolder) -> Path:
    from mhfd.errors import UsageError
    from mhfd_client.files import shown

    watched = Path(folder.root)
    if not watched.is_dir():
        raise UsageError(
            f"{shown(watched)}: there is no such folder; name the one that the instrument's images land in"
        )
    return watched


def _instrument(state_dir: Path) -> str | None:
    """What the instrument calls itself; None where none is known, or it does not answer: the move is kept anyhow."""
    from contextlib import closing

    from mhfd_client.adjustment.recording.whose import note_instrument, noted_instrument
    from mhfd_client.errors import StationError
    from mhfd_client.instruments.config import NAME, config_of
    from mhfd_client.instruments.opening import opened

    if not (state_dir / NAME).exists():
        return None
    try:
        with closing(opened(config_of(state_dir))) as instrument:
            note_instrument(state_dir, instrument.name)
            return instrument.name
    except StationError as error:
        echo(f"{error}; the move is kept all the same", err=True)
        return noted_instrument(state_dir)


def _again(folder: WatchedFolder) -> str:
    """The folder, as the next command is told of it."""
    return shlex.join([folder.root, *(() if folder.state is None else ("--state", str(folder.state)))])


def _listen(folder: WatchedFolder, *, who: str | None, specimen: str, seconds: float | None) -> None:
    from mhfd_client.adjustment.recording.recorder import record_from
    from mhfd_client.adjustment.recording.stopping import stopped_by_signals_or_after
    from mhfd_client.files import shown
    from mhfd_client.instruments.config import config_of
    from mhfd_client.instruments.opening import opened

    watched, state_dir = _watched(folder), folder.state_dir()
    instrument = opened(config_of(state_dir))
    try:
        with stopped_by_signals_or_after(seconds) as stop:
            count = record_from(
                state_dir,
                watched,
                instrument,
                stop,
                who=who,
                specimen=specimen,
                tell=echo,
                began=lambda: echo(f"listening to {instrument.name}; images of {shown(watched)}; Ctrl-C ends it"),
            )
    finally:
        instrument.close()
    echo(
        f"{count} move{'' if count == 1 else 's'} kept; see what teaches something: mhfd adjust moves {_again(folder)}"
    )


@click.command()
@folder_options
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write what teaches as a dataset there.")
@JSON
def moves(folder: WatchedFolder, out: Path | None, as_json: bool) -> None:
    """What was recorded: which moves teach something, and why the others do not."""
    from mhfd_client.adjustment.recording.looking import Looker
    from mhfd_client.adjustment.recording.teaching import as_dataset, sorted_record
    from mhfd_client.progress import bar

    state_dir = folder.state_dir()
    with bar(1, None, transient=True) as progress:
        found = sorted_record(
            state_dir, looker=Looker(state_dir), tell=lambda done, of: progress.say(f"move {done} of {of}")
        )
    digest = None
    if out is not None:
        dataset = as_dataset(state_dir, record=found)
        dataset.write(out)
        digest = dataset.digest
    document = {
        "moves": [_told(one) for one in found.kept],
        "left_out": [_told(one.move) | {"reason": one.reason, "why": one.why} for one in found.left_out],
        "damaged": [{"line": one.number, "why": one.why} for one in found.damaged],
        "pairs": len(found.pairs),
        "out": out,
        "digest": digest,
    }
    taught = out or (state_dir if folder.state is not None else Path(folder.root))
    say(document, _lines(found, taught, out), as_json=as_json)


def _told(move: RecordedMove) -> dict[str, object]:
    from mhfd_client.times import iso_z

    images = {
        name: None if image is None else image.path
        for name, image in (("image_before", move.image_before), ("image_after", move.image_after))
    }
    return {
        "id": move.id,
        "at": iso_z(move.at),
        "knob": move.knob,
        "by": move.by,
        "source": move.source,
        "actor": move.actor,
        "specimen": move.specimen,
        **images,
    }


def _lines(found: SortedRecord, taught: Path, out: Path | None) -> Iterator[str]:
    from mhfd_client.times import local

    def line(move: RecordedMove) -> str:
        by = f" by {move.actor}" if move.actor else ""
        of = f"{move.specimen}: " if move.specimen else ""
        return f"{local(move.at)}  {of}{move.words}{by}"

    for move in found.kept:
        yield line(move)
    for left in found.left_out:
        yield f"{line(left.move)}: left out ({left.reason.replace('_', ' ')}): {left.why}"
    for damaged in found.damaged:
        yield f"{damaged}: left out"
    every = len(found.kept) + len(found.left_out)
    pairs = f"{len(found.pairs)} pair{'' if len(found.pairs) == 1 else 's'} of images"
    yield f"{len(found.kept)} of {every} moves teach something, by {pairs}"
    written = "" if out is None else f"written to {out}; "
    if out is not None or found.pairs:
        yield f"{written}next: mhfd adjust learn {shlex.quote(str(taught))}"
