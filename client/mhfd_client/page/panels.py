"""What each part of the page says, as HTML that the browser puts in place, and the points of the chart as numbers.

Words and templates only. Everything that comes from a file's name is text: the templates escape it.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from mhfd.contract.focus_report import Cells, FocusReport
from mhfd_client.adjustment.beside.tries import RepairEnd
from mhfd_client.adjustment.ledger import LedgerLine, LensEntry
from mhfd_client.alerts import Rule
from mhfd_client.files import shown, text_of
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.rows import Outcome, VerdictRow
from mhfd_client.naming import REMEDY, Place, crowded_words, describe, shot_of, subject
from mhfd_client.page import banner, listed
from mhfd_client.page.banner import SIGNS, UNSURE_SIGN, WORDS
from mhfd_client.page.crops import crops
from mhfd_client.page.model import JudgedImage, PageModel
from mhfd_client.results.latency import SPANS, spans
from mhfd_client.results.sidecars import steps_ms
from mhfd_client.results.tables import Order
from mhfd_client.times import lately, took_ms
from mhfd_client.verdicts.blur import advice
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_flows.build import PARTS

NAMES: Final = ("state", "ask", "teach", "retake", "missing", "rung", "last", "strip", "runs", "health", "times")
RULES: Final = {
    Rule.OUT_OF_FOCUS: "Out of focus",
    Rule.UNUSABLE: "Unusable images",
    Rule.DRIFT: "Drift",
    Rule.MISSING: "Missing",
    Rule.UNANSWERED: "Nobody has answered",
    Rule.SILENCE: "Silence",
    Rule.BACKLOG: "Backlog",
    Rule.DISK: "Disk",
    Rule.FOLDER: "Folder",
    Rule.RUNNER: "Nothing is scored",
    Rule.CHAMPION: "The champion does not know these images",
    Rule.LENS: "The lens needs a person",
    Rule.ENDED: "The watch ended",
}
LENS: Final = {
    LensEntry.PROPOSED: "Proposed",
    LensEntry.REFUSED: "Refused",
    LensEntry.KEPT: "Moved",
    LensEntry.PUT_BACK: "Put back",
    LensEntry.LEFT: "Left as somebody turned it",
    LensEntry.STRANDED: "Not back",
    LensEntry.FORGOTTEN: "Forgotten",
    LensEntry.UNDONE: "Undone",
    LensEntry.REPAIRED: "Tried",
    LensEntry.ASKED: "A person is needed",
    LensEntry.TROUBLE: "Nothing can be done",
    LensEntry.WELL: "Well again",
}
"""What a line of the ledger is called."""
ENDS: Final = {
    RepairEnd.RETAKEN: "re-focused and taken again",
    RepairEnd.REFOCUSED: "re-focused",
    RepairEnd.NOT_BETTER: "not better, the lens is where it was",
    RepairEnd.REFUSED: "refused",
    RepairEnd.PROPOSED: "proposed",
    RepairEnd.FAILED: "no answer",
}
"""How what was tried for an image ended."""
FAILS: Final = {"refused": "refused", "offline": "offline", "runner": "failing", "queued": "queued"}
"""What is said of whoever scores, by the kind of trouble."""
_CHOICE: Final = 20  # images that a move may be between
_OUT_BY: Final = 3
_LISTED: Final = 100  # rows of a list; the whole is one command away
_TIGHT: Final = 5 << 30  # bytes free, below which the disk is named
_CODES: Final = {outcome: number for number, outcome in enumerate(Outcome)}


def templates() -> Environment:
    """What the parts of the page are made with."""
    env = Environment(
        loader=PackageLoader("mhfd_client.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {"words": WORDS, "signs": SIGNS, "unsure_sign": UNSURE_SIGN}
    env.globals |= {"Outcome": Outcome, "parts": PARTS, "rule_words": RULES}
    env.filters |= {"blur": _blur, "blur_size": advice.size, "kind": advice.WORDS.__getitem__}
    env.filters |= {"text": shown, "clock": _clock, "number": _number, "short": _short, "took": took_ms}
    env.filters |= {"lens_title": _lens_title}
    return env


def panels(env: Environment, model: PageModel) -> dict[str, str]:
    """Every part of the page by its name. That of a lens only where the watch has to do with one."""
    context = _context(model)
    names = NAMES if model.lens is None else (*NAMES, "lens")
    return {name: env.get_template(f"{name}.html").render(context) for name in names}


def _context(model: PageModel) -> dict[str, Any]:
    beat, last = model.beat, model.last()
    asked = [model.entries[i] for i in (model.question or {}).get("images", ()) if i in model.entries]
    taught = None if model.teaches is None else model.entries[model.teaches.image]
    teaching, beside = crops([taught], model, lambda entry: _report(model, entry)) if taught else ([], None)
    pictures, known = crops(asked, model, lambda entry: _report(model, entry)) if asked else ([], None)
    folder = model.journal.path.parent
    waited = model.waited()
    free = shutil.disk_usage(folder).free
    report = None if last is None else _report(model, last)
    root = model.journal.root()
    return {
        "model": model,
        "caption": captions(model),
        "several": several(model),
        "beat": beat,
        "alive": model.running,
        "stopped": beat is not None and beat.doing == "stopped",
        "sharp": banner.sharpness(model),
        "todo": banner.todo(model),
        "title": banner.title(model, root),
        "icon": banner.icon(model),
        "last": last,
        "last_blur": None if last is None else last.blur,
        "last_to_do": None if last is None or last.outcome is Outcome.IN_FOCUS else advice.advice(last.blur),
        "map": None
        if report is None or report.cells is None or last is None
        else map_words(report.cells, last, report),
        "last_learned": () if last is None else model.estimates.get(last.id, ()),
        "asked": pictures,
        "known": known,
        "teaching": next(iter(teaching), None),
        "teaching_known": beside,
        "teaching_why": "" if model.teaches is None else model.teaches.why,
        "strip": [model.entries[image] for image in reversed(model.latest)],
        "rung": model.rung,
        "open_alerts": [alert for alert in model.rung if alert.closed is None],
        "over_alerts": [alert for alert in model.rung if alert.closed is not None],
        "now": time.time(),
        "missing": model.missing[:_LISTED],
        "missing_more": max(0, len(model.missing) - _LISTED),
        "crowded": crowded_words(model.crowds),
        "remedy": REMEDY,
        "failing": next((FAILS[trouble.kind] for trouble in model.troubles if trouble.kind in FAILS), None),
        "waited": waited,
        "spans": SPANS,
        "free": free,
        "tight": free < _TIGHT,
        "root": text_of(root),
        "name": banner.name_of(root),
        "lens": model.lens,
        "focus_of": _out_by(model),
        "newest": [model.entries[image] for image in list(reversed(model.latest))[:_CHOICE]],
    }


def _out_by(model: PageModel) -> list[tuple[JudgedImage, str]]:
    """The newest images that are out of focus, and by how much where a calibration tells it."""
    newest = [model.entries[image] for image in reversed(model.latest)]
    blurred = [one for one in newest if one.outcome is Outcome.OUT_OF_FOCUS and one.blur is not None]
    told = [(one, advice.microns(one.blur, "µm")) for one in blurred if one.blur is not None]
    return [(one, words) for one, words in told if words is not None][:_OUT_BY]


def retakes(env: Environment, model: PageModel, order: Order, number: int) -> str:
    """A page of the list of what to take again, and what was taken off it."""
    fined = [model.entries[i] for i, label in model.labels.items() if label.fine and i in model.entries]
    return env.get_template("retakes.html").render(
        model=model,
        caption=captions(model),
        leaf=listed.leaf(model, order=order, number=number),
        notations=listed.notations(model),
        fined=fined[-10:],
    )


def points(entries: Iterable[JudgedImage], model: PageModel) -> list[list[Any]]:
    """One row a point: id, section, tile, density, outcome, provisional, expected, threshold, confirmed, dof, shot, and
    blur: null, or px, low, high, and itself in words.
    """
    rows = []
    for entry in entries:
        score, label, blur = entry.told.score, model.labels.get(entry.id), entry.blur
        rows.append(
            [
                entry.id,
                entry.place.section,
                _tile(entry.place.tile),
                _short(score.density),
                _CODES[entry.outcome],
                int(entry.told.verdict.provisional),
                _short(entry.expected),
                _short(entry.threshold),
                int(label is not None and label.sharp is True),
                score.dof,
                model.shots[shot_of(entry.told.image.path)],
                None if blur is None else [_short(blur.px), _short(blur.low), _short(blur.high), _blur(blur)],
            ]
        )
    return rows


def chart(model: PageModel) -> dict[str, Any]:
    """What is drawn beside the points."""
    return {
        "anchors": [[_tile(anchor.tile), _short(anchor.density), len(anchor.images)] for anchor in model.anchors()],
        "drifts": [[_tile(d["tile"]), d["section"], d["sentence"]] for d in model.drifts],
        "missing": [[place.section, _tile(place.tile)] for place in model.missing if place.section is not None],
        "waits": waits(model),
        "tolerance": model.tolerance_px,
    }


def waits(model: PageModel) -> dict[str, Any]:
    """Seconds of each span of the last images, in the order in which they came, and the target."""
    caption = captions(model)
    some = [model.entries[image] for image in sorted(model.latest)]
    every = [spans(entry.told.image) for entry in some]
    return {
        "id": [entry.id for entry in some],
        "place": [caption(entry.place, entry.told.image.path) for entry in some],
        "spans": {name: [round(one.get(name, 0.0) / 1000, 4) for one in every] for name in SPANS},
        "words": {name: span.words for name, span in SPANS.items()},
        "target": model.target_s,
    }


def image(env: Environment, model: PageModel, entry: JudgedImage) -> str:
    """Everything about one image, beside its neighbours."""
    row, report = entry.told.image, _report(model, entry)
    before, after = model.neighbours(entry)
    history = model.journal.verdicts(row.id)
    levels = _levels(history[-1]) if history else []
    thumbs = thumbnails(model.journal.path.parent)
    return env.get_template("image.html").render(
        caption=captions(model),
        entry=entry,
        blur=entry.blur,
        estimates=model.estimates.get(entry.id, ()),
        what_to_do=None if entry.outcome is Outcome.IN_FOCUS else advice.advice(entry.blur),
        tolerance=model.tolerance_px,
        row=row,
        report=report,
        label=model.labels.get(row.id),
        waits=row.id in model.labels_waiting,
        alive=model.running,
        shown=[
            (title, one, _report(model, one))
            for title, one in (("before", before), ("this image", entry), ("after", after))
            if one is not None
        ],
        before=before,
        after=after,
        history=history,
        levels=levels,
        steps=steps_ms(row),
        thumbnail=picture_of(thumbs, row.id).is_file(),
        scored=report is not None and report.density is not None,
    )


def several(model: PageModel) -> bool:
    """Whether the run has more than one tile a section."""
    return len({entry.place.tile for entry in model.entries.values()}) > 1


def captions(model: PageModel) -> Callable[[Place, str], str]:
    """What an image is called: its section, and its tile where there are several; else its file's name."""
    tiled = several(model)

    def caption(place: Place, path: str) -> str:
        if place.section is None:
            return shown(path.rpartition("/")[2])
        return shown(subject(place if tiled else Place(place.section)))

    return caption


def map_words(cells: Cells, entry: JudgedImage, report: FocusReport) -> str:
    """A focus map in words: how many of its parts are weak, and where most of them are."""
    shares = map_shares(cells, entry, report)
    known = [(i, share) for i, share in enumerate(shares) if share is not None]
    if not known:
        return "No part of the image has tissue to measure."
    weak = [i for i, share in known if share < 0.6]
    if not weak:
        return f"All {len(known)} parts with tissue show what is expected of them."
    row = sum(i // cells.cols for i in weak) / len(weak) / max(1, cells.rows - 1)
    col = sum(i % cells.cols for i in weak) / len(weak) / max(1, cells.cols - 1)
    up = "upper " if row < 0.35 else "lower " if row > 0.65 else ""
    side = "left" if col < 0.35 else "right" if col > 0.65 else "part" if up else "middle"
    where = "all over" if len(weak) > 0.7 * len(known) else f"mostly in the {up}{side}"
    return f"{len(weak)} of {len(known)} parts with tissue show less than 60% of what is expected, {where}."


def map_shares(cells: Cells, entry: JudgedImage, report: FocusReport) -> list[float | None]:
    """Each cell's features as a part of the expected; of the image's own best where nothing is expected yet."""
    size = (0, 0) if report.image.shape is None else report.image.shape
    area = size[0] * size[1] / 1e6 / max(1, cells.rows * cells.cols)
    found = [
        count / (area * tissue) if count is not None and tissue >= 0.3 and area else None
        for count, tissue in zip(cells.dof, cells.tissue, strict=True)
    ]
    known = sorted(density for density in found if density is not None)
    norm = entry.expected or (known[int(0.9 * (len(known) - 1))] if known else 0.0)
    return [None if density is None or not norm else density / norm for density in found]


def _blur(blur: Blur) -> str:
    return advice.told(blur, "µm")


def _lens_title(line: LedgerLine) -> str:
    """Of which image it is, and how that ended; else what kind of line it is."""
    section, end, title = line.about.get("section", ""), line.about.get("end"), LENS[line.what]
    if line.what is LensEntry.REPAIRED and end in set(RepairEnd):
        title = ENDS[RepairEnd(end)]
    if not section.isdecimal():
        return title[:1].upper() + title[1:]
    where = describe(Place(int(section), line.about.get("tile")))
    return f"{shown(where)[:1].upper()}{shown(where)[1:]}: {title[:1].lower()}{title[1:]}"


def _tile(tile: str | None) -> str | None:
    return None if tile is None else shown(tile)


def _report(model: PageModel, entry: JudgedImage) -> FocusReport | None:
    number = entry.told.image.report
    return None if number is None else model.report(number)


def _levels(verdict: VerdictRow) -> list[dict[str, Any]]:
    return [level for level in json.loads(verdict.detail).get("levels", ()) if level["region"] == "whole"]


def _clock(ns: float | None) -> str:
    return "not yet" if ns is None else lately(ns / 1e9)


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
