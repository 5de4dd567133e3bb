"""Paints what lies inside and between profiles on a canvas of stain: membranes and organelles.

Each painter takes the canvas and changes its `stain`, nothing else. Must not decide where things are (that is
`anatomy`), nor know about optics.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.simulate.anatomy import Organelles
from mhfd.simulate.cells import Profiles
from mhfd.simulate.fields import Plane, Points


@dataclass(slots=True, eq=False)
class Canvas:
    """A slice being drawn, and what lies where in it. Coordinates are warped, in nm from the image's corner."""

    z: float
    pixel: float
    density: float
    y: Plane
    x: Plane
    warp_y: Plane
    warp_x: Plane
    swirl: Plane  # a smooth random field
    profiles: Profiles
    seed_y: Points
    seed_x: Points
    seed_label: NDArray[np.int32]
    room: Plane  # distance to the nearest wall or organelle, nm
    grain: Plane  # granules of the cytoplasm, also where something was painted over them
    stain: Plane

    def visible(self, things: Organelles) -> tuple[Organelles, Points, Points, Points]:
        """The ones this plane cuts and the image holds: themselves, row, column (pixels), and how far from the middle.

        A thing whose middle is not inside its own profile is left out.
        """
        depth = things.depth(self.z)
        shown = (depth < 1) & (things.chance < self.density)
        things, depth = things.chosen(shown), depth[shown]
        y = self.seed_y[things.seed] + things.dy
        x = self.seed_x[things.seed] + things.dx
        row, column = y / self.pixel, x / self.pixel
        for _ in range(3):  # where the warped coordinates are (y, x): a fixed point, as the warp is gentle
            r, c = self._inside(row, column)
            row, column = (y - self.warp_y[r, c]) / self.pixel, (x - self.warp_x[r, c]) / self.pixel
        r, c = self._inside(row, column)
        reach = 300 / self.pixel
        near = (row > -reach) & (row < self.y.shape[0] + reach) & (column > -reach) & (column < self.y.shape[1] + reach)
        near &= self.profiles.label[r, c] == self.seed_label[things.seed]
        return things.chosen(near), row[near], column[near], depth[near]

    def _inside(self, row: Points, column: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        r = np.clip(np.rint(row), 0, self.y.shape[0] - 1).astype(np.intp)
        c = np.clip(np.rint(column), 0, self.y.shape[1] - 1).astype(np.intp)
        return r, c

    def window(self, row: float, column: float, half: int) -> tuple[slice, slice]:
        """The part of the image within `half` pixels of a place; may be empty."""
        r, c = round(row), round(column)
        return slice(max(0, r - half), max(0, r + half + 1)), slice(max(0, c - half), max(0, c + half + 1))

    def offsets(self, part: tuple[slice, slice], things: Organelles, i: int) -> tuple[Plane, Plane]:
        """How far the pixels of a part of the image are from the i-th thing, down and across."""
        seed = things.seed[i]
        y, x = np.float32(self.seed_y[seed] + things.dy[i]), np.float32(self.seed_x[seed] + things.dx[i])
        return self.y[part] - y, self.x[part] - x


def lines(distance: Any, centre: float, width: float, pixel: float) -> Any:
    """The profile of a thin dark sheet cut across: 1 at `centre`, narrow. Thinner than a pixel, it fades instead."""
    wide = max(width, 0.55 * pixel)
    q = distance - np.float32(centre)
    q *= np.float32(1 / wide)
    q *= q
    q += np.float32(1)
    q *= q
    return np.float32(min(1.0, width / wide)) / q


def darken(stain: Plane, target: float, amount: Any) -> None:
    """Towards `target`, by 0 (not at all) to 1 (entirely)."""
    stain += (np.float32(target) - stain) * amount


def membranes(canvas: Canvas, slant: Plane) -> None:
    """Two sheets with a cleft between them; where cut obliquely, `slant` times as wide, and pale."""
    wall = canvas.profiles.wall
    gap = wall < canvas.pixel
    value = canvas.stain[gap]
    value += (np.float32(0.66) + canvas.grain[gap] - value) * np.clip(np.float32(0.5) - wall[gap] / canvas.pixel, 0, 1)
    canvas.stain[gap] = value
    near = wall < 90
    rough = canvas.grain[near]
    distance = wall[near] + np.float32(25) * rough  # stain sits on a membrane unevenly
    width = slant[near]
    distance /= width
    sheet = lines(distance, 9, 10, canvas.pixel)
    sheet *= np.float32(0.35) + np.float32(0.65) / width
    value = canvas.stain[near]
    value += (np.float32(0.92) + np.float32(0.6) * rough - value) * sheet
    canvas.stain[near] = value


def mitochondria(canvas: Canvas, things: Organelles) -> None:
    """Dark bodies with a double membrane and cristae, squeezed into their neurite."""
    shown, rows, columns, depths = canvas.visible(things)
    for i in range(len(rows)):
        slim = np.sqrt(1 - depths[i] ** 2)
        b = shown.radius[i] * (0.35 + 0.65 * slim)
        a = b * shown.stretch[i]
        part = canvas.window(rows[i], columns[i], int(1.35 * a / canvas.pixel) + 3)
        y, x = canvas.offsets(part, shown, i)
        cosine, sine = np.float32(np.cos(shown.angle[i])), np.float32(np.sin(shown.angle[i]))
        along, across = x * cosine + y * sine, y * cosine - x * sine
        across += along * along * np.float32(0.6 * (shown.chance[i] - 0.5) / a)  # bent
        inside = np.float32(b) - np.float32(b) * np.sqrt((along / np.float32(a)) ** 2 + (across / np.float32(b)) ** 2)
        room = canvas.room[part] - np.float32(26)
        blend = np.maximum(np.float32(60) - np.abs(room - inside), 0)
        np.minimum(inside, room, out=inside)
        inside -= blend * blend * np.float32(1 / 240)
        inside[canvas.profiles.label[part] != canvas.seed_label[shown.seed[i]]] = -1e3
        cover = np.clip(inside * np.float32(1 / canvas.pixel) + np.float32(0.5), 0, 1)
        np.minimum(canvas.room[part], np.abs(inside), out=canvas.room[part])
        rough = canvas.grain[part]
        wave = along * np.float32(1 / 52) + np.float32(1.7) * canvas.swirl[part] + rough
        crista = np.abs(wave - np.floor(wave) - np.float32(0.5))
        crista = np.clip(crista * np.float32(5) - np.float32(1.1), 0, 1)
        crista *= np.clip(inside * np.float32(0.04) - np.float32(0.6), 0, 1)
        body = np.float32(0.5) + np.float32(0.16 * min(1, 14 / canvas.pixel)) * crista + np.float32(0.5) * rough
        membrane = lines(np.abs(inside), 0, 8, canvas.pixel) + lines(inside, 18, 5, canvas.pixel) * np.float32(0.5)
        darken(body, 0.86, np.minimum(membrane, 1))
        stain = canvas.stain[part]
        stain += (body - stain) * cover


def dots(canvas: Canvas, things: Organelles, *, ring: float, dark: float, room: float) -> None:
    """Small round things: `ring` nm thick walls with a clear middle, kept `room` nm off the wall of their profile."""
    shown, rows, columns, depths = canvas.visible(things)
    r, c = np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)
    height, width = canvas.stain.shape
    at = np.clip(r, 0, height - 1), np.clip(c, 0, width - 1)
    fits = canvas.room[at] > shown.radius + room
    r, c = r[fits], c[fits]
    half = int((things.radius.max() + 2 * ring) / canvas.pixel) + 1
    offset = np.arange(-half, half + 1)
    dy = (r - rows[fits])[:, None, None] + offset[:, None]
    dx = (c - columns[fits])[:, None, None] + offset
    distance = np.sqrt(dy * dy + dx * dx) * canvas.pixel
    radius = (shown.radius[fits] * np.sqrt(1 - np.minimum(depths[fits], 0.9) ** 2))[:, None, None]
    sheet = lines(distance - radius, 0, ring, canvas.pixel) * dark
    clear = (distance < radius) * 0.5
    row, column = np.broadcast_arrays(r[:, None, None] + offset[:, None], c[:, None, None] + offset)
    drawn = (row >= 0) & (row < height) & (column >= 0) & (column < width) & ((sheet > 0.02) | (clear > 0))
    place, sheet, clear = (row[drawn], column[drawn]), sheet[drawn], clear[drawn]
    before = canvas.stain[place]
    change = (0.9 - before) * sheet - before * clear * (1 - sheet)
    np.add.at(canvas.stain, place, change.astype(np.float32))


def synapses(canvas: Canvas, things: Organelles) -> None:
    """Dark fuzz on a stretch of wall, heavier on one side."""
    shown, rows, columns, depths = canvas.visible(things)
    for i in range(len(rows)):
        radius = shown.radius[i] * np.sqrt(1 - depths[i] ** 2)
        part = canvas.window(rows[i], columns[i], int(1.3 * radius / canvas.pixel) + 2)
        y, x = canvas.offsets(part, shown, i)
        bump = np.clip(np.float32(1.6) - (y * y + x * x) * np.float32(1.6 / max(radius, 1) ** 2), 0, 1)
        own = canvas.profiles.label[part] == canvas.seed_label[shown.seed[i]]
        bump *= np.where(own, np.float32(0.85), np.float32(0.3))
        bump *= lines(canvas.profiles.wall[part], 12, 16, canvas.pixel)
        darken(canvas.stain[part], 0.95, bump)
