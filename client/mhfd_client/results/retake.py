"""What to image again, the list that an operator works through; and its other half, what may go on to montage.

An image is on it once its verdict is `out_of_focus` or `incomplete`, or somebody said that it is to be taken again. It
goes when a newer take of the same shot is in focus, which is the same path written again (`naming.shots` knows where an
instrument says so in another way), or when somebody calls it fine. Another file of the same section and tile takes
nothing off: it may be of the next wafer. It is named, so that a person can say what it is.

Each shot is on one of three lists by its newest take: to be imaged again (`retakes`), may go on (`others`), or of
neither can be told yet.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import FocusReport
from mhfd_client.files import text_of
from mhfd_client.journal.rows import ImageRow, LabelRow, Outcome, Told
from mhfd_client.naming import Place, shot_of
from mhfd_client.scoring import learned
from mhfd_client.verdicts.blur.advice import advice
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.blur.kept import blur_of

Estimates = Callable[[Collection[int]], Mapping[int, tuple[Estimate, ...]]]
"""What learned packages said of images, by image. As `JournalView.estimates`."""
AGAIN: Final = (Outcome.OUT_OF_FOCUS, Outcome.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class Retake:
    """One image to take again. The stage position is what the instrument wrote about the image, if it did."""

    image: int
    path: str
    section: int | None
    tile: str | None
    stage_um: tuple[float, float] | None
    outcome: Outcome
    provisional: bool
    reason: str
    label: str | None = None  # what a person said of it, in a few words
    note: str | None = None
    said_by: str | None = None  # whose word the label is; of its two parts, what is to be done
    newer: str | None = None
    """A newer file of this section and tile that is in focus: whether it is of the same shot, a person must say."""
    blur: Blur | None = None
    estimates: tuple[Estimate, ...] = ()
    """What learned packages say of it."""

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return Place(self.section, self.tile)

    @property
    def what_to_do(self) -> str | None:
        """What to look at before it is taken again, by what blurs it; None where that is not known."""
        return None if self.outcome is Outcome.IN_FOCUS else advice(self.blur)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        blur = None if self.blur is None else self.blur.model_dump(mode="json")
        return asdict(replace(self, blur=None, estimates=())) | {
            "path": text_of(self.path),
            "blur": blur,
            "estimates": learned.plain(self.estimates),
            "what_to_do": self.what_to_do,
        }


@dataclass(frozen=True, slots=True)
class Other:
    """One image that may go on: it is in focus, or somebody said that it is fine as it is."""

    image: int
    path: str
    revision: int
    section: int | None
    tile: str | None
    stage_um: tuple[float, float] | None
    outcome: Outcome
    provisional: bool
    """Nobody had said what is sharp when it was judged."""
    confirmed: bool
    """Somebody looked at this very image and called it sharp."""
    label: str | None = None
    note: str | None = None
    said_by: str | None = None
    blur: Blur | None = None

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return Place(self.section, self.tile)


@dataclass(frozen=True, slots=True)
class Others:
    """The list's other half, and what is on neither."""

    images: tuple[Other, ...]
    undetermined: tuple[str, ...]
    """The paths of which nothing can be said."""
    waiting: tuple[str, ...]
    """The paths whose newest file is not judged yet."""


class _Shot:
    """What is to be imaged, take after take, in the order in which they came."""

    def __init__(self) -> None:
        self.newest: Told | None = None
        self.asked: LabelRow | None = None  # somebody wants it taken again
        self.failed: Told | None = None  # the last take that failed; None once one is in focus, or called fine

    @property
    def again(self) -> bool:
        """Whether it is to be imaged again."""
        return self.asked is not None or self.failed is not None

    def take(self, one: Told, label: LabelRow | None) -> None:
        """One more."""
        self.newest = one
        fine, again = (False, False) if label is None else (label.fine, label.again)
        if fine or one.verdict.outcome is Outcome.IN_FOCUS:
            self.asked = self.failed = None
        elif one.verdict.outcome in AGAIN:
            self.failed = one
        if again:
            self.asked = label


def _written(image: ImageRow) -> tuple[int, int]:
    """Files of one place in the order in which they were written; they may come in any other."""
    return image.mtime_ns, image.id


def retakes(
    told: Iterable[Told],
    labels: Mapping[int, LabelRow],
    report: Callable[[int], FocusReport | None],
    *,
    also: Sequence[Outcome] = (),
    estimates: Estimates = lambda _: {},
) -> list[Retake]:
    """The images to take again, by section and tile.

    Args:
        told: All that was judged.
        labels: The newest label of each image.
        report: The report of an id, as the journal has it; None where it cannot be read.
        also: Further outcomes to list, `undetermined` for one.
        estimates: What learned packages said of some images, by image; without it nothing is told of that.
    """
    told = list(told)
    shots = _shots(told, labels)
    in_focus = (one.image for one in told if one.verdict.outcome is Outcome.IN_FOCUS)
    sharp = {image.place: image for image in sorted(in_focus, key=_written)}
    found = []
    for shot in shots.values():
        if shot.newest is None:
            continue
        image, label = shot.newest.image, labels.get(shot.newest.image.id)
        fine = label is not None and label.fine
        listed = shot.newest.verdict.outcome in also and not fine
        if image.report is not None and (listed or shot.again):
            stage = _stage(report, image.report)
            other = sharp.get(image.place) if image.section is not None else None
            newer = other.path if other is not None and _written(other) > _written(image) else None
            found.append(_retake(shot, shot.newest, stage, label, newer=newer, listed=listed))
    said = estimates([one.image for one in found])
    found = [replace(one, estimates=said[one.image]) if one.image in said else one for one in found]
    return sorted(found, key=lambda retake: (retake.place.key, retake.path))


def others(
    told: Iterable[Told],
    labels: Mapping[int, LabelRow],
    report: Callable[[int], FocusReport | None],
    *,
    waiting: Collection[str] = (),
) -> Others:
    """The images that may go on to montage and alignment, by section and tile. None of them is among the `retakes`.

    Args:
        told: All that was judged.
        labels: The newest label of each image.
        report: The report of an id, as the journal has it; None where it cannot be read.
        waiting: Paths with a file that is not judged yet: what was said of an earlier one is not true of it.
    """
    unjudged = {shot_of(path): path for path in waiting}
    going: list[Other] = []
    undetermined: list[str] = []
    for name, shot in _shots(told, labels).items():
        newest = shot.newest
        if newest is None or newest.image.report is None or shot.again:
            unjudged.pop(name, None)
            continue
        label = labels.get(newest.image.id)
        if name in unjudged:
            continue
        if newest.verdict.outcome is Outcome.IN_FOCUS or (label is not None and label.fine):
            going.append(_other(newest, label, _stage(report, newest.image.report)))
        else:
            undetermined.append(newest.image.path)
    in_order = sorted(going, key=lambda other: (other.place.key, other.path))
    return Others(tuple(in_order), tuple(sorted(undetermined)), tuple(sorted(unjudged.values())))


def _retake(
    shot: _Shot,
    one: Told,
    stage: tuple[float, float] | None,
    label: LabelRow | None,
    *,
    newer: str | None,
    listed: bool,
) -> Retake:
    image, verdict, asked = one.image, one.verdict, shot.asked
    said = asked or label
    by = None if said is None else said.task_by or said.sharp_by
    who = None if by is None else by.who
    reasons = [verdict.sentence] if listed or shot.failed is not None else []
    if shot.failed is not None and shot.failed is not one:
        was = shot.failed.verdict.outcome.value.replace("_", " ")
        reasons.append(f"an earlier take was {was}, and this one is not known to be better")
    if asked is not None:
        note = f": {asked.note}" if asked.note else ""
        reasons.insert(0, f"{who or 'somebody'} wants it taken again{note}")
    return Retake(
        image.id,
        image.path,
        image.section,
        image.tile,
        stage,
        verdict.outcome,
        verdict.provisional,
        "; ".join(reasons),
        None if said is None else said.words,
        None if said is None else said.note,
        who,
        newer,
        blur_of(verdict),
    )


def _shots(told: Iterable[Told], labels: Mapping[int, LabelRow]) -> dict[str, _Shot]:
    shots: dict[str, _Shot] = {}
    for one in sorted(told, key=_came):
        shots.setdefault(shot_of(one.image.path), _Shot()).take(one, labels.get(one.image.id))
    return shots


def _stage(report: Callable[[int], FocusReport | None], of: int) -> tuple[float, float] | None:
    measured = report(of)
    return None if measured is None else measured.image.stage_um


def _came(one: Told) -> int:
    return one.image.id


def _other(one: Told, label: LabelRow | None, stage: tuple[float, float] | None) -> Other:
    image, verdict = one.image, one.verdict
    by = None if label is None else label.task_by or label.sharp_by
    return Other(
        image.id,
        image.path,
        image.revision,
        image.section,
        image.tile,
        stage,
        verdict.outcome,
        verdict.provisional,
        label is not None and label.sharp is True,
        None if label is None else label.words,
        None if label is None else label.note,
        None if by is None else by.who,
        blur_of(verdict),
    )
