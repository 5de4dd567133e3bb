"""What becomes of a package that came home: champion where its sealed report says so, else challenger.

Done once: a change that the library has already, by the same report, is the one that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhfd_client.errors import ChampionChanged

if TYPE_CHECKING:
    from mhfd.contract.assessing import LibraryTask
    from mhfd.learning.packages import ChampionChange, Library, Package
    from mhfd_client.learning.from_library.kept import KeptLearning
    from mhfd_client.learning.from_library.learned import Came


def settled(
    came: Came, kept: KeptLearning, task: LibraryTask, instrument: str, library: Library, *, far: bool
) -> tuple[ChampionChange | None, list[str]]:
    """Who has become what, and the lines that say so. ChampionChanged; StateError."""
    found, package = came.benchmark, came.package
    if package is None:
        return None, [f"no package came of it; report in {came.report}"]
    home = f"package {package.name[:12]} ({package.card.title}); report in {came.report}"
    if far:
        home = f"home: {home}; the same bytes here and there"
    nobody = "mhfd" if task == "focus" else "what is classical"
    if found.decision == "promoted":
        change = _promoted(came, package, kept, task, instrument, library)
        was = nobody if change.before == "mhfd" else change.before[:12]
        return change, [home, f"champion of {task} at {instrument}: {change.after[:12]} (before: {was})"]
    if package.name == kept.champion:
        return None, [home, f"champion of {task} at {instrument}: {package.name[:12]}, as it was"]
    barred = next((one.barred for one in found.entries if one.package == package.name), ())
    if barred:
        return None, [home, f"no challenger of {task} at {instrument}: {'; '.join(barred)}"]
    change = library.challenge(package, instrument=instrument, why=found.line)
    stays = nobody if kept.champion is None else kept.champion[:12]
    return change, [home, f"challenger of {task} at {instrument}: {change.after[:12]}; champion stays {stays}"]


def _promoted(
    came: Came, package: Package, kept: KeptLearning, task: LibraryTask, instrument: str, library: Library
) -> ChampionChange:
    for told in library.history(task, instrument):
        if told.in_effect and told.change.decision == came.benchmark.report:
            return told.change
    before, now = kept.champion or "mhfd", library.champion_name(task, instrument)
    if now != before:
        raise ChampionChanged(
            f"package {package.name[:12]} earned its place against {before[:12]}, and who judges {task} at "
            f"{instrument} is {now[:12]} by now: nobody was promoted; the package is in {library.folder}, and the same "
            "with --afresh compares with who judges now"
        )
    return library.promote(package, came.report, instrument=instrument)
