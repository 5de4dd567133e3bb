"""The adapter of the pretend microscope: its specimen is known. For tests, the demo and a first try.

It speaks with a folder (`pretend_scope`), as the others speak with a program. It must not look at what is true there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from mhfd_client.errors import InstrumentError, SettingsError
from mhfd_client.instruments.checked import check_allowed, check_taken
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.instruments.polled import polled
from mhfd_client.instruments.pretend_scope import PretendScope
from mhfd_client.instruments.protocol import DeviceEvent, DeviceReading, Knob, KnobRange, TakenImage

_EVERY_S: Final = 0.05
"""Between two looks at the lens: it is a small file."""


class PretendInstrument:
    """One connection to a pretend microscope."""

    kind = "pretend"

    def __init__(self, config: InstrumentConfig) -> None:
        folder = Path(config.address)
        if not folder.is_absolute():
            raise SettingsError(f"address: {config.address!r}: give the whole path of the pretend microscope's folder")
        self._scope = PretendScope(folder)
        self._timeout_s = config.timeout_s
        truth = self._scope.truth()
        self.name = config.name or truth.name
        self._limits = {knob: truth.limits(knob) for knob in Knob}
        self._settable = frozenset(Knob) - set(truth.stuck)

    def read(self) -> DeviceReading:
        """How it stands now."""
        with self._scope.asked(wait_s=self._timeout_s) as call:
            return call.read()

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn a knob and read it back; an image that is being taken is waited for."""
        check_allowed(knob, value, self._limits[knob])
        with self._scope.asked(wait_s=self._timeout_s) as call:
            reading = call.set(knob, value)
        return check_taken(knob, value, reading)

    def acquire(self) -> TakenImage:
        """Take an image; nobody turns the lens meanwhile."""
        with self._scope.asked(wait_s=self._timeout_s) as call:
            return call.image()

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """Take a place of the run again, and save it where the run's images go."""
        if section is None:
            return None
        with self._scope.asked(wait_s=self._timeout_s) as call:
            return call.image(place=(section, tile or "r1-c1")).path

    def limits(self, knob: Knob) -> KnobRange:
        """Where the pretend microscope allows the knob to be."""
        return self._limits[knob]

    def settable(self) -> frozenset[Knob]:
        """All but those that are stuck."""
        return self._settable

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """Its lens is looked at twenty times a second; each turn is told with who turned."""
        return polled(self._look, told, actor=self._actor, every_s=_EVERY_S)

    def close(self) -> None:
        """Nothing is open."""

    def _look(self) -> DeviceReading:
        """Asks nothing of the microscope, so that no fault and no count is spent on looking."""
        try:
            return self._scope.reading()
        except SettingsError as error:
            raise InstrumentError(str(error)) from None

    def _actor(self, before: DeviceReading, after: DeviceReading) -> str | None:
        return self._scope.lens().actor
