"""A comparison of pictures as lines for people, and as what travels; the last line is the decision."""

from __future__ import annotations

from collections.abc import Iterator

from mhfd.contract.benchmarking import MOST_SAID, Benchmarked, BenchmarkEntry, ImageSaid
from mhfd.learning.evaluation.entry import MHFD
from mhfd.learning.pictures.benchmark import PicturesBenchmark, PicturesEntry


def lines(found: PicturesBenchmark) -> Iterator[str]:
    """The table, what it rests on, and the decision."""
    of = "" if found.instrument is None else f" of {found.instrument}"
    yield f"{found.images} images of {len(found.groups)} {found.unit}{of}; score: {found.measure}"
    yield ""
    width = max(len(one.name) for one in found.entries) + 12
    for one in found.entries:
        more = "".join(f"  {name} {short(value)}" for name, value in one.more.items())
        yield f"{named(one):{width}} {short(one.score)}  95% {short(one.low)} to {short(one.high)}{more}"
    yield ""
    for duel in found.duels:
        low, high = duel.range.low, duel.range.high
        against = f"{duel.challenger} against {duel.against}"
        yield f"{against}: {duel.gained:+.3f}, 95% [{low:+.3f}, {high:+.3f}], p {duel.p:.2g}"
    for one in found.entries:
        if one.refused:
            instead = "nothing in them counts as right" if found.task == "segment" else "they count as they came"
            yield f"{one.name} makes no picture of {one.refused} images: {instead}"
        if one.barred:
            yield f"{one.name} cannot be promoted: {'; '.join(one.barred)}"
    yield from (f"note: {remark}" for remark in found.remarks)
    yield ""
    yield found.line


def travelled(found: PicturesBenchmark, instrument: str, report: str) -> Benchmarked:
    """The same as an endpoint answers it.

    Args:
        found: The comparison.
        instrument: The microscope that it was for.
        report: The digest that seals it.
    """
    stood = next((one for one in found.entries if one.role == "challenger" and not one.barred), None)
    images = sorted({sha256 for one in found.scores_by_image.values() for sha256 in one})
    return Benchmarked(
        task=found.task,
        instrument=instrument,
        decision=found.decision,
        line=found.line,
        champion=None if found.champion == MHFD else found.champion,
        challenger=found.challenger or (None if stood is None else stood.package),
        measure=found.measure,
        saved=found.gained,
        low=found.low,
        high=found.high,
        images=found.images,
        groups=len(found.groups),
        test=found.test,
        entries=tuple(
            BenchmarkEntry(
                name=one.name, package=one.package, score=one.score, low=one.low, high=one.high, barred=one.barred
            )
            for one in found.entries
        ),
        said=()
        if len(images) > MOST_SAID
        else tuple(
            ImageSaid(
                sha256=sha256,
                bad=None,
                scores={name: _worse(scores.get(sha256)) for name, scores in found.scores_by_image.items()},
                far={},
            )
            for sha256 in images
        ),
        report=report,
    )


def _worse(score: float | None) -> float | None:
    """A score as what travels has it: higher is worse."""
    return None if score is None else -score


def named(one: PicturesEntry) -> str:
    """As the tables have it."""
    return one.name + (" (champion)" if one.role == "champion" else "")


def short(value: float | None) -> str:
    """A score, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"
