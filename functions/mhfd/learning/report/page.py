"""The page: what is said, in which order. The decision first, then what it rests on, then what was left out."""

from collections.abc import Iterator, Sequence
from typing import Final

import mhfd
from mhfd.learning.evaluation.benchmark import Benchmark, Placing, Range, WorstImage
from mhfd.learning.pictures.benchmark import PicturesBenchmark
from mhfd.learning.report import plots
from mhfd.learning.report.markup import Html, table, tag
from mhfd.learning.report.of_pictures import body_of
from mhfd.learning.report.pictures import middle_of

MOST_BYTES: Final = 1_000_000
"""Of the page; what does not fit stays in report.json, and the page says so."""

_SHOWN: Final = 5
"""Entries whose curves are drawn, and whose columns a table by group has."""
_ROWS: Final = 60
"""Of a table by group or covariate."""
_PICTURES: Final = 600_000
"""Characters of all pictures."""

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 1.5rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem; border-left: .4rem solid #0072b2; padding-left: .8rem; overflow-wrap: anywhere }
h1.promoted { border-color: #009e73 } h2 { margin: 2rem 0 .4rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }
th { font-weight: 600; color: #444 } .n { text-align: right; white-space: nowrap } th.n { white-space: normal }
td:first-child { min-width: 7rem }
.plots { display: flex; flex-wrap: wrap; gap: 1rem } .plots svg { width: 340px; max-width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #333 }
svg.long { width: 100%; height: auto; min-width: 560px; max-width: 760px }
.key span { display: inline-block; margin-right: 1rem }
.small { color: #555; font-size: .9rem; overflow-wrap: anywhere }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem }
figure { margin: 0; break-inside: avoid } figure img { width: 100%; display: block }
figcaption { font-size: .85rem; overflow-wrap: anywhere }
.none { background: #eee; padding: 3rem 1rem; text-align: center }
"""


def render(found: Benchmark | PicturesBenchmark) -> str:
    """The page. Without pictures where it would be too large with them."""
    for pictures in (_PICTURES, _PICTURES // 4, 0):
        page = _page(found, pictures)
        if len(page.encode("utf-8", "backslashreplace")) <= MOST_BYTES:
            break
    return page


def _page(found: Benchmark | PicturesBenchmark, pictures: int) -> str:
    # Nothing is fetched, and nothing runs: whatever a name of a file says.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("title", f"mhfd evaluate: {found.line}"),
        tag("style", Html(_STYLE)),
    )
    said = body_of(found) if isinstance(found, PicturesBenchmark) else _body(found, pictures)
    return f"<!doctype html>\n{tag('html', head, tag('body', *said), lang='en')}\n"


def _body(found: Benchmark, pictures: int) -> Iterator[Html]:
    yield from (*_head(found), *_who(found), *_doubt(found), *_families(found), *_shown(found))
    yield from _where(found, pictures)


def _head(found: Benchmark) -> Iterator[Html]:
    yield tag("h1", found.line, class_=found.decision)
    where = "" if found.instrument is None else f" at {found.instrument}"
    counted = (
        ""
        if found.test is None or found.alpha is None
        else (
            f" This is test {found.test} of this library's life{where}; it may be wrong to promote with a chance of "
            f"{found.alpha:.3g}."
        )
    )
    yield tag(
        "p",
        f"{found.images:,} images of {len(found.groups):,} {found.unit}, {found.bad:,} of them bad. A missed image "
        f"costs {found.miss_cost:g} false alarms; the run that this is for has {_part(found.prevalence)} of bad "
        f"images.{counted}",
    )


def _who(found: Benchmark) -> Iterator[Html]:
    """What each entry did."""
    run = _part(found.prevalence)
    yield tag("h2", "Who says best which images are bad")
    header = ("entry", "AUC", "95%", "cost", "recall", "false alarms", "precision", "F", "error", "no answer", "CPU s")
    yield table(header, [_entry(one) for one in found.entries])
    yield _small(
        f"AUC is on the images on which every entry speaks. The other columns are what an entry would do in a run with "
        f"{run} of bad images, its threshold chosen on other groups; cost is an image's, in false alarms. CPU: "
        "training of a fold, and 1,000 images."
    )
    yield tag("h2", "Of the images that are named, the part that is bad")
    parts = list(found.precision_at)
    yield table(
        ("precision at", *(f"{_part(float(part))} bad" for part in parts)),
        [(_name(one), *(_short(found.precision_at[part].get(one.name)) for part in parts)) for one in found.entries],
    )
    if found.splits:
        yield tag("h2", "The same, by how the images are split")
        yield table(
            ("AUC", *(split.name for split in found.splits)),
            [(_name(one), *(_short(split.auc.get(one.name)) for split in found.splits)) for one in found.entries],
        )
        yield tag(
            "ul",
            *(
                tag("li", tag("b", split.name), f": {split.words}", " (this one decides)" if split.decides else "")
                for split in found.splits
            ),
        )


def _families(found: Benchmark) -> Iterator[Html]:
    """What each family of features is worth."""
    if not found.families:
        return
    yield tag("h2", "What each family of features is worth")
    yield table(
        ("family", "features", "AUC", "AUC, no baseline"),
        [
            (row.family + "*" * row.taken, str(row.features), _short(row.less_baseline), _short(row.as_they_are))
            for row in found.families
        ],
    )
    yield _small(
        "Of a logistic regression that is given this family alone, whole specimens held out. More features are not "
        "better by themselves. *: what the learners above are given."
    )


def _doubt(found: Benchmark) -> Iterator[Html]:
    """What is saved, and how sure that is."""
    if not found.duels:
        return
    yield tag("h2", "What a challenger would save")
    yield tag("div", plots.intervals(found.duels), class_="wide")
    yield table(
        ("challenger", "against", "saves", "95%", "p", "AUC", "95%"),
        [
            (
                duel.challenger,
                duel.against,
                f"{duel.saved:+.3f}",
                _range(duel.range, signed=True),
                f"{duel.p:.2g}",
                "" if duel.auc is None else f"{duel.auc:+.3f}",
                _range(duel.auc_range, signed=True),
            )
            for duel in found.duels
        ],
        words=2,
    )
    yield _small(
        "Saved cost an image, in false alarms. The interval holds the truth 95 times of a hundred: "
        f"{found.draws:,} draws of whole {found.unit}. p: how often no better a challenger would look as good."
    )


def _shown(found: Benchmark) -> Iterator[Html]:
    """Curves, and the rows of groups."""
    shown = _foremost(found)
    drawn = [one for one in shown if one.roc or one.precision_recall]
    if drawn:
        yield tag("h2", "At every threshold")
        yield tag(
            "div",
            plots.curves({one.name: one.roc for one in drawn}, x="false alarms", y="recall"),
            plots.curves(
                {one.name: one.precision_recall for one in drawn},
                x="recall",
                y=f"precision at {_part(found.prevalence)} bad",
            ),
            class_="plots",
        )
        yield plots.key([one.name for one in drawn])
    yield from _groups(found, shown)
    if found.curve is not None:
        yield tag("h2", "What more labels would bring")
        yield tag("p", f"{found.curve.learner}: {found.curve.words}")
        if found.curve.points:
            yield tag("div", plots.learning(found.curve.points), class_="plots")
    counted = [(one, one.confusion) for one in found.entries if one.confusion is not None]
    if counted:
        yield tag("h2", "Counted on the labelled images")
        header = ("entry", "bad, found", "bad, missed", "sharp, named bad", "sharp, passed", "no answer: bad", "sharp")
        yield table(
            header,
            [
                (
                    _name(one),
                    *map(
                        str,
                        (of.found, of.missed, of.false_alarms, of.passed, of.abstained_bad, of.abstained_sharp),
                    ),
                )
                for one, of in counted
            ],
        )


def _groups(found: Benchmark, shown: Sequence[Placing]) -> Iterator[Html]:
    rows = {one.name: {row.group: row for row in one.groups} for one in shown}
    first = rows[shown[0].name] if shown else {}
    if not first:
        return
    yield tag("h2", f"By {found.unit}")
    told = []
    for group, row in list(first.items())[:_ROWS]:
        cells = [group, str(row.images), str(row.bad)]
        for one in shown:
            of = rows[one.name].get(group)
            cells += ["-", "-"] if of is None else [_short(of.auc), _short(of.cost)]
        told.append(cells)
    header = ("", "images", "bad", *(f"{what} {one.name}" for one in shown for what in ("AUC", "cost")))
    yield table(header, told)
    yield from _more(len(first))


def _where(found: Benchmark, pictures: int) -> Iterator[Html]:
    """What it depends on, what was got wrong, and what was left out."""
    if found.agreement:
        yield tag("h2", "How far people agree")
        yield tag("ul", *(tag("li", one.words) for one in found.agreement))
    if found.control is not None:
        yield tag("h2", "The control field")
        yield tag("p", found.control.words)
    yield from _covariates(found)
    if found.worst:
        yield tag("h2", "The images that were got most wrong")
        yield from _worst(found.worst, pictures)
    yield tag("h2", "What was not compared, and why")
    barred = [tag("li", tag("b", one.name), f": {'; '.join(one.barred)}") for one in found.entries if one.barred]
    remarks = [tag("li", remark) for remark in found.remarks]
    yield tag("ul", *barred, *remarks) if barred or remarks else tag("p", "Everything that was asked for was.")
    yield tag("h2", "To do the same again")
    facts = [("dataset", found.dataset or "unknown"), ("seed", str(found.seed)), ("draws", str(found.draws))]
    facts += [("mhfd", mhfd.__version__), ("report", found.digest or "report.json beside this page")]
    yield table(("", ""), [*facts, *((f"package {name}", full) for name, full in found.packages.items())], words=2)


def _covariates(found: Benchmark) -> Iterator[Html]:
    if not found.covariates:
        return
    yield tag("h2", "What else differs between the images")
    names = list(dict.fromkeys(name for row in found.covariates for name in row.auc))[:_SHOWN]
    over_all = [row for row in found.covariates if row.fold is None] or list(found.covariates)
    yield table(
        ("covariate", "value", "images", "bad", *(f"AUC {name}" for name in names)),
        [
            (row.covariate, row.value, str(row.images), str(row.bad), *(_short(row.auc.get(name)) for name in names))
            for row in over_all[:_ROWS]
        ],
        words=2,
    )
    yield from _more(len(over_all))
    folds = [row for row in found.covariates if row.fold is not None]
    if folds and over_all[0].fold is None:
        yield tag(
            "details",
            tag("summary", "The same in each fold"),
            table(
                ("covariate", "value", "fold", "images", "bad"),
                [(row.covariate, row.value, str(row.fold), str(row.images), str(row.bad)) for row in folds[:_ROWS]],
                words=2,
            ),
            *_more(len(folds)),
        )


def _worst(worst: Sequence[WorstImage], room: int) -> Iterator[Html]:
    cards, without = [], 0
    seen: dict[str, str | None] = {}
    for one in worst:
        if one.sha256 not in seen:
            address = middle_of(one.path, one.sha256) if room > 0 else None
            if address is not None:
                room -= len(address)
            seen[one.sha256] = address
        picture = seen[one.sha256]
        without += picture is None
        said = "bad, and found sharp" if one.bad else "sharp, and found bad"
        cards.append(
            tag(
                "figure",
                tag("img", src=picture, alt=one.path) if picture else tag("div", "no picture", class_="none"),
                tag(
                    "figcaption",
                    tag("b", said),
                    f", by {one.entry}: its score is above {one.rank:.0%} of the images; {one.group} ",
                    tag("span", one.path, class_="small"),
                ),
            )
        )
    yield tag("div", *cards, class_="cards")
    yield _small(
        "The middle of each image, pixel by pixel."
        + (
            f" {without} without a picture: the file is gone or has changed, or the page would be too large."
            * bool(without)
        )
    )


def _foremost(found: Benchmark) -> list[Placing]:
    """mhfd, the champion, the challenger that came nearest, then the others as they are listed."""
    order = {"mhfd": 0, "champion": 1}
    return sorted(found.entries, key=lambda one: 2 if one.name == found.challenger else order.get(one.role, 3))[:_SHOWN]


def _entry(one: Placing) -> tuple[str, ...]:
    rates = one.rates[0] if one.rates else None
    said = (
        ("-",) * 6
        if rates is None
        else tuple(
            _short(value)
            for value in (rates.cost, rates.recall, rates.false_alarms, rates.precision, rates.f, rates.total_error)
        )
    )
    took = "" if one.train_s is None else f"{one.train_s:.2f} + {one.predict_s or 0:.3f}"
    return (_name(one), _short(one.auc), _range(one.auc_range), *said, str(one.abstained), took)


def _name(one: Placing) -> str:
    return one.name + {"champion": " (champion)", "beside": " (beside)"}.get(one.role, "")


def _more(count: int) -> Iterator[Html]:
    if count > _ROWS:
        yield _small(f"And {count - _ROWS:,} more in report.json.")


def _small(words: str) -> Html:
    return tag("p", words, class_="small")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(found: Range | None, *, signed: bool = False) -> str:
    if found is None:
        return "-"
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in (found.low, found.high))
    return f"{low} to {high}" if not signed else f"[{low}, {high}]"


def _part(value: float) -> str:
    return f"{100 * value:.3g}%"
