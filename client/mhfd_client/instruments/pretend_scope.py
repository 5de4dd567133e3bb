"""The pretend microscope itself, in a folder: its lens is a file, so that it outlives every process that turns it.

`scope.json` is what is true, `lens.json` how the lens stands, `faults.json` what goes wrong, `count.json` what was
asked of it. Who asks, and what is made of the images, it does not know.
"""

from __future__ import annotations

import io
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from mhfd.errors import UsageError
from mhfd_client.errors import AcquisitionFailed, InstrumentLost, SettingsError
from mhfd_client.files import held, opened_lock, shown, write_whole
from mhfd_client.instruments.pretend_truth import PretendCount, PretendFaults, PretendLens, PretendTruth
from mhfd_client.instruments.protocol import OURSELVES, DeviceReading, Knob, TakenImage
from mhfd_client.microscope.plan import image_path

if TYPE_CHECKING:
    from mhfd.simulate import Artefacts, Grey, Specimen
    from mhfd.simulate.fields import Plane

M = TypeVar("M", bound=BaseModel)
_OPERATOR: Final = "operator"
_TRUTH, _LENS, _FAULTS, _COUNT = "scope.json", "lens.json", "faults.json", "count.json"


def make_pretend(folder: Path, *, lens_um: float | None = None, **truth: Any) -> PretendScope:
    """A new pretend microscope. UsageError names what it cannot be.

    Args:
        folder: Made where it is not there; one that holds a microscope is refused.
        lens_um: Where its lens stands; in focus by default.
        **truth: Fields of `PretendTruth`.
    """
    if (folder / _TRUTH).exists():
        raise UsageError(f"{shown(folder)}: holds a pretend microscope already; name another folder")
    whole = _checked(PretendTruth, truth)
    lens = PretendLens(working_distance_um=whole.focus_at(whole.section, 0) if lens_um is None else lens_um)
    write_whole(folder / _LENS, lens.model_dump_json().encode())
    write_whole(folder / _TRUTH, whole.model_dump_json(indent=1).encode())
    return PretendScope(folder)


@dataclass(frozen=True, slots=True)
class PretendCall:
    """One thing that is asked of the microscope while nobody else asks; `PretendScope.asked` gives it."""

    scope: PretendScope
    faults: PretendFaults
    wait_s: float

    def read(self) -> DeviceReading:
        """How it stands."""
        return self.scope.reading()

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn a knob, as far as it does turn."""
        count = self.scope.counted(sets=1)
        lens, short = self.scope.lens(), 0.0
        if knob in self.scope.truth().stuck:
            short = 1.0
        elif self.faults.hits(self.faults.set_does_not_take, count.sets - self.faults.since.sets):
            short = self.faults.falls_short
        stands = lens.value(knob)
        reached = value if short == 0 else stands + (value - stands) * (1 - short)
        self.scope.put(lens.turned(knob, reached, OURSELVES))
        return self.scope.reading()

    def image(self, *, place: tuple[int, str] | None = None) -> TakenImage:
        """Take an image of what lies under the beam; of a place of the run, where one is named. AcquisitionFailed."""
        count = self.scope.counted(images=1, run_images=0 if place is None else 1)
        time.sleep(min(self.faults.slow_s, self.wait_s))
        if self.faults.slow_s > self.wait_s:
            raise InstrumentLost(f"the microscope gave no image within {self.wait_s:g} s; it may still take one")
        if self.faults.hits(self.faults.acquire_fails, count.images - self.faults.since.images):
            raise AcquisitionFailed("the pretend microscope took no image: that was planted")
        if place is not None:
            self.scope.go(*place)
        truth = self.scope.truth()
        pixels = _pixels(truth, self.scope.lens(), count.images)
        reading = self.scope.reading()
        path = None
        if place is not None:
            path = self.scope.folder / truth.run / image_path(truth.layout, truth.section, truth.tile)
        elif truth.saves:
            path = self.scope.folder / "images" / f"{count.images:06d}.tif"
        if path is not None:
            write_whole(path, _tiff(pixels, truth, reading))
        return TakenImage(pixels, reading, path)


class PretendScope:
    """One that is there: what is true of it, for who plays the specimen and the operator. SettingsError: none is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth()

    def truth(self) -> PretendTruth:
        """What is true."""
        return self._read(_TRUTH, PretendTruth)

    def lens(self) -> PretendLens:
        """How the lens stands."""
        return self._read(_LENS, PretendLens)

    def faults(self) -> PretendFaults:
        """What goes wrong."""
        return self._read(_FAULTS, PretendFaults, optional=True)

    def count(self) -> PretendCount:
        """What was asked of it."""
        return self._read(_COUNT, PretendCount, optional=True)

    def defocus_um(self) -> float:
        """How far the lens stands from where what lies under the beam is sharp; with its sign."""
        truth = self.truth()
        return self.lens().working_distance_um - truth.focus_at(truth.section, self.count().images)

    def change(self, **truth: Any) -> None:
        """Make something else true: the next section, another focus."""
        with self._alone():
            self._change(truth)

    def plant(self, **faults: Any) -> None:
        """From now on these faults, and no others; without any, none."""
        with self._alone():
            whole = _checked(PretendFaults, {"since": self.count().model_dump(), **faults})
            write_whole(self.folder / _FAULTS, whole.model_dump_json(indent=1).encode())

    def turn(self, by: float, knob: Knob = Knob.WORKING_DISTANCE, *, actor: str | None = _OPERATOR) -> None:
        """Somebody turns a knob at the microscope."""
        with self._alone():
            self._turn(by, knob, actor)

    def turn_to(self, value: float, knob: Knob = Knob.WORKING_DISTANCE, *, actor: str | None = _OPERATOR) -> None:
        """Somebody, or the microscope's own autofocus, turns it to a value."""
        with self._alone():
            self._turn(value - self.lens().value(knob), knob, actor)

    def run_image(self, section: int, tile: str = "r1-c1") -> Path:
        """Go to a place and take its image of the run, as the microscope does by itself: no fault, no call."""
        with self._alone():
            path = PretendCall(self, PretendFaults(), 60.0).image(place=(section, tile)).path
        return path or self.folder

    @contextmanager
    def asked(self, *, wait_s: float) -> Iterator[PretendCall]:
        """Ask something of it, by its wire: nobody else asks meanwhile. InstrumentLost, where it is cut off."""
        with self._alone(wait_s):
            faults = self.faults()
            number = self.counted(calls=1).calls - faults.since.calls
            if number in faults.another_hand:
                self._turn(faults.another_hand[number], Knob.WORKING_DISTANCE, _OPERATOR)
            cut_from = faults.connection_cut_from
            if faults.hits(faults.connection_cut, number) or (cut_from is not None and number >= cut_from):
                raise InstrumentLost("the pretend microscope gives no answer; nothing was done")
            if faults.silent:
                time.sleep(wait_s)
                raise InstrumentLost(
                    f"the pretend microscope gave no answer within {wait_s:g} s; what was asked may be done"
                )
            yield PretendCall(self, faults, wait_s)
            if number in faults.answer_lost:
                raise InstrumentLost(
                    "the pretend microscope gave no answer: that was planted; what was asked may have been done"
                )

    def reading(self) -> DeviceReading:
        """How it stands, for who holds it."""
        from mhfd_client.microscope.images import stage_um

        truth, lens = self.truth(), self.lens()
        return DeviceReading(
            working_distance_um=lens.working_distance_um,
            at=time.time(),
            stig_x=lens.stig_x,
            stig_y=lens.stig_y,
            pixel_nm=truth.pixel_nm,
            dwell_ns=truth.dwell_ns,
            magnification=round(1e6 * 127 / (truth.size * truth.pixel_nm), 3),  # on a picture 127 mm wide
            beam_kv=truth.beam_kv,
            beam_pa=truth.beam_pa,
            stage_um=stage_um(truth.size, truth.section, truth.tile, pixel_nm=truth.pixel_nm),
        )

    def put(self, lens: PretendLens) -> None:
        """The lens stands so, for who holds it."""
        write_whole(self.folder / _LENS, lens.model_dump_json().encode())

    def go(self, section: int, tile: str) -> None:
        """The stage goes to a place, for who holds it."""
        self._change({"section": section, "tile": tile})

    def counted(self, **more: int) -> PretendCount:
        """One more, for who holds it."""
        count = self.count()
        count = count.model_copy(update={name: getattr(count, name) + by for name, by in more.items()})
        part = self.folder / f".{_COUNT}.part"
        part.write_text(count.model_dump_json())
        part.replace(self.folder / _COUNT)  # whole for every reader; a sync a call is not worth it
        return count

    def _change(self, told: dict[str, Any]) -> None:
        whole = _checked(PretendTruth, self.truth().model_dump() | told)
        write_whole(self.folder / _TRUTH, whole.model_dump_json(indent=1).encode())

    def _turn(self, by: float, knob: Knob, actor: str | None) -> None:
        lens = self.lens()
        self.put(lens.turned(knob, lens.value(knob) + by, actor))

    @contextmanager
    def _alone(self, wait_s: float = math.inf) -> Iterator[None]:
        try:
            with held(opened_lock(self.folder / "lock"), wait_s=wait_s):
                yield
        except TimeoutError:
            raise InstrumentLost(f"the pretend microscope was busy for {wait_s:g} s; nothing was asked") from None
        except OSError as error:
            raise InstrumentLost(f"the pretend microscope cannot be reached: {error}") from None

    def _read(self, name: str, kind: type[M], *, optional: bool = False) -> M:
        file = self.folder / name
        try:
            return kind.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            if optional:
                return kind()
            raise SettingsError(
                f"address: {shown(self.folder)} holds no pretend microscope ({name} is not there); make one"
            ) from None
        except OSError as error:
            raise InstrumentLost(
                f"{shown(file)}: cannot be read: {error.strerror or os.strerror(error.errno or 0)}"
            ) from None
        except ValidationError as error:
            raise SettingsError(f"{shown(file)}: {_said(error)}; mend the file") from None


def _checked(kind: type[M], told: dict[str, Any]) -> M:
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        raise UsageError(f"{_said(error)}; see {kind.__name__}") from None


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _pixels(truth: PretendTruth, lens: PretendLens, images: int) -> Grey:
    """What the detector makes of what lies under the beam, with the lens as it stands."""
    from mhfd.simulate import Exposure, Optics
    from mhfd_client.microscope.images import origin

    row, column = origin(truth.size, truth.tile)
    down, along = (round(images * step) for step in truth.drift_px)
    specimen, artefacts = _under_the_beam(truth)
    place = (row + down, column + along)
    scene = _scene(specimen, artefacts, (truth.size, truth.size), truth.section, place, truth.pixel_nm)
    angle = 2 * math.radians(truth.astigmatism_deg)
    x = truth.astigmatism_um * math.cos(angle) + truth.stig_um * lens.stig_x
    y = truth.astigmatism_um * math.sin(angle) + truth.stig_um * lens.stig_y
    optics = Optics(
        pixel_nm=truth.pixel_nm,
        half_angle_mrad=truth.half_angle_mrad,
        probe_nm=truth.probe_nm,
        defocus_um=lens.working_distance_um - truth.focus_at(truth.section, images - 1),
        astigmatism_um=math.hypot(x, y),
        astigmatism_deg=math.degrees(math.atan2(y, x)) / 2,
    )
    return specimen.recorded(scene, truth.section, images, optics, Exposure(dose=truth.dose), artefacts)


def _under_the_beam(truth: PretendTruth) -> tuple[Specimen, Artefacts]:
    from mhfd.simulate import Artefacts, Specimen

    return Specimen(seed=truth.seed, density=truth.density), Artefacts(resin=1.0 if truth.blank else 0.0)


@lru_cache(maxsize=4)
def _scene(
    specimen: Specimen,
    artefacts: Artefacts,
    shape: tuple[int, int],
    section: int,
    place: tuple[int, int],
    pixel_nm: float,
) -> Plane:
    """Nine tenths of an image's time, and the same for all images of a field."""
    return specimen.scene(shape, section, place, pixel_nm, artefacts)


def _tiff(pixels: Grey, truth: PretendTruth, reading: DeviceReading) -> bytes:
    """The file that the instrument leaves: Atlas's words, so that whatever reads those knows the lens."""
    import tifffile

    from mhfd_client.microscope.images import fibics

    focus_m = reading.working_distance_um * 1e-6
    xml = fibics(
        truth.size, truth.section, truth.tile, focus_m=focus_m, pixel_nm=truth.pixel_nm, dwell_ns=truth.dwell_ns
    )
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="minisblack", metadata=None, extratags=[(51023, 2, None, xml, True)])
    return buffer.getvalue()
