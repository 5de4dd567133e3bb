"""Damaged files: every one of them ends in a finding, silently, in bounded memory and time.

The files are made and read in a child process that may take little memory beyond what it has after its imports. A file
that takes too long ends it, with the stack and the file's number.
`python tests/images/test_fuzz_images.py FIRST LAST FOLDER` repeats a range.
"""

from __future__ import annotations

import faulthandler
import io
import json
import logging
import os
import resource
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tests.rigs.damage import DAMAGES, seal
from tests.rigs.image_files import bmp, jpeg, mrc

from mhfd import images
from mhfd.contract.focus_report import Finding

SECONDS_A_FILE = 60  # a guard against endless work, not a measure of speed: one file takes a millisecond
MEMORY = 1 << 30  # address space beyond that of the imports
RESIDENT = 400 << 20  # what 4 Mpx of the widest type may take, several times over
LIMITS = images.Limits(max_pixels=1 << 22)
FIBICS = (
    "<Fibics><Image><BoundingBox.Left>3</BoundingBox.Left><BoundingBox.Top>2</BoundingBox.Top><BoundingBox.Right>40"
    "</BoundingBox.Right><BoundingBox.Bottom>39</BoundingBox.Bottom></Image><Scan><FOV_X units='um'>8</FOV_X></Scan>"
    "</Fibics>"
)


def seeds() -> list[tuple[str, bytes]]:
    """One small file of every layout."""
    grey = np.random.default_rng(1).normal(120, 20, (48, 52)).clip(0, 255)
    byte, word = grey.astype(np.uint8), (grey * 200).astype(np.uint16)
    colour = np.stack([grey, grey * 0.8, grey * 0.6], 2).astype(np.uint8)
    zeiss = "1\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.0 nm\r\nAP_WD\r\nWD = 5.1 mm\r\n"
    cases: list[tuple[Any, dict[str, Any]]] = [
        (byte, {}),
        (byte, {"rowsperstrip": 5}),
        (byte, {"tile": (16, 32)}),
        (byte, {"compression": "lzw", "rowsperstrip": 16}),
        (byte, {"compression": "zlib", "predictor": True}),
        (byte, {"compression": "zstd"}),
        (byte, {"compression": "lzma"}),
        (byte, {"compression": "packbits"}),
        (byte, {"compression": "jpeg", "tile": (16, 16)}),
        (byte, {"bigtiff": True, "rowsperstrip": 8}),
        (byte, {"extratags": [(51023, 2, None, FIBICS, True)]}),
        (byte, {"extratags": [(34118, 2, None, zeiss, True)]}),
        (byte, {"photometric": "miniswhite"}),
        (byte, {"photometric": "palette", "colormap": np.random.default_rng(2).integers(0, 65_535, (3, 256), "u2")}),
        (word, {"byteorder": ">", "compression": "lzw", "predictor": True}),
        (word, {"byteorder": ">"}),
        (grey.astype(np.float32), {"compression": "zlib", "predictor": True}),
        (grey.astype(np.float16), {}),
        (grey.astype(np.float64), {"byteorder": ">"}),
        (grey.astype(np.int32), {"tile": (16, 16)}),
        (colour, {"photometric": "rgb"}),
        (colour, {"photometric": "ycbcr", "compression": "jpeg"}),
        (np.moveaxis(colour, 2, 0), {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}),
        (byte, {"ome": True, "metadata": {"PhysicalSizeX": 0.004}}),
    ]
    made = []
    for array, options in cases:
        file = io.BytesIO()
        tifffile.imwrite(file, array, **options)
        made.append((".tif", file.getvalue()))
    pngs: list[bytes] = [bytes(imagecodecs.png_encode(array)) for array in (byte, word, colour, colour.astype("u2"))]
    palette = io.BytesIO()
    PillowImage.fromarray(colour).convert("P").save(palette, "png")
    made += [(".png", png) for png in [*pngs, palette.getvalue()]]
    made += [(".bmp", bmp(array)) for array in (byte, colour)]
    made += [(".jpg", jpeg(array, progressive=array is colour)) for array in (byte, colour)]
    return made + [(".mrc", mrc(array, more=bytes(96))) for array in (word, grey.astype(np.float32))]


def mutated(number: int, originals: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The same file for the same number, always."""
    suffix, original = originals[number % len(originals)]
    rng = np.random.default_rng([2020, number])
    data = bytearray(original)
    for _ in range(int(rng.choice([1, 2, 3]))):
        if data:
            DAMAGES[int(rng.integers(len(DAMAGES)))](data, rng)
    if suffix == ".png" and rng.random() < 0.7:
        seal(data)
    return suffix, bytes(data)


def complaint(image: images.Image) -> str | None:
    """What is wrong with an answer of `load`."""
    json.dumps(image.info.model_dump(mode="json"), allow_nan=False)
    if image.finding is not Finding.OK:
        fine = image.pixels is None and image.detail and len(image.detail) < 250 and image.detail.isprintable()
        return None if fine else f"{image.finding} says {image.detail!r}"
    pixels: NDArray[Any] | None = image.pixels
    if pixels is None or pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16, np.float32):
        return "no pixels of a supported type"
    if not (pixels.flags.c_contiguous and pixels.flags.aligned and pixels.dtype.isnative):
        return "pixels not contiguous, aligned and native"
    return None if np.isfinite(pixels).all() else "pixels not finite"


def main(first: int, last: int, folder: Path) -> None:
    """Read the damaged files of a range, and print how often each finding came."""
    warnings.simplefilter("error")
    log = io.StringIO()
    logging.basicConfig(stream=log, level=logging.DEBUG)
    originals = seeds()
    for suffix, original in originals:  # loads every codec, before memory is limited
        path = folder / f"whole{suffix}"
        path.write_bytes(original)
        image = images.load(path, limits=LIMITS)
        assert image.finding is Finding.OK, (suffix, image.detail, image.info)
    log.truncate(0)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: Counter[str] = Counter()
    for number in range(first, last):
        suffix, data = mutated(number, originals)
        path = folder / f"{number}{suffix}"
        path.write_bytes(data)
        faulthandler.dump_traceback_later(SECONDS_A_FILE, exit=True)
        try:
            image = images.load(path, limits=LIMITS)
            wrong = complaint(image)
        except BaseException as e:
            raise AssertionError(f"file {number}") from e
        faulthandler.cancel_dump_traceback_later()
        assert wrong is None, f"file {number}: {wrong}"
        counts[image.finding.value] += 1
        path.unlink()
    assert not log.getvalue(), log.getvalue()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    print(json.dumps({"counts": counts, "grown": grown}))  # noqa: T201  the answer to the parent


def fuzz(first: int, last: int, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, str(first), str(last), str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    left = sorted(p.name for p in folder.glob("[0-9]*"))
    assert done.returncode == 0, f"file {left} of {first}..{last}:\n{done.stderr}"
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)  # nothing but the answer was written
    return answer


def judge(answer: dict[str, Any], files: int) -> None:
    counts = answer["counts"]
    assert sum(counts.values()) == files
    assert answer["grown"] < RESIDENT
    # The damage is real, and not all of it is found at the door.
    assert counts["ok"] < 0.7 * files
    assert {"ok", "incomplete", "unreadable", "invalid", "too_small"} <= set(counts)


def test_mutated_files_end_in_a_finding(tmp_path: Path) -> None:
    judge(fuzz(0, 1200, tmp_path), 1200)


@pytest.mark.soak
def test_many_mutated_files_end_in_a_finding(tmp_path: Path) -> None:
    judge(fuzz(1200, 51_200, tmp_path), 50_000)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
