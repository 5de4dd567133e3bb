"""Draws a slice through the specimen: how much stain each pixel holds, 0 (empty resin) to about 1 (black).

Must not know about optics, electrons or what goes wrong at a microscope.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mhfd.simulate import paint
from mhfd.simulate.anatomy import BLOCK, DISTRICT, Neurites, Organelles, bodies, neurites
from mhfd.simulate.cells import partition
from mhfd.simulate.fields import Plane, Points, Waves, grain, stream
from mhfd.simulate.paint import Canvas

__all__ = ["stain"]

_FIELDS, _FINE, _COARSE = 3, 4, 5  # streams
_MARGIN = 1500.0  # nm beyond the image from where seeds reach into it
_ENDOTHELIUM = 260.0


@dataclass(frozen=True, slots=True, eq=False)
class _Fields:
    """The smooth fields of a specimen."""

    warp_y: Waves
    warp_x: Waves
    slant: Waves  # how obliquely membranes are cut
    tubes: Waves  # endoplasmic reticulum lies where it is near zero
    shade: Waves  # slow change of stain
    chromatin: Waves


@lru_cache(maxsize=16)
def _fields(seed: int) -> _Fields:
    rng = stream(seed, _FIELDS)
    return _Fields(
        warp_y=Waves.of(rng, shortest=170, longest=4500, count=26, slope=0.42),
        warp_x=Waves.of(rng, shortest=170, longest=4500, count=26, slope=0.42),
        slant=Waves.of(rng, shortest=300, longest=1000),
        tubes=Waves.of(rng, shortest=210, longest=600, count=20),
        shade=Waves.of(rng, shortest=3000, longest=12000),
        chromatin=Waves.of(rng, shortest=250, longest=900, count=20),
    )


def stain(
    shape: tuple[int, int], *, seed: int, depth_nm: float, pixel_nm: float, density: float, origin: tuple[int, int]
) -> Plane:
    """The section at `depth_nm`; pixel (0, 0) of the image is pixel `origin` of the specimen's plane."""
    f, z = _fields(seed), depth_nm
    rows = pixel_nm * (origin[0] + np.arange(shape[0], dtype=np.float64))
    columns = pixel_nm * (origin[1] + np.arange(shape[1], dtype=np.float64))
    warp_y = f.warp_y.plane(z, rows, columns)
    warp_x = f.warp_x.plane(z, rows, columns)
    # Relative to the image's corner: far from the origin, float32 would be coarse.
    y = warp_y + (rows - rows[0]).astype(np.float32)[:, None]
    x = warp_x + (columns - columns[0]).astype(np.float32)

    blocks = [neurites(seed, r, c) for r, c in _squares(BLOCK, _MARGIN, rows, columns)]
    paths = [b.paths(z) for b in blocks]
    seed_y = np.concatenate([p[0] for p in paths]) - rows[0]
    seed_x = np.concatenate([p[1] for p in paths]) - columns[0]
    label, tone, sheath = _join(blocks)
    cells = partition(y, x, seed_y, seed_x, np.concatenate([p[2] for p in paths]), label, pixel_nm)
    swirl = f.tubes.plane(z, rows, columns)
    canvas = Canvas(
        z, pixel_nm, density, y, x, warp_y, warp_x, swirl, cells, seed_y, seed_x, label, np.empty(shape, np.float32)
    )

    large = _outline(canvas, seed, rows, columns, len(tone))
    tone = np.concatenate([tone, np.full(len(large), 0.17)])
    sheath = np.concatenate([sheath, np.zeros(len(large))])
    canvas.stain[...] = tone.astype(np.float32)[cells.label]
    _texture(canvas, f, seed, rows, columns, origin)
    counts = np.cumsum([0, *(len(b.y) for b in blocks)])
    for name, draw in _PAINTERS:
        draw(
            canvas, Organelles.joined([getattr(b, name).shifted(int(n)) for b, n in zip(blocks, counts, strict=False)])
        )
    slant = f.slant.plane(z, rows, columns)
    np.clip(slant * np.float32(0.9), 0, 1.6, out=slant)
    slant += np.float32(1)
    paint.membranes(canvas, slant)
    paint.myelin(canvas, sheath)
    _fill(canvas, f, large, rows, columns)
    canvas.stain *= np.float32(density**0.5)
    return canvas.stain


_PAINTERS = (
    ("microtubules", lambda c, o: paint.dots(c, o, ring=7, dark=0.55, room=22)),
    ("vesicles", lambda c, o: paint.dots(c, o, ring=6, dark=0.75, room=20)),
    ("mitochondria", paint.mitochondria),
    ("synapses", paint.synapses),
)


def _squares(side: float, margin: float, rows: Points, columns: Points) -> Iterator[tuple[int, int]]:
    """The squares of a grid that the image and its margin touch, in a fixed order."""
    for r in range(int((rows[0] - margin) // side), int((rows[-1] + margin) // side) + 1):
        for c in range(int((columns[0] - margin) // side), int((columns[-1] + margin) // side) + 1):
            yield r, c


def _join(blocks: list[Neurites]) -> tuple[NDArray[np.int32], Points, Points]:
    """The label of every seed, and the tone and the thickness of myelin of every label.

    Seeds near a hub belong to the hub's neurite, across the borders of blocks.
    """
    y, x = np.concatenate([b.y for b in blocks]), np.concatenate([b.x for b in blocks])
    hubs = np.stack([np.concatenate([b.hub_y for b in blocks]), np.concatenate([b.hub_x for b in blocks])], axis=1)
    distance, hub = cKDTree(hubs).query(np.stack([y, x], axis=1))
    joined = distance < np.concatenate([b.hub_radius for b in blocks])[hub]
    label = np.where(joined, len(y) + hub, np.arange(len(y))).astype(np.int32)
    tone = np.concatenate([b.tone for b in blocks] + [b.hub_tone for b in blocks])
    sheath = np.concatenate([np.zeros(len(y))] + [b.hub_myelin for b in blocks])
    return label, tone, sheath


def _outline(canvas: Canvas, seed: int, rows: Points, columns: Points, first: int) -> list[tuple[bool, Plane]]:
    """Gives each cell body and vessel in the image its own profile; returns (vessel?, distance inside its outline)."""
    found: list[tuple[bool, Plane]] = []
    for r, c in _squares(DISTRICT, 6000.0, rows, columns):
        these = bodies(seed, r, c)
        for cy, cx, radius, vessel in zip(these.y, these.x, these.radii(canvas.z), these.vessel, strict=True):
            reach = radius + 600
            if not (
                radius > 0 and rows[0] - reach < cy < rows[-1] + reach and columns[0] - reach < cx < columns[-1] + reach
            ):
                continue
            dy, dx = canvas.y - np.float32(cy - rows[0]), canvas.x - np.float32(cx - columns[0])
            inside: Plane = np.float32(radius) - np.sqrt(dy * dy + dx * dx)
            cells = canvas.cells
            within = inside > 0
            np.copyto(cells.wall, np.abs(inside), where=within)
            np.minimum(cells.wall, np.abs(inside), out=cells.wall)
            cells.label[within] = first + len(found)
            found.append((bool(vessel), inside))
    return found


def _texture(canvas: Canvas, f: _Fields, seed: int, rows: Points, columns: Points, origin: tuple[int, int]) -> None:
    """Cytoplasm: granules of two sizes, reticulum, and a slow change of stain."""
    shape, pixel, z = canvas.stain.shape, canvas.pixel, canvas.z
    for purpose, size, strength in ((_FINE, 4.5, 0.055), (_COARSE, 11.0, 0.045)):
        g = grain((seed, purpose), size_px=size / pixel, z=z, thickness=3 * size + 15, origin=origin, shape=shape)
        # Granules are dark and sharp, what lies between them is even.
        g *= np.float32(0.6) + np.float32(0.5) * np.clip(g, 0, 2)
        g *= np.float32(strength)
        canvas.stain += g
    tubes = np.abs(canvas.swirl) * np.float32(60)  # about nm
    where = (canvas.cells.wall > 45) & (tubes < 60)
    gate = np.clip(f.slant.plane(z + 700, rows, columns)[where] - np.float32(0.2), 0, 1)
    sheet = paint.lines(tubes[where], 14, 6, pixel)
    canvas.stain[where] += sheet * gate * np.float32(0.5)
    canvas.stain += f.shade.plane(z, rows, columns) * np.float32(0.015)


def _fill(canvas: Canvas, f: _Fields, large: list[tuple[bool, Plane]], rows: Points, columns: Points) -> None:
    """Nuclei in cell bodies, empty resin in vessels."""
    for vessel, inside in large:
        if vessel:
            lumen = inside - np.float32(_ENDOTHELIUM)
            cover = np.clip(lumen * np.float32(1 / canvas.pixel) + np.float32(0.5), 0, 1)
            canvas.stain *= 1 - cover
            sheet = paint.lines(lumen, 0, 8, canvas.pixel)
            canvas.stain += (np.float32(0.85) - canvas.stain) * sheet
        else:
            nucleus = inside - np.float32(900)
            if nucleus.max() > 300:
                paint.nuclei(canvas, nucleus, f.chromatin.plane(canvas.z, rows, columns))
