"""What is wrong with a dataset before anything is learned from it, in sentences with numbers and names.

Refused is what makes every figure a lie: a copy across groups, a leaked label, one image with two labels of one person,
another file than was labelled. All else is said. It changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.errors import UsageError
from mhfd.learning.dataset.besides import beside_problems
from mhfd.learning.dataset.copies import NotAnImage, middle_of
from mhfd.learning.dataset.moves import move_problems
from mhfd.learning.dataset.problems import DatasetProblem, ProblemKind
from mhfd.learning.dataset.rows import Dataset, DatasetRow, Origin, Side
from mhfd.learning.dataset.takes import SIDE, patch_of, same_takes
from mhfd.learning.dataset.tells import by_chance, by_kind, by_number

FEWEST_GROUPS: Final = 6
"""Groups without which nothing can be promoted."""
_FEW: Final = 20  # images of a label
_RARE: Final = 0.1  # part of one label
_TELLS: Final = 0.7  # AUC from which something that is no look at the image is said
_LEAKS: Final = 0.99
_MOST_PATHS: Final = 20


class DatasetCheck(Wire):
    """What a dataset has, and what is wrong with it."""

    schema_version: Literal[1] = 1
    digest: str
    rows: int
    images: int
    groups: int
    good: int
    bad: int
    unlabelled: int
    moves: int = Field(description="pairs of images of which is known where the focus lies")
    takes: int = Field(0, description="images with another take of their field beside them")
    masks: int = Field(0, description="images with a mask beside them")
    train_groups: int
    test_groups: int
    problems: tuple[DatasetProblem, ...] = Field(default=())

    @property
    def refused(self) -> tuple[DatasetProblem, ...]:
        """What has to be mended first."""
        return tuple(one for one in self.problems if one.refused)


def check(
    dataset: Dataset, *, pixels: bool = True, tell: Callable[[int, int], object] = lambda done, of: None
) -> DatasetCheck:
    """All that is found.

    Args:
        dataset: The dataset.
        pixels: The middle of each image is read too: whether it is the file that was labelled, and whether two are one
            take.
        tell: Called with how many images were read, of how many.
    """
    first = {row.sha256: row for row in reversed(tuple(_each_image(dataset)))}
    seen = _Seen.of(tuple(first.values()), tell) if pixels else _Seen({}, {}, [])
    # Who drew a mask or took a field twice need not have said whether it is in focus.
    labels = Counter(
        row.target.bad for row in dataset.rows if row.pair is None and not (row.beside and row.target.bad is None)
    )
    sides = Counter(dataset.split[key] for key in dataset.groups)
    return DatasetCheck(
        digest=dataset.digest,
        rows=len(dataset.rows),
        images=len(first),
        groups=len(dataset.groups),
        good=labels[False],
        bad=labels[True],
        unlabelled=labels[None],
        moves=sum(row.is_move for row in dataset.rows),
        takes=sum(row.besides("take") is not None for row in dataset.rows),
        masks=sum(row.besides("mask") is not None for row in dataset.rows),
        train_groups=sides[Side.TRAIN],
        test_groups=sides[Side.TEST],
        problems=(
            *seen.changed,
            *_across(dataset, seen.takes),
            *_leaks(dataset),
            *_contradictions(dataset, seen.takes),
            *move_problems(dataset, pixels=pixels),
            *beside_problems(dataset, pixels=pixels),
            *(_classes(labels) if labels or not dataset.rows else ()),
            *_duplicates(dataset, seen.takes),
            *_groups(dataset),
            *_batches(dataset, seen.facts),
            *_paths(dataset),
        ),
    )


def _each_image(dataset: Dataset) -> Iterator[DatasetRow]:
    """The rows, and the other image of each pair and each other take as one of its own."""
    for row in dataset.rows:
        yield row
        if row.pair is not None:
            yield row.model_copy(update={"sha256": row.pair.sha256, "path": row.pair.path, "pair": None})
        if (take := row.besides("take")) is not None:
            yield row.model_copy(update={"sha256": take.sha256, "path": take.path, "beside": ()})


def counted(number: int, what: str) -> str:
    """`1 group`, `2 groups`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def refuse_leaks(dataset: Dataset, *, pixels: bool = True) -> None:
    """UsageError that names what makes figures a lie: a copy across groups, a leaked label, two labels of one word."""
    for problem in check(dataset, pixels=pixels).problems:
        if problem.refused and problem.kind is not ProblemKind.ONE_CLASS:
            raise UsageError(f"{problem.kind}: {problem.sentence}")


class _Seen:
    """What was seen of the images themselves."""

    def __init__(
        self,
        takes: Mapping[str, str],
        facts: Mapping[str, Mapping[str, float | str]],
        changed: Sequence[DatasetProblem],
    ) -> None:
        self.takes = takes
        """By hash: the hash that stands for all images of the same take."""
        self.facts, self.changed = facts, changed

    @classmethod
    def of(cls, rows: Sequence[DatasetRow], tell: Callable[[int, int], object]) -> _Seen:
        patches: list[NDArray[np.float32] | None] = []
        facts: dict[str, dict[str, float | str]] = {}
        changed = []
        for done, row in enumerate(rows, start=1):
            patch = None
            try:
                pixels, shape = middle_of(row, SIDE + 2)
            except NotAnImage as error:
                changed.append(DatasetProblem(kind=ProblemKind.CHANGED, sentence=str(error), paths=(row.path,)))
            else:
                facts[row.sha256] = {
                    "the brightness": float(pixels.mean(dtype=np.float64)),
                    "the size in pixels": f"{shape}",
                    "the kind of file": f"{Path(row.path).suffix.lower()} of {pixels.dtype}",
                }
                patch = patch_of(pixels)
            patches.append(patch)
            tell(done, len(rows))
        takes = {row.sha256: row.sha256 for row in rows}
        for one, other in same_takes(patches):
            kept, gone = takes[rows[one].sha256], takes[rows[other].sha256]
            if kept != gone:
                takes |= {sha256: kept for sha256, of in takes.items() if of == gone}
        return cls(takes, facts, changed)


def _original(dataset: Dataset) -> Mapping[str, str]:
    """By hash: what a copy was first made of."""
    parents = {row.sha256: row.parent for row in dataset.rows}

    def first(sha256: str) -> str:
        met = set()
        while (parent := parents.get(sha256)) is not None and sha256 not in met:
            met.add(sha256)
            sha256 = parent
        return sha256

    return {row.sha256: first(row.sha256) for row in dataset.rows}


def _across(dataset: Dataset, takes: Mapping[str, str]) -> Iterator[DatasetProblem]:
    """Images that are one, or a copy and what it was made of, in two groups: any split by group would part them."""
    original = _original(dataset)
    where: dict[str, dict[str, DatasetRow]] = defaultdict(dict)
    for row in _each_image(dataset):
        first = original.get(row.sha256, row.sha256)
        where[takes.get(first, first)].setdefault(row.group.key, row)
    for rows in where.values():
        if len(rows) < 2:
            continue
        one, other = list(rows.values())[:2]
        sides = dataset.side(one), dataset.side(other)
        split = f"; one lies in {sides[0]}, the other in {sides[1]}" if sides[0] is not sides[1] else ""
        how = "the same bytes" if one.sha256 == other.sha256 else "copies of one image"
        yield DatasetProblem(
            kind=ProblemKind.ACROSS,
            sentence=f"{one.path} of group {one.group.key!r} and {other.path} of group {other.group.key!r} are {how}"
            f"{split}: what is trained on one has seen the other; give both one group, or take one out",
            paths=tuple(row.path for row in rows.values())[:_MOST_PATHS],
        )


def _contradictions(dataset: Dataset, takes: Mapping[str, str]) -> Iterator[DatasetProblem]:
    said: dict[str, dict[tuple[str | None, bool], DatasetRow]] = defaultdict(dict)
    for row in dataset.rows:
        if row.target.bad is not None and row.parent is None:
            said[takes.get(row.sha256, row.sha256)].setdefault((row.said_by, row.target.bad), row)
    for words in said.values():
        good, bad = ([row for (_, is_bad), row in words.items() if is_bad is which] for which in (False, True))
        if not good or not bad:
            continue
        both = {who for who, _ in words if (who, False) in words and (who, True) in words}
        one, other = good[0], bad[0]
        if both:
            who = next(iter(both))
            one, other = words[who, False], words[who, True]
        if both and one.sha256 == other.sha256:
            by = f" by {who}" if who else ""
            sentence = f"{_pair(one, other)} good and bad{by}; say which it is"
            kind = ProblemKind.CONTRADICTION
        else:
            good_by, bad_by = (f" by {row.said_by}" if row.said_by else "" for row in (one, other))
            sentence = f"{_pair(one, other)} good{good_by} and bad{bad_by}; both labels are kept"
            kind = ProblemKind.DISAGREEMENT
        yield DatasetProblem(kind=kind, sentence=sentence, paths=tuple(dict.fromkeys((one.path, other.path))))


def _pair(one: DatasetRow, other: DatasetRow) -> str:
    if one.path == other.path:
        return f"{one.path} is called"
    return f"{one.path} and {other.path} look like one image, and are called"


def _classes(labels: Counter[bool | None]) -> Iterator[DatasetProblem]:
    good, bad = labels[False], labels[True]
    if not good or not bad:
        which = "good" if good else "bad" if bad else "neither good nor bad"
        yield DatasetProblem(
            kind=ProblemKind.ONE_CLASS,
            sentence=f"all {good + bad or labels[None]} rows are {which}; label images of the other kind too, or "
            "give --sharp to have blurred ones made",
        )
        return
    name, fewer = ("bad", bad) if bad <= good else ("good", good)
    part = fewer / (good + bad)
    if part < _RARE:
        yield DatasetProblem(
            kind=ProblemKind.IMBALANCE,
            sentence=f"{fewer} of {good + bad} labelled rows are {name} ({part:.1%}): learners weigh them, and figures "
            "need more of them",
            value=part,
        )
    if fewer < _FEW:
        yield DatasetProblem(
            kind=ProblemKind.FEW,
            sentence=f"only {fewer} rows are {name}: figures will be wide; {_FEW} and more are better",
            value=fewer,
        )


def _duplicates(dataset: Dataset, takes: Mapping[str, str]) -> Iterator[DatasetProblem]:
    """Of one group: counted twice, no more. Several words on one file are no duplicates."""
    files: dict[tuple[str, str], dict[str, DatasetRow]] = defaultdict(dict)
    for row in dataset.rows:
        if row.parent is None and row.pair is None:
            files[row.group.key, takes.get(row.sha256, row.sha256)].setdefault(row.path, row)
    several = [list(rows) for rows in files.values() if len(rows) > 1]
    if several:
        more = sum(len(paths) - 1 for paths in several)
        yield DatasetProblem(
            kind=ProblemKind.DUPLICATE,
            sentence=f"{more} images are there again under another name, as {several[0][1]} is {several[0][0]}: they "
            "count twice; take them out",
            paths=tuple(path for paths in several for path in paths)[:_MOST_PATHS],
            value=more,
        )


def _groups(dataset: Dataset) -> Iterator[DatasetProblem]:
    images: dict[str, set[str]] = defaultdict(set)
    for row in _each_image(dataset):
        if row.parent is None:
            images[row.group.key].add(row.sha256)
    lone = sorted(key for key, hashes in images.items() if len(hashes) == 1)
    if lone:
        yield DatasetProblem(
            kind=ProblemKind.LONE,
            sentence=f"{len(lone)} of {len(images)} groups have one image, as {lone[0]!r}: nothing of the same source "
            "is there to compare it with; is the group an image's name?",
            value=len(lone),
        )
    if len(dataset.groups) < FEWEST_GROUPS:
        yield DatasetProblem(
            kind=ProblemKind.FEW_GROUPS,
            sentence=f"{counted(len(dataset.groups), 'group')}: nothing can be promoted on fewer than "
            f"{FEWEST_GROUPS} that are new; add runs of other specimens, days or instruments",
            value=len(dataset.groups),
        )


def _labelled(dataset: Dataset) -> list[DatasetRow]:
    """Without copies: what a copy has of its parent tells nothing of the instrument."""
    return [row for row in dataset.rows if row.parent is None and row.target.bad is not None]


def _told(values: Sequence[float | str], bad: Sequence[bool]) -> float | None:
    numbers = [value for value in values if not isinstance(value, str)]
    found = [by_number(numbers, bad)] if len(numbers) == len(values) else []
    if len(set(values)) <= max(2, len(values) // 4):
        found.append(by_kind(values, bad))
    return max((one for one in found if one is not None), default=None)


def _covariates(rows: Sequence[DatasetRow]) -> Iterator[tuple[str, list[float | str], list[bool]]]:
    for name in sorted({name for row in rows for name in row.covariates}):
        having = [row for row in rows if name in row.covariates]
        yield name, [row.covariates[name] for row in having], [bool(row.target.bad) for row in having]


def _leaks(dataset: Dataset) -> Iterator[DatasetProblem]:
    """A column of a table that gives the label away. What an instrument wrote of a run is a batch effect."""
    rows = [row for row in _labelled(dataset) if row.origin is Origin.FOLDER]
    for name, values, bad in _covariates(rows):
        told = _told(values, bad)
        if told is not None and told >= _LEAKS:
            yield DatasetProblem(
                kind=ProblemKind.LEAK,
                sentence=f"column {name!r} gives the label away: by it alone bad and good are told apart with an AUC "
                f"of {told:.3f}; take it out, or call it radius_px or cause where it is that",
                value=told,
            )


def _batches(dataset: Dataset, facts: Mapping[str, Mapping[str, float | str]]) -> Iterator[DatasetProblem]:
    rows = _labelled(dataset)
    bad = [bool(row.target.bad) for row in rows]
    known: list[tuple[str, list[float | str], list[bool]]] = [
        ("the instrument", [row.group.instrument for row in rows], bad),
        ("the specimen", [row.group.specimen for row in rows], bad),
        ("the session", [row.group.session for row in rows], bad),
        ("who said it", [row.said_by or "" for row in rows], bad),
    ]
    sized = [row for row in rows if row.pixel_nm is not None]
    known.append(("the pixel size", [row.pixel_nm or 0 for row in sized], [bool(row.target.bad) for row in sized]))
    read = [row for row in rows if row.sha256 in facts]
    names = sorted({name for of_image in facts.values() for name in of_image})
    known += [
        (name, [facts[row.sha256][name] for row in read], [bool(row.target.bad) for row in read]) for name in names
    ]
    leaked = {problem.sentence.split("'")[1] for problem in _leaks(dataset)}
    known += [(f"{name!r}", values, bad) for name, values, bad in _covariates(rows) if name not in leaked]
    for name, values, of in known:
        told = _told(values, of)
        if told is not None and told >= _TELLS and told - 0.5 >= by_chance(of):
            yield DatasetProblem(
                kind=ProblemKind.BATCH,
                sentence=f"{name} alone tells bad from good with an AUC of {told:.2f}, without a look at the image: "
                "what is learned may be that; add images of both labels for each",
                value=told,
            )


def _paths(dataset: Dataset) -> Iterator[DatasetProblem]:
    """A word in the names that only one label has; folders called good and bad are how labels are given."""
    rows = _labelled(dataset)
    words: dict[str, Counter[bool]] = defaultdict(Counter)
    for row in rows:
        path = Path(row.path)
        parts = [path.stem] if row.origin is Origin.FOLDER else [path.parent.name, path.stem]
        for word in {word for part in parts for word in _words(part)}:
            words[word][bool(row.target.bad)] += 1
    total = Counter(bool(row.target.bad) for row in rows)
    for word, count in sorted(words.items()):
        if min(total.values(), default=0) >= _FEW // 4 and any(
            count[which] == total[which] and not count[not which] for which in (True, False)
        ):
            which = "bad" if count[True] else "good"
            yield DatasetProblem(
                kind=ProblemKind.PATH,
                sentence=f"the names give the label away: {word!r} is in all of the {which} ones and in no other; "
                "nothing here reads a name, people who label do",
            )
            return


def _words(text: str) -> Iterator[str]:
    word = ""
    for c in text.casefold() + " ":
        if c.isalpha():
            word += c
        elif word:
            yield word
            word = ""
