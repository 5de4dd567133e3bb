"""The champion of another library, with the report that made it so: looked at before anything of it is taken.

The other folder is read as a stranger's, while others may be writing there.
"""

from dataclasses import dataclass
from pathlib import Path

from mhfd.errors import UsageError
from mhfd.learning.packages.history import MHFD, ChampionHistory, ToldChange
from mhfd.learning.packages.package import Package, verify
from mhfd.learning.packages.report import PROMOTED, PromotionGround, kept_report, read_report
from mhfd.learning.packages.seats import Seat
from mhfd.learning.packages.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Pullable:
    """A champion that can be taken over."""

    package: Package
    ground: PromotionGround
    report: bytes
    beaten: frozenset[str]
    """Who was champion there before it, each beaten by the next."""


def champion_there(shelf: Shelf, history: ChampionHistory, seat: Seat) -> Pullable:
    """The champion of exactly this seat, verified, and its report. UsageError, PackageRefused, LibraryDamaged."""
    alias = history.alias(seat)
    if not (shelf.folder.is_dir() or history.seats("champion")):
        raise UsageError(
            f"{shelf.home}: is no library: it has neither `packages` nor `champions`; name what is `models.home` there"
        )
    if alias is None:
        has = ", ".join(str(one) for one in history.seats("champion")) or "none"
        raise UsageError(f"{shelf.home}: has no champion of {seat}; it has of: {has}")
    name = alias.package
    if name == MHFD:
        raise UsageError(
            f"{shelf.home}: the champion of {seat} is mhfd, which needs no package; "
            f"`mhfd models rollback {seat.typed} --to mhfd` makes it that here"
        )
    promotions = _promotions(history.told(seat.everywhere)) | _promotions(history.told(seat))
    ground, report = _report(shelf.home, seat, name, promotions)
    folder = shelf.folder_of(name)
    if folder is None:
        raise UsageError(
            f"{shelf.folder / name}: the champion of {seat} there is gone: put it back there, or roll back"
        )
    beaten: set[str] = set()
    before = promotions.get(name)
    while before is not None and before.change.before not in beaten:
        beaten.add(before.change.before)
        before = promotions.get(before.change.before)
    return Pullable(verify(folder), ground, report, frozenset(beaten))


def _promotions(told: tuple[ToldChange, ...]) -> dict[str, ToldChange]:
    """The last promotion of each package that came into effect."""
    return {one.change.after: one for one in told if one.in_effect and one.change.kind == "promoted"}


def _report(home: Path, seat: Seat, name: str, promotions: dict[str, ToldChange]) -> tuple[PromotionGround, bytes]:
    """That it was promoted by, which still is what the history there says."""
    made = promotions.get(name)
    digest = None if made is None else made.change.decision
    if digest is None:
        raise UsageError(f"{home}: its history names no report that made {name} champion of {seat}: evaluate it here")
    path = kept_report(home, digest)
    ground, data = read_report(path)
    if ground.digest != digest:
        raise UsageError(f"{path}: is another report than the history there names: its digest is {ground.digest}")
    if (ground.decision, ground.task, ground.instrument, ground.challenger) != (
        PROMOTED,
        seat.task,
        seat.instrument,
        name,
    ):
        raise UsageError(f"{path}: does not say that {name} is promoted to champion of {seat}: evaluate it here")
    return ground, data
