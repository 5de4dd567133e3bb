"""The page of a comparison of pictures, in the style of the other: the decision first, then what it rests on."""

from collections.abc import Iterator
from typing import Final

import mhfd
from mhfd.learning.evaluation.benchmark import Range
from mhfd.learning.pictures.benchmark import PicturesBenchmark, PicturesEntry
from mhfd.learning.pictures.words import named, short
from mhfd.learning.report import plots
from mhfd.learning.report.markup import Html, table, tag

_ROWS: Final = 60


def body_of(found: PicturesBenchmark) -> Iterator[Html]:
    """What is said, part by part."""
    yield tag("h1", found.line, class_=found.decision)
    test = (
        "No test was made."
        if found.test is None
        else (
            f"This is test {found.test} of this library's life for {found.task}; it may be wrong to promote with a "
            f"chance of {found.alpha:.3g}."
        )
    )
    yield tag("p", f"{found.images:,} images of {len(found.groups):,} {found.unit}. {test}")
    yield tag("h2", "Whose pictures are better")
    more = list(dict.fromkeys(name for one in found.entries for name in one.more))
    yield table(
        ("entry", "score", "95%", *more, "refused"),
        [
            (
                named(one),
                short(one.score),
                _ends(one),
                *(short(one.more.get(name)) for name in more),
                str(one.refused),
            )
            for one in found.entries
        ],
    )
    yield _small(
        f"Score: {found.measure}. Means over {found.unit}; higher is better. Of an image that a package refuses "
        + ("nothing counts as right." if found.task == "segment" else "the image as it came counts.")
    )
    if found.duels:
        yield tag("h2", "What a challenger gains")
        yield tag("div", plots.intervals(found.duels), class_="wide")
        yield table(
            ("challenger", "against", "gains", "95%", "p"),
            [
                (one.challenger, one.against, f"{one.gained:+.3f}", _range(one.range), f"{one.p:.2g}")
                for one in found.duels
            ],
            words=2,
        )
        yield _small(
            f"The interval holds the truth 95 times of a hundred: {found.draws:,} draws of whole {found.unit}."
        )
    yield tag("h2", f"By {found.unit}")
    first = found.entries[0].groups if found.entries else ()
    yield table(
        ("", "images", *(one.name for one in found.entries)),
        [
            (row.group, str(row.images), *(short(one.groups[at].score) for one in found.entries))
            for at, row in enumerate(first[:_ROWS])
        ],
    )
    if len(first) > _ROWS:
        yield _small(f"And {len(first) - _ROWS:,} more in report.json.")
    yield tag("h2", "What was chosen or left out, and why")
    barred = [tag("li", tag("b", one.name), f": {'; '.join(one.barred)}") for one in found.entries if one.barred]
    yield tag("ul", *barred, *(tag("li", remark) for remark in found.remarks))
    yield tag("h2", "To do the same again")
    facts = [("dataset", found.dataset or "unknown"), ("instrument", found.instrument or "any")]
    facts += [("seed", str(found.seed)), ("draws", str(found.draws)), ("mhfd", mhfd.__version__)]
    facts += [("report", found.digest or "report.json beside this page")]
    yield table(("", ""), [*facts, *((f"package {name}", full) for name, full in found.packages.items())], words=2)


def _ends(one: PicturesEntry) -> str:
    return "-" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"


def _range(found: Range) -> str:
    return f"[{found.low:+.3f}, {found.high:+.3f}]"


def _small(words: str) -> Html:
    return tag("p", words, class_="small")
