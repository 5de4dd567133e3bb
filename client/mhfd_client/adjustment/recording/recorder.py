"""Listens to an instrument, and records each turn of a knob with the images that were there before and came after it.

It takes no image and turns nothing: images are those that land in the watched folder, told apart by when they were
written and by the working distance in their tags. What mhfd turns itself is left out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.ledger import LedgerLine
from mhfd_client.adjustment.lens import BELOW_UM, is_held
from mhfd_client.adjustment.moves import moves, new_id, record
from mhfd_client.adjustment.outstanding import SAME_UM
from mhfd_client.adjustment.recording.landed import LandedImage, LandedImages
from mhfd_client.adjustment.recording.pictured import of_journal, pictured, tags_of
from mhfd_client.adjustment.recording.recorded_move import RESOLVED, RecordedImage, RecordedMove
from mhfd_client.adjustment.recording.whose import note_instrument
from mhfd_client.errors import StateLocked
from mhfd_client.instruments.checked import changed
from mhfd_client.instruments.protocol import OURSELVES, DeviceEvent, DeviceReading, Instrument, Knob

EVERY_S: Final = 0.5
"""Between two looks at the folder."""
_COARSE_UM: Final = 100.0  # tags of a tenth of a millimetre
_WORDS_S: Final = 900.0  # so long a verdict of the image after a move is waited for
_OPEN_S: Final = 1800.0  # so long the image after a move is waited for
_OURS_S: Final = 60.0  # so long after a line of the ledger a turn to where it says may be noticed
_LATE_S: Final = 1.0  # a turn is noticed later than it was made: the image after it may have been written meanwhile
_ASK_S: Final = 2.0  # between two looks for a verdict


@contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """One recorder a state folder. StateLocked where another one runs."""
    file = places.folder(state_dir) / "recorder.lock"
    files.make_folder(file.parent)
    with files.named(file):
        lock = files.opened_lock(file)
    try:
        with files.held(lock, wait_s=0.0):
            yield
    except TimeoutError:
        raise StateLocked(
            f"{files.shown(state_dir)}: another recorder writes there already; stop that one first, or give this one "
            "its own folder with --state"
        ) from None


def record_from(
    state_dir: Path,
    watched: Path,
    instrument: Instrument,
    stop: threading.Event,
    *,
    who: str | None = None,
    specimen: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
    every_s: float = EVERY_S,
    began: Callable[[], object] = lambda: None,
) -> int:
    """Record until `stop` is set; how many moves that were. StateLocked where another recorder runs.

    Args:
        state_dir: The state folder.
        watched: Where the instrument's images land.
        instrument: The connection; who made it closes it.
        stop: Set by who wants it to end.
        who: Turns the knobs, where the instrument does not say.
        specimen: What is looked at.
        tell: Told each move, and what a person should know.
        every_s: Between two looks at the folder.
        began: Called when it listens.
    """
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with alone(state_dir):
        recorder = MoveRecorder(state_dir, watched, instrument, who=who, specimen=specimen, tell=tell)
        with instrument.on_change(events.put):
            began()
            while not stop.is_set():
                recorder.step(_waiting(events))
                stop.wait(every_s)
        recorder.step(_waiting(events))
    return recorder.count


def _waiting(events: queue.SimpleQueue[DeviceEvent]) -> list[DeviceEvent]:
    found: list[DeviceEvent] = []
    while not events.empty():
        found.append(events.get())
    return found


class MoveRecorder:
    """What was turned and what has landed, put together as it comes.

    Args: see `record_from`.
    """

    def __init__(
        self,
        state_dir: Path,
        watched: Path,
        instrument: Instrument,
        *,
        who: str | None = None,
        specimen: str | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.count = 0
        note_instrument(state_dir, instrument.name)
        self._state_dir, self._instrument = state_dir, instrument
        self._who, self._specimen, self._tell = who, specimen, tell
        self._images = LandedImages(state_dir, watched)
        self._tags: dict[LandedImage, dict[str, Any]] = {}
        self._open: list[RecordedMove] = self._left_open()
        self._unsaid: list[RecordedMove] = []
        self._ask_at = 0.0
        for image in list(self._images.newest):  # what came while nobody listened
            self._landed(image)

    def step(self, events: list[DeviceEvent]) -> None:
        """Take what has happened since, in the order in which it did."""
        happened: list[tuple[float, DeviceEvent | LandedImage]] = [(event.after.at, event) for event in events]
        happened += [(image.at, image) for image in self._images.new()]
        for _, one in sorted(happened, key=lambda pair: pair[0]):
            if isinstance(one, LandedImage):
                self._landed(one)
            else:
                self._turned(one)
        self._words()

    # What was turned

    def _turned(self, event: DeviceEvent) -> None:
        if event.actor == OURSELVES or self._ours(event):
            self._open = [move for move in self._open if move.knob not in changed(event.before, event.after)]
            return
        for knob in sorted(changed(event.before, event.after)):
            before, after = event.before.value(knob), event.after.value(knob)
            if before is None or after is None:
                continue
            last = next((move for move in self._open if move.knob is knob), None)
            if last is not None and _goes_on(last, before, after):
                self._keep(_longer(last, after, event))
            else:
                self._open = [move for move in self._open if move is not last]
                self._keep(self._new(knob, before, after, event))
                self.count += 1
                if last is not None and _takes_back(last, after):
                    self._open.pop()  # who goes on from here makes another move

    def _new(self, knob: Knob, before: float, after: float, event: DeviceEvent) -> RecordedMove:
        return RecordedMove(
            id=new_id(event.after.at),
            at=event.after.at,
            knob=knob,
            by=after - before,
            before=before,
            after=after,
            source="device",
            actor=event.actor or self._who,
            instrument=self._instrument.name,
            specimen=self._specimen,
            reading_before=event.before,
            reading_after=event.after,
            image_before=self._seen_before(event),
        )

    def _keep(self, move: RecordedMove) -> None:
        record(self._state_dir, move)
        self._open = [one for one in self._open if one.id != move.id] + [move]
        said = f"by {move.actor}: " if move.actor else ""
        before = f"before: {Path(move.image_before.path).name}" if move.image_before else "no image before it is known"
        self._tell(f"{said}{move.words}, to {_value(move)}; {before}")

    def _ours(self, event: DeviceEvent) -> bool:
        """mhfd itself turned it, in another process: it holds the lens, or said that it would go there."""
        if Knob.WORKING_DISTANCE not in changed(event.before, event.after):
            return False  # it turns no stigmator
        if is_held(self._state_dir):
            return True
        at, um = event.after.at, event.after.working_distance_um
        lately = (line for line in ledger.lines(self._state_dir) if at - _OURS_S <= line.at <= at + _LATE_S)
        places_um = [place for line in lately for place in _places(line)]
        return any(abs(um - place) <= SAME_UM for one in places_um for place in (one, one - BELOW_UM))

    # What has landed

    def _landed(self, image: LandedImage) -> None:
        if image.path.name.startswith("."):
            return
        for move in list(self._open):
            if image.at - move.at > _OPEN_S:
                self._open.remove(move)
                continue
            before, after = move.reading_before, move.reading_after
            if after is not None and self._taken_at(image, after, after=move.at):
                self._came_after(move, image, after)
            elif before is not None and image.at <= move.at and self._taken_at(image, before):
                self._came_before(move, image, before)

    def _came_after(self, move: RecordedMove, image: LandedImage, reading: DeviceReading) -> None:
        if (picture := self._picture(image, reading)) is None:
            return
        whole = move.model_copy(update={"image_after": picture})
        record(self._state_dir, whole)
        self._open.remove(move)
        self._unsaid.append(whole)
        self._tell(f"{whole.words}: after it: {image.path.name}")

    def _came_before(self, move: RecordedMove, image: LandedImage, reading: DeviceReading) -> None:
        """It was still being written when the knob was turned."""
        if move.image_before is not None and move.image_before.at >= image.at:
            return
        if (picture := self._picture(image, reading)) is not None:
            whole = move.model_copy(update={"image_before": picture})
            record(self._state_dir, whole)
            self._open[self._open.index(move)] = whole

    def _seen_before(self, event: DeviceEvent) -> RecordedImage | None:
        """The newest image that was taken as the instrument stood before it was turned."""
        for image in reversed(self._images.newest):
            if image.at <= event.after.at and self._taken_at(image, event.before):
                return self._picture(image, event.before)
        return None

    def _taken_at(self, image: LandedImage, reading: DeviceReading, *, after: float | None = None) -> bool:
        """Whether an image was taken as the instrument stood then, by its tags; without tags, by its time."""
        tags = self._tags_of(image)
        um = tags.get("working_distance_um")
        if um is not None:
            coarse = abs(um / 10 - round(um / 10)) < 1e-4
            near = _COARSE_UM if coarse else RESOLVED[Knob.WORKING_DISTANCE]
            if abs(um - reading.working_distance_um) > near:
                return False
            if not coarse:
                return after is None or image.at >= after - _LATE_S
        return after is None or image.at >= after

    def _tags_of(self, image: LandedImage) -> dict[str, Any]:
        if image not in self._tags:
            if len(self._tags) > 4 * len(self._images.newest):
                self._tags.clear()
            self._tags[image] = tags_of(image.path) if image.path.is_file() else {}
        return self._tags[image]

    def _picture(self, image: LandedImage, reading: DeviceReading) -> RecordedImage | None:
        try:
            return pictured(self._state_dir, image.path, reading=reading, look=True, tell=self._tell)
        except UsageError as error:  # it is gone
            self._tell(str(error))
            return None

    # What is said of them later

    def _words(self) -> None:
        """Verdicts come after their images: they are added to the move then."""
        if not self._unsaid or time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + _ASK_S
        for move in list(self._unsaid):
            if (image := move.image_after) is None or time.time() - move.at > _WORDS_S:
                self._unsaid.remove(move)
            elif (known := of_journal(self._state_dir, Path(image.path), image.sha256)).words is not None:
                told = {"said": known.words, "section": known.section, "tile": known.tile}
                record(self._state_dir, move.model_copy(update={"image_after": image.model_copy(update=told)}))
                self._unsaid.remove(move)

    def _left_open(self) -> list[RecordedMove]:
        """What a recorder that died was waiting for: the last move, if the instrument still stands there."""
        last = {move.knob: move for move in moves(self._state_dir) if move.source == "device"}
        now = self._instrument.read()
        found = []
        for knob, move in last.items():
            stands = now.value(knob)
            there = stands is not None and move.after is not None and abs(stands - move.after) < RESOLVED[knob]
            if there and move.image_after is None and time.time() - move.at < _OPEN_S:
                found.append(move)
        return found


def _places(line: LedgerLine) -> list[float]:
    """Where a line of the ledger says that the lens goes, or is."""
    said = line.numbers
    found = [said[name] for name in ("at_um", "home_um", "from_um", "to_um") if name in said]
    if "centre_um" in said and "perturbation_um" in said:
        found += [said["centre_um"] + side * said["perturbation_um"] for side in (1, -1)]
    return found


def _goes_on(last: RecordedMove, before: float, after: float) -> bool:
    """Whether somebody goes on turning a knob from where it was left, and not all the way back."""
    if last.before is None or last.after is None:
        return False
    return abs(before - last.after) < RESOLVED[last.knob] and not _takes_back(last, after)


def _takes_back(last: RecordedMove, after: float) -> bool:
    """Whether a knob stands again where it stood before the last move."""
    return last.before is not None and abs(after - last.before) < RESOLVED[last.knob]


def _longer(last: RecordedMove, after: float, event: DeviceEvent) -> RecordedMove:
    start = last.before or 0.0
    told = {"at": event.after.at, "after": after, "by": after - start, "reading_after": event.after}
    return last.model_copy(update=told | ({"actor": event.actor} if event.actor else {}))


def _value(move: RecordedMove) -> str:
    return f"{move.after:.3f} um" if move.knob is Knob.WORKING_DISTANCE else f"{move.after:g}"
