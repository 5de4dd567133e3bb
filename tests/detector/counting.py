"""A picture at random, and what a GPU must say of it: what the CPU says of the GPU's own maxima, bit for bit.

Run on the emulation in the tests and on a device by `make gpu-check`, so it needs what a bare machine has.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Noise
from mhfd.contract.params import Params
from mhfd.detector import Counted
from mhfd.detector.bands import Band
from mhfd.detector.gpu import GpuDetector
from mhfd.measure import gate, noise, saturation, tissue
from mhfd.native import BlockStats
from mhfd.rows import InMemory
from mhfd.survey import Survey, survey

DTYPES = ("uint8", "uint16", "float32")
PARAMS = (
    Params(n=6, max_t=6.0),
    Params(n=4, max_t=4.0, polarity="dark", contrast=0.0, threshold=2.0),
    Params(n=3, max_t=3.0, gate="absolute", threshold=0.02),
    Params(n=2, min_t=0.5, max_t=1.0, gate="none", threshold=0.0),
)


def picture(number: int, *, kind: int | None = None, least: int = 16, most: int = 72) -> NDArray[Any]:
    """Blobs, shading, noise that grows with brightness or falls with it, now and then clipped; any type, any shape.

    Pictures of one kind have one type and shape; nothing said, each is of its own.
    """
    rng, kind = np.random.default_rng([number, 54]), number if kind is None else kind
    height, width = (int(side) for side in np.random.default_rng([kind, 17]).integers(least, most, 2))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    canvas = rng.uniform(40, 180) + rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y
    for _ in range(int(rng.integers(0, 40))):
        sigma, height_of = rng.uniform(0.7, 7), rng.uniform(-80, 80)
        place = rng.uniform(0, height), rng.uniform(0, width)
        canvas += height_of * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * sigma**2))
    level = np.clip(canvas, 0, 255)
    noisy = rng.normal(0, rng.uniform(0, 6), canvas.shape)
    canvas += noisy * np.sqrt(level / 255 if rng.random() < 0.5 else 1 - level / 255)
    dtype = DTYPES[kind % len(DTYPES)]
    canvas = np.clip(canvas, 0, 255)
    if dtype == "float32":
        canvas = canvas * rng.uniform(0.001, 50) - rng.uniform(0, 100)
    else:
        canvas = canvas.round() if dtype == "uint8" else canvas * rng.uniform(1, 257)
    pixels: NDArray[Any] = canvas.astype(dtype)
    return pixels


def differences(detector: GpuDetector, pixels: NDArray[Any], params: Params) -> list[str]:
    """In what the device differs from the host; nothing, if all is well."""
    rows = InMemory(pixels)
    expected = survey(rows)
    seen = detector.survey(rows, params)
    found = _differences(seen, expected)
    noise_map = noise.estimate(expected.stats, step=noise.grey_step(expected.line))
    of_image = tissue.find(expected.stats, noise_map, unusable=saturation.measure(expected).burnt)
    if not of_image.mask.any():  # a picture without tissue is not counted in; its blocks serve as well
        of_image = tissue.Tissue(np.ones_like(of_image.mask), 1.0)
    for which, noises in (("", noise_map), (" with steep noise", steep(noise_map, expected))):
        gates = gate.Gate(params, expected.stats, noises, of_image)
        least = float(noises.sigma[of_image.mask].min())
        counted = detector.count(rows, params, gates.rule, sigma_floor=least)
        by_list = on_host(detector, pixels, params, gates, least)
        found += [
            f"{name}{which}"
            for name in ("by_scale", "by_block")
            if (getattr(counted, name) != getattr(by_list, name)).any()
        ]
    return found


def steep(noise_map: noise.NoiseMap, seen: Survey) -> noise.NoiseMap:
    """Noise that follows brightness so closely that many a maximum is decided by the brightness around it."""
    variance, span = noise_map.model.sigma**2, max(seen.high - seen.low, 1e-6)
    falls = int(seen.counts.argmax()) % 2
    gain = (-4 if falls else 4) * variance / span
    read_var = variance - gain * (seen.high if falls else seen.low)
    model = Noise(sigma=noise_map.model.sigma, read_var=read_var, gain=gain)
    return noise.NoiseMap(model, noise_map.sigma * np.float32(0.25))


def on_host(
    detector: GpuDetector, pixels: NDArray[Any], params: Params, gates: gate.Gate, sigma_floor: float
) -> Counted:
    """The detector's own list, gated and counted by the host."""
    features = detector.detect(pixels, params, sigma_floor=sigma_floor)
    kept = gates.counted(Band(0, len(pixels), 0, pixels, features))
    blocks = gates.tissue.mask.shape
    block = gate.block_of(kept, pixels.shape, blocks)
    return Counted(
        by_scale=np.bincount(kept.scale, minlength=params.n).astype(np.int64),
        by_block=np.bincount(block, minlength=blocks[0] * blocks[1]).reshape(blocks).astype(np.int32),
    )


def _differences(one: Survey, other: Survey) -> list[str]:
    found = []
    for field in fields(Survey):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "stats":
            found += [
                name for name in BlockStats._fields if not np.array_equal(getattr(mine, name), getattr(theirs, name))
            ]
        elif not np.array_equal(mine, theirs):
            found.append(field.name)
    return found
