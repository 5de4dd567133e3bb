"""Draws a slice through the specimen: how much stain each pixel holds, 0 (empty resin) to about 1 (black).

Must not know about optics, electrons or what goes wrong at a microscope.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mhfd.simulate import paint
from mhfd.simulate.anatomy import BLOCK, DISTRICT, Neurites, Organelles, bodies, neurites
from mhfd.simulate.bodies import TONE, fill, outlines
from mhfd.simulate.cells import partition
from mhfd.simulate.fields import Plane, Points, Waves, grain, stream
from mhfd.simulate.paint import Canvas

_FIELDS, _FINE, _COARSE = 3, 4, 5  # streams
_MARGIN = 1500.0  # nm beyond the image from where seeds reach into it
_TILE, _OVERLAP = 1024, 32  # pixels
_LARGE = 7000.0  # the same for cell bodies and vessels


class _Fields:
    """The smooth fields of a specimen."""

    def __init__(self, seed: int) -> None:
        rng = stream(seed, _FIELDS)
        self.warp_y = Waves.of(rng, shortest=170, longest=4500, count=26, slope=0.42)
        self.warp_x = Waves.of(rng, shortest=170, longest=4500, count=26, slope=0.42)
        self.slant = Waves.of(rng, shortest=300, longest=1000)  # how obliquely membranes are cut
        self.tubes = Waves.of(rng, shortest=210, longest=600, count=20)  # reticulum lies where it is near zero
        self.shade = Waves.of(rng, shortest=3000, longest=12000)  # slow change of stain
        self.chromatin = Waves.of(rng, shortest=150, longest=900, count=24)


_fields = lru_cache(maxsize=16)(_Fields)


def stain(
    shape: tuple[int, int],
    *,
    seed: int,
    depth_nm: float,
    pixel_nm: float,
    density: float,
    origin: tuple[int, int],
    granules: float = 1.0,
) -> Plane:
    """The section at `depth_nm`; pixel (0, 0) of the image is pixel `origin` of the specimen's plane.

    `granules`: how much of the fine texture there is, 1 is usual. Drawn tile by tile, so that a large image takes
    little more memory than itself.
    """
    if max(shape) <= _TILE + 2 * _OVERLAP:
        return _tile(shape, seed, depth_nm, pixel_nm, density, origin, granules)
    out = np.empty(shape, np.float32)
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            part = out[top : top + _TILE, left : left + _TILE]
            corner = (origin[0] + top - _OVERLAP, origin[1] + left - _OVERLAP)
            size = (part.shape[0] + 2 * _OVERLAP, part.shape[1] + 2 * _OVERLAP)
            drawn = _tile(size, seed, depth_nm, pixel_nm, density, corner, granules)
            part[...] = drawn[_OVERLAP:-_OVERLAP, _OVERLAP:-_OVERLAP]
    return out


def _tile(
    shape: tuple[int, int],
    seed: int,
    depth_nm: float,
    pixel_nm: float,
    density: float,
    origin: tuple[int, int],
    granules: float,
) -> Plane:
    f, z = _fields(seed), depth_nm
    rows = pixel_nm * (origin[0] + np.arange(shape[0], dtype=np.float64))
    columns = pixel_nm * (origin[1] + np.arange(shape[1], dtype=np.float64))
    blocks = [neurites(seed, r, c) for r, c in _squares(BLOCK, _MARGIN, rows, columns)]
    canvas, tone = _canvas(f, z, rows, columns, blocks, pixel_nm, density)
    large = [b for r, c in _squares(DISTRICT, _LARGE, rows, columns) for b in bodies(seed, r, c)]
    found = outlines(canvas, large, (rows[0], columns[0]), len(tone))
    tone = np.concatenate([tone, [TONE[o.body.kind] for o in found]])

    canvas.stain[...] = tone.astype(np.float32)[canvas.profiles.label]
    _texture(canvas, f, seed, rows, columns, origin, granules)
    counts = np.cumsum([0, *(len(b.y) for b in blocks)])
    canvas.room[...] = canvas.profiles.wall
    for name, draw in _PAINTERS:
        parts = [getattr(b, name).shifted(int(n)) for b, n in zip(blocks, counts, strict=False)]
        draw(canvas, Organelles.joined(parts))
    paint.membranes(canvas, np.clip(f.slant.plane(z, rows, columns) * np.float32(0.9), 0, 1.6) + np.float32(1))
    np.maximum(canvas.stain, 0, out=canvas.stain)  # nothing is brighter than bare resin
    if found:
        chromatin = f.chromatin.plane(z, rows, columns)
        for outline in found:
            fill(canvas, outline, chromatin)
    canvas.stain *= np.float32(np.sqrt(density))
    return canvas.stain


_PAINTERS: Final[tuple[tuple[str, Callable[[Canvas, Organelles], None]], ...]] = (
    ("mitochondria", paint.mitochondria),  # first: the others keep off them
    ("microtubules", partial(paint.dots, ring=7, dark=0.55, room=22)),
    ("vesicles", partial(paint.dots, ring=6, dark=0.8, room=20)),
    ("synapses", paint.synapses),
)


def _canvas(
    f: _Fields, z: float, rows: Points, columns: Points, blocks: list[Neurites], pixel_nm: float, density: float
) -> tuple[Canvas, Points]:
    """Coordinates and profiles, nothing painted; and the tone of every label."""
    warp_y, warp_x = f.warp_y.plane(z, rows, columns), f.warp_x.plane(z, rows, columns)
    # Relative to the image's corner: far from the origin, float32 would be coarse.
    y = warp_y + (rows - rows[0]).astype(np.float32)[:, None]
    x = warp_x + (columns - columns[0]).astype(np.float32)
    paths = [b.paths(z) for b in blocks]
    seed_y = np.concatenate([p[0] for p in paths]) - rows[0]
    seed_x = np.concatenate([p[1] for p in paths]) - columns[0]
    label, tone = _join(blocks)
    canvas = Canvas(
        z=z,
        pixel=pixel_nm,
        density=density,
        y=y,
        x=x,
        warp_y=warp_y,
        warp_x=warp_x,
        swirl=f.tubes.plane(z, rows, columns),
        profiles=partition(y, x, seed_y, seed_x, np.concatenate([p[2] for p in paths]), label, pixel_nm),
        seed_y=seed_y,
        seed_x=seed_x,
        seed_label=label,
        stain=np.empty(y.shape, np.float32),
        room=np.empty(y.shape, np.float32),
        grain=np.zeros(y.shape, np.float32),
    )
    return canvas, tone


def _squares(side: float, margin: float, rows: Points, columns: Points) -> Iterator[tuple[int, int]]:
    """The squares of a grid that the image and its margin touch, in a fixed order."""
    for r in range(int((rows[0] - margin) // side), int((rows[-1] + margin) // side) + 1):
        for c in range(int((columns[0] - margin) // side), int((columns[-1] + margin) // side) + 1):
            yield r, c


def _join(blocks: list[Neurites]) -> tuple[NDArray[np.int32], Points]:
    """The label of every seed, and the tone of every label.

    Seeds near a hub belong to the hub's neurite, across the borders of blocks.
    """
    y, x = np.concatenate([b.y for b in blocks]), np.concatenate([b.x for b in blocks])
    hubs = np.stack([np.concatenate([b.hub_y for b in blocks]), np.concatenate([b.hub_x for b in blocks])], axis=1)
    distance, hub = cKDTree(hubs).query(np.stack([y, x], axis=1))
    joined = distance < np.concatenate([b.hub_radius for b in blocks])[hub]
    label = np.where(joined, len(y) + hub, np.arange(len(y))).astype(np.int32)
    return label, np.concatenate([b.tone for b in blocks] + [b.hub_tone for b in blocks])


def _texture(
    canvas: Canvas,
    f: _Fields,
    seed: int,
    rows: Points,
    columns: Points,
    origin: tuple[int, int],
    granules: float,
) -> None:
    """Cytoplasm: granules of two sizes, reticulum, and a slow change of stain."""
    shape, pixel, z = canvas.stain.shape, canvas.pixel, canvas.z
    for purpose, size, even, dark in ((_FINE, 4.5, 0.05, 0.03), (_COARSE, 9.0, 0.045, 0.15)):
        g = grain((seed, purpose), size_px=size / pixel, z=z, thickness=3 * size + 15, origin=origin, shape=shape)
        # Granules are dark and sharp; what lies between them is even.
        canvas.grain += g * np.float32(even) + np.clip(g - np.float32(0.7), 0, 2) * np.float32(dark)
    # Cytoplasm is dark where it is full of them.
    canvas.grain *= np.float32(0.6) + np.float32(2.2) * canvas.stain
    canvas.grain *= np.float32(granules)
    canvas.stain += canvas.grain
    tubes = np.abs(canvas.swirl) * np.float32(60)  # about nm
    where = (canvas.profiles.wall > 45) & (tubes < 60)
    gate = np.clip(f.slant.plane(z + 700, rows, columns)[where] - np.float32(0.2), 0, 1)
    sheet = paint.lines(tubes[where], 14, 6, pixel)
    canvas.stain[where] += sheet * gate * np.float32(0.5)
    canvas.stain += f.shade.plane(z, rows, columns) * np.float32(0.015)
