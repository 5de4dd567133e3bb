"""A pretend microscope with a station's folder that may move its lens, and a connection that dies at a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from mhfd.contract.proposal import Proposal, ProposalRefusal
from mhfd_client.adjustment.lens import Lens, TakenPair
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_client.instruments.protocol import DeviceEvent, DeviceReading, Instrument, Knob, KnobRange, TakenImage

PACKAGE: Final = "0" * 64
T = TypeVar("T")

FOCUS_UM: Final = 5000.0
HOME_UM: Final = 5003.217
"""Where the lens of the rig stands: a number that no rounding makes."""
TOML: Final = """\
kind = "pretend"
address = "{address}"
allow = "{allow}"
{more}
[limits]
low_um = {low}
high_um = {high}
hour_um = {hour}
"""


class Killed(BaseException):
    """The process ends here: nothing that catches an error sees it end otherwise."""


@dataclass(frozen=True)
class LensRig:
    """One microscope, and the folder of a station beside it."""

    scope: PretendScope
    state: Path

    @property
    def config(self) -> InstrumentConfig:
        """What its file says."""
        return config_of(self.state)

    @property
    def lens_um(self) -> float:
        """Where the lens stands."""
        return self.scope.lens().working_distance_um

    def instrument(self) -> Instrument:
        """A new connection."""
        return opened(self.config)

    def lens(self, instrument: Instrument | None = None, **options: Any) -> Lens:
        """The hand that moves it."""
        return Lens(self.state, self.config, instrument or self.instrument(), actor="ada", **options)

    def write(
        self,
        *,
        allow: str = "apply",
        low: float = 4900.0,
        high: float = 5100.0,
        hour: float = 50.0,
        more: str = "",
    ) -> None:
        """Its `instrument.toml` anew."""
        text = TOML.format(address=self.scope.folder, allow=allow, low=low, high=high, hour=hour, more=more)
        (self.state / NAME).write_text(text)


def lens_rig(folder: Path, *, allow: str = "apply", lens_um: float = HOME_UM, **truth: Any) -> LensRig:
    """Made anew below a folder; images are small, since most tests look at the lens and not at them."""
    state = folder / "state"
    state.mkdir(parents=True)
    rig = LensRig(make_pretend(folder / "scope", lens_um=lens_um, **{"size": 64, **truth}), state)
    rig.write(allow=allow)
    return rig


class Dying:
    """A connection whose process is killed at a call: before it is made, or right after the instrument did it.

    From then on nothing more is done with the instrument, whatever the code on the way out would like to do.
    """

    def __init__(self, instrument: Instrument, at: int, *, done: bool, end: Callable[[], object] | None = None) -> None:
        self._instrument = instrument
        self._at = at
        self._done = done
        self._end = end
        self._calls = 0
        self.kind, self.name = instrument.kind, instrument.name

    def read(self) -> DeviceReading:
        """How it stands."""
        return self._call(self._instrument.read)

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn."""
        return self._call(lambda: self._instrument.set(knob, value))

    def acquire(self) -> TakenImage:
        """Take an image."""
        return self._call(self._instrument.acquire)

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """Take it again."""
        return self._call(lambda: self._instrument.retake(section, tile))

    def limits(self, knob: Knob) -> KnobRange:
        """No call of the wire."""
        return self._instrument.limits(knob)

    def settable(self) -> frozenset[Knob]:
        """No call of the wire."""
        return self._instrument.settable()

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """As the instrument."""
        return self._instrument.on_change(told)

    def close(self) -> None:
        """As the instrument."""
        self._instrument.close()

    def _call(self, asked: Callable[[], T]) -> T:
        self._calls += 1
        if self._calls > self._at or (self._calls == self._at and not self._done):
            self._die()
        answer = asked()
        if self._calls == self._at:
            self._die()
        return answer

    def _die(self) -> None:
        if self._end is not None:
            self._end()
        raise Killed


@contextmanager
def steps_of(rig: LensRig) -> Iterator[list[int]]:
    """How many calls reached the microscope meanwhile, as the one entry of the list."""
    before, counted = rig.scope.count().calls, [0]
    yield counted
    counted[0] = rig.scope.count().calls - before


class Teller:
    """Says what is true of the pretend microscope, as wrong as it is made: gain, offset, refusals by turn."""

    def __init__(self, rig: LensRig, *, gain: float = 1.0, bias: float = 0.0, refuses: tuple[int, ...] = ()) -> None:
        self.rig = rig
        self.gain = gain
        self.bias = bias
        self.refuses = refuses
        self.asked = 0
        self.sized = True

    def __call__(self, pair: TakenPair) -> Proposal:
        """Of a pair."""
        self.asked += 1
        if self.asked in self.refuses:
            return Proposal(sign=None, refusal=ProposalRefusal.NO_STRUCTURE, why="blank", package=PACKAGE, title="t")
        truth = self.rig.scope.truth()
        move = self.gain * (truth.focus_at(truth.section, self.rig.scope.count().images) - pair.centre_um) + self.bias
        sign = 1 if move > 0 else -1
        size = {"move_um": move, "sd_um": 0.2} if self.sized else {}
        return Proposal.model_validate({"sign": sign, "package": PACKAGE, "title": "t", **size})
