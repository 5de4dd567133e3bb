"""Does a watch find the one blurred image of a run in the files of each instrument?

Given a folder of instruments' own files, each becomes a run: its frame, its data bar, its tags and side file, and in
the part that is image one section of tissue after the other, one of them out of focus. `mhfd watch` looks at the run
with the settings it has by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from benchmarks._scenes import blurred, load
from benchmarks._table import markdown, publish
from numpy.typing import NDArray

from mhfd import images, simulate
from mhfd.contract.focus_report import Box, Finding

Array = NDArray[Any]
SECTIONS: Final = 30
BLURRED: Final = 20
RADIUS: Final = 4.0
_CARRIED: Final = (270, 271, 272, 306)
_FIRST_PRIVATE: Final = 32768


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """What is put into the image part, section by section."""

    name: str
    density: float = 0.0
    folder: Path | None = None

    def sections(self, shape: tuple[int, int], bits: int) -> Iterator[Array]:
        """As many as a run has, one of them blurred; 8 or 16 bit."""
        if self.folder is not None:
            yield from self._real(shape, bits)
            return
        specimen = simulate.Specimen(seed=3, density=self.density, drift=0.05)
        exposure = simulate.Exposure(dose=100, bits=bits)
        still = simulate.Exposure(dose=1e6, read_noise=0, bits=16)
        for z in range(SECTIONS):
            if z != BLURRED:
                yield specimen.section(shape, z=z, exposure=exposure)
                continue
            clean = specimen.section(shape, z=z, exposure=still).astype(np.float32) / np.float32(65535)
            yield _taken(blurred(clean, RADIUS, base=0), 100, bits)

    def _real(self, shape: tuple[int, int], bits: int) -> Iterator[Array]:
        assert self.folder is not None
        for z, path in enumerate(sorted(self.folder.iterdir())[:SECTIONS]):
            section = load(path).astype(np.float32)
            if z == BLURRED:  # its own noise goes with the detail; as much is put back
                rough = float(np.median(np.abs(np.diff(section, axis=1)))) / 0.954
                section = blurred(section, RADIUS, base=0)
                section += np.random.default_rng(0).normal(0, rough / 2, section.shape).astype(np.float32)
            by = [(0, max(0, want - have)) for want, have in zip(shape, section.shape, strict=True)]
            full = np.pad(section, by, mode="symmetric")[: shape[0], : shape[1]]
            scale = 257 if bits == 16 else 1
            yield (np.clip(full, 0, 255) * scale).astype(f"u{bits // 8}")


def _taken(signal: Array, dose: float, bits: int) -> Array:
    """The picture as the simulator's detector would have it: shot noise and read-out noise of two electrons."""
    rng = np.random.default_rng(7)
    electrons = rng.poisson(np.clip(signal, 0, None) * dose) + rng.normal(0, 2, signal.shape)
    top = (1 << bits) - 1
    return np.clip(np.rint(electrons / dose * top), 0, top).astype(f"u{bits // 8}")


def frame(original: Path, target: Path, part: Box, section: Array) -> None:
    """A copy of an instrument's file with a section in its image part."""
    with tifffile.TiffFile(original) as tiff:
        page = tiff.pages.first
        if page.is_memmappable:
            shutil.copyfile(original, target)
            target.chmod(0o644)
            whole: Array = tifffile.memmap(target, page=0, mode="r+")
            whole[part.top : part.bottom, part.left : part.right] = section
            whole.flush()  # type: ignore[attr-defined]  # it is a memmap
            return
        whole = page.asarray().copy()
        whole[part.top : part.bottom, part.left : part.right] = section
        carried = [
            (tag.code, tag.dtype, tag.count, _bytes(tiff, tag), True)
            for tag in page.tags
            if tag.code in _CARRIED or (tag.code >= _FIRST_PRIVATE and tag.code != 34665)
        ]
        options: dict[str, Any] = {"photometric": "minisblack"}
        if page.colormap is not None:
            options = {"photometric": "palette", "colormap": page.colormap}
        tifffile.imwrite(target, whole, extratags=carried, metadata=None, **options)


def _bytes(tiff: tifffile.TiffFile, tag: tifffile.TiffTag) -> bytes:
    tiff.filehandle.seek(tag.valueoffset)
    return tiff.filehandle.read(tag.valuebytecount)


def run(original: Path, tissue: Tissue) -> tuple[str, str, str]:
    """The rows that are image, the verdict on the blurred section, and those on the others."""
    image = images.load(original)
    shape = image.info.shape
    if shape is None or image.finding is Finding.UNREADABLE:
        return "", f"not read: {image.detail}", ""
    part = image.info.box or Box(top=0, left=0, bottom=shape[0], right=shape[1])
    size = (part.bottom - part.top, part.right - part.left)
    bits = 16 if image.info.dtype in ("uint16", "int32") else 8
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "run"
        folder.mkdir()
        for z, section in enumerate(tissue.sections(size, bits)):
            target = folder / f"s{z:03d}{original.suffix}"
            frame(original, target, part, section)
            for beside in original.parent.glob(f"{original.stem}.*"):
                if beside != original:
                    shutil.copyfile(beside, target.with_suffix(beside.suffix))
        return f"{part.top} to {part.bottom} of {shape[0]}", *_watched(folder, Path(home) / "state")


def _watched(folder: Path, state: Path) -> tuple[str, str]:
    mhfd = str(Path(sys.executable).with_name("mhfd"))
    own = os.environ | {"XDG_STATE_HOME": str(state)}  # the watch remembers where a run's state is: in its own
    watch = [mhfd, "watch", str(folder), "--state", str(state), "--no-page", "--quiet", "--until-idle", "3"]
    done = subprocess.run(
        [*watch, "--set", "arrival.settle_s=0.2"], capture_output=True, text=True, check=False, env=own
    )
    if done.returncode not in (0, 1):
        return f"the watch ended with {done.returncode}: {done.stderr[-200:]}", ""
    verdicts = {}
    for path in state.rglob("*.mhfd.json"):
        document = json.loads(path.read_text())
        verdicts[Path(document["report"]["image"]["path"]).stem] = document["verdict"]["outcome"]
    planted = verdicts.pop(f"s{BLURRED:03d}", "no verdict")
    others = sorted(verdicts.values())
    counted = {kind: others.count(kind) for kind in dict.fromkeys(others)}
    return planted, ", ".join(f"{count} {kind}" for kind, count in counted.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the instruments' files (none of them is part of the project)")
    parser.add_argument("--micrographs", type=Path, help="a folder of sections in a row: as further tissue")
    parser.add_argument("--only", default="", help="files with this in their name")
    given = parser.parse_args()
    tissues = [Tissue("sparse, simulated", 0.15), Tissue("dense, simulated", 1.0)]
    if given.micrographs:
        tissues.append(Tissue(f"real ({given.micrographs.name})", folder=given.micrographs))
    rows = []
    for path in sorted(given.folder.iterdir()):
        if path.suffix.lower() not in (".tif", ".tiff") or given.only not in path.name:
            continue
        for tissue in tissues:
            row = (path.name, tissue.name, *run(path, tissue))
            print(*row, sep=" | ", file=sys.stderr)
            rows.append(row)
    body = (
        f"Each file became a run of {SECTIONS} sections with its own frame, bar, tags and side file; section {BLURRED} "
        f"is blurred by a disc of radius {RADIUS:g} px, as much noise as the others have put on afterwards. "
        "First look, nothing confirmed by a person.\n\n"
    )
    table = markdown(("file", "tissue", "rows that are image", "the blurred one is called", "the others"), rows)
    publish("instrument_runs", "One blurred image in a run of each instrument", body + table, packages=("numpy",))


if __name__ == "__main__":
    main()
