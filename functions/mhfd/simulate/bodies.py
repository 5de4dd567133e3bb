"""Large things: cell bodies with their nuclei, vessels with an empty lumen, myelinated axons.

They take the place of the neurites they cover. Must not know about optics.
"""

from dataclasses import dataclass

import numpy as np

from mhfd.simulate.anatomy import Body, BodyKind
from mhfd.simulate.fields import Plane
from mhfd.simulate.paint import Canvas, darken, lines

TONE = {BodyKind.SOMA: 0.17, BodyKind.VESSEL: 0.24, BodyKind.AXON: 0.12}
"""How dark their cytoplasm is."""
_WIDE = 900.0  # nm by which the warp may carry an outline away
_ENDOTHELIUM, _RIND, _SHEATH = 260.0, 900.0, 0.24  # nm, nm, part of the radius


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Where a body lies in the image."""

    body: Body
    circle: tuple[float, float, float]  # row and column from the image's corner, radius; nm
    part: tuple[slice, slice]
    inside: Plane  # distance within its outline, negative outside


def outlines(canvas: Canvas, bodies: list[Body], corner: tuple[float, float], first: int) -> list[Outline]:
    """Gives each body in the image a profile of its own, labelled `first` and up. Where two meet, the earlier wins."""
    found: list[Outline] = []
    for body in bodies:
        y, x, radius = body.at(canvas.z)
        circle = (y - corner[0], x - corner[1], radius)
        part = canvas.window(
            circle[0] / canvas.pixel, circle[1] / canvas.pixel, int((radius + _WIDE) / canvas.pixel) + 1
        )
        if radius <= 0 or canvas.stain[part].size == 0:
            continue
        inside = _within(canvas, part, circle)
        for earlier in found:
            np.minimum(inside, -_within(canvas, part, earlier.circle), out=inside)
        wall, label = canvas.profiles.wall[part], canvas.profiles.label[part]
        within = inside > 0
        np.copyto(wall, inside, where=within)
        np.minimum(wall, np.abs(inside), out=wall)
        label[within] = first + len(found)
        away = (canvas.seed_y - circle[0]) ** 2 + (canvas.seed_x - circle[1]) ** 2
        canvas.seed_label[away < radius**2] = first + len(found)  # their organelles are the body's now
        found.append(Outline(body, circle, part, inside))
    return found


def fill(canvas: Canvas, outline: Outline, chromatin: Plane) -> None:
    """What is inside."""
    part = outline.part
    stain, pixel = canvas.stain[part], canvas.pixel
    deep: Plane = outline.inside - np.float32(_shell(outline.body, outline.circle[2]))
    if outline.body.kind is BodyKind.AXON:
        _sheath(stain, outline.inside, deep, pixel)
        return
    cover = _cover(deep, pixel)
    if outline.body.kind is BodyKind.VESSEL:
        stain *= 1 - cover
        darken(stain, 0.85, lines(deep.copy(), 0, 9, pixel))
        return
    clumps = np.clip(chromatin[part] * np.float32(0.5) + np.float32(0.4), 0, 1)
    rim = np.clip(np.float32(1) - deep * np.float32(1 / 150), 0, 1)
    clumps = np.maximum(clumps, rim * np.float32(0.8)) * np.float32(0.24) + np.float32(0.14)
    clumps += np.float32(1.2) * canvas.grain[part]
    stain += (clumps - stain) * cover
    envelope = lines(deep.copy(), 0, 9, pixel) + lines(deep.copy(), -34, 8, pixel)
    darken(stain, 0.88, np.minimum(envelope, 1))


def _sheath(stain: Plane, inside: Plane, deep: Plane, pixel: float) -> None:
    """Lamellae of myelin, and the axon's own membrane."""
    turns = inside * np.float32(1 / 19)
    lamella = turns - np.floor(turns) - np.float32(0.5)
    dark = np.float32(0.9) - np.float32(0.5 * min(1.0, 9 / pixel)) * np.abs(lamella)
    stain += (dark - stain) * (_cover(inside, pixel) * (1 - _cover(deep, pixel)))
    darken(stain, 0.85, lines(deep.copy(), 16, 8, pixel))


def _shell(body: Body, radius: float) -> float:
    """From the outline to what is enclosed: lumen, nucleus, axon."""
    if body.kind is BodyKind.AXON:
        return _SHEATH * radius
    return _ENDOTHELIUM if body.kind is BodyKind.VESSEL else _RIND


def _cover(inside: Plane, pixel: float) -> Plane:
    """1 inside, 0 outside, antialiased."""
    cover: Plane = np.clip(inside * np.float32(1 / pixel) + np.float32(0.5), 0, 1)
    return cover


def _within(canvas: Canvas, part: tuple[slice, slice], circle: tuple[float, float, float]) -> Plane:
    dy, dx = canvas.y[part] - np.float32(circle[0]), canvas.x[part] - np.float32(circle[1])
    distance: Plane = np.float32(circle[2]) - np.sqrt(dy * dy + dx * dx)
    return distance
