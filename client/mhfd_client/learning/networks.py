"""A network trained on this machine for somebody: what was said of it, where it is kept, and how far it is.

Knows no torch: that is in processes of its own, which `mhfd.learning.training` starts and ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from mhfd.contract.training import NET_LESSONS, Copies, WorkerLayout
from mhfd.errors import UsageError
from mhfd_client.progress import Bar, bar
from mhfd_client.settings.places import state_home

if TYPE_CHECKING:
    from mhfd.contract.training import NetLesson, TrainingPlan
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library, Package
    from mhfd.learning.trained import Training
    from mhfd.learning.training.told import CheckpointSaved, Told

_MOST_THREADS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """What is said of a training that only a network knows. None: not said."""

    workers: int | None = None
    threads: int | None = None
    sweep: bool | None = None
    epochs: int | None = None
    batch: int | None = None
    rate: float | None = None
    warmup: float | None = None
    copies: Copies | None = None
    until: float | None = None
    validation: float | None = None
    device: Literal["auto", "cpu", "gpu"] | None = None
    at_most_hours: float | None = None
    afresh: bool | None = None

    def said(self) -> tuple[str, ...]:
        """The names of those that were said."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) not in (None, False))

    def layout(self) -> WorkerLayout | None:
        """How the work is shared; None: as it was swept. UsageError."""
        if self.sweep and self.workers is not None:
            raise UsageError("sweep: it finds how many workers are best, and --workers says it; leave one of them out")
        if self.workers is None:
            if self.threads is not None:
                raise UsageError("threads: they are of each worker; say how many workers too, as in --workers 2")
            return None
        for name, value in (("workers", self.workers), ("threads", self.threads)):
            if value is not None and not 1 <= value <= _MOST_THREADS:
                raise UsageError(f"{name}: expected 1 to {_MOST_THREADS}, got {value}")
        return WorkerLayout(workers=self.workers, threads=self.threads or 1, device=self.device or "auto")

    def plan(self, lesson: str, learner: str, *, seed: int, parent: str | None = None) -> TrainingPlan:
        """What is to become of it, of the package of that name. UsageError."""
        from mhfd.learning.training.making import plan_of

        return plan_of(
            lesson,
            learner,
            seed=seed,
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate,
            warmup_epochs=self.warmup,
            copies=self.copies,
            until=self.until,
            validation=self.validation,
            parent=parent,
        )

    def request(
        self, lesson: str, learner: str, *, seed: int, title: str | None, licence: str | None
    ) -> dict[str, Any]:
        """What `mhfd_train` is asked beside its dataset and its parent. UsageError."""
        layout = self.layout()
        if layout is None and self.device is not None:
            raise UsageError("device: far away it goes with --workers; without both the endpoint finds what is best")
        given = {
            "plan": self.plan(lesson, learner, seed=seed).model_dump(mode="json"),
            "layout": None if layout is None else layout.model_dump(mode="json"),
            "title": title,
            "licence": licence,
            "at_most_hours": self.checked_hours(),
        }
        return {name: value for name, value in given.items() if value is not None}

    def checked_hours(self) -> float | None:
        """How long it may take. UsageError."""
        if self.at_most_hours is not None and not self.at_most_hours > 0:
            raise UsageError(f"at_most_hours: expected more than 0, got {self.at_most_hours:g}")
        return self.at_most_hours


def network_named(lesson: str, learner: str | None) -> str | None:
    """The network that a lesson and a learner's name mean; None: they mean a learner of tables. UsageError."""
    from mhfd.learning.learners.lessons import LESSONS
    from mhfd.learning.training.nets import NETS, net_of

    if learner in NETS and lesson == "radius":
        raise UsageError(f"learner: {learner} is a network, which learns the radius with focus: lesson focus has both")
    if learner in NETS or (lesson in NET_LESSONS and lesson not in LESSONS):
        return net_of(cast("NetLesson", lesson), learner).name
    return None


def network_there(lesson: str, learner: str | None) -> str:
    """The network that an endpoint trains: it trains nothing else. UsageError."""
    from mhfd.learning.training.nets import net_of

    if lesson not in NET_LESSONS:
        raise UsageError(f"lesson: no network learns the {lesson} alone; an endpoint trains networks: say focus")
    return net_of(lesson, learner).name


def parent_here(library: Library, word: str | os.PathLike[str]) -> Package:
    """The package that is to be trained further, by its folder, name or title. UsageError; PackageRefused."""
    from mhfd.learning.training.parents import network_in

    package = library.find(os.fspath(word))
    network_in(package)
    return package


def parent_there(library: Library, word: str | os.PathLike[str]) -> tuple[str, str | None]:
    """The whole name of a package of an endpoint's library, and its network where the package is here too. UsageError.

    Args:
        library: This user's.
        word: The whole name, or what names it in this user's library.
    """
    from mhfd.learning.packages.folder import is_name

    try:
        package = parent_here(library, word)
    except UsageError as error:
        if is_name(name := os.fspath(word)):
            return name, None
        raise UsageError(f"parent: {error}; of a package that is only there, give the whole name") from None
    return package.name, package.card.recipe.learner


def train_network(
    lesson: str,
    dataset: Dataset | str | os.PathLike[str],
    learner: str,
    options: NetworkOptions,
    *,
    parent: Package | None,
    out: Path,
    seed: int,
    licence: str | None,
    title: str | None,
    said: Callable[[str], object] | None,
    progress: bool | None,
) -> Training:
    """Train it, or go on where the same training was, and write its package.

    Args:
        lesson: What is to be learned.
        dataset: A dataset, its folder, or a table.
        learner: The network.
        options: What else was said.
        parent: The package that it begins with; None: with drawn numbers.
        out: The folder of packages that it is written into.
        seed: Of all that is drawn.
        licence: Of the data.
        title: What people call the package.
        said: Told what is being done, in words, where no bar shows it.
        progress: A bar; nothing: where somebody looks.
    """
    from mhfd.learning.training import making

    making.needs_torch(learner)
    plan = options.plan(lesson, learner, seed=seed, parent=None if parent is None else parent.name)
    layout, at_most_hours = options.layout(), options.checked_hours()
    given_as = _folder_or_rows(dataset)
    given: dict[str, Any] = {} if licence is None else {"licence": licence}
    with bar(None, progress, what=f"{lesson} {learner}", transient=True) as shown:
        seen = _Seen(shown, said or (lambda _words: None))
        try:
            return making.train_net(
                given_as,
                plan,
                parent=parent,
                home=state_home() / "trainings",
                out=out,
                layout=layout,
                device=options.device or "auto",
                sweep_anew=bool(options.sweep),
                sweeps=state_home() / "sweeps",
                afresh=bool(options.afresh),
                at_most_hours=at_most_hours,
                title=title,
                told=seen.told,
                said=seen.said,
                **given,
            )
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(seen.left())
            raise


class _Seen:
    """What somebody sees of it: a bar where it is shown, and the lines that stay."""

    def __init__(self, shown: Bar, said: Callable[[str], object]) -> None:
        self._shown, self._said = shown, said
        self._saved: CheckpointSaved | None = None

    def said(self, words: str) -> None:
        """A line that stays: above the bar, or where lines go."""
        self._shown.note(words)
        self._said(words)

    def told(self, one: Told) -> None:
        """How far it is."""
        if one.kind == "begun":
            self._shown.of(one.steps)
            self._shown.reach(one.step)
        elif one.kind == "step":
            self._shown.reach(one.step)
            self._shown.say(f"epoch {one.epoch:.1f}, loss {one.loss:.3f}")
        elif one.kind == "saved":
            self._saved = one

    def left(self) -> str:
        """What becomes of a training that somebody ended."""
        if self._saved is None:
            return "ended before anything was saved: the same again begins anew"
        return f"ended; step {self._saved.step} of {self._saved.steps} is saved, and the same again goes on from there"


def _folder_or_rows(dataset: Dataset | str | os.PathLike[str]) -> Dataset | Path:
    """A folder as it is, which workers read for themselves; the rows of a table."""
    from mhfd.learning.dataset import Dataset
    from mhfd_client.learning.datasets import read

    if isinstance(dataset, Dataset):
        return dataset
    path = Path(dataset)
    return path if path.is_dir() else read(path)
