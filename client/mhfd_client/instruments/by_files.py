"""The adapter of SBEMimage and SerialEM: what is asked lies in a file, a script at the microscope answers in another.

The folder is the address; `scripts/lens_by_files.py`, which the operator runs there, is the other side and has the
form of both files. A set whose answer does not come is never sent again: its fate is unknown, and that is said.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from mhfd_client.errors import (
    AcquisitionFailed,
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    OutOfRange,
    SettingsError,
)
from mhfd_client.files import held, opened_lock, shown
from mhfd_client.instruments.checked import check_allowed, check_taken, name_of
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.instruments.polled import OwnSets, polled
from mhfd_client.instruments.protocol import DeviceEvent, DeviceReading, Knob, KnobRange, TakenImage
from mhfd_client.instruments.scripts import lens_by_files as wire
from mhfd_client.instruments.tiff_image import tiff_image

_LOOK_S: Final = 0.02
_EVERY_S: Final = 1.0
"""Between two looks for another's hand: each is a request that the microscope answers."""
_KINDS: Final[dict[str, type[InstrumentError]]] = {
    "out_of_range": OutOfRange,
    "acquisition_failed": AcquisitionFailed,
    "another_hand": AnotherHand,
}


class ByFilesInstrument:
    """One connection to the script at a microscope."""

    def __init__(self, config: InstrumentConfig) -> None:
        self.kind: str = config.kind
        self._folder = Path(config.address)
        self._timeout_s = config.timeout_s
        if not self._folder.is_absolute():
            raise SettingsError(f"address: {config.address!r}: give the whole path of the folder that the script reads")
        if not self._folder.is_dir():
            raise SettingsError(f"address: {shown(self._folder)} is no folder; make it, and run the script in it")
        said = self._said()
        if said["program"] != config.kind:
            raise SettingsError(
                f"kind: {config.kind!r}, but in {shown(self._folder)} runs the script of {said['program']!r}; mend "
                "the kind, or name another folder"
            )
        self.name = config.name or str(said["name"])
        self._ranges = {knob: KnobRange(*said["ranges"][knob.value]) for knob in Knob}
        self._units = {knob: str(said["units"][knob.value]) for knob in Knob}
        self._ahead_s = 0.0
        self._one = threading.Lock()
        self._own = OwnSets()
        first = self.read()
        self._settable = frozenset(knob for knob in Knob if first.value(knob) is not None)

    def read(self) -> DeviceReading:
        """How it stands now."""
        return self._reading(self._ask({"ask": "read"}))

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn a knob and read it back. The script has limits of its own, which hold first."""
        if knob not in self._settable:
            raise OutOfRange(f"{name_of(knob)}: {self.name} does not say it, so it cannot be set; nothing was set")
        check_allowed(knob, value, self._ranges[knob])
        self._own.remember(knob, value)
        asked = {"ask": "set", "knob": knob.value, "value": value, "unit": self._units[knob]}
        return check_taken(knob, value, self._reading(self._ask(asked)))

    def acquire(self) -> TakenImage:
        """Take an image with what the microscope is set to. It stays in the folder, among the last hundred."""
        answer = self._ask({"ask": "acquire"})
        path = self._folder / wire.IMAGES / Path(str(answer["image"])).name
        pixels, _ = tiff_image(path, f"{self.name}: {shown(path)}")
        return TakenImage(pixels, self._reading(answer), path)

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """Neither program is asked for that: the operator retakes."""
        return None

    def limits(self, knob: Knob) -> KnobRange:
        """What the operator gave the script for the lens; the program's own range for the stigmators."""
        return self._ranges[knob]

    def settable(self) -> frozenset[Knob]:
        """Those that could be read."""
        return self._settable

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """Asked once a second; who turned is known only where we did."""
        return polled(self.read, told, actor=self._own.actor, every_s=_EVERY_S)

    def close(self) -> None:
        """Nothing is open; the script goes on."""

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Write a request and wait for the answer of the same number."""
        try:
            with self._one, held(opened_lock(self._folder / "mhfd.lock"), wait_s=self._timeout_s):
                self._said()
                return self._answered(asked)
        except TimeoutError:
            raise InstrumentLost(
                f"{self.name} was asked by another process for {self._timeout_s:g} s; nothing was asked, and it may be "
                "asked again"
            ) from None
        except OSError as error:
            raise InstrumentLost(f"{shown(self._folder)}: cannot be used: {error}; see whether it is mounted") from None

    def _answered(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = uuid.uuid4().hex
        request = self._folder / wire.REQUEST
        expires_at = time.time() + self._ahead_s + self._timeout_s
        wire.write_message(request, {"wire": wire.WIRE, "id": number, **asked, "expires_at": expires_at})
        until = time.monotonic() + self._timeout_s
        while time.monotonic() < until:
            answer = wire.read_message(self._folder / wire.ANSWER)
            if answer is not None and answer["id"] == number:
                self._ahead_s = float(answer["at"]) - time.time()
                if refused := answer["refused"]:
                    raise _KINDS.get(refused["kind"], InstrumentLost)(f"{self.name}: {refused['why']}")
                return answer
            self._said(asked=True)
            time.sleep(_LOOK_S)
        request.unlink(missing_ok=True)
        raise InstrumentLost(
            f"{self.name} gave no answer within {self._timeout_s:g} s; what was asked may have been done: look where "
            "the lens stands, and whether the script still runs there"
        )

    def _said(self, *, asked: bool = False) -> dict[str, Any]:
        """What the script says of itself. InstrumentLost where it has ended, or never ran."""
        said = wire.read_message(self._folder / wire.DESK)
        if said is None or not said["running"]:
            fate = "it ended before it answered: what was asked may have been done" if asked else "nothing was asked"
            raise InstrumentLost(
                f"no script answers in {shown(self._folder)}; {fate}; run it at the microscope: mhfd adjust script "
                f"{self.kind}"
            )
        return said

    @staticmethod
    def _reading(answer: dict[str, Any]) -> DeviceReading:
        told = {key: value for key, value in answer["reading"].items() if value is not None}
        lens, stage = told.pop(wire.LENS), told.pop("stage_um", None)
        numbers = {key: float(value) for key, value in told.items()}
        return DeviceReading(
            working_distance_um=float(lens),
            at=time.time(),
            stage_um=(float(stage[0]), float(stage[1])) if stage else None,
            **numbers,
        )
