"""A checkpoint becomes a package: ONNX that says what torch says, a card, and the words of what was learned.

The package holds the epoch that was validated best. What minutes it took and how the work was shared is in no file of
it: the same plan, data and layout make the same package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.training import TrainingPlan
from mhfd.errors import needing_extra
from mhfd.learning.dataset.checking import counted
from mhfd.learning.learners import NotExportable
from mhfd.learning.learners.held_out import Held, held
from mhfd.learning.learners.matrix import measured
from mhfd.learning.learners.reach import code_digest, reach_of
from mhfd.learning.packages import Card, CardRow, NetworkRecipe, Package, Reach, Recipe, write_package
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.preparation.outline import OUTLINE, outline_of
from mhfd.learning.trained import thinned
from mhfd.learning.training.agreeing import Answers, answers_of_torch
from mhfd.learning.training.examples import Examples
from mhfd.learning.training.nets import Head, Net, head_of, net_of, onnx_of
from mhfd.learning.training.parents import Parent, joined_groups
from mhfd.learning.training.restored import restored_figures
from mhfd.learning.training.told import EpochDone
from mhfd.learning.training.workers.checkpoint import TrainingCheckpoint, TrainingState

APART: Final = 1e-5
"""How far ONNX may be from torch: of 1, or of a number that is larger."""
_TESTS: Final = 2
_TEST_SIDE: Final = 128
_OTHER_SIDES: Final = (64, 192)
_SHOWN: Final = 2
"""Images of the dataset that ONNX and torch are compared by; none of them is in the package."""
_OUTLINED: Final = 512
"""Images that the reach is taken of: more of them change it little."""
_RINGED: Final = 64
"""Images whose spectra in rings are kept: each is scored for it."""
_EPOCHS_IN_CARD: Final = 40
_CODE: Final = ("preparation", "training/nets", "training/examples", "training/workers")


@dataclass(frozen=True, slots=True)
class Packed:
    """The package, and the same in words."""

    package: Package
    words: tuple[str, ...]
    warnings: tuple[str, ...]


def packed(
    examples: Examples,
    validated: NDArray[np.intp],
    plan: TrainingPlan,
    checkpoint: TrainingCheckpoint,
    epochs: Sequence[EpochDone],
    *,
    parent: Parent | None,
    out: Path,
    title: str | None,
    licence: str,
) -> Packed:
    """Write the package of a checkpoint.

    Args:
        examples: What it was taught and validated with.
        validated: The numbers of those that it was validated with.
        plan: What was to be done.
        checkpoint: The one that was validated best.
        epochs: Of the whole training.
        parent: What it began with; None: drawn numbers.
        out: The folder of packages that it is written into.
        title: What people call it; None: lesson and network.
        licence: Of the data, the parent's with them.

    Raises:
        NotExportable: ONNX and torch say different things of one image.
    """
    net, head = net_of(plan.lesson, plan.learner), head_of(plan.lesson, examples.says)
    weights = dict(checkpoint.weights)
    onnx = onnx_of(net, weights, channels=examples.channels, head=head)
    tests = _drawn(examples.channels, plan.seed)
    shown = [examples.load(int(index), None).x[None] for index in validated[:_SHOWN]]
    by_torch = answers_of_torch(net, weights, channels=examples.channels, head=head, images=[*tests, *shown])
    answers = _agreed(onnx, [*tests, *shown], by_torch, net=net, examples=examples)
    state = checkpoint.state
    best = state.best
    before = None if parent is None else parent.package
    warnings = tuple(_warnings(examples, validated, parent, state, epochs))
    rows = tuple(_figures(examples, validated, plan, head, checkpoint, epochs))
    if head.lesson in ("denoise", "segment"):
        rows += tuple(_restored(onnx, examples, validated, net))
    gives: tuple[Any, ...] = tuple(answers)
    parameters = sum(value.size for value in weights.values())
    card = Card(
        title=title or f"{plan.lesson}-{net.name}",
        task=plan.lesson,
        parent=None if before is None else before.name,
        dataset=examples.digest,
        groups_seen=joined_groups(examples.groups, before),
        assumptions=tuple(_assumptions(plan, head)),
        recipe=Recipe(
            learner=net.name,
            says=head.says,
            chosen=_chosen(plan, best),
            balance="sampling" if head.lesson in ("focus", "cause") else "none",
            network=NetworkRecipe(
                channels=examples.channels,
                multiple=net.multiple,
                grid=net.grid,
                gives=gives,
                normalisation=NORMALISATION.text,
                parameters=parameters,
                steps=state.step,
                images_seen=state.images,
                outline=OUTLINE,
            ),
        ),
        seed=plan.seed,
        code=code_digest(_CODE),
        pixel_nm=examples.pixel_nm,
        data_licence=licence,
        table=(*rows, *_by_epoch(epochs)),
        reach=reach_of(_outlines(examples, plan.seed), limits=True),
        rings=_rings(examples),
    )
    words = (
        *_words(examples, validated, plan, parent, checkpoint, epochs, rows, parameters),
        *(f"mind: {w}" for w in warnings),
    )
    package = write_package(
        out,
        card,
        onnx,
        tests[0],
        answers[gives[0]],
        _readme(card, words, state, epochs),
        test_map=answers["map"] if gives == ("said", "map") else None,
    )
    return Packed(package, words, warnings)


def _drawn(channels: int, seed: int) -> list[NDArray[np.float32]]:
    """Images of nothing, for the test in a package and of other sizes: none of the data leaves the dataset."""
    chance = np.random.default_rng([seed, channels])

    def images(count: int, rows: int, columns: int) -> NDArray[np.float32]:
        fine = chance.uniform(-0.5, 0.5, (count, channels, rows, columns))
        coarse = chance.uniform(-0.5, 0.5, (count, channels, rows // 16, columns // 16)).repeat(16, 2).repeat(16, 3)
        part = np.linspace(0.2, 0.8, count)[:, None, None, None]
        return np.asarray(part * fine + (1 - part) * coarse, np.float32)

    return [images(_TESTS, _TEST_SIDE, _TEST_SIDE), images(1, *_OTHER_SIDES)]


def _agreed(
    onnx: bytes, images: Sequence[NDArray[np.float32]], by_torch: Sequence[Answers], *, net: Net, examples: Examples
) -> Answers:
    """What ONNX says of the first images, once it is known to say what torch says of all. NotExportable."""
    with needing_extra("models", "to compare a network with what was learned, onnxruntime is needed"):
        from mhfd.learning.inference.runtime import NetworkRuntime
    gives: tuple[Any, ...] = tuple(by_torch[0])
    asked = NetworkRuntime(onnx, channels=examples.channels, multiple=net.multiple, gives=gives)
    first: Answers | None = None
    for batch, wanted in zip(images, by_torch, strict=True):
        found = asked.answered(batch)
        first = first or found
        for name, value in wanted.items():
            off = np.abs(found[name] - value) - APART * np.maximum(1, np.abs(value))
            if found[name].shape != value.shape or not np.isfinite(off).all() or (off > 0).any():
                rows, columns = batch.shape[2:]
                raise NotExportable(
                    f"{net.name} cannot be a package: of an image of {rows} x {columns} pixels its ONNX does not say "
                    f"what torch says ({name}: apart by up to {np.abs(found[name] - value).max():g}, {APART:g} is let "
                    "pass); this is a defect, please report it"
                )
    assert first is not None  # noqa: S101 - there are always the drawn ones
    return first


def _chosen(plan: TrainingPlan, best: EpochDone | None) -> dict[str, float]:
    """What of the plan is a number, for the card."""
    found = {
        "epochs": float(plan.epochs),
        "batch": float(plan.batch),
        "warmup_epochs": plan.warmup_epochs,
        "validation": plan.validation,
    }
    if plan.rate is not None:
        found["rate"] = plan.rate
    if plan.until is not None:
        found["until"] = plan.until
    if best is not None:
        found["epoch"] = float(best.epoch)
    return found


def _outlines(examples: Examples, seed: int) -> NDArray[np.float64]:
    count = len(examples)
    some = np.arange(count)
    if count > _OUTLINED:
        some = np.sort(np.random.default_rng(seed).choice(count, _OUTLINED, replace=False))
    return np.stack([outline_of(examples.load(int(index), None).x) for index in some])


def _rings(examples: Examples) -> Reach | None:
    """Where the spectra in rings lay of some of the images, as mhfd measures them in any image."""
    if examples.channels != 1:
        return None
    some = np.unique(np.linspace(0, len(examples) - 1, _RINGED).round().astype(int))
    found = [measured(examples.paths[int(index)], ("rings",))[1] for index in some]
    known = [one for one in found if one is not None]
    return reach_of(np.stack(known)) if known else None


def _figures(
    examples: Examples,
    validated: NDArray[np.intp],
    plan: TrainingPlan,
    head: Head,
    checkpoint: TrainingCheckpoint,
    epochs: Sequence[EpochDone],
) -> Iterator[CardRow]:
    """How well it does on the groups that were held back, which have chosen the epoch."""
    best = checkpoint.state.best
    if best is None:
        return
    groups = _groups_of(examples, validated)
    how = f"the best of {len(epochs)} epochs by this validation"

    def row(what: str, value: float | None) -> CardRow:
        return CardRow(what=what, value=_rounded(value), rows=len(validated), groups=groups, condition=how)

    if best.top1 is not None:
        yield row("top-1, validation groups", best.top1)
    if best.top5 is not None and len(head.says) > 5:
        yield row("top-5, validation groups", best.top5)
    yield row("loss, validation groups", best.validation_loss)
    if (untrained := checkpoint.state.untrained) is not None:
        loss = _rounded(untrained.validation_loss)
        yield CardRow(
            what="loss before the first step, validation groups", value=loss, rows=len(validated), groups=groups
        )
    yield from _with_intervals(examples, plan, head, checkpoint, how)


def _with_intervals(
    examples: Examples, plan: TrainingPlan, head: Head, checkpoint: TrainingCheckpoint, how: str
) -> Iterator[CardRow]:
    """The figures that learners of tables have too."""
    answers = checkpoint.answers
    if head.lesson not in ("focus", "cause") or "said" not in answers or not len(answers["said"]):
        return
    said, true = answers["said"].astype(np.float64), answers["y"].astype(np.float64)
    named = examples.groups
    groups = [named[int(index)] for index in answers["index"].ravel()]

    def row(what: str, found: Held) -> CardRow:
        low, high = _rounded(found.low), _rounded(found.high)
        value = _rounded(found.value)
        return CardRow(what=what, value=value, low=low, high=high, rows=found.rows, groups=found.groups, condition=how)

    if head.lesson == "cause":
        found = held(said, true.reshape(len(said), -1)[:, 0], groups, classes=len(head.says), seed=plan.seed)
        yield row("mean part of each cause that is named rightly, validation groups", found)
        return
    yield row("AUC, validation groups", held(said[:, 0], true[:, 0], groups, classes=2, seed=plan.seed))
    radius = np.expm1(true[:, 1])
    if np.isfinite(radius).any():
        found = held(said[:, 1:3], radius, groups, classes=0, seed=plan.seed)
        yield row("median of |log((said + .5) / (true + .5))|, validation groups", found)


def _restored(onnx: bytes, examples: Examples, validated: NDArray[np.intp], net: Net) -> Iterator[CardRow]:
    """How well pictures and maps come out, of what was held back."""
    from mhfd.learning.inference.runtime import NetworkRuntime

    asked = NetworkRuntime(onnx, channels=examples.channels, multiple=net.multiple, gives=("map",))
    groups = _groups_of(examples, validated)
    for what, value, count in restored_figures(examples, validated, lambda images: asked.answered(images)["map"]):
        yield CardRow(what=what, value=_rounded(value), rows=count, groups=groups)


def _by_epoch(history: Sequence[EpochDone]) -> Iterator[CardRow]:
    """The curve, of so many epochs at most."""
    for done in thinned(history, _EPOCHS_IN_CARD):
        value = done.validation_loss if done.top1 is None else done.top1
        yield CardRow(
            what=f"{'validation loss' if done.top1 is None else 'top-1'} after epoch {done.epoch}",
            value=_rounded(value),
            condition=f"loss {done.loss:.4f}, validation loss {done.validation_loss:.4f}, rate {done.rate:.3g}",
        )


def _groups_of(examples: Examples, some: NDArray[np.intp]) -> int:
    """How many there are among some of the examples."""
    return len(_groups_among(examples, some))


def _groups_among(examples: Examples, some: NDArray[np.intp]) -> set[str]:
    named = examples.groups
    return {named[index] for index in some}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def _warnings(
    examples: Examples,
    validated: NDArray[np.intp],
    parent: Parent | None,
    state: TrainingState,
    epochs: Sequence[EpochDone],
) -> Iterator[str]:
    """What a person should know of it."""
    yield from examples.notes
    if parent is not None:
        yield from parent.notes
        known = _groups_among(examples, validated) & set(parent.package.card.groups_seen)
        if known:
            yield (
                f"package {parent.package.short} was taught with {len(known)} of the {_groups_of(examples, validated)} "
                "groups that it is validated on: these figures flatter"
            )
    if (back := _groups_of(examples, validated)) < 2:
        yield f"it was validated on {counted(back, 'group')} alone: how good it is on others, these figures do not say"
    best, untrained = state.best, state.untrained
    if best is not None and best.top1 is not None and best.guess is not None and best.top1 <= best.guess:
        yield (
            f"it is no better than guessing: always saying the commonest would be right in {best.guess:.3f} of the "
            "validation, it is in "
            f"{best.top1:.3f}; more images, more epochs or another rate may help"
        )
    lowest = min((done.validation_loss for done in epochs), default=None)
    if untrained is not None and lowest is not None and not lowest < untrained.validation_loss:
        yield (
            f"the training gained nothing: validated {untrained.validation_loss:.4g} before the first step, and "
            f"{lowest:.4g} at best after it; more images, more epochs or a smaller rate may help"
        )


def _assumptions(plan: TrainingPlan, head: Head) -> Iterator[str]:
    yield "pixels are prepared as the card says, and the image is not made smaller or larger"
    if head.lesson in ("focus", "cause"):
        kinds = "good and bad images" if head.lesson == "focus" else "all causes"
        yield f"a probability takes {kinds} as equally frequent"
    if head.lesson == "denoise":
        yield "what it makes is for the eye: it is measured by nobody and gets no verdict"
    yield "tissue, staining and instrument are like those of the groups that were seen"


def _words(
    examples: Examples,
    validated: NDArray[np.intp],
    plan: TrainingPlan,
    parent: Parent | None,
    checkpoint: TrainingCheckpoint,
    epochs: Sequence[EpochDone],
    rows: Sequence[CardRow],
    parameters: int,
) -> Iterator[str]:
    state, groups = checkpoint.state, len(set(examples.groups))
    back = _groups_of(examples, validated)
    yield (
        f"trained {plan.lesson} by {plan.learner}, {parameters:,} parameters, with {len(examples) - len(validated)} "
        f"images of {counted(groups - back, 'group')}; {len(validated)} images of {counted(back, 'group')} were held "
        "back to validate it"
    )
    if parent is not None:
        yield parent.words
    if state.best is not None and state.untrained is not None:
        yield f"{state.untrained.words}, {state.best.validation_loss:.3g} after epoch {state.best.epoch}"
    if state.best is not None:
        yield (
            f"the package is epoch {state.best.epoch} of {len(epochs)}, which was validated best: step {state.step}, "
            f"{state.images:,} images seen"
        )
    for row in rows:
        between = "" if row.low is None or row.high is None else f" (95%: {row.low:.3f} to {row.high:.3f})"
        yield f"{row.what}: {'cannot be said' if row.value is None else f'{row.value:.3f}'}{between}"
    if plan.lesson in ("denoise", "segment"):
        yield "not promoted: `mhfd models apply` makes pictures with it"
        return
    yield "not promoted: whether it is worth having is said by `mhfd evaluate`, on groups that it has not seen"


def _readme(card: Card, words: Sequence[str], state: TrainingState, history: Sequence[EpochDone]) -> str:
    lines = [f"# {card.title}", "", *(f"- {line}" for line in words), ""]
    lines += [
        "## By epoch",
        "",
        "| epoch | loss | validation loss | top-1 | top-5 | rate |",
        "|---|---|---|---|---|---|",
    ]
    if (before := state.untrained) is not None:
        top1 = "" if before.top1 is None else f"{before.top1:.4f}"
        lines.append(f"| 0 | | {before.validation_loss:.4f} | {top1} | | |")
    for done in thinned(history, _EPOCHS_IN_CARD):
        top = ("" if one is None else f"{one:.4f}" for one in (done.top1, done.top5))
        cells = (str(done.epoch), f"{done.loss:.4f}", f"{done.validation_loss:.4f}", *top, f"{done.rate:.3g}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "## It assumes", "", *(f"- {one}" for one in card.assumptions), ""])
