"""What goes wrong with a section and at a microscope.

Each artefact has its own random numbers: adding one moves nothing else. Those of the section (resin, wrinkles,
particles) are seen through the optics; those of the recording (charging, shading, banding, jitter) are not.
"""

from dataclasses import dataclass

import numpy as np

from mhfd.simulate.checks import check_count, check_range
from mhfd.simulate.fields import Plane, Waves, stream

_RESIN, _WRINKLE, _PARTICLE, _CHARGING, _SHADING, _BANDING, _JITTER = range(20, 27)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefacts:
    """None by default."""

    wrinkles: int = 0
    charging: int = 0
    """Discs that saturate, each with a streak along its scan lines."""
    particles: int = 0
    shading: float = 0.0
    """Gain's change across the image."""
    banding: float = 0.0
    """Standard deviation of each line's offset, as a part of the full range."""
    jitter: float = 0.0
    """Standard deviation of each line's shift, pixels."""
    resin: float = 0.0
    """Part of the image beyond the edge of the tissue."""

    def __post_init__(self) -> None:
        for name in ("wrinkles", "charging", "particles"):
            check_count(f"artefacts.{name}", getattr(self, name), 0, 1000)
        for name, high in (("shading", 2.0), ("banding", 1.0), ("jitter", 50.0), ("resin", 1.0)):
            check_range(f"artefacts.{name}", getattr(self, name), 0, high)


def on_section(stain: Plane, artefacts: Artefacts, key: tuple[int, int], pixel_nm: float) -> None:
    """Changes the stain in place. Negative stain is brighter than empty resin."""
    y, x = _coordinates(stain)
    if artefacts.resin > 0:
        _resin(stain, artefacts.resin, key, y, x)
    rng = stream(key[0], _WRINKLE, key[1])
    for _ in range(artefacts.wrinkles):
        _wrinkle(stain, rng, y, x, pixel_nm)
    rng = stream(key[0], _PARTICLE, key[1])
    for _ in range(artefacts.particles):
        _particle(stain, rng)


def on_recording(signal: Plane, artefacts: Artefacts, key: tuple[int, int]) -> Plane:
    """The signal with what the recording does to it."""
    y, x = _coordinates(signal)
    rng = stream(key[0], _CHARGING, key[1])
    for _ in range(artefacts.charging):
        _charge(signal, rng, y, x)
    if artefacts.shading > 0:
        angle = 2 * np.pi * stream(key[0], _SHADING, key[1]).random()
        across = (y / len(y) - 0.5) * np.sin(angle) + (x / x.size - 0.5) * np.cos(angle)
        signal = signal * (1 + np.float32(artefacts.shading) * across.astype(np.float32))
    if artefacts.banding > 0:
        steps = stream(key[0], _BANDING, key[1]).standard_normal(len(y))
        offsets = steps.copy()
        for i in range(1, len(offsets)):  # neighbouring lines alike, as the supply drifts
            offsets[i] = 0.8 * offsets[i - 1] + 0.6 * steps[i]
        signal = signal + (artefacts.banding * offsets).astype(np.float32)[:, None]
    if artefacts.jitter > 0:
        shifts = artefacts.jitter * stream(key[0], _JITTER, key[1]).standard_normal(len(y))
        signal = _shifted(signal, shifts)
    return signal


def _coordinates(plane: Plane) -> tuple[Plane, Plane]:
    rows = np.arange(plane.shape[0], dtype=np.float32)[:, None]
    return rows, np.arange(plane.shape[1], dtype=np.float32)[None, :]


def _resin(stain: Plane, part: float, key: tuple[int, int], y: Plane, x: Plane) -> None:
    """Empties the given part of the image, beyond a wavy edge."""
    rng = stream(key[0], _RESIN)  # the edge of the block stays where it is from section to section
    angle = 2 * np.pi * rng.random()
    rough = Waves.of(rng, shortest=30, longest=400, slope=0.35)
    distance = np.float32(np.sin(angle)) * y + np.float32(np.cos(angle)) * x
    distance += rough.plane(0.4 * key[1] / 1000, np.arange(float(stain.shape[0])), np.arange(float(stain.shape[1])))
    rank = round(part * (distance.size - 1))
    edge = np.partition(distance.ravel(), rank)[rank]
    distance -= edge
    cover = np.clip(distance + np.float32(0.5), 0, 1) if part < 1 else np.zeros_like(distance)
    stain -= np.float32(0.03)
    stain *= cover
    stain += np.float32(0.03)


def _wrinkle(stain: Plane, rng: np.random.Generator, y: Plane, x: Plane, pixel_nm: float) -> None:
    """A fold: a bright crest with a dark flank, curved, tapering at its ends."""
    height, width = stain.shape
    size = max(height, width)
    angle, bend = 2 * np.pi * rng.random(), rng.uniform(-0.5, 0.5) / size
    breadth = np.float32(rng.uniform(60, 160) / pixel_nm)
    cy, cx = height * rng.uniform(0.25, 0.75), width * rng.uniform(0.25, 0.75)
    length = np.float32(size * rng.uniform(0.35, 0.8))
    sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    along = (x - np.float32(cx)) * cosine + (y - np.float32(cy)) * sine
    off = (y - np.float32(cy)) * cosine - (x - np.float32(cx)) * sine
    along *= np.float32(1 / length)
    along *= along
    off += along * np.float32(bend * length * length)
    taper = np.maximum(1 - along, 0)
    off /= breadth * (np.float32(0.25) + np.float32(0.75) * taper)
    stain -= 0.75 * _bump(off) * np.sqrt(taper)
    off -= np.float32(1.1)
    stain += 0.5 * _bump(off) * taper


def _bump(q: Plane) -> Plane:
    """1 at 0, 0 beyond 1, smooth."""
    b: Plane = np.maximum(1 - q * q, 0)
    b *= b
    return b


def _particle(stain: Plane, rng: np.random.Generator) -> None:
    """A grain of dust: bright, with a shadow."""
    radius = float(rng.uniform(2, 11))
    at = rng.random(2) * stain.shape
    half = int(2 * radius) + 2
    top, left = max(0, int(at[0]) - half), max(0, int(at[1]) - half)
    part = stain[top : int(at[0]) + half + 1, left : int(at[1]) + half + 1]
    dy = np.arange(part.shape[0], dtype=np.float32)[:, None] + np.float32(top - at[0])
    dx = np.arange(part.shape[1], dtype=np.float32)[None, :] + np.float32(left - at[1])
    distance = np.sqrt(dy * dy + np.float32(rng.uniform(0.6, 1.6)) * dx * dx)
    body = np.clip(np.float32(radius) - distance + np.float32(0.5), 0, 1)
    shadow = np.clip(np.float32(1.7) - distance * np.float32(1 / radius), 0, 1) * np.float32(0.5)
    part += shadow * (1 - body)
    part -= body * (part + np.float32(1.2))


def _charge(signal: Plane, rng: np.random.Generator, y: Plane, x: Plane) -> None:
    """A disc that glows, and the streak it leaves on its lines: bright to the right, then dark."""
    height, width = signal.shape
    radius = min(height, width) * rng.uniform(0.05, 0.13)
    cy, cx = np.float32(height * rng.uniform(0.1, 0.9)), np.float32(width * rng.uniform(0.1, 0.9))
    q = ((y - cy) ** 2 + (x - cx) ** 2) * np.float32(1 / radius**2)
    signal += np.float32(1.6) * np.clip((1 - q) * np.float32(1.5), 0, 1)
    after = x - cx
    on_lines = _bump((y - cy) * np.float32(1.1 / radius))
    streak = np.where(after > 0, np.float32(0.35) - np.float32(0.55) * np.clip(after / (6 * radius), 0, 1), 0)
    signal += on_lines * streak.astype(np.float32) * np.clip(2 - after / np.float32(6 * radius), 0, 1)


def _shifted(signal: Plane, shifts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Plane:
    """Each line moved along itself, with linear interpolation; beyond the edge its last pixel."""
    place = np.arange(signal.shape[1])[None, :] + shifts[:, None]
    np.clip(place, 0, signal.shape[1] - 1, out=place)
    left = np.minimum(place.astype(np.intp), signal.shape[1] - 2)
    part = (place - left).astype(np.float32)
    rows = np.arange(signal.shape[0])[:, None]
    moved: Plane = signal[rows, left] * (1 - part) + signal[rows, left + 1] * part
    return moved
