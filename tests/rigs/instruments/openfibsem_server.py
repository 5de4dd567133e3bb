"""OpenFIBSEM's real server over its real demo microscope, which shows our specimens; runs where `fibsem` is installed.

    PYTHONPATH=functions FIBSEM_PYTHON tests/rigs/instruments/openfibsem_server.py

Its demo's images know nothing of focus: where the next image is made, ours is, as the lens stands then. A route of its
own, `/rig`, says what lies under the beam, where the focus is, and what goes wrong: faults are put around the methods
of the real microscope. Prints the port that it listens at.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

FAULTS = ("set_does_not_take", "set_raises", "acquire_raises", "acquire_waits", "acquire_is_slow", "silent")


@dataclass(frozen=True)
class Truth:
    """What lies under the beam, and how the column is; the focus is where the specimen lies, as a working distance."""

    seed: int = 0
    section: int = 0
    focus_um: float = 4000.0
    stig_x: float = 0.1
    """Where the stigmators would have to stand."""
    stig_y: float = 0.0
    stig_um: float = 4.0
    """Astigmatism that a stigmator makes by one of its unit."""
    blank: bool = False
    half_angle_mrad: float = 8.0
    dose: float = 150.0
    side_px: int = 512
    pixel_nm: float = 8.0
    density: float = 1.0
    fault: str | None = None
    images_until_fault: int = 0
    """So many images come before `acquire_raises` or `acquire_waits` begins."""


def render(
    truth: Truth, shape: tuple[int, int], lens_um: float, stig: tuple[float, float], field: tuple[int, int], take: int
) -> Any:
    """The image of a field as the lens stands."""
    from mhfd.simulate import Exposure, Optics, Specimen

    x, y = (truth.stig_um * (have - need) for have, need in zip(stig, (truth.stig_x, truth.stig_y), strict=True))
    optics = Optics(
        pixel_nm=truth.pixel_nm,
        half_angle_mrad=truth.half_angle_mrad,
        defocus_um=lens_um - truth.focus_um,
        astigmatism_um=float(np.hypot(x, y)),
        astigmatism_deg=float(np.degrees(np.arctan2(y, x)) / 2),
    )
    scene = _scene(truth.seed, truth.section, shape, field, truth.pixel_nm, truth.density)
    if truth.blank:
        grain = np.random.default_rng(truth.seed).standard_normal(shape)
        scene = (0.7 + 0.01 * grain).astype(np.float32)
    specimen = Specimen(seed=truth.seed, density=truth.density)
    return specimen.recorded(scene, truth.section, take, optics, Exposure(dose=truth.dose))


@lru_cache(maxsize=8)
def _scene(
    seed: int, section: int, shape: tuple[int, int], origin: tuple[int, int], pixel_nm: float, density: float
) -> Any:
    from mhfd.simulate import Specimen

    return Specimen(seed=seed, density=density).scene(shape, section, origin, pixel_nm)


def served() -> Any:
    """The server's app, over the demo microscope with our specimens."""
    from fastapi import HTTPException
    from fibsem import utils
    from fibsem.microscopes.simulator import DemoMicroscope
    from fibsem.server.server import FibsemServer
    from fibsem.structures import BeamType

    class OurSpecimens(DemoMicroscope):  # type: ignore[misc]  # of an environment that mypy does not see
        truth = Truth()
        images = 0
        waiting = False
        takes = 0  # whatever was laid meanwhile: no two images have one noise
        go = threading.Event()

        def _generate_next_image(self, beam_type: Any, output_shape: Any, dtype: Any = np.uint8) -> Any:
            truth = self.truth
            if truth.fault == "acquire_is_slow":
                time.sleep(0.5)
            if self.images >= truth.images_until_fault:
                if truth.fault == "acquire_raises":
                    raise RuntimeError("the scan was stopped")
                if truth.fault == "acquire_waits":
                    self.waiting = True
                    self.go.wait()
                    self.waiting = False
            beam, stage = self.electron_system.beam, self.stage_system.position
            self.images += 1
            self.takes += 1
            field = (round(stage.y * 1e9 / truth.pixel_nm), round(stage.x * 1e9 / truth.pixel_nm))
            stig = (beam.stigmation.x, beam.stigmation.y)
            image = render(truth, tuple(output_shape), beam.working_distance * 1e6, stig, field, self.takes)
            return image.astype(dtype)

        def set_working_distance(self, wd: float, beam_type: Any) -> Any:
            if self.truth.fault == "set_raises":
                raise RuntimeError("the column is in an interlock")
            if self.truth.fault == "set_does_not_take":
                return self.get_working_distance(beam_type)
            return super().set_working_distance(wd, beam_type)

        def laid(self, truth: Truth) -> None:
            beam = self.electron_system.beam
            beam.resolution, beam.hfw = (truth.side_px, truth.side_px), truth.side_px * truth.pixel_nm * 1e-9
            if truth.fault != "acquire_waits":
                self.go.set()
            else:
                self.go.clear()
            self.truth = truth

    OurSpecimens.__name__ = DemoMicroscope.__name__  # what it is, as it says to who asks
    settings = utils.load_microscope_configuration(None, None)
    microscope = OurSpecimens(settings.system)
    microscope.use_image_sequence = True
    microscope.connect_to_microscope("localhost")
    microscope.laid(Truth())
    app = FibsemServer(microscope).app

    @app.middleware("http")  # type: ignore[untyped-decorator]
    async def silence(request: Any, answered: Any) -> Any:
        while microscope.truth.fault == "silent" and request.url.path != "/rig":
            await asyncio.sleep(0.02)
        return await answered(request)

    @app.post("/rig")  # type: ignore[untyped-decorator]
    def rig(body: dict[str, Any]) -> dict[str, Any]:
        turn_um, field_um = body.pop("turn_um", 0.0), body.pop("field_um", None)
        if field_um is not None:
            microscope.stage_system.position.x = field_um * 1e-6
        if body.get("fault") not in (None, *FAULTS):
            raise HTTPException(422, f"no fault {body['fault']!r}")
        if turn_um:  # another's hand
            DemoMicroscope.set_working_distance(
                microscope, microscope.get_working_distance(BeamType.ELECTRON) + turn_um * 1e-6, BeamType.ELECTRON
            )
        if body:
            microscope.images = 0
            microscope.laid(replace(microscope.truth, **body))
        lens_um = microscope.get_working_distance(BeamType.ELECTRON) * 1e6
        return {
            "lens_um": lens_um,
            "images": microscope.images,
            "waiting": microscope.waiting,
            **asdict(microscope.truth),
        }

    return app


def main() -> None:
    """Serve until ended."""
    os.environ["FIBSEM_SIM_NO_DELAY"] = "1"
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print("listening at", listening.getsockname()[1], flush=True)  # noqa: T201
        server = uvicorn.Server(uvicorn.Config(served(), log_level="warning"))
        server.run(sockets=[listening])


if __name__ == "__main__":
    main()
