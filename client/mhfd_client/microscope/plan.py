"""What happens in a simulated run: which images, in which order, what is wrong with each. It makes no image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from mhfd.errors import UsageError
from mhfd_client.microscope.causes import CAUSES
from mhfd_client.microscope.truth import Shot, ShotKind

Layout = Literal["atlas", "wafermapper", "sbemimage", "sbemimage2025", "plain"]
_SERIAL: Final = 1_752_450_056  # of the first section, as Atlas counts
_NAMES: Final[dict[Layout, str]] = {
    "wafermapper": "W01_Sec{section:03d}_Montage/Tile_{tile}_W01_sec{section:03d}.tif",
    "sbemimage": "tiles/g0000/t{number:04d}/run_g0000_t{number:04d}_s{section:05d}.tif",
    "sbemimage2025": "tiles/a0000/r0000/t{number:04d}/run_a0000_r0000_t{number:04d}_s{section:05d}.ome.tif",
    "plain": "section_{section:05d}_{tile}.tif",
}

_HARMLESS: Final = (ShotKind.WRINKLE, ShotKind.PARTICLES, ShotKind.CHARGING, ShotKind.RESIN)
# The first few are in every run, however short.
_FAILURES: Final = (
    ShotKind.DEFOCUS_SLIGHT,
    ShotKind.TILTED,
    ShotKind.TRUNCATED,
    ShotKind.DEFOCUS,
    ShotKind.DEFOCUS_SLIGHT,
    ShotKind.ZERO_TAIL,
    ShotKind.ASTIGMATIC,
    ShotKind.TILTED,
    ShotKind.DEFOCUS_SLIGHT,
    ShotKind.BLANK,
)


class NoiseKind(StrEnum):
    """How the detector makes noise."""

    WHITE = "white"
    LINE = "line"  # a slow detector: coloured along the scan line
    GRAIN = "grain"  # coloured both ways
    FRAMES = "frames"  # eight frames, averaged


@dataclass(frozen=True, slots=True)
class Chance:
    """What is left to chance at one image, whatever is wrong with it."""

    dose: float
    side: int
    angle_deg: float
    shorter_part: float

    @classmethod
    def of(cls, seed: int, section: int, tile: str, take: int) -> Chance:
        """The same, whatever else is in the run."""
        rng = np.random.default_rng([seed, section, *row_column(tile), take])
        dose = float(np.exp(rng.normal(0, 0.05)))
        return cls(dose, int(rng.integers(4)), float(rng.uniform(0, 180)), float(rng.uniform(0.1, 0.33)))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run: which images, in which order, and what is wrong with each."""

    seed: int
    size: int
    drift: float
    shots: tuple[Shot, ...]
    noise: NoiseKind = NoiseKind.WHITE
    jpeg: int | None = None
    """Quality with which files are compressed, 1 to 100; None: not at all."""
    two_kinds: bool = False
    """Whether every second section is of other tissue: paler, with less fine texture."""

    @classmethod
    def of(
        cls,
        seed: int = 0,
        *,
        sections: int = 200,
        size: int = 512,
        tiles: tuple[int, int] = (1, 1),
        failures: float = 0.06,
        drift: float = 0.06,
        layout: Layout = "atlas",
        blurred_start: int = 0,
        focus_drift_px: float = 0.0,
        focus_drift_from: int = 1,
        causes: Sequence[ShotKind] | None = None,
        noise: NoiseKind = NoiseKind.WHITE,
        jpeg: int | None = None,
        two_kinds: bool = False,
    ) -> RunPlan:
        """A run with its failures.

        Args:
            seed: Of the tissue and of everything that happens.
            sections: How many; numbered from 1.
            size: Side of an image, pixels.
            tiles: Rows and columns of each section's mosaic.
            failures: Part of the sections in which an image fails; as many again have an artefact that is no failure.
            drift: How far the tissue's density strays (standard deviation, as a part of itself).
            layout: The instrument whose names are used.
            blurred_start: So many sections at the beginning are all out of focus.
            focus_drift_px: The focus drifts slowly, to a disc of this radius in the last section.
            focus_drift_from: The section in which that begins.
            causes: What is wrong with images, each of them at least once; by default a choice of them.
            noise: Of the detector.
            jpeg: Quality with which files are compressed, 1 to 100; None: not at all.
            two_kinds: Every second section is of other tissue.
        """
        _check("sections", sections, 1, 100_000)
        _check("size", size, 128, 16384)
        _check("tiles", min(tiles), 1, 100)
        if not 0 <= failures <= 0.5:
            raise UsageError(f"failures: {failures!r} is out of range; give 0 to 0.5")
        _check("blurred_start", blurred_start, 0, sections)
        _check("focus_drift_from", focus_drift_from, 1, sections)
        if not 0 <= focus_drift_px <= 50:
            raise UsageError(f"focus_drift_px: {focus_drift_px!r} is out of range; give 0 to 50")
        if jpeg is not None:
            _check("jpeg", jpeg, 1, 100)
        rng = np.random.default_rng([seed, 77])
        names = [f"r{r + 1}-c{c + 1}" for r in range(tiles[0]) for c in range(tiles[1])]
        count = 0 if failures == 0 else min(max(round(failures * sections), min(6, sections // 4)), sections // 2)
        order = [int(s) + 1 for s in rng.permutation(sections)]
        failing, odd_ones = (_FAILURES, _HARMLESS) if causes is None else _parted(causes, failures, sections)
        bad, fair = (count, count) if causes is None else (max(count, len(failing)), max(count, len(odd_ones)))
        wrong = _in_turn(failing, order[:bad])
        harmless = _in_turn(odd_ones, order[bad : bad + fair])
        shots: list[Shot] = []
        retakes: dict[int, list[Shot]] = {}
        for section in range(1, sections + 1):
            odd = str(rng.choice(names))
            for tile in names:
                kind, amount = ShotKind.SHARP, float(abs(rng.normal(0, 0.2)))
                if tile == odd and (section in wrong or section in harmless):
                    kind = wrong.get(section) or harmless[section]
                    amount = _amount(kind, rng)
                elif section <= blurred_start:
                    kind, amount = ShotKind.DEFOCUS, 2.5
                elif focus_drift_px and section >= focus_drift_from:
                    done, all_of_it = section - focus_drift_from + 1, sections - focus_drift_from + 1
                    kind, amount = ShotKind.DRIFTED, focus_drift_px * done / all_of_it
                shot = Shot(section, tile, image_path(layout, section, tile, 0), kind, _expected(kind, amount), amount)
                shot = _lying(shot, Chance.of(seed, section, tile, 0))
                shots.append(shot)
                if shot.planted and kind is not ShotKind.BLANK and section > blurred_start and rng.random() < 0.4:
                    again = replace(
                        shot, path=image_path(layout, section, tile, 1), kind=ShotKind.SHARP, expected="in_focus",
                        amount=0.0, take=1, retake_of=shot.path, shorter_px=0.0, angle_deg=None,
                    )  # fmt: skip
                    retakes.setdefault(min(section + 5, sections), []).append(again)
            shots += retakes.pop(section, [])
        return cls(seed, size, drift, tuple(shots), noise, jpeg, two_kinds)


def row_column(tile: str) -> tuple[int, int]:
    """The place of a tile such as `r1-c2` in its mosaic, from 1."""
    row, column = tile.removeprefix("r").split("-c")
    return int(row), int(column)


def _amount(kind: ShotKind, rng: np.random.Generator) -> float:
    """How much of it."""
    return float(rng.uniform(CAUSES[kind].low, CAUSES[kind].high))


def _expected(kind: ShotKind, amount: float) -> str:
    if kind is ShotKind.DRIFTED:
        return "in_focus" if amount < 1.2 else "out_of_focus" if amount >= 2 else "either"
    return CAUSES[kind].expected


def _parted(
    causes: Sequence[ShotKind], failures: float, sections: int
) -> tuple[tuple[ShotKind, ...], tuple[ShotKind, ...]]:
    """Those that fail, and those that are odd and no failure."""
    if failures == 0:
        raise UsageError("failures: 0 leaves no room for causes; give a part above 0, or leave the causes out")
    failing = tuple(kind for kind in causes if CAUSES[kind].fails)
    odd = tuple(kind for kind in causes if not CAUSES[kind].fails and kind is not ShotKind.SHARP)
    if (least := 2 * (len(failing) + len(odd))) > sections:
        raise UsageError(f"sections: {sections} are too few for {least // 2} causes; give at least {least}")
    return failing, odd


def _in_turn(kinds: Sequence[ShotKind], sections: Sequence[int]) -> dict[int, ShotKind]:
    """Which of these sections gets which."""
    return {s: kinds[i % len(kinds)] for i, s in enumerate(sections)} if kinds else {}


def _lying(shot: Shot, chance: Chance) -> Shot:
    """With the direction in which it is blurred: an ellipse and a tilt may lie any way."""
    match shot.kind:
        case ShotKind.ASTIGMATIC:
            return replace(shot, shorter_px=shot.amount * chance.shorter_part, angle_deg=chance.angle_deg)
        case ShotKind.TILTED:
            return replace(shot, angle_deg=(270.0, 90.0, 180.0, 0.0)[chance.side])
        case ShotKind.MOTION_ALONG | ShotKind.VIBRATION | ShotKind.JITTER:
            return replace(shot, angle_deg=0.0)
        case ShotKind.MOTION_ACROSS:
            return replace(shot, angle_deg=90.0)
        case _:
            return shot


def image_path(layout: Layout, section: int, tile: str, take: int = 0) -> str:
    """The name that the instrument gives it. A retake gets a name of its own where the instrument does that."""
    if layout == "atlas":
        folder = f"S_{section:03d}_{_SERIAL + 60 * section + 7_000_000 * take}"
        return f"{folder}/Tile_{tile}_{folder}.tif"
    row, column = row_column(tile)
    name = _NAMES[layout].format(section=section, tile=tile, number=100 * (row - 1) + column - 1)
    return f"retake/{name}" if take else name


def _check(field: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{field}: {value!r} is out of range; give a whole number from {low} to {high}")
