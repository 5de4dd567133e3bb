"""Two images that an instrument took -> a pair as packages are asked about it. Looks at the pixels; takes nothing.

It loads what reads images: never at the top of a module that the page or a watch uses.
"""

from __future__ import annotations

import time

import numpy as np

from mhfd.contract.focus_report import Finding
from mhfd.images import Image, load
from mhfd.learning.manifold.pair import ImagePair
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.instruments.protocol import Instrument, TakenImage


def image_pair(taken: TakenPair, instrument: Instrument) -> ImagePair:
    """The pair, with how the instrument stood; what is wrong with one of its images is its flaw."""
    a, b = (load(np.asarray(image.pixels)) for image in (taken.a, taken.b))
    reading = taken.a.reading
    return ImagePair(
        _pixels(a, taken.a),
        _pixels(b, taken.b),
        taken.perturbation_um,
        pixel_nm=reading.pixel_nm,
        age_s=max(0.0, time.time() - taken.a.reading.at),
        dwell_ns=reading.dwell_ns,
        beam_kv=reading.beam_kv,
        beam_pa=reading.beam_pa,
        instrument=instrument.name,
        distances_um=(taken.a.reading.working_distance_um, taken.b.reading.working_distance_um),
        flaw=_flaw("A", a) or _flaw("B", b),
    )


def _pixels(image: Image, taken: TakenImage) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.asarray(taken.pixels) if image.pixels is None else np.asarray(image.pixels)


def _flaw(name: str, image: Image) -> str | None:
    if image.finding is Finding.OK:
        return None
    return f"{name} is {image.finding.value.replace('_', ' ')}: {image.detail}"
