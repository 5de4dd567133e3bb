"""`mhfd adjust calibrate`: one known move -> how many um a package's own unit is on this instrument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import CONFIG, JSON, SET, STATE, WatchedFolder, echo, say

if TYPE_CHECKING:
    from mhfd.learning.manifold.asking import PairSession
    from mhfd_client.adjustment.calibrating import InducedMove, PlacedPair

_IMAGE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@STATE
@CONFIG
@SET
@click.option("--induced", required=True, metavar="LENGTH", help="The known move, as 5um: 1 to 10 um.")
@click.option("--pair", "from_files", nargs=2, type=_IMAGE, multiple=True, metavar="A B", help="From files: twice.")
@click.option("--perturbation", metavar="LENGTH", help="Of the pairs.  [default, with DIR: as `instrument.toml` says]")
@click.option("--package", metavar="PACKAGE", help="Which package.  [default: the champion, else the one that ships]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there, also into the file of `mhfd calibrate`.  [default: the state's own]",
)
@JSON
def calibrate(
    directory: str | None,
    state: Path | None,
    config: Path | None,
    pairs: tuple[str, ...],
    induced: str,
    from_files: tuple[tuple[Path, Path], ...],
    perturbation: str | None,
    package: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """One known move says how large a package's proposals are on this instrument.

    With DIR pairs are taken at its instrument: where the lens stands, and half the known move away on both sides; the
    lens comes back. With --pair, twice, they are read from files: a pair before the known move and a pair after it.
    Focus by hand first. Halves that disagree by a fifth are refused, and nothing is written: exit code 1.
    """
    from mhfd_client.adjustment.asked import pair_session
    from mhfd_client.adjustment.calibrating import calibrated, checked_induced
    from mhfd_client.adjustment.typed import length
    from mhfd_client.calibration.kept import save_induced
    from mhfd_client.settings.places import models_home

    folder = WatchedFolder(directory or "", state, config, pairs)
    moved = checked_induced(length(induced, "--induced"))
    apart = None if perturbation is None else length(perturbation, "--perturbation")
    if directory is None and not from_files:
        raise click.UsageError("name DIR, whose instrument takes the pairs, or give --pair A B twice")
    if from_files and len(from_files) != 2:
        raise click.UsageError(
            f"--pair: give it twice, once before the known move and once after it; got {len(from_files)}"
        )
    if from_files and apart is None:
        raise click.UsageError("--perturbation: say how far away the images of each pair were taken, as 2um")
    session = pair_session(models_home(folder.loaded().settings), package)
    placed = _read(from_files, apart, moved) if from_files else _taken(folder, moved, apart)
    found = calibrated(session.units, session.package.name, placed)
    file = out
    if file is None and directory is not None:
        from mhfd_client.adjustment import places

        file = places.calibration(folder.state_dir())
    if file is not None:
        save_induced(found.calibration, file)
    say(_document(found, file), _lines(found, session, file), as_json=as_json)


def _read(pairs: Sequence[tuple[Path, Path]], perturbation_um: float | None, induced_um: float) -> list[PlacedPair]:
    from mhfd.learning.manifold.asking import read_pair
    from mhfd_client.adjustment.calibrating import PlacedPair

    both = [read_pair(a, b, perturbation_um or 0.0) for a, b in pairs]
    return [PlacedPair(both[0], 0.0), PlacedPair(both[1], induced_um)]


def _taken(folder: WatchedFolder, induced_um: float, perturbation_um: float | None) -> list[PlacedPair]:
    """Three pairs: here, and half of the known move away on both sides. The lens is back after each."""
    from mhfd_client.adjustment.as_pair import image_pair
    from mhfd_client.adjustment.calibrating import PlacedPair
    from mhfd_client.adjustment.lens import Lens
    from mhfd_client.commands.adjusting.lens import instrument_of

    state_dir = folder.state_dir()
    found = []
    with instrument_of(state_dir) as (settings, instrument), Lens(state_dir, settings, instrument) as lens:
        if lens.restored:
            echo(lens.restored, err=True)
        for at_um in (0.0, induced_um / 2, -induced_um / 2):
            taken = lens.pair(perturbation_um or settings.perturbation_um, offset_um=at_um)
            found.append(PlacedPair(image_pair(taken, instrument), at_um))
    return found


def _document(found: InducedMove, file: Path | None) -> dict[str, object]:
    return {
        "calibration": found.calibration.model_dump(mode="json"),
        "halves": [{"name": half.name, "um_a_unit": half.um_a_unit} for half in found.halves],
        "units": list(found.units),
        "written": file,
    }


def _lines(found: InducedMove, session: PairSession, file: Path | None) -> Iterator[str]:
    from mhfd_client.files import shown

    one = found.calibration
    yield f"a unit of {session.package.card.title} is {one.um_a_unit:.3g} um here, within {one.sd_part:.0%}"
    for half in found.halves:
        yield f"  {half.name}: {half.um_a_unit:.3g} um"
    bound = (
        ("", one.instrument),
        (" nm a pixel", one.pixel_nm),
        (" ns of dwell", one.dwell_ns),
        (" kV", one.beam_kv),
        (" pA", one.beam_pa),
    )
    known = [value if isinstance(value, str) else f"{value:g}{unit}" for unit, value in bound if value is not None]
    yield f"it holds for: {', '.join(known) or 'images that say nothing of their instrument'}"
    yield f"written to {shown(file)}" if file else "not written: give --out FILE"
