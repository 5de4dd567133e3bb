"""The files that the pretend microscope leaves: simulated pixels, and the XML that Atlas writes beside them."""

import io
from typing import Any, Final

import numpy as np
import tifffile

from mhfd.simulate import Artefacts, Exposure, Grey, Optics, Specimen
from mhfd_client.microscope.plan import HARMLESS, RunPlan, row_column
from mhfd_client.microscope.truth import Shot, ShotKind

PIXEL_NM: Final = 8.0
_OVERLAP: Final = 0.06
_DWELL_NS: Final = 800


def picture(plan: RunPlan, shot: Shot) -> Grey:
    """What the instrument records."""
    row, column = row_column(shot.tile)
    step = round(plan.size * (1 - _OVERLAP))
    rng = np.random.default_rng([plan.seed, shot.section, row, column, shot.take])
    jitter = float(np.exp(rng.normal(0, 0.05)))
    return Specimen(seed=plan.seed, drift=plan.drift).section(
        (plan.size, plan.size),
        z=shot.section,
        origin=((row - 1) * step, (column - 1) * step),
        take=shot.take,
        optics=_optics(shot, rng),
        exposure=Exposure(dose=200 * jitter),
        artefacts=_artefacts(shot),
    )


def tiff(plan: RunPlan, shot: Shot) -> bytes:
    """The file that the instrument leaves, with what it writes about the image."""
    row, column = row_column(shot.tile)
    pixels = picture(plan, shot)
    if shot.kind is ShotKind.ZERO_TAIL:
        pixels[round(plan.size * (1 - shot.amount)) :] = 0
    buffer = io.BytesIO()
    xml = _fibics(plan, shot, row, column)
    tifffile.imwrite(buffer, pixels, photometric="minisblack", metadata=None, extratags=[(51023, 2, None, xml, True)])
    data = buffer.getvalue()
    return data[: round(len(data) * (1 - shot.amount))] if shot.kind is ShotKind.TRUNCATED else data


def _optics(shot: Shot, rng: np.random.Generator) -> Optics:
    """The column's settings; a tilt or an astigmatism may lie any way."""
    turn, angle = int(rng.integers(4)), float(rng.uniform(0, 180))
    um = shot.amount * PIXEL_NM / Optics().half_angle_mrad  # of defocus, for a disc of `amount` pixels
    if shot.kind is ShotKind.TILTED:
        slope = um if turn % 2 else -um
        tilt = (slope, 0.0) if turn < 2 else (0.0, slope)
        return Optics(pixel_nm=PIXEL_NM, defocus_um=um / 2, tilt_um=tilt)
    if shot.kind is ShotKind.ASTIGMATIC:
        return Optics(pixel_nm=PIXEL_NM, astigmatism_um=um, astigmatism_deg=angle)
    if shot.kind in (*HARMLESS, ShotKind.TRUNCATED, ShotKind.ZERO_TAIL, ShotKind.BLANK):
        return Optics(pixel_nm=PIXEL_NM)
    return Optics(pixel_nm=PIXEL_NM, blur_px=shot.amount)


def _artefacts(shot: Shot) -> Artefacts:
    """What is odd about the section, or about its recording."""
    odd: dict[ShotKind, dict[str, Any]] = {
        ShotKind.WRINKLE: {"wrinkles": int(shot.amount)},
        ShotKind.PARTICLES: {"particles": int(shot.amount)},
        ShotKind.CHARGING: {"charging": 1},
        ShotKind.RESIN: {"resin": shot.amount},
        ShotKind.BLANK: {"resin": 1.0},
    }
    return Artefacts(**odd.get(shot.kind, {}))


def _fibics(plan: RunPlan, shot: Shot, row: int, column: int) -> str:
    """The XML that Atlas leaves in tag 51023."""
    side, last = plan.size * PIXEL_NM / 1000, plan.size - 1
    step = side * (1 - _OVERLAP)
    x = 1000.0 + 2000 * (shot.section % 10) + (column - 1) * step
    y = 500.0 + 1500 * (shot.section // 10) + (row - 1) * step
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?><Fibics version="1.0"><Application>mhfd simulate</Application>'
        f"<Image><Width>{plan.size}</Width><Height>{plan.size}</Height><BoundingBox.Left>0</BoundingBox.Left>"
        f"<BoundingBox.Right>{last}</BoundingBox.Right><BoundingBox.Top>0</BoundingBox.Top>"
        f"<BoundingBox.Bottom>{last}</BoundingBox.Bottom></Image>"
        f'<Scan><Dwell units="ns">{_DWELL_NS}</Dwell><FOV_X units="um">{side:.6f}</FOV_X>'
        f'<FOV_Y units="um">{side:.6f}</FOV_Y><Focus units="m">0.00512</Focus></Scan>'
        f'<Stage><X units="um">{x:.3f}</X><Y units="um">{y:.3f}</Y></Stage>'
        f"<MosaicInfo><Row>{row}</Row><Col>{column}</Col></MosaicInfo></Fibics>"
    )
