"""`mhfd_client.score(paths)`: for scientists who have images and a notebook.

Rows come as images are scored, in worker processes; Ctrl-C keeps what is done. The table shows itself in a notebook,
and becomes a pandas DataFrame on request. No state is kept and no journal written: that is a station's.
"""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

from mhfd.contract.estimate import Estimate
from mhfd.contract.params import Params
from mhfd.errors import UsageError
from mhfd.limits import Limits
from mhfd.threads import thread_count
from mhfd_client.journal.folder import picture_of
from mhfd_client.progress import bar
from mhfd_client.runners.estimates.packages import of_names
from mhfd_client.runners.local import LocalRunner
from mhfd_client.scoring.here import checked, scored
from mhfd_client.scoring.table import Row, Table, Wishes, table_of
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.surface import brief


@brief
def score(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    params: Params | str | None = None,
    judge: bool | VerdictSettings = True,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    workers: int | None = None,
    limits: Limits | None = None,
    models: str | Iterable[str] = (),
    thumbnails: bool = True,
    progress: bool | None = None,
    on_row: Callable[[Row], None] | None = None,
    endpoint: str | uuid.UUID | None = None,
    map: Mapping[str, str] | Iterable[str] | None = None,  # noqa: A002 - what it is called on the command line
    reattach: str | None = None,
    via: Literal["local", "compute", "flow"] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Table:
    """Score images, here or far away, show how it goes, and give a table.

    Args:
        paths: A path, a pattern such as `run/*.tif`, or many of them.
        params: `Params(...)`, the name of a preset, or nothing for `robust`.
        judge: Compare the images with each other, as a station does; provisional, because nobody confirms any here.
        device: `auto` takes a GPU where there is one.
        workers: Worker processes; nothing for one a core.
        limits: How large an image of this machine's may be; nothing for the usual `mhfd.images.Limits()`.
        models: Learned packages to ask about each image of this machine's: `shipped`, `champion`, names as
            `mhfd models list` has them, or folders. What they say is in `Row.estimates`.
        thumbnails: Keep a small picture of each.
        progress: A progress bar; nothing for one when somebody looks.
        on_row: Called with each row as it comes, in the order of completion, not judged yet.
        endpoint: Score on this endpoint of Globus Compute; nothing for this machine. What it scores with (`device`,
            `workers`) is its administrator's.
        map: With an endpoint: where it has this machine's folders, `{"/mnt/sem": "/eagle/sem"}`. Without it, paths are
            the endpoint's own, and no patterns.
        reattach: Far away: go on with this call (`Table.token`), of the same paths.
        via: `compute`: the endpoint reads the images where they are. `flow`: runs of the deployed flow bring files of
            this machine to an endpoint that does not see them. Nothing: `compute` with an endpoint, else `local`.
        settings: With `flow`: what differs from the user's settings, by dotted names, as in
            `{"flow.id": ..., "flow.source": ..., "compute.function": ...}`.
    """
    from mhfd_client.scoring.lines import expand

    many = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    chosen = Params.of(params)
    wishes = Wishes(_verdicts(judge), thumbnails, progress, on_row)
    way = via or ("local" if endpoint is None else "compute")
    if way not in ("local", "compute", "flow"):
        raise UsageError(f"via: {via!r} is none of local, compute, flow")
    if settings is not None and way != "flow":
        raise UsageError("settings: belong to via='flow'; leave them out")
    asked = (models,) if isinstance(models, str) else tuple(models)
    if way != "local" and asked:
        raise UsageError("models: an endpoint asks no learned packages yet; leave them out, or score here")
    if way != "local" and (device != "auto" or workers is not None or limits is not None):
        raise UsageError("device, workers, limits: what an endpoint scores with is its administrator's; leave them out")
    if way == "flow":
        from mhfd_client.scoring.notebook_far import begin_by_flow

        if map is not None:
            raise UsageError("map: belongs to via='compute'; a flow brings the files, and says where by its settings")
        given = {} if settings is None else settings
        return begin_by_flow(many, wishes, endpoint=endpoint, settings=given, reattach=reattach, params=chosen)
    if way == "compute":
        from mhfd_client.scoring.notebook_far import begin

        if endpoint is None:
            raise UsageError("endpoint: must be given with via='compute'")
        return begin(many, wishes, endpoint=endpoint, maps=map, reattach=reattach, params=chosen)
    if endpoint is not None or map is not None or reattach is not None:
        raise UsageError("endpoint, map, reattach: do not go with a local call; give endpoint=..., or leave them out")
    files = expand(many)
    if not files:
        raise UsageError("paths: there are none; give a path, a pattern or a list of them")
    if workers is None:
        workers = min(thread_count(), len(files))  # not more than images: each takes half a second to start
    with tempfile.TemporaryDirectory(prefix="mhfd-thumbs-") as scratch, bar(len(files), progress) as shown:
        pictures = Path(scratch) if thumbnails else None
        said: dict[int, tuple[Estimate, ...]] = {}
        packages = checked(of_names(asked))
        with closing(
            LocalRunner(workers=workers, device=device, limits=limits, thumbnails=pictures, packages=packages)
        ) as runner:
            return table_of(
                files,
                scored(runner, files, chosen, said),
                wishes,
                estimates=lambda index: said.get(index, ()),
                picture=lambda index: _picture(pictures, index),
                advance=shown.advance,
            )


@brief
def reattach(
    token: str | None = None,
    *,
    judge: bool | VerdictSettings = True,
    thumbnails: bool = True,
    progress: bool | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> Table:
    """The table of an earlier call far away, after a crash or Ctrl-C. What is done is not scored again.

    Args:
        token: `Table.token`, or the one that was shown when the call began; nothing for the newest that did not end.
        judge: As for `score`.
        thumbnails: As for `score`.
        progress: As for `score`.
        on_row: As for `score`.
    """
    from mhfd_client.scoring.notebook_far import go_on

    return go_on(token, Wishes(_verdicts(judge), thumbnails, progress, on_row))


def _verdicts(judge: bool | VerdictSettings) -> VerdictSettings | None:
    return judge if isinstance(judge, VerdictSettings) else VerdictSettings() if judge else None


def _picture(folder: Path | None, index: int) -> bytes | None:
    if folder is None:
        return None
    try:
        return picture_of(folder, index).read_bytes()
    except FileNotFoundError:
        return None  # nothing could be measured
