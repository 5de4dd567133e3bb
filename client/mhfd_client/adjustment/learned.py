"""`mhfd adjust learn`: what was recorded of watched folders, and datasets of moves, as a package that proposes moves.

It reads states and learns; it turns no knob and makes no package the champion.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mhfd.errors import UsageError
from mhfd_client.adjustment import places as lens_places
from mhfd_client.adjustment.moves import as_dataset
from mhfd_client.errors import StationError
from mhfd_client.settings.load import load
from mhfd_client.settings.places import cache_dir, models_home, state_dir

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.manifold.learning import LearnedAdjustment


def learn_moves(
    sources: Sequence[Dataset | str | os.PathLike[str]],
    *,
    learner: Literal["pca", "lle", "diffusion"] = "pca",
    out: Path | None = None,
    seed: int = 0,
    licence: str | None = None,
    title: str | None = None,
    config: Path | None = None,
    told: Callable[[int, int], object] | None = None,
    said: Callable[[str], object] | None = None,
) -> LearnedAdjustment:
    """Learn from recorded moves, and compare what was learned with no move and with the champion.

    Args:
        sources: Datasets of moves or their folders, watched folders whose moves were recorded, and state folders.
        learner: The way to learn that a package is made of.
        out: A folder for the package and report.json; None: the user's library.
        seed: Of all that is drawn.
        licence: Of the data, as SPDX names it or in words.
        title: What people call the package.
        config: A settings file; None: the user's.
        told: Told how many pairs are measured, and of how many.
        said: Told what is being done, in words.
    """
    from mhfd.learning.manifold.learning import learn
    from mhfd.learning.packages import Library

    settings = load(config).settings
    given: dict[str, Any] = {} if licence is None else {"licence": licence}
    return learn(
        [one if not isinstance(one, str | os.PathLike) else moves_of(Path(one), settings) for one in sources],
        learner=learner,
        library=Library(models_home(settings)),
        out=out,
        seed=seed,
        title=title,
        cache=cache_dir() / "features",
        told=told,
        said=said,
        **given,
    )


def moves_of(path: Path, settings: Any) -> Dataset:
    """The dataset in a folder, or what was recorded of a watched folder or in a state folder. UsageError."""
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.dataset.rows import MANIFEST

    if not path.is_dir():
        raise UsageError(
            f"{path}: there is no such folder; name a dataset of moves, or a watched folder whose moves were recorded"
        )
    if (path / MANIFEST).is_file():
        return Dataset.read(path)
    if lens_places.moves(path).is_file():
        return as_dataset(path)
    try:
        state = state_dir(path, settings=settings)
    except StationError:
        state = None
    if state is None or not lens_places.moves(state).is_file():
        raise UsageError(
            f"{path}: no move was recorded of it, and it holds no dataset; `mhfd adjust record {path}` records moves"
        )
    return as_dataset(state)
