"""The images of a folder, in the order of their sections, each measured as it is and with each fault planted in it.

Files are only read. However many there are, no more images are in memory than are measured at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from mhfd import images
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.detector.choose import choose
from mhfd.errors import UsageError
from mhfd.limits import Limits
from mhfd.measure import measure as report
from mhfd.rows import InMemory
from mhfd.simulate.planting import LEAST, ImageNoise, plant
from mhfd_client import naming
from mhfd_client.arrival.listing import Rules, inside, walk
from mhfd_client.files import text_of
from mhfd_client.naming import Detected, Place
from mhfd_client.replay.faults import Planting
from mhfd_client.runners import set_aside
from mhfd_client.settings.options import Settings

_AHEAD: Final = 2  # images are measured so many times as many as are at once, before they are asked for


@dataclass(frozen=True, slots=True)
class RunImage:
    """One file of the run."""

    path: str
    """Relative to the folder."""
    place: Place


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """One image of the run: its report, and what it would be with each fault."""

    image: RunImage
    report: FocusReport
    otherwise: tuple[tuple[Planting, FocusReport], ...]


def images_of(root: str, settings: Settings) -> tuple[list[RunImage], Detected]:
    """The images that a watch would take, in the order of their sections, and how they are named."""
    rules = Rules(settings.arrival.patterns, settings.arrival.ignore)
    paths = [inside(folder.path, name) for folder in walk(root, rules) for name in folder.images]
    detected = naming.choose(settings.names, paths)
    own = Rules(settings.arrival.patterns, (*settings.arrival.ignore, *detected.naming.ignore))
    found = [RunImage(path, detected.naming.place(path)) for path in paths if own.path(path) is None]
    if not found:
        raise UsageError(
            f"{text_of(root)}: none of the files there is an image that is watched; `mhfd plan` says why, file by file"
        )
    return sorted(found, key=lambda image: (image.place.key, image.path)), detected


def measured(
    root: str,
    run: Sequence[RunImage],
    plantings: Callable[[int], Iterable[Planting]],
    *,
    params: Params,
    limits: Limits,
    jobs: int,
) -> Iterator[MeasuredImage]:
    """Each image of the run in its order; `plantings` says what is planted in the image of a number, from 0."""

    def one(number: int) -> MeasuredImage:
        try:
            return looked_at(number)
        except MemoryError:
            why = "set aside: needs more memory than there is; give fewer --jobs"
            return MeasuredImage(run[number], set_aside(run[number].path, params, why), ())

    def looked_at(number: int) -> MeasuredImage:
        image = images.load(f"{root}/{run[number].path}", crop=params.crop, limits=limits)
        detector = choose(params, device="cpu", threads=1)
        found = report.measure(image, detector, params, keep=False).report
        pixels = image.pixels
        if pixels is None or min(pixels.shape) < LEAST:
            return MeasuredImage(run[number], found, ())
        otherwise = []
        planned = list(plantings(number))
        noise = ImageNoise.of(pixels) if planned else None
        for planting in planned:
            spoilt = plant(pixels, planting.fault, seed=planting.seed, noise=noise)
            faulty = replace(image, rows=InMemory(spoilt), survey=None)
            otherwise.append((planting, report.measure(faulty, detector, params, keep=False).report))
        return MeasuredImage(run[number], found, tuple(otherwise))

    pool = ThreadPoolExecutor(jobs)
    ahead: deque[Future[MeasuredImage]] = deque()
    rest = iter(range(len(run)))
    try:
        for number in rest:
            ahead.append(pool.submit(one, number))
            if len(ahead) >= _AHEAD * jobs:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
