"""`mhfd score`: how much in focus images are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mhfd.errors import UsageError
from mhfd.limits import Limits, bytes_of, pixels_of
from mhfd_client.commands.common import EXIT_PERSON

if TYPE_CHECKING:
    from mhfd.api import Device
    from mhfd.contract.params import Params
    from mhfd.ranks import Reduction, Split


_ADMINISTRATORS: Final = "what an endpoint reads is its administrator's"


def _params(preset: str, n: int | None, min_t: float | None, max_t: float | None, crop: str | None) -> Params:
    from mhfd.contract.params import Crop, Params

    left_off = None if crop is None else Crop.of(crop)
    given = {k: v for k, v in {"n": n, "min_t": min_t, "max_t": max_t, "crop": left_off}.items() if v is not None}
    return Params.checked(**(Params.preset(preset).model_dump() | given))


def _sized(read: Callable[[str], int]) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """A size as people say it."""

    def value(_context: click.Context, _parameter: click.Parameter, said: str | None) -> int | None:
        try:
            return None if said is None else read(said)
        except UsageError as error:
            raise click.BadParameter(str(error)) from None

    return value


def _limits(**given: int | None) -> Limits:
    set_here = {name: value for name, value in given.items() if value is not None}
    return Limits(raised_by="give a larger --{option}", **set_here)


def _only_here(**given: bool) -> None:
    why = {
        "max-bytes": _ADMINISTRATORS,
        "max-pixels": _ADMINISTRATORS,
        "max-held-pixels": _ADMINISTRATORS,
        "overlay": "it is drawn from the pixels, which stay at the endpoint; score the image here",
        "jobs": "how many images are scored at a time is its administrator's",
        "device": "what an endpoint scores with is its administrator's",
        "model": "an endpoint asks no learned packages yet; score the image here",
    }
    for name, is_given in given.items():
        if is_given:
            raise click.UsageError(f"--{name} does not go with --endpoint: {why[name]}")


def _not_over_ranks(**given: object) -> None:
    why = {
        "overlay": "it needs the whole image on one processor",
        "endpoint": "the endpoint's site file says over how many ranks it scores an image",
        "map": "it belongs to --endpoint",
        "jobs": "mpiexec -n says how many processors there are",
        "model": "learned packages are asked about an image that one process scores",
    }
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"--{name} does not go with --mpi: {why[name]}")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="One FocusReport a line, for every path, in the order given.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    help="Draw the features, the density of the cells and a --model's map: a PNG for one image, a folder for many.",
)
@click.option(
    "--focus-map",
    "focus_map",
    type=click.Path(path_type=Path),
    help="Write the focus map as an OME-TIFF for Fiji, napari or QuPath: a file for one image, a folder for many.",
)
@click.option("--params", "preset", default="robust", show_default=True, help="robust, paper_text or paper_code.")
@click.option("--n", type=int, help="Number of scales, instead of the preset's.")
@click.option("--min-t", type=float, help="Smallest scale in pixels, instead of the preset's.")
@click.option("--max-t", type=float, help="Largest scale in pixels, instead of the preset's.")
@click.option(
    "--crop",
    metavar="SIDE=PIXELS",
    help="Leave this off instead of a data bar: bottom=77, or top=10,left=4; bottom=0: there is no bar.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="auto: a GPU where there is one.",
)
@click.option("--jobs", type=click.IntRange(1), help="Images at a time.  [default: one a processor core]")
@click.option(
    "--max-bytes",
    metavar="SIZE",
    callback=_sized(bytes_of),
    help="A file may be so large: 8GB, 512MiB or a number of bytes.  [default: 4GB]",
)
@click.option(
    "--max-pixels",
    metavar="PIXELS",
    callback=_sized(pixels_of),
    help="An image may have so many pixels: 50000x50000 or their number.  [default: 32768x32768]",
)
@click.option(
    "--max-held-pixels",
    metavar="PIXELS",
    callback=_sized(pixels_of),
    help="So many may be in memory at once, where an image cannot be read row by row.  [default: 16384x16384]",
)
@click.option("--endpoint", metavar="UUID", help="Score on this endpoint of Globus Compute.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="HERE=THERE",
    help="With --endpoint: PATHs are this machine's, and the endpoint has folder HERE as THERE; may be repeated.",
)
@click.option("--mpi", is_flag=True, help="One image over the ranks that mpiexec -n N started; see --split.")
@click.option(
    "--split",
    type=click.Choice(["bands", "scales"]),
    help="With --mpi: into bands of rows, or scales (the paper's Algorithm 1).  [default: bands where the border "
    "reflects]",
)
@click.option(
    "--reduce",
    "reduction",
    type=click.Choice(["max", "gather"]),
    help="With --split scales: the maximum over scales on the way, or every scale to one rank (the paper's).  "
    "[default: max]",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="Ask a learned package too: shipped, champion, a name of `mhfd models list` or a folder; may be repeated.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def score(
    paths: tuple[str, ...],
    as_json: bool,
    overlay: Path | None,
    focus_map: Path | None,
    preset: str,
    n: int | None,
    min_t: float | None,
    max_t: float | None,
    crop: str | None,
    device: Device,
    jobs: int | None,
    max_bytes: int | None,
    max_pixels: int | None,
    max_held_pixels: int | None,
    endpoint: str | None,
    maps: tuple[str, ...],
    mpi: bool,
    split: Split | None,
    reduction: Reduction | None,
    models: tuple[str, ...],
    quiet: bool,
) -> None:
    """Measure how much in focus images are, here or on an endpoint.

    PATH may be a pattern in quotes ('run/*.tif'). With --endpoint and without --map, PATHs are the endpoint's own, and
    no patterns. The exit code is 0 when every image was scored, 1 when one could not be (its line says why), 2 for
    wrong usage.

    One image on many processors: mpiexec -n N mhfd score PATH --mpi.
    """
    limits = _limits(max_bytes=max_bytes, max_pixels=max_pixels, max_held_pixels=max_held_pixels)
    if mpi:
        from mhfd_client.scoring import ranked

        with ranked.first_speaks() as team:
            _not_over_ranks(
                overlay=overlay is not None,
                endpoint=endpoint is not None,
                map=maps,
                jobs=jobs is not None,
                model=models,
            )
            unscored = ranked.run(
                paths,
                team,
                params=_params(preset, n, min_t, max_t, crop),
                limits=limits,
                device=device,
                split=split,
                reduction=reduction,
                as_json=as_json,
                focus_map=focus_map,
            )
        if unscored:
            sys.exit(EXIT_PERSON)
        return
    if split is not None or reduction is not None:
        raise click.UsageError("--split and --reduce belong to --mpi: they say how ranks share one image")
    params = _params(preset, n, min_t, max_t, crop)
    progress = not quiet and sys.stderr.isatty()
    if endpoint is not None:
        _only_here(
            **{
                "overlay": overlay is not None,
                "jobs": jobs is not None,
                "device": device != "auto",
                "max-bytes": max_bytes is not None,
                "max-pixels": max_pixels is not None,
                "max-held-pixels": max_held_pixels is not None,
                "model": bool(models),
            }
        )
        from mhfd_client.compute import reach
        from mhfd_client.scoring import lines_far as lines

        unscored = lines.run(
            paths,
            endpoint=reach.endpoint_of(endpoint),
            maps=maps,
            params=params,
            as_json=as_json,
            focus_map=focus_map,
            progress=progress,
        )
    else:
        if maps:
            raise click.UsageError("--map belongs to --endpoint: it says where the endpoint has this machine's folders")
        from mhfd_client.scoring import lines as scoring

        unscored = scoring.run(
            paths,
            params=params,
            limits=limits,
            device=device,
            jobs=jobs,
            as_json=as_json,
            overlay=overlay,
            focus_map=focus_map,
            models=models,
            progress=progress,
        )
    if unscored:
        sys.exit(EXIT_PERSON)
