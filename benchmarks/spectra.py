"""The blocks' spectra: how much of an image's tissue they show, what they cost, and what half-way blocks are worth.

Large images are a section laid side by side, a quarter of it without tissue; nothing larger than a band is in memory.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final
from unittest import mock

import numpy as np
import scipy.fft
from benchmarks._table import markdown, publish
from numpy.typing import NDArray

import mhfd
from mhfd import cells, native, simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.detector import Features
from mhfd.detector.bands import Band, usual_height
from mhfd.measure import spectra
from mhfd.measure.spectra import SIDE, Grid, Reader
from mhfd.measure.tissue import Tissue
from mhfd.native.spectra import Groups, Sums, of_blocks
from mhfd.rows import spans

SIDES: Final = (1024, 2048, 4096, 8192, 16_384)
BEFORE: Final = 256
"""Blocks of version 3 of the method, at most."""
RINGS: Final = slice(4, 14)
"""Of the profile: .06 to .2 cycles a pixel, where blur is told."""

SHARE: Final = (
    "Share: of the tissue, in blocks; version 3 of the method had 256 blocks of any image above 2048 x 2048. "
    "CPU: of one core, of everything from the pixels to the sums (least of {repeats}), pixels of 16 bit. 'SciPy': the "
    "same blocks by `scipy.fft.rfft2`, 16 at a time, window and sums in NumPy, as version 3 made them. 'Twin': what "
    "a machine without a kernel takes."
)
WORTH: Final = (
    "{count} sections of one specimen, dose 100, all in focus and all 2 px out of focus, and how much the logarithm of "
    "the cross-spectrum and the profile (mean over rings of .06 to .2 cycles a pixel) scatter over them: blocks side "
    "by side, and with those half-way between. Where a row is bold, it is what mhfd does."
)


class Wide:
    """A section laid side by side to so many columns, and the tissue of the whole."""

    def __init__(self, side: int, tile: NDArray[Any]) -> None:
        self.shape = side, side
        self._rows = np.tile(tile, (-(-(usual_height(side) + SIDE) // len(tile)) + 1, side // len(tile)))
        mask = np.ones((side // 16, side // 16), np.bool_)
        mask[:, side // 16 * 3 // 4 :] = False
        self.tissue = Tissue(mask, 1.0)

    def bands(self) -> list[Band]:
        """As the detector gives them, without features."""
        none = np.empty(0, np.int32)
        features = Features(none, none, none.astype(np.uint8), none.astype(np.float32), (0.0, 1.0), self.shape)
        whole = self.shape[0]
        return [
            Band(top, bottom, top, self._rows[: min(whole, bottom + SIDE) - top], features)
            for top, bottom in spans(whole, usual_height(self.shape[1]))
        ]

    def reader(self) -> Reader:
        """One that has read nothing yet."""
        rows, cols = (np.array(cells.edges(size), np.intp) for size in self.shape)
        return Reader(self.shape, self.tissue, rows, cols)

    def cpu_ms(self, how: Callable[..., Sums], repeats: int) -> float:
        """Of reading all of it, by one way or the other."""
        bands, took = self.bands(), []
        with mock.patch("mhfd.native.spectra.of_blocks", how):
            for _ in range(repeats):
                reader = self.reader()
                begin = time.thread_time()
                for band in bands:
                    reader.take(band)
                took.append(time.thread_time() - begin)
        return min(took) * 1e3


def by_scipy(pixels: NDArray[Any], tops: NDArray[np.intp], lefts: NDArray[np.intp], by: Groups) -> Sums:
    """What version 3 did, with today's groups."""
    hann = np.hanning(SIDE + 1)[:-1].astype(np.float32)
    window, found = hann[:, None] * hann, []
    for first in range(0, len(tops), 16):
        places = zip(tops[first : first + 16], lefts[first : first + 16], strict=True)
        stack = np.empty((len(tops[first : first + 16]), SIDE, SIDE), np.float32)
        for block, (y, x) in zip(stack, places, strict=True):
            block[:] = pixels[y : y + SIDE, x : x + SIDE]
            block -= block.mean()
            block *= window
        parts = scipy.fft.rfft2(stack, workers=1).view(np.float32)
        np.square(parts, out=parts)
        power = parts[..., ::2] + parts[..., 1::2]
        edge = power[:, :, by.far :].mean(axis=2)
        along = power[:, by.far : SIDE - by.far + 1].mean(axis=1)
        found.append((by.summed(power), along, edge[:, : SIDE // 2 + 1]))
    return Sums(*(np.concatenate(part) for part in zip(*found, strict=True)))


def by_numpy(pixels: NDArray[Any], tops: NDArray[np.intp], lefts: NDArray[np.intp], by: Groups) -> Sums:
    """The twin."""
    with mock.patch("mhfd.native.kernel_info", return_value=native.KernelInfo(None, None, "switched off")):
        return of_blocks(pixels, tops, lefts, by)


def shares(repeats: int) -> str:
    """What is seen of an image, and at what cost."""
    tile = simulate.section((512, 512), seed=1).astype(np.uint16) * 255
    rows = []
    for side in SIDES:
        wide = Wide(side, tile)
        blocks = wide.reader().blocks
        tissue = 0.75 * side * side / SIDE**2
        before = min(blocks, 0.75 * BEFORE) if side > 2048 else blocks
        few = max(1, min(repeats, repeats * 2048 // side))
        kernel, old, twin = (wide.cpu_ms(how, few) for how in (of_blocks, by_scipy, by_numpy))
        rows.append(
            [
                f"{side} x {side}",
                blocks,
                f"{min(blocks / tissue, 1):.0%}",
                f"{min(before / tissue, 1):.1%}",
                f"{kernel:.2f}",
                f"{1e3 * kernel / blocks:.0f}",
                f"**{old / kernel:.1f}x**",
                f"{twin / kernel:.1f}x",
            ]
        )
    header = ["image", "blocks", "share", "before", "CPU, ms", "a block, us", "SciPy / kernel", "twin / kernel"]
    return markdown(header, rows)


def scatter(side: int, count: int) -> list[list[object]]:
    """Over sections, by the grid of blocks."""
    specimen = simulate.Specimen(seed=9)
    rows: list[list[object]] = []
    for blur in (0.0, 2.0):
        taken = [
            specimen.section(
                (side, side),
                z=17 + 3 * z,
                optics=simulate.Optics(blur_px=blur),
                exposure=simulate.Exposure(dose=100),
            )
            for z in range(count)
        ]
        for finer in (False, True):

            def chosen(
                edges: tuple[NDArray[np.intp], NDArray[np.intp]],
                shape: tuple[int, int],
                tissue: Tissue,
                finer: bool = finer,
            ) -> tuple[Grid, NDArray[np.bool_]]:
                grid = Grid.of(edges, shape, apart=SIDE)
                grid = grid.finer() if finer else grid
                share = spectra.tissue_share(tissue, grid.tops[:, None], grid.lefts[None, :])
                return grid, share >= spectra.LEAST_TISSUE

            with mock.patch("mhfd.measure.spectra.chosen", chosen):
                reports = [mhfd.score(pixels, threads=1) for pixels in taken]
            rows.append(_row(side, blur, finer, reports))
    return rows


def _row(side: int, blur: float, finer: bool, reports: list[FocusReport]) -> list[object]:
    ratios = np.log([report.cross_spectrum or np.nan for report in reports])
    rings = [report.profile.whole[RINGS] for report in reports if report.profile is not None]
    curves = np.array([[np.nan if v is None else v / 100 for v in ring] for ring in rings])
    count = side // SIDE
    used = finer == (count**2 < spectra.ENOUGH)
    name = "half-way too" if finer else "side by side"
    return [
        f"{side} x {side}",
        f"{blur:g} px",
        f"**{name}**" if used else name,
        (2 * count - 1) ** 2 if finer else count**2,
        f"{ratios.std(ddof=1):.3f}",
        f"{np.nanstd(curves, axis=0, ddof=1).mean():.3f}",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="of each timing up to 2048 x 2048 (default: 15)")
    parser.add_argument("--sections", type=int, default=16, help="a series (default: 16)")
    asked = parser.parse_args()
    worth = [row for side in (512, 1024) for row in scatter(side, asked.sections)]
    columns = ["image", "out of focus", "blocks", "number", "sd of log(cross-spectrum)", "sd of the profile"]
    publish(
        "spectra",
        "The blocks' spectra",
        f"## How much is seen, and what it costs\n\n{SHARE.format(repeats=asked.repeats)}\n\n{shares(asked.repeats)}"
        f"\n\n## What half-way blocks are worth\n\n{WORTH.format(count=asked.sections)}\n\n{markdown(columns, worth)}",
    )
