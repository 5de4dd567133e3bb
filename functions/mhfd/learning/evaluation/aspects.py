"""Where an entry does well and where not: by covariate and fold, on a control field, on single images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.dataset.rows import DatasetRow
from mhfd.learning.evaluation import ranking
from mhfd.learning.evaluation.benchmark import ControlField, CovariateRow, WorstImage

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONTROL: Final = "control"
"""The covariate that says: this is the same place every N sections."""
WORST: Final = 6
"""Of each entry and kind."""
_WORDS: Final = 8
"""A covariate with more different words than this says nothing that a table can show."""
_PARTS: Final = 3
_LEAST: Final = 4
"""Images of a control field."""
_NO: Final = ("", "0", "no", "false", "n")


def columns_of(rows: Sequence[DatasetRow], measured: Mapping[str, Floats]) -> dict[str, list[float | str | None]]:
    """Every covariate of the rows: the instrument, the pixel, what the labels say beside, and what was measured."""
    found: dict[str, list[float | str | None]] = {
        "instrument": [row.group.instrument or None for row in rows],
        "session": [row.group.session or None for row in rows],
        "origin": [row.origin.value for row in rows],
        "pixel_nm": [row.pixel_nm for row in rows],
        "section": [row.section for row in rows],
    }
    for name in dict.fromkeys(name for row in rows for name in row.covariates):
        found[name] = [row.covariates.get(name) for row in rows]
    for name, values in measured.items():
        found.setdefault(name, [float(value) if np.isfinite(value) else None for value in values])
    return found


def by_covariate(
    columns: Mapping[str, Sequence[float | str | None]],
    scores: Mapping[str, Floats],
    bad: Bools,
    fold: NDArray[np.intp],
) -> tuple[CovariateRow, ...]:
    """How each entry does where a covariate is low or high, or of one kind; and what each fold has of it."""
    found = []
    for name, values in columns.items():
        for words, chosen in _kinds(values):
            found.append(_row(name, words, None, chosen, scores, bad))
            for number in range(int(fold.max()) + 1 if len(fold) else 0):
                if (here := chosen & (fold == number)).any():
                    found.append(_row(name, words, number, here, scores, bad))
    return tuple(found)


def _kinds(values: Sequence[float | str | None]) -> list[tuple[str, Bools]]:
    """The parts that a covariate divides the images into; none where it divides nothing."""
    numbers = np.array([value if isinstance(value, int | float) else np.nan for value in values], float)
    words = [value if isinstance(value, str) else None for value in values]
    kinds: list[tuple[str, Bools]] = []
    known = sorted({word for word in words if word is not None})
    if 0 < len(known) <= _WORDS:
        kinds += [(word[:60], np.array([value == word for value in words])) for word in known]
    has = np.isfinite(numbers)
    distinct = np.unique(numbers[has])
    if 1 < len(distinct) <= _PARTS:
        kinds += [(f"{value:.4g}", numbers == value) for value in distinct]
    elif len(distinct) > _PARTS:
        ends = np.quantile(numbers[has], np.linspace(0, 1, _PARTS + 1))
        for number in range(_PARTS):
            low, high = ends[number], ends[number + 1]
            last = number == _PARTS - 1
            chosen = has & (numbers >= low) & ((numbers <= high) if last else (numbers < high))
            if chosen.any():
                kinds.append((f"{low:.4g} to {high:.4g}", chosen))
    return kinds if len(kinds) > 1 else []


def _row(
    name: str, words: str, fold: int | None, chosen: Bools, scores: Mapping[str, Floats], bad: Bools
) -> CovariateRow:
    values = {entry: ranking.auc(each[chosen], bad[chosen]) for entry, each in scores.items()}
    return CovariateRow(
        covariate=name,
        value=words,
        fold=fold,
        images=int(chosen.sum()),
        bad=int(bad[chosen].sum()),
        auc={entry: None if value is None else round(value, 4) for entry, value in values.items()},
    )


def is_control(value: float | str | None) -> bool:
    """Whether the column `control` marks an image."""
    if isinstance(value, str):
        return value.strip().casefold() not in _NO
    return bool(value)


def control_field(rows: Sequence[DatasetRow], mhfd: Floats, bad: Bools) -> ControlField | None:
    """What changed from section to section in the instrument, and what in the tissue; None without a control field.

    The control field shows the same place, so what changes there is the instrument. Of the others both change.
    """
    marked = np.array([is_control(row.covariates.get(CONTROL)) for row in rows], bool)
    if not marked.any():
        return None
    section = np.array([np.nan if row.section is None else row.section for row in rows], float)
    usable = np.isfinite(mhfd) & np.isfinite(section) & ~bad
    images = int((marked & usable).sum())
    places = [row.group.key for row in rows]
    instrument = _trend(section, mhfd, marked & usable, places)
    if instrument is None:
        return ControlField(
            images=images,
            words=f"the control field says nothing yet: {images} sharp images of it with a section, {_LEAST} needed",
        )
    others = _trend(section, mhfd, ~marked & usable, places)
    if others is None:
        words = f"over 100 sections the control field changed by {instrument:+.3f}: the instrument; others are too few"
        return ControlField(images=images, instrument=round(instrument, 4), words=words)
    tissue = others - instrument
    return ControlField(
        images=images,
        instrument=round(instrument, 4),
        all_else=round(others, 4),
        tissue=round(tissue, 4),
        words=(
            f"over 100 sections log cross_spectrum changed by {others:+.3f}: {instrument:+.3f} by the instrument, as "
            f"the control field says ({images} images), {tissue:+.3f} by the tissue"
        ),
    )


def _trend(section: Floats, values: Floats, chosen: Bools, places: Sequence[str]) -> float | None:
    """Change over 100 sections, each group about its own mean; None where there is too little to say."""
    x, y = [], []
    for group in dict.fromkeys(places):
        here = chosen & np.array([place == group for place in places])
        if here.sum() >= _LEAST and np.ptp(section[here]) > 0:
            x.append(section[here] - section[here].mean())
            y.append(values[here] - values[here].mean())
    if not x:
        return None
    along, above = np.concatenate(x), np.concatenate(y)
    return float(100 * (along @ above) / (along @ along))


def worst_images(
    rows: Sequence[DatasetRow], scores: Mapping[str, Floats], bad: Bools, *, most: int = WORST
) -> tuple[WorstImage, ...]:
    """The bad images that an entry finds sharper than some sharp one, the sharpest first; and the other way round."""
    found = []
    for name, each in scores.items():
        speaks = np.flatnonzero(np.isfinite(each))
        if len(speaks) < 2:
            continue
        said, truth = each[speaks], bad[speaks]
        if truth.all() or not truth.any():
            continue
        wrong = np.where(truth, said < said[~truth].max(), said > said[truth].min())
        rank = np.argsort(np.argsort(each[speaks])) / (len(speaks) - 1)
        for kind, order in ((True, np.argsort(rank)), (False, np.argsort(-rank))):
            chosen = [place for place in order if truth[place] == kind and wrong[place]][:most]
            found += [
                WorstImage(
                    entry=name,
                    path=rows[speaks[place]].path,
                    sha256=rows[speaks[place]].sha256,
                    group=rows[speaks[place]].group.key,
                    bad=kind,
                    score=round(float(each[speaks[place]]), 4),
                    rank=round(float(rank[place]), 4),
                )
                for place in chosen
            ]
    return tuple(found)
