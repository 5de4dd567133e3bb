"""The one hand that moves a lens: under a lock, with the way back on the disk before each move, and every line kept.

Whatever is begun here ends in one of four ways: done; back where the lens was; left where somebody else put it
meanwhile; or said in words that it is not back and where it is, and then the next start-up puts it back. Decides
nothing about focus, and knows no package.

Every place is reached from below, from a shorter working distance: a magnetic lens and a stage's drive stop elsewhere
when they come from the other side, and the two images of a pair and their middle have to be on one scale.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.adjustment import ledger, outstanding, places
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.outstanding import EXACT_UM, SAME_UM, Outstanding, outstanding_of, way_back
from mhfd_client.adjustment.rules import LensBook, LensRules
from mhfd_client.errors import (
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    LensBusy,
    SetDidNotTake,
    StateError,
)
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of
from mhfd_client.instruments.protocol import DeviceReading, Instrument, Knob, KnobRange, TakenImage
from mhfd_client.times import local

BELOW_UM: Final = 1.0
"""So far below a place the lens goes first, when it comes from above and the limits let it."""
LEAST_P_UM: Final = 1.0
MOST_P_UM: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class TakenPair:
    """One field twice: A at `centre_um + perturbation_um`, B at `centre_um - perturbation_um`."""

    a: TakenImage
    b: TakenImage
    centre_um: float
    perturbation_um: float
    at: float
    """When the second was there: seconds since 1970."""


class Lens:
    """The lens of one instrument, ours as long as it is held. Entering puts back what another program left.

    Args:
        state_dir: The station's own folder, with `instrument.toml` in it.
        config: What that file says.
        instrument: The connection; who made it closes it.
        actor: For whom, in the ledger.
        field: Which field of the sample, for the dose that the ledger counts.
        wait_s: So long it waits for another program that holds the lens.
    """

    def __init__(
        self,
        state_dir: Path,
        config: InstrumentConfig,
        instrument: Instrument,
        *,
        actor: str | None = None,
        field: str | None = None,
        wait_s: float = 1.0,
    ) -> None:
        self.state_dir = state_dir
        self.config = config
        self.instrument = instrument
        self.book = LensBook(state_dir, actor or ledger.whoever(), field)
        self.rules = LensRules(self.book, config)
        self.restored: str | None = None
        """What entering had to put back, in words."""
        self._wait_s = wait_s
        self._held = ExitStack()
        self._open: Outstanding | None = None
        self._at: float | None = None  # where we left it; None: not yet asked

    def __enter__(self) -> Self:
        self.rules.must_allow("propose", "the lens is not touched")
        files.make_folder(places.folder(self.state_dir))
        lock = places.lock(self.state_dir)
        with files.named(lock):
            opened = files.opened_lock(lock)
        try:
            self._held.enter_context(files.held(opened, wait_s=self._wait_s))
        except TimeoutError:
            words = "another program is moving the lens now; ask again when it is through"
            self.book.say(LensEntry.REFUSED, words, refusal="busy")
            raise LensBusy(words) from None
        try:
            left = outstanding_of(self.state_dir)
            if left is not None:
                self._of_this(left)
                self._open = left
                self.restored = self._put_back(f"{left.why} by {left.actor} did not end")
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            if self._open is not None:
                self._put_back("it was not verified")

    @property
    def limits(self) -> KnobRange:
        """Between these working distances both the file and the instrument allow the lens to be."""
        soft = KnobRange(self.config.limits.low_um, self.config.limits.high_um)
        return soft.within(self.instrument.limits(Knob.WORKING_DISTANCE))

    def read(self) -> DeviceReading:
        """How the instrument stands. AnotherHand when the lens is not where we left it."""
        reading = self.instrument.read()
        self._looked_at(reading)
        return reading

    def pair(self, perturbation_um: float, *, offset_um: float = 0.0) -> TakenPair:
        """Take a field twice, and bring the lens back.

        Args:
            perturbation_um: How far from the middle, on both sides.
            offset_um: Where the middle is, seen from where the lens stands: for a known move that is to be seen.

        Raises what the instrument raises, with where the lens is; AdjustmentRefused where a limit is in the way.
        """
        if not LEAST_P_UM <= perturbation_um <= MOST_P_UM:
            raise UsageError(f"perturbation: {perturbation_um:g} um is not within {LEAST_P_UM:g} and {MOST_P_UM:g} um")
        if not abs(offset_um) <= self.config.limits.step_um:
            raise UsageError(
                f"offset: {offset_um:g} um is more than one move may be: {self.config.limits.step_um:g} um"
            )
        self.rules.must_allow("propose", "no image is taken")
        here = self.read().working_distance_um
        centre = here + offset_um
        places_um = (centre + perturbation_um, centre - perturbation_um)
        for um in places_um:
            self.rules.within(um, self.limits, "no image is taken")
        try:
            self._begin(f"a pair at {centre:.3f} um", here, *places_um)
            self.book.say(
                LensEntry.PAIR,
                f"a pair at {centre:.3f} um, {perturbation_um:g} um on both sides",
                numbers={"centre_um": centre, "perturbation_um": perturbation_um, "home_um": here},
            )
            a, b = (self._image_at(um) for um in places_um)
            self._approach(here)
            self.book.say(LensEntry.PAIR_ENDED, f"the lens is back at {here:.3f} um", numbers={"home_um": here})
            if self._open is not None and self._open.trial is None:
                self._end()
        except BaseException as error:
            raise self._after(error) from error
        return TakenPair(a, b, centre, perturbation_um, time.time())

    def move(
        self,
        knob: Knob,
        by: float,
        *,
        why: str,
        actor: str | None = None,
        instruction: str | None = None,
        expected: float | None = None,
        on_trial: bool = False,
        backwards: bool = False,
    ) -> DeviceReading:
        """Move the lens by so many um, once, within every limit; read before and after.

        Args:
            knob: The working distance: for stigmators no limits are known.
            by: How far.
            why: For the ledger.
            actor: Whose move it is, where that is not who holds the lens.
            instruction: Which instruction it carries out: none is carried out twice.
            expected: Where the lens has to stand before it; elsewhere somebody else moved it, and theirs stays.
            on_trial: It is put back unless `keep` is called before the lens is let go.
            backwards: It takes back a move of ours, which the sum of an hour does not hinder.
        """
        nothing = "nothing was set"
        if knob is not Knob.WORKING_DISTANCE:
            raise self.book.refused(f"{knob}: {NAME} knows limits of the working distance only; {nothing}")
        if not math.isfinite(by):
            raise UsageError(f"by: {by!r} is no distance")
        self.rules.must_allow("apply", nothing)
        self.rules.step(by, nothing)
        before = self.read()
        start = before.working_distance_um
        if expected is not None and abs(start - expected) > SAME_UM:
            said = f"the lens stands at {start:.3f} um and not at {expected:.3f}: somebody else moved it; {nothing}"
            self.book.say(
                LensEntry.REFUSED, said, instruction=instruction, refusal="another_hand", numbers={"at_um": start}
            )
            raise AnotherHand(said)
        to = start + by
        self.rules.within(to, self.limits, nothing)
        if instruction is not None:
            self.rules.once(instruction)
        if not backwards:
            self.rules.may_spend(abs(by), nothing)
        try:
            self._begin(f"a move of {by:+.3f} um", start, to, trial=instruction or "a move")
            self.book.say(
                LensEntry.MOVE,
                f"{why}: from {start:.3f} to {to:.3f} um",
                instruction=instruction,
                actor=actor,
                numbers={"from_um": start, "to_um": to, "moved_um": abs(by)},
            )
            self._approach(to)
            after = self.read()
            self.book.say(
                LensEntry.MOVED, f"the lens stands at {after.working_distance_um:.3f} um", instruction=instruction
            )
        except BaseException as error:
            raise self._after(error) from error
        if not on_trial:
            self.keep(why)
        return after

    def keep(self, why: str, *, undoes: int | None = None) -> None:
        """Where the lens stands is its place from now on. `undoes`: the line of the move that was taken back by it."""
        now, begun = self.read().working_distance_um, self._open
        if begun is None:
            raise UsageError("keep: nothing was moved on trial")
        self.book.say(
            LensEntry.KEPT if undoes is None else LensEntry.UNDONE,
            f"{why}: the lens stays at {now:.3f} um; it was at {begun.home_um:.3f}",
            instruction=begun.trial,
            numbers={"from_um": begun.home_um, "to_um": now, "undoes": undoes},
        )
        self._end()

    def put_back(self, why: str) -> str:
        """Where it was before the move on trial; says so in words, or that somebody else moved it meanwhile."""
        if self._open is None:
            raise UsageError("put_back: nothing was moved on trial")
        return self._put_back(why)

    def _of_this(self, left: Outstanding) -> None:
        if left.instrument != self.instrument.name:
            raise self.book.refused(
                f"{left.why} of {left.instrument!r} did not end, and this is {self.instrument.name!r}; the lens is not "
                "touched; look at both, then say so: mhfd adjust undo DIR --forget",
                refusal="other_instrument",
            )

    # How it moves

    def _looked_at(self, reading: DeviceReading) -> None:
        um = reading.working_distance_um
        if not math.isfinite(um):
            raise InstrumentLost(f"{self.instrument.name}: says {um} as its working distance")
        if self._at is not None and abs(um - self._at) > SAME_UM:
            raise AnotherHand(f"the lens stands at {um:.3f} um and not at {self._at:.3f}: somebody else moved it")
        self._at = um

    def _image_at(self, um: float) -> TakenImage:
        self._approach(um)
        self.book.say(LensEntry.IMAGE, f"an image at {um:.3f} um", numbers={"at_um": um})
        image = self.instrument.acquire()
        self._looked_at(image.reading)
        return image

    def _approach(self, um: float) -> None:
        """From below, when there is room."""
        now = self.read().working_distance_um
        if abs(now - um) <= EXACT_UM:
            return
        below = um - BELOW_UM
        if now > um and below in self.limits:
            self._set(below)
        self._set(um)

    def _set(self, um: float) -> None:
        """Once, to where the disk says that we may go."""
        if self._open is None or um not in (self._open.home_um, *self._open.may_be_at):
            self._begin_more(um)
        self._at = None
        try:
            reading = self.instrument.set(Knob.WORKING_DISTANCE, um)
            if not abs(reading.working_distance_um - um) <= SAME_UM:
                raise SetDidNotTake(
                    f"{self.instrument.name}: was told {um:.3f} um and stands at {reading.working_distance_um:.3f} um"
                )
        except SetDidNotTake:
            self._begin_more(self.read().working_distance_um)  # it went there because of us
            raise
        self._looked_at(reading)

    def _begin(self, why: str, home_um: float, *may_be_at: float, trial: str | None = None) -> None:
        """On the disk: from where, and to where."""
        if self._open is None:
            self._open = Outstanding(why=why, instrument=self.instrument.name, actor=self.book.actor, home_um=home_um)
        if trial is not None:
            self._open = self._open.model_copy(update={"why": why, "trial": trial})
        self._begin_more(*may_be_at, home_um)

    def _begin_more(self, *um: float) -> None:
        if self._open is None:
            raise UsageError("a lens is not set before its way back is on the disk")
        all_ = dict.fromkeys((*self._open.may_be_at, *um, *(one - BELOW_UM for one in um)))
        self._open = self._open.model_copy(update={"may_be_at": tuple(all_)})
        outstanding.put(self.state_dir, self._open)

    def _end(self) -> None:
        outstanding.drop(self.state_dir)
        self._open = None

    # How it comes back

    def _after(self, error: BaseException) -> BaseException:
        """The lens is back, or said to be elsewhere; the error with that."""
        if self._open is None:
            return error
        words = self._put_back(str(error) or type(error).__name__)
        if isinstance(error, InstrumentError):
            return type(error)(f"{error}; {words}")
        error.add_note(words)
        return error

    def _put_back(self, why: str) -> str:
        """To where it was; says so. What cannot be done is said by the InstrumentError that is raised."""
        begun = self._open
        if begun is None:
            return "the lens was not moved"
        home = begun.home_um
        self._at = None
        at: float | None = None
        try:
            at = self.read().working_distance_um
            if not begun.ours(at):
                raise AnotherHand(f"somebody else moved the lens to {at:.3f} um")
            if abs(at - home) > SAME_UM:
                self._approach(home)
        except AnotherHand as error:
            words = f"{error}: it stays there (it was at {home:.3f})"
            words += self._say_anyhow(LensEntry.LEFT, f"{why}; {words}", begun, at_um=at)
        except InstrumentError as error:
            words = f"THE LENS IS NOT BACK: {_where(error, at)}, it was at {home:.3f} um; {way_back(self.state_dir)}"
            words += self._say_anyhow(LensEntry.STRANDED, f"{why}; {words}", begun, at_um=at)
            self._open = None  # not ours to try again: the file says it to the next
            raise type(error)(f"{why}; {words}") from error
        else:
            words = f"the lens is back at {home:.3f} um"
            moved = abs(at - home) if begun.trial else None
            words += self._say_anyhow(LensEntry.PUT_BACK, f"{why}; {words}", begun, moved_um=moved)
        self._end()
        return words

    def _say_anyhow(self, what: LensEntry, words: str, begun: Outstanding, **numbers: float | None) -> str:
        """A line of the ledger; what is to be added to the words where a full disk takes none."""
        try:
            self.book.say(what, words, instruction=begun.trial, numbers={"home_um": begun.home_um, **numbers})
        except StateError as error:
            return f" ({error})"
        return ""


def restore(state_dir: Path, instrument: Instrument, *, actor: str | None = None) -> str | None:
    """Put back what a program that died left; says what was done, None when nothing was left so.

    A program that lives and moves the lens now is left alone. AdjustmentRefused where the file does not allow that the
    lens is moved, InstrumentError where it is not back: what is left stays on the disk, for the next try.
    """
    if outstanding_of(state_dir) is None or is_held(state_dir):
        return None
    with Lens(state_dir, config_of(state_dir), instrument, actor=actor) as lens:
        return lens.restored


def is_held(state_dir: Path) -> bool:
    """Whether a program holds the lens now."""
    lock = places.lock(state_dir)
    if not lock.exists():
        return False
    try:
        with files.held(files.opened_lock(lock), wait_s=0.0):
            return False
    except TimeoutError:
        return True


def forget(state_dir: Path, *, actor: str | None = None) -> str:
    """A person says that the lens is where it should be: nothing is put back any more. Says what was forgotten."""
    if is_held(state_dir):
        raise LensBusy("a program is moving the lens now: there is nothing to forget before it is through")
    if not places.outstanding(state_dir).exists():
        return "there is nothing to forget: no program left the lens elsewhere"
    try:
        left = outstanding_of(state_dir)
        words = f"not put back any more: {left.why} of {local(left.at)}, home {left.home_um:.3f} um" if left else ""
    except StateError:
        words = "not put back any more: what was left cannot be read"
    ledger.add(state_dir, LensEntry.FORGOTTEN, words, actor=actor or ledger.whoever())
    outstanding.drop(state_dir)
    return words


def _where(error: InstrumentError, at: float | None) -> str:
    return str(error) if at is None else f"{error}; it was last seen at {at:.3f} um"
