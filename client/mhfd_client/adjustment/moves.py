"""The operator's moves: recorded, read again, and as what a package can learn from.

Typed moves come from the command line and from the page; those of an instrument from `recorder`. Nothing here turns a
knob.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd.errors import UsageError
from mhfd_client.adjustment.recording import moves_file
from mhfd_client.adjustment.recording.pictured import pictured
from mhfd_client.adjustment.recording.recorded_move import PairAtMove, RecordedMove
from mhfd_client.adjustment.recording.sorting_out import sorted_out
from mhfd_client.adjustment.typed import parsed
from mhfd_client.instruments.protocol import Knob

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset

__all__ = ["RecordedMove", "as_dataset", "moves", "new_id", "record", "record_typed", "sorted_out"]


def record(state_dir: Path, move: RecordedMove) -> None:
    """Keep a move: it is on the disk when this returns. StateError."""
    moves_file.append(state_dir, move)


def moves(state_dir: Path) -> Iterator[RecordedMove]:
    """What was recorded, in the order in which it was turned; lines that cannot be read are left out."""
    yield from moves_file.read(state_dir).moves


def as_dataset(state_dir: Path) -> Dataset:
    """What was recorded and teaches something, as a dataset of the task `adjust`. UsageError where nothing does.

    It looks at the images, and loads what that needs.
    """
    from mhfd_client.adjustment.recording.teaching import as_dataset as taught

    return taught(state_dir)


def new_id(at: float) -> str:
    """Of a move."""
    return f"{round(at * 1e3):x}-{secrets.token_hex(3)}"


def record_typed(
    state_dir: Path,
    text: str,
    *,
    before: Path | None = None,
    after: Path | None = None,
    pair: tuple[Path, Path] | None = None,
    perturbation_um: float | None = None,
    who: str | None = None,
    instrument: str | None = None,
    specimen: str | None = None,
    note: str | None = None,
    at: float | None = None,
    look: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> RecordedMove:
    """Keep a move that a person says. UsageError says what is wrong with it, and nothing is kept then.

    Args:
        state_dir: Of the watch, or of the folder where none runs.
        text: 'working distance -3.2 um': what was added to the working distance.
        before: The image that was seen before.
        after: The image that was taken afterwards, of the same field.
        pair: A at a working distance that is longer by the perturbation, B at a shorter one, both before the move.
        perturbation_um: Of the pair.
        who: Turned it.
        instrument: Its name.
        specimen: What was looked at; unset: the watched folder's name.
        note: Anything.
        at: When: seconds since 1970; unset: now.
        look: Read in the images' tags what the journal does not say of them.
        tell: Told what a person should know, such as an image of which no copy is kept.
    """
    typed = parsed(text)
    if before is not None and after is not None and before.resolve() == after.resolve():
        raise UsageError("before, after: they are the same file; the image after the move is another one")
    if (pair is None) != (perturbation_um is None):
        raise UsageError("pair, perturbation: give both, as in --pair A.tif B.tif --perturbation 2um")
    at = time.time() if at is None else at
    images = [None if one is None else pictured(state_dir, one, look=look, tell=tell) for one in (before, after)]
    if images[0] is not None and images[1] is not None and images[0].sha256 == images[1].sha256:
        raise UsageError("before, after: they hold the same image; name the one that was taken after the move")
    taken = None
    if pair is not None and perturbation_um is not None:
        taken = _pair(state_dir, pair, perturbation_um, look=look, tell=tell)
    start = None if images[0] is None or typed.knob is not Knob.WORKING_DISTANCE else images[0].working_distance_um
    move = RecordedMove(
        id=new_id(at),
        at=at,
        knob=typed.knob,
        by=typed.by,
        before=start,
        after=None if start is None else start + typed.by,
        source="typed",
        actor=who,
        instrument=instrument,
        specimen=specimen,
        note=note,
        image_before=images[0],
        image_after=images[1],
        pair=taken,
    )
    record(state_dir, move)
    return move


def _pair(
    state_dir: Path, pair: tuple[Path, Path], perturbation_um: float, *, look: bool, tell: Callable[[str], None]
) -> PairAtMove:
    a, b = (pictured(state_dir, path, look=look, tell=tell) for path in pair)
    if a.sha256 == b.sha256:
        raise UsageError("pair: both hold the same image; A and B are taken at two working distances")
    if not 0 < perturbation_um <= 10:
        raise UsageError(f"perturbation: {perturbation_um:g} um; a pair is taken up to 10 um away on both sides")
    return PairAtMove(a=a, b=b, perturbation_um=perturbation_um)
