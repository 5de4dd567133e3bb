"""The files that the pretend microscope leaves: simulated pixels, and the XML that Atlas writes beside them."""

import io
from dataclasses import replace
from typing import Any, Final

import numpy as np
import tifffile

from mhfd.simulate import Artefacts, Exposure, Grey, Optics, SectionKind, Specimen
from mhfd_client.microscope.plan import Chance, NoiseKind, RunPlan, row_column
from mhfd_client.microscope.truth import Shot, ShotKind

PIXEL_NM: Final = 8.0
_OVERLAP: Final = 0.06
DWELL_NS: Final = 800
_NOISE: Final = {
    NoiseKind.WHITE: Exposure(),
    NoiseKind.LINE: Exposure(lag_px=0.8),
    NoiseKind.GRAIN: Exposure(noise_px=(0.5, 0.7)),
    NoiseKind.FRAMES: Exposure(frames=8),
}
_TWO_KINDS: Final = (SectionKind(), SectionKind(density=0.7, granules=0.5))


def picture(plan: RunPlan, shot: Shot) -> Grey:
    """What the instrument records."""
    kinds = _TWO_KINDS if plan.two_kinds else ()
    return Specimen(seed=plan.seed, drift=plan.drift, kinds=kinds).section(
        (plan.size, plan.size),
        z=shot.section,
        origin=origin(plan.size, shot.tile),
        take=shot.take,
        optics=_optics(shot),
        exposure=_exposure(plan, shot),
        artefacts=_artefacts(shot),
    )


def tiff(plan: RunPlan, shot: Shot) -> bytes:
    """The file that the instrument leaves, with what it writes about the image."""
    pixels = picture(plan, shot)
    if shot.kind is ShotKind.ZERO_TAIL:
        pixels[round(plan.size * (1 - shot.amount)) :] = 0
    buffer = io.BytesIO()
    xml = fibics(plan.size, shot.section, shot.tile)
    how: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": plan.jpeg}} if plan.jpeg else {}
    tifffile.imwrite(
        buffer, pixels, photometric="minisblack", metadata=None, extratags=[(51023, 2, None, xml, True)], **how
    )
    data = buffer.getvalue()
    return data[: round(len(data) * (1 - shot.amount))] if shot.kind is ShotKind.TRUNCATED else data


def _optics(shot: Shot) -> Optics:
    """The column's settings."""
    um = shot.amount * PIXEL_NM / Optics().half_angle_mrad  # of defocus, for a disc of `amount` pixels
    match shot.kind:
        case ShotKind.TILTED:
            worse = np.deg2rad(shot.angle_deg or 0.0)
            tilt = (um * round(float(np.sin(worse))), um * round(float(np.cos(worse))))
            return Optics(pixel_nm=PIXEL_NM, defocus_um=um / 2, tilt_um=tilt)
        case ShotKind.ASTIGMATIC:
            return Optics.ellipse(shot.amount, shot.shorter_px, shot.angle_deg or 0.0, pixel_nm=PIXEL_NM)
        case ShotKind.MOTION_ALONG:
            return Optics(pixel_nm=PIXEL_NM, motion_px=(0.0, shot.amount))
        case ShotKind.MOTION_ACROSS:
            return Optics(pixel_nm=PIXEL_NM, motion_px=(shot.amount, 0.0))
        case ShotKind.SHARP | ShotKind.DEFOCUS_SLIGHT | ShotKind.DEFOCUS | ShotKind.DRIFTED:
            return Optics(pixel_nm=PIXEL_NM, blur_px=shot.amount)
        case _:
            return Optics(pixel_nm=PIXEL_NM)


def _exposure(plan: RunPlan, shot: Shot) -> Exposure:
    """The detector's settings."""
    chance = Chance.of(plan.seed, shot.section, shot.tile, shot.take)
    usual = replace(_NOISE[plan.noise], dose=200 * chance.dose)
    match shot.kind:
        case ShotKind.LOW_DOSE:
            return replace(usual, dose=usual.dose * shot.amount)
        case ShotKind.SATURATED:
            return replace(usual, contrast=shot.amount, brightness=0.1 * shot.amount)
        case _:
            return usual


def _artefacts(shot: Shot) -> Artefacts:
    """What is odd about the section, or about its recording."""
    match shot.kind:
        case ShotKind.WRINKLE:
            return Artefacts(wrinkles=int(shot.amount))
        case ShotKind.PARTICLES:
            return Artefacts(particles=int(shot.amount))
        case ShotKind.CHARGING:
            return Artefacts(charging=1)
        case ShotKind.RESIN:
            return Artefacts(resin=shot.amount)
        case ShotKind.BLANK:
            return Artefacts(resin=1.0)
        case ShotKind.SHADING:
            return Artefacts(shading=shot.amount)
        case ShotKind.BANDING:
            return Artefacts(banding=shot.amount)
        case ShotKind.JITTER | ShotKind.VIBRATION:
            return Artefacts(jitter=shot.amount)
        case _:
            return Artefacts()


def fibics(
    size: int,
    section: int,
    tile: str,
    *,
    focus_m: float = 0.00512,
    pixel_nm: float = PIXEL_NM,
    dwell_ns: float = DWELL_NS,
) -> str:
    """The XML that Atlas leaves in tag 51023."""
    row, column = row_column(tile)
    side, last = size * pixel_nm / 1000, size - 1
    x, y = stage_um(size, section, tile, pixel_nm=pixel_nm)
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?><Fibics version="1.0"><Application>mhfd simulate</Application>'
        f"<Image><Width>{size}</Width><Height>{size}</Height><BoundingBox.Left>0</BoundingBox.Left>"
        f"<BoundingBox.Right>{last}</BoundingBox.Right><BoundingBox.Top>0</BoundingBox.Top>"
        f"<BoundingBox.Bottom>{last}</BoundingBox.Bottom></Image>"
        f'<Scan><Dwell units="ns">{dwell_ns:g}</Dwell><FOV_X units="um">{side:.6f}</FOV_X>'
        f'<FOV_Y units="um">{side:.6f}</FOV_Y><Focus units="m">{focus_m:.12g}</Focus></Scan>'
        f'<Stage><X units="um">{x:.3f}</X><Y units="um">{y:.3f}</Y></Stage>'
        f"<MosaicInfo><Row>{row}</Row><Col>{column}</Col></MosaicInfo></Fibics>"
    )


def origin(size: int, tile: str) -> tuple[int, int]:
    """Which pixel of the section a tile's first one is."""
    row, column = row_column(tile)
    step = round(size * (1 - _OVERLAP))
    return (row - 1) * step, (column - 1) * step


def stage_um(size: int, section: int, tile: str, *, pixel_nm: float = PIXEL_NM) -> tuple[float, float]:
    """Where the stage is for a tile: ten sections side by side, each with its mosaic."""
    row, column = row_column(tile)
    step = size * pixel_nm / 1000 * (1 - _OVERLAP)
    return 1000.0 + 2000 * (section % 10) + (column - 1) * step, 500.0 + 1500 * (section // 10) + (row - 1) * step
