"""`mhfd train` and `mhfd_client.train`: where packages and what was measured are kept, and how far it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mhfd_client.settings.load import load
from mhfd_client.settings.places import cache_dir, models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mhfd.learning.dataset import Dataset
    from mhfd.learning.trained import Training


@brief
def train(
    lesson: Literal["focus", "cause", "radius"],
    dataset: Dataset | str | os.PathLike[str],
    *,
    learner: str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    baseline: bool | None = None,
    balance: Literal["weights", "sampling", "none"] = "weights",
    prepare: Sequence[str] = (),
    licence: str | None = None,
    title: str | None = None,
    config: Path | None = None,
    told: Callable[[int, int], object] | None = None,
    said: Callable[[str], object] | None = None,
) -> Training:
    """Teach a learner with a dataset's training groups and write a package. It is not promoted.

    Args:
        lesson: What is to be learned: whether an image is bad, why, or how large its blur is.
        dataset: A dataset, its folder, or a table `path,label,group`.
        learner: The way to learn; nothing for the usual one.
        out: The folder of packages that it is written into; nothing for this user's library.
        seed: Of all that is drawn: the same data and seed make the same package.
        baseline: Learn from features less those of the group's sharp images; nothing: where that is usual and possible.
        balance: What is done where bad images are rare.
        prepare: Steps by which pixels are prepared before features are taken: flat_field, denoise, stretch.
        licence: Of the data, as SPDX names it or in words.
        title: What people call the package.
        config: A settings file; nothing for the user's.
        told: Told how many images are measured, and of how many.
        said: Told what is being done, in words.
    """
    from mhfd.learning import train as teaching
    from mhfd.learning.dataset import Dataset
    from mhfd_client.learning.datasets import read

    home = models_home(load(config).settings)
    given: dict[str, Any] = {} if licence is None else {"licence": licence}
    return teaching.train(
        dataset if isinstance(dataset, Dataset) else read(Path(dataset)),
        lesson,
        out=home / "packages" if out is None else out,
        learner=learner,
        seed=seed,
        title=title,
        baseline=baseline,
        balance=balance,
        prepare=prepare,
        cache=cache_dir() / "features",
        told=told,
        said=said,
        **given,
    )
