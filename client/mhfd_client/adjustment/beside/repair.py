"""One repair, in a process of its own that the desk beside a watch starts: `python -m` and the name of this module.

It is told on standard input what to do, and says on standard output how it ended. How it went is in the ledger before
it says so: a watch that died meanwhile finds it there. What moves the lens, and brings it back, is not in here.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mhfd.errors import MhfdError
from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.beside.out_of_focus import BlurredImage
from mhfd_client.adjustment.beside.tries import RepairEnd, about
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.outstanding import SAME_UM
from mhfd_client.beside.child import Child, Running
from mhfd_client.beside.told import Folder
from mhfd_client.errors import AdjustmentRefused, AnotherHand, LensBusy, SettingsError

if TYPE_CHECKING:
    from mhfd.contract import Proposal
    from mhfd_client.adjustment.applying import Ask

_PASSING = frozenset({"drift", "two_fields", "pair_too_old", "unsure"})
"""Refusals that another pair may not meet."""


class RepairJob(BaseModel):
    """What is to be done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    state_dir: Folder
    what: Literal["restore", "propose", "apply"]
    repair: str = ""
    """Under which name the ledger has it."""
    home: Folder | None = None
    """Where learned packages are kept; None: where this user's are."""
    image: int = 0
    shot: str = ""
    section: int | None = None
    tile: str | None = None

    @classmethod
    def of(
        cls, state_dir: Path, what: Literal["propose", "apply"], repair: str, one: BlurredImage, *, home: Path | None
    ) -> RepairJob:
        """To mend an image, or to say how."""
        return cls(
            state_dir=state_dir,
            what=what,
            home=home,
            repair=repair,
            image=one.image,
            shot=one.shot,
            section=one.section,
            tile=one.tile,
        )

    @property
    def field(self) -> str:
        """Whose dose it is."""
        if self.section is None:
            return self.shot
        return f"section {self.section}" + (f" tile {self.tile}" if self.tile else "")

    @property
    def about(self) -> dict[str, str | None]:
        """What the lines of the ledger say of whose it is."""
        return about(self.image, self.shot, self.section, self.tile, repair=self.repair)

    def start(self) -> Child:
        """In a process of its own."""
        return Child(["-m", "mhfd_client.adjustment.beside.repair"], self.model_dump_json().encode() + b"\n")


class RepairTold(BaseModel):
    """How it ended. Neither `end` nor `busy`: the lens stands where it belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    end: RepairEnd | None = None
    words: str = ""
    busy: bool = False
    """Another program moves the lens now: it is asked again soon."""

    @classmethod
    def read(cls, child: Running) -> RepairTold:
        """What a process said at its end; that it failed, where it said nothing."""
        try:
            return cls.model_validate_json(child.answer)
        except ValidationError:
            return cls(end=RepairEnd.FAILED, words=child.said)


def run(job: RepairJob, *, ask: Ask | None = None) -> RepairTold:
    """Do it, and keep how it ended. `ask`: who says where the focus lies; the champion, where nobody is named."""
    try:
        told = _restored(job) if job.what == "restore" else _mended(job, ask)
    except LensBusy as error:
        told = RepairTold(end=RepairEnd.FAILED, words=str(error), busy=True)
    except AnotherHand as error:
        told = RepairTold(end=RepairEnd.NOT_BETTER, words=str(error))
    except (AdjustmentRefused, SettingsError) as error:
        told = RepairTold(end=RepairEnd.REFUSED, words=str(error))
    except MhfdError as error:  # the instrument, the disk: no fault of the image
        told = RepairTold(end=RepairEnd.FAILED, words=str(error))
    if job.what != "restore":
        assert told.end is not None  # noqa: S101 - a repair always has one
        ended: dict[str, str | None] = {**job.about, "end": told.end.value}
        ledger.add(job.state_dir, LensEntry.REPAIRED, told.words, actor="watch", about=ended)
    return told


def _restored(job: RepairJob) -> RepairTold:
    from mhfd_client.adjustment.lens import restore
    from mhfd_client.instruments.config import config_of
    from mhfd_client.instruments.opening import opened

    instrument = opened(config_of(job.state_dir))
    try:
        return RepairTold(words=restore(job.state_dir, instrument, actor="watch") or "")
    finally:
        instrument.close()


def _mended(job: RepairJob, ask: Ask | None) -> RepairTold:
    from mhfd_client.adjustment.applying import RepairOutcome, apply_once, propose_at
    from mhfd_client.adjustment.asked import asker
    from mhfd_client.adjustment.lens import Lens
    from mhfd_client.instruments.config import config_of
    from mhfd_client.instruments.opening import opened

    config = config_of(job.state_dir)
    instrument = opened(config)
    try:
        asked: dict[str, Any] = {
            "ask": ask or asker(job.state_dir, instrument, home=job.home),
            "instrument": instrument,
            "config": config,
            "actor": "watch",
            "field": job.field,
        }
        if job.what == "propose":
            said = propose_at(job.state_dir, **asked)
            end = RepairEnd.PROPOSED if said.refusal is None else RepairEnd.REFUSED
            return RepairTold(end=end, words=proposed_words(said))
        done = apply_once(job.state_dir, really=True, **asked)
        if done.outcome is RepairOutcome.REFUSED:
            end = RepairEnd.NOT_BETTER if done.refusal in _PASSING else RepairEnd.REFUSED
            return RepairTold(end=end, words=done.words)
        if done.outcome not in (RepairOutcome.MOVED, RepairOutcome.IN_FOCUS):
            return RepairTold(end=RepairEnd.NOT_BETTER, words=done.words)
        with Lens(job.state_dir, config, instrument, actor="watch", field=job.field) as lens:
            stands = lens.read().working_distance_um
            if abs(stands - done.to_um) > SAME_UM:  # a new take would be as blurred as that turn makes it
                turned = f"somebody else has turned the lens to {stands:.3f} um since; not taken again"
                return RepairTold(end=RepairEnd.NOT_BETTER, words=f"{done.words}; {turned}")
            ledger.add(job.state_dir, LensEntry.RETAKEN, "taken again", actor="watch", about=job.about)
            path = lens.instrument.retake(job.section, job.tile)
    finally:
        instrument.close()
    if path is None:
        words = f"{done.words}; {instrument.name} takes no image of a place by itself: take it again"
        return RepairTold(end=RepairEnd.REFOCUSED, words=words)
    return RepairTold(end=RepairEnd.RETAKEN, words=f"{done.words}; taken again")


def proposed_words(said: Proposal) -> str:
    """What a person is to turn, or why that is not known."""
    if said.refusal is not None:
        return said.why or said.refusal.value
    if said.move_um is not None:
        return f"add {said.move_um:+.2f} +- {said.sd_um or 0.0:.2f} um to the working distance"
    way = "a longer" if said.sign == 1 else "a shorter"
    return f"{way} working distance is sharper; how far is not known" + (f": {said.why}" if said.why else "")


def main() -> None:
    """Do what standard input says."""

    def ended(*_: Any) -> None:
        sys.exit("it was ended before it was through")  # the lens is brought back on the way out

    signal.signal(signal.SIGTERM, ended)
    told = run(RepairJob.model_validate_json(sys.stdin.buffer.readline()))
    sys.stdout.write(told.model_dump_json() + "\n")


if __name__ == "__main__":
    main()
