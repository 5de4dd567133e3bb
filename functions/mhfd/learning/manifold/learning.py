"""`learn`: recorded moves -> a package that proposes moves, compared with nobody moving anything and with the champion.

Every way to learn is compared on the same rows, each specimen held back in its turn. The test side of a dataset is
never taught, only asked. Nothing here makes a package the champion: a sealed report says whether it earned that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import ExtraMissing, UsageError, needing_extra
from mhfd.learning.dataset import Dataset, Side, SourceGroup
from mhfd.learning.dataset.checking import counted, refuse_leaks
from mhfd.learning.dataset.moves import FEWEST_MOVES
from mhfd.learning.dataset.rows import rows_of
from mhfd.learning.dataset.settling import settled
from mhfd.learning.inference.runtime import Runtime
from mhfd.learning.manifold.comparing import (
    NO_MOVE,
    AdjustReport,
    MoveEntry,
    MoveRole,
    MoveVerdict,
    compare_moves,
)
from mhfd.learning.manifold.model import NAMES, AdjustmentModel, HeldMoves, input_of, taught_by
from mhfd.learning.manifold.movers import MOVE_LEARNERS
from mhfd.learning.manifold.packing import MoveLesson, packed
from mhfd.learning.manifold.pair import PAIR_VERSION, SLOPE_NAME
from mhfd.learning.manifold.reading import alike
from mhfd.learning.manifold.table import MoveTable, Told, move_table
from mhfd.learning.packages import Library, Package, sealed
from mhfd.learning.packages.card import UNKNOWN_LICENCE
from mhfd.learning.packages.history import MHFD
from mhfd.learning.promotion.life import Life, key_of

LIFE: Final = "adjust-tests.jsonl"
"""The tests of adjustments that a library has made: a life of their own."""
REPORT: Final = "report.json"
_SEEDS: Final = 2**31

Floats = NDArray[np.float64]
Given = Dataset | str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class LearnedAdjustment:
    """What was learned: the package, who did how well, and whether it earned to be the champion."""

    package: Package | None
    """None: what this learner learns cannot be a package."""
    report: AdjustReport
    report_path: Path
    words: tuple[str, ...]
    left_out: tuple[str, ...]
    chosen: dict[str, float]

    @property
    def decision(self) -> str:
        """`promoted`: it may be made the champion; `kept`: who is there stays."""
        return self.report.decision

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "package": None if self.package is None else self.package.name,
            "folder": None if self.package is None else str(self.package.folder),
            "report": str(self.report_path),
            "decision": self.report.decision,
            "reason": self.report.reason,
            "champion": self.report.champion,
            "rows": self.report.rows,
            "specimens": list(self.report.specimens),
            "left_out": list(self.left_out),
            "chosen": [{"name": name, "value": value} for name, value in self.chosen.items()],
            "entries": [one.model_dump(mode="json") for one in self.report.entries],
            "duels": [one.model_dump(mode="json") for one in self.report.duels],
        }


def learn(
    dataset: Given | Sequence[Given],
    *,
    learner: str = "pca",
    library: Library,
    out: Path | None = None,
    seed: int = 0,
    licence: str = UNKNOWN_LICENCE,
    title: str | None = None,
    cache: Path | None = None,
    told: Told | None = None,
    said: Callable[[str], object] | None = None,
) -> LearnedAdjustment:
    """Learn from recorded moves, and write a package with its report.

    Args:
        dataset: One or several, or their folders. Rows without a recorded move are left alone.
        learner: A name of `MOVE_LEARNERS`.
        library: Where the champion is, and the tests that were made before.
        out: The folder that package and report are written into; None: the library's.
        seed: Of all that is drawn: the same data, seed and source make the same package.
        licence: Of the data, as SPDX names it or in words.
        title: What people call the package.
        cache: A folder for what was measured, for the next time.
        told: Told after each pair.
        said: Told what is being done, in words.

    Raises:
        UsageError: The moves cannot teach, by name; or an argument is wrong.
        ExtraMissing: The extra `learn` is not installed.
    """
    say = said or (lambda _words: None)
    if learner not in MOVE_LEARNERS:
        raise UsageError(f"learner: there is no {learner!r}; choose from {', '.join(MOVE_LEARNERS)}")
    if not 0 <= seed < _SEEDS:
        raise UsageError(f"seed: expected 0 or more, got {seed}")
    _needs_learn()
    _writable(library.folder if out is None else out)
    moves = _moves(dataset)
    say(f"measuring {counted(len(moves.rows), 'pair')} of {counted(len(moves.groups), 'group')}")
    table = move_table(moves.rows, cache, told=told)
    left_out = tuple(
        f"{Path(row.path).name}: {flaw}" for row, flaw in zip(moves.rows, table.flaws, strict=True) if flaw is not None
    )
    train = np.array([moves.side(row) is Side.TRAIN for row in moves.rows], bool)
    taught, asked = table.where(table.usable & train), table.where(table.usable & ~train)
    _teachable(taught, left_out)
    lesson = MoveLesson(taught, asked, moves.digest, MOVE_LEARNERS[learner], seed)
    return _Learning(lesson, left_out, library, say).whole(out, licence=licence, title=title)


def _needs_learn() -> None:
    """Before an hour is spent on measuring."""
    with needing_extra("learn", "learning moves needs scikit-learn, onnx and onnxruntime"):
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import sklearn  # noqa: F401


def _writable(folder: Path) -> None:
    """Before an hour is spent on measuring. UsageError."""
    probe = folder / f".{REPORT}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"out {folder}: cannot be written: {error.strerror or error}; name another folder") from None


def _moves(given: Given | Sequence[Given]) -> Dataset:
    """The recorded moves of all datasets, each once, after what is wrong with them was refused."""
    several = [given] if isinstance(given, Dataset | str | os.PathLike) else list(given)
    datasets = [one if isinstance(one, Dataset) else Dataset.read(Path(one)) for one in several]
    split: dict[str, Side] = {}
    for one in datasets:  # what one of them trains on is new to none
        split |= {key: side for key, side in one.split.items() if split.get(key) is not Side.TRAIN}
    rows = tuple(row for row in rows_of(datasets) if row.is_move)
    if not rows:
        raise UsageError(
            "dataset: no row of it is a recorded move: a pair of images with where the focus was found; "
            "`mhfd adjust record` records them"
        )
    moves = Dataset(rows, split)
    refuse_leaks(moves)
    return settled(moves)


def _teachable(table: MoveTable, left_out: Sequence[str]) -> None:
    """Whether these rows can teach. UsageError that says what is missing."""
    without = f" ({len(left_out)} left out, as {left_out[0]})" if left_out else ""
    if len(table) < FEWEST_MOVES:
        raise UsageError(
            f"dataset: {counted(len(table), 'move')} to learn from{without}; at least {FEWEST_MOVES} are needed, on "
            "several specimens: record some more"
        )
    below, above = int((table.move_um < 0).sum()), int((table.move_um > 0).sum())
    if not below or not above:
        way = "longer" if above else "shorter"
        raise UsageError(
            f"dataset: all {len(table)} moves go to a {way} working distance{without}: what is learned would say the "
            "same of everything; record some to the other side too"
        )
    if len(set(table.specimen)) < 2:
        raise UsageError(
            f"dataset: all {len(table)} moves are of one specimen, {table.specimen[0]!r}{without}: what is learned of "
            "one cannot be asked of another; record some on a second one, better on six"
        )
    instruments = sorted({SourceGroup.of(key).instrument for key in table.groups})
    if len(instruments) > 1:
        raise UsageError(
            f"dataset: moves of {len(instruments)} instruments, {', '.join(map(repr, instruments))}: how far a lens "
            "has to go cannot be carried from one to another; learn of each by itself"
        )
    pixels = table.pixel_nm[np.isfinite(table.pixel_nm)]
    if len(pixels) and not alike(float(pixels.min()), float(pixels.max())):
        raise UsageError(
            f"dataset: pixels of {pixels.min():.4g} to {pixels.max():.4g} nm: what a move shows depends on the pixel; "
            "learn of each size by itself"
        )


@dataclass(frozen=True, eq=False)
class _Learning:
    """From measured rows on."""

    lesson: MoveLesson
    left_out: tuple[str, ...]
    library: Library
    say: Callable[[str], object]

    def whole(self, out: Path | None, *, licence: str, title: str | None) -> LearnedAdjustment:
        """Everything, written."""
        lesson, learned = self.lesson, {}
        for name, one in MOVE_LEARNERS.items():
            self.say(f"teaching {name}, each specimen held back in its turn")
            held = HeldMoves.of(lesson.taught, one, seed=lesson.seed)
            learned[name] = taught_by(lesson.taught, one, held, seed=lesson.seed), held
        said = {
            name: np.concatenate([held.said, model.predict(input_of(lesson.asked))[:, 0]])
            for name, (model, held) in learned.items()
        }
        model, held = learned[lesson.learner.name]
        package = None
        if lesson.learner.why_not_exported is None:
            home = self.library.folder if out is None else out
            package = packed(lesson, model, held, home, licence=licence, title=title)
        report = self._decided(said, model, package)
        called = lesson.learner.name if package is None else package.short
        path = self.library.home / "reports" / f"adjust-{called}.json" if out is None else out / REPORT
        _write(path, report)
        words = (*self._words(report, model), *_next(report, package, path))
        return LearnedAdjustment(package, report, path, words, self.left_out, model.chosen)

    @property
    def _truth(self) -> Floats:
        return np.concatenate([self.lesson.taught.move_um, self.lesson.asked.move_um])

    @property
    def _specimens(self) -> list[str]:
        return [*self.lesson.taught.specimen, *self.lesson.asked.specimen]

    def _decided(self, said: dict[str, Floats], model: AdjustmentModel, package: Package | None) -> AdjustReport:
        """The decision; a test of the library's life where it could have promoted."""
        champion = self.library.champion("adjust")
        entries = [MoveEntry(NO_MOVE, "no move", np.zeros_like(self._truth))]
        unseen: dict[str, NDArray[np.bool_]] = {}
        remarks = []
        try:
            for name, place, other in self._others(champion):
                entries.append(MoveEntry(name, place, self._asked_of(other)))
                known = {specimen_of(key) for key in other.card.groups_seen}
                unseen[name] = np.array([one not in known for one in self._specimens], bool)
        except ExtraMissing as error:
            remarks.append(str(error))
        for name, moves in said.items():
            one = MOVE_LEARNERS[name]
            own = name == self.lesson.learner.name
            role: MoveRole = "challenger" if own and package is not None else "compared"
            barred = () if one.why_not_exported is None else (f"cannot be a package: {one.why_not_exported}",)
            if own and package is not None and champion is not None and package.name == champion.name:
                barred = ("is the champion already",)
            entries.append(MoveEntry(name, role, moves, model.spread.apply(moves) if own else None, barred))
        key = key_of(
            {
                "dataset": self.lesson.dataset,
                "champion": MHFD if champion is None else champion.name,
                "package": None if package is None else package.name,
                "seed": self.lesson.seed,
            }
        )
        life = Life(self.library, LIFE)
        with life.turn(key) as turn:
            verdict = compare_moves(
                entries, self._truth, self._specimens, alpha=turn.alpha, seed=self.lesson.seed, unseen=unseen
            )
            if verdict.tested:
                life.record(turn, key, "promoted" if verdict.promoted else "kept", verdict.reason)
        number, alpha = (turn.number, turn.alpha) if verdict.tested else (None, None)
        return self._report(verdict, package, champion, number, alpha, remarks)

    def _others(self, champion: Package | None) -> Iterator[tuple[str, MoveRole, Package]]:
        if champion is not None:
            yield f"{champion.card.title} {champion.short}", "champion", champion
            return
        for package in self.library.shipped():
            if package.card.task == "adjust":
                yield f"{package.card.title} {package.short}", "sign only", package

    def _asked_of(self, package: Package) -> Floats:
        """What another package says of the same rows; NaN where it would refuse."""
        table, recipe = _both(self.lesson.taught, self.lesson.asked), package.card.recipe
        place = {name: column for column, name in enumerate((*NAMES, SLOPE_NAME))}
        columns = [place.get(name) for name in recipe.names]
        which = [column for column, name in enumerate(recipe.says) if name in ("move_um", "unit")]
        if recipe.features_version != PAIR_VERSION or None in columns or not which:
            return np.full(len(table), np.nan)
        given = np.column_stack([input_of(table), table.slope]).astype(np.float32)
        rows = given[:, [column for column in columns if column is not None]]
        runtime = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says))
        said = runtime.said(rows)[:, which[0]].astype(np.float64)
        if package.card.pixel_nm is not None and "move_um" in recipe.says:
            low, high = package.card.pixel_nm
            other = np.isfinite(table.pixel_nm) & ~_within(table.pixel_nm, low, high)
            said[other] = np.nan
        return said

    def _report(
        self,
        verdict: MoveVerdict,
        package: Package | None,
        champion: Package | None,
        number: int | None,
        alpha: float | None,
        remarks: Sequence[str],
    ) -> AdjustReport:
        before = MHFD if champion is None else champion.name
        after = package.name if verdict.promoted and package is not None else before
        decision = "promoted" if verdict.promoted else "kept"
        report = AdjustReport(
            decision="promoted" if verdict.promoted else "kept",
            kept=after,
            reason=verdict.reason,
            line=f"{decision}: {after[:12]} ({verdict.reason})",
            challenger=None if package is None else package.name,
            champion=before,
            test=number,
            alpha=alpha,
            seed=self.lesson.seed,
            dataset=self.lesson.dataset,
            rows=len(self._truth),
            specimens=tuple(sorted(set(self._specimens))),
            entries=verdict.placings,
            duels=verdict.duels,
            remarks=(*(f"left out: {one}" for one in self.left_out), *remarks),
        )
        plain = report.model_dump(mode="json", exclude={"digest"})
        return report.model_copy(update={"digest": sealed(plain)["digest"]})

    def _words(self, report: AdjustReport, model: AdjustmentModel) -> Iterator[str]:
        taught, learner = self.lesson.taught, self.lesson.learner.name
        specimens = counted(len(set(taught.specimen)), "specimen")
        low, high = taught.move_um.min(), taught.move_um.max()
        yield f"learned by {learner} from {counted(len(taught), 'move')} of {specimens}: {low:+.2g} to {high:+.2g} um"
        for one in self.left_out:
            yield f"left out: {one}"
        for placing in report.entries:
            yield _placing_words(placing.name, placing.model_dump())
        told = "the move and both stigmators" if model.stig else "the move"
        yield f"it says {told}, +- {model.spread.sd_um:.2g} um"
        yield report.line


def specimen_of(key: str) -> str:
    """Instrument and specimen of a group's key."""
    group = SourceGroup.of(key)
    return f"{group.instrument}/{group.specimen}"


def _both(one: MoveTable, other: MoveTable) -> MoveTable:
    return one if not len(other) else one.with_rows(other)


def _within(values: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return np.array([low <= one <= high or alike(one, low) or alike(one, high) for one in values.tolist()], bool)


def _placing_words(name: str, told: dict[str, Any]) -> str:
    signs = f"{told['wrong_signs']} of {told['signs']} signs wrong" if told["role"] != "no move" else "no sign"
    if told["rmse_um"] is None:
        return f"{name}: {signs}"
    also = "; cannot be a package" if told["barred"] else ""
    return f"{name}: off by {told['rmse_um']:.2f} um (median {told['median_um']:.2f}), {signs}{also}"


def _next(report: AdjustReport, package: Package | None, path: Path) -> Iterator[str]:
    """What to type."""
    if package is None:
        yield "no package: compared only; `--learner pca` makes one"
    elif report.decision == "promoted":
        yield f"next: mhfd models promote {package.folder} --report {path}"
    else:
        yield "next: record more moves, on other specimens too, and learn again"
        yield f"until then: mhfd propose ... --package {package.folder}"


def _write(path: Path, report: AdjustReport) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(report.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: the report cannot be written there: {error.strerror or error}") from error
