"""What happens in a simulated run: which images, in which order, what is wrong with each. It makes no image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from mhfd.errors import UsageError
from mhfd_client.microscope.truth import Shot, ShotKind

Layout = Literal["atlas", "wafermapper", "sbemimage", "sbemimage2025", "plain"]
_SERIAL: Final = 1_752_450_056  # of the first section, as Atlas counts
_NAMES: Final[dict[Layout, str]] = {
    "wafermapper": "W01_Sec{section:03d}_Montage/Tile_{tile}_W01_sec{section:03d}.tif",
    "sbemimage": "tiles/g0000/t{number:04d}/run_g0000_t{number:04d}_s{section:05d}.tif",
    "sbemimage2025": "tiles/a0000/r0000/t{number:04d}/run_a0000_r0000_t{number:04d}_s{section:05d}.ome.tif",
    "plain": "section_{section:05d}_{tile}.tif",
}

_PLANTED: Final = {
    ShotKind.DEFOCUS_SLIGHT: "out_of_focus",
    ShotKind.DEFOCUS: "out_of_focus",
    ShotKind.ASTIGMATIC: "out_of_focus",
    ShotKind.TILTED: "out_of_focus",
    ShotKind.TRUNCATED: "incomplete",
    ShotKind.ZERO_TAIL: "incomplete",
    ShotKind.BLANK: "undetermined",
}
HARMLESS: Final = (ShotKind.WRINKLE, ShotKind.PARTICLES, ShotKind.CHARGING, ShotKind.RESIN)
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


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run: which images, in which order, and what is wrong with each."""

    seed: int
    size: int
    drift: float
    shots: tuple[Shot, ...]

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
        """
        _check("sections", sections, 1, 100_000)
        _check("size", size, 128, 16384)
        _check("tiles", min(tiles), 1, 100)
        if not 0 <= failures <= 0.5:
            raise UsageError(f"failures: {failures!r} is out of range; give 0 to 0.5")
        rng = np.random.default_rng([seed, 77])
        names = [f"r{r + 1}-c{c + 1}" for r in range(tiles[0]) for c in range(tiles[1])]
        count = 0 if failures == 0 else min(max(round(failures * sections), min(6, sections // 4)), sections // 2)
        order = [int(s) + 1 for s in rng.permutation(sections)]
        wrong = {s: _FAILURES[i % len(_FAILURES)] for i, s in enumerate(order[:count])}
        harmless = {s: HARMLESS[i % len(HARMLESS)] for i, s in enumerate(order[count : 2 * count])}
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
                elif focus_drift_px:
                    kind, amount = ShotKind.DRIFTED, focus_drift_px * section / sections
                shot = Shot(section, tile, _path(layout, section, tile, 0), kind, _expected(kind, amount), amount)
                shots.append(shot)
                if shot.planted and kind is not ShotKind.BLANK and section > blurred_start and rng.random() < 0.4:
                    again = replace(
                        shot, path=_path(layout, section, tile, 1), kind=ShotKind.SHARP, expected="in_focus",
                        amount=0.0, take=1, retake_of=shot.path,
                    )  # fmt: skip
                    retakes.setdefault(min(section + 5, sections), []).append(again)
            shots += retakes.pop(section, [])
        return cls(seed, size, drift, tuple(shots))


def row_column(tile: str) -> tuple[int, int]:
    """The place of a tile such as `r1-c2` in its mosaic, from 1."""
    row, column = tile.removeprefix("r").split("-c")
    return int(row), int(column)


def _amount(kind: ShotKind, rng: np.random.Generator) -> float:
    """How much of it."""
    low, high = {
        ShotKind.DEFOCUS_SLIGHT: (2.0, 2.0),
        ShotKind.DEFOCUS: (2.5, 7.0),
        ShotKind.ASTIGMATIC: (3.0, 5.0),
        ShotKind.TILTED: (4.0, 8.0),
        ShotKind.TRUNCATED: (0.05, 0.6),
        ShotKind.ZERO_TAIL: (0.05, 0.6),
        ShotKind.WRINKLE: (1.0, 3.99),
        ShotKind.PARTICLES: (3.0, 20.0),
        ShotKind.RESIN: (0.2, 0.6),
    }.get(kind, (0.0, 0.0))
    return float(rng.uniform(low, high))


def _expected(kind: ShotKind, amount: float) -> str:
    if kind is ShotKind.DRIFTED:
        return "in_focus" if amount < 1.2 else "out_of_focus" if amount >= 2 else "either"
    return _PLANTED.get(kind, "in_focus")


def _path(layout: Layout, section: int, tile: str, take: int) -> str:
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
