"""A run with and without a hand on the lens: `python -m benchmarks.adjust_run [--sections 200] [--seed 1]`.

A pretend microscope images section after section; its focus drifts, it focuses by itself at each 25th, and at 5% of
the sections that goes wrong by 3 to 8 um. The same run twice: watched; and watched with `--adjust apply`, each section
waiting for the verdict of the one before. With `--goes-on` once more, where a section comes each second. The package is
learned before the run, from 24 moves on 6 other specimens. Each section's line goes into a CSV; exit code 1 when an
image is left that nobody was asked about, or one is blurrier than before.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks._adjusted_run import HOME_UM, AdjustedPlan, AdjustedRun, SectionTold, run
from benchmarks._figure import COLOURS, load_average, picture
from benchmarks._table import DOCS, markdown, publish

from mhfd.learning.manifold.learning import learn
from mhfd.learning.packages import Library
from mhfd_client.adjustment.lens import Lens
from mhfd_client.adjustment.moves import record_typed
from mhfd_client.adjustment.recording.teaching import as_dataset
from mhfd_client.instruments.config import NAME, config_of
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import make_pretend
from mhfd_client.journal.rows import Outcome

SPECIMENS: Final = 6
WORSE_UM: Final = 0.3
"""An image that is further out of focus than before by less is as it was: the bar for where a repair ends."""
_WAYS: Final = {
    "watched": "`mhfd watch`",
    "waits": "`--adjust apply`, each section waits for the verdict",
    "goes on": "`--adjust apply`, no section waits",
}
_GOES_ON: Final = (
    " Where no section waits, one comes each second, and the microscope turns its own lens meanwhile: a repair that "
    "meets that leaves the lens as it was turned, and tries again."
)
_COLUMNS: Final = (
    "way",
    "section",
    "first_um",
    "last_um",
    "takes",
    "first_verdict",
    "last_verdict",
    "tries",
    "images_to_mend",
    "seconds",
    "asked",
)


def taught(folder: Path, *, size: int = 512) -> Path:
    """The home of a library whose champion was learned from moves on such a microscope: 4 on each of 6 specimens.

    What an operator does on a Friday: the lens stands off, a pair is taken, and it is turned to where it is sharp.
    """
    state, home = folder / "friday", folder / "models"
    scope = make_pretend(folder / "taught-on", lens_um=HOME_UM, focus_um=HOME_UM, size=size, saves=True)
    state.mkdir()
    (state / NAME).write_text(
        f'kind = "pretend"\naddress = "{scope.folder}"\nallow = "propose"\n\n[limits]\nlow_um = 4900.0\n'
        "high_um = 5100.0\n"
    )
    config, rng = config_of(state), np.random.default_rng(7)
    for specimen in range(SPECIMENS):
        scope.change(seed=1000 + specimen)
        for section, off in enumerate(rng.permutation([-6.0, -2.0, 2.0, 6.0]) + rng.uniform(-1.5, 1.5, 4), 1):
            scope.change(section=section)
            scope.turn_to(HOME_UM + off)
            with closing(opened(config)) as instrument, Lens(state, config, instrument) as lens:
                pair = lens.pair(config.perturbation_um)
            assert pair.a.path is not None
            assert pair.b.path is not None
            record_typed(
                state,
                f"working distance {-off:+.4f} um",
                pair=(pair.a.path, pair.b.path),
                perturbation_um=config.perturbation_um,
                specimen=f"specimen {specimen}",
                instrument=scope.truth().name,
            )
    library = Library(home)
    learned = learn(as_dataset(state), library=library)
    if learned.package is None:
        raise SystemExit(learned.report.reason)
    library.promote(library.add(learned.package), learned.report_path, who="operator")
    return home


def rows(runs: Mapping[str, AdjustedRun]) -> list[dict[str, object]]:
    """One line a section and run."""
    return [
        {
            "way": way,
            "section": one.section,
            "first_um": round(one.um[0], 3),
            "last_um": round(one.um[-1], 3),
            "takes": len(one.um),
            "first_verdict": one.outcomes[0],
            "last_verdict": one.outcomes[-1],
            "tries": one.tries,
            "images_to_mend": one.spent,
            "seconds": round(one.seconds, 2),
            "asked": one.asked,
        }
        for way, found in runs.items()
        for one in found.sections
    ]


def left(found: AdjustedRun) -> list[SectionTold]:
    """What a person has to image again."""
    return [one for one in found.sections if one.left]


def table(runs: Mapping[str, AdjustedRun]) -> str:
    """What came of each run."""
    header = ["", *(_WAYS[way] for way in runs)]
    cells: list[tuple[str, list[object]]] = []
    for name, of in (
        ("out of focus at first", lambda one: one.outcomes[0] == Outcome.OUT_OF_FOCUS.value),
        ("left to take again", lambda one: one.left),
        ("of these, a person was asked", lambda one: one.left and bool(one.asked)),
        ("blurrier than before", lambda one: one.worse_um > WORSE_UM),
    ):
        cells.append((name, [sum(map(of, found.sections)) for found in runs.values()]))
    for name, number in (
        ("images to mend one, its new take not counted", lambda one: float(one.spent)),
        ("new takes of it", lambda one: len(one.um) - 1.0),
        ("seconds from an image to its last verdict", lambda one: one.seconds),
    ):
        cells.append((name, [_mean([number(one) for one in found.sections if one.tries]) for found in runs.values()]))
    cells.append(("furthest from the focus at the end, um", [f"{_furthest(found):.2f}" for found in runs.values()]))
    cells.append(("images in all", [found.images for found in runs.values()]))
    cells.append(("seconds in all", [f"{found.seconds:.0f}" for found in runs.values()]))
    return markdown(header, [(name, *values) for name, values in cells])


def _mean(numbers: Sequence[float]) -> str:
    return f"{statistics.fmean(numbers):.1f} ({min(numbers):.1f} to {max(numbers):.1f})" if numbers else "-"


def _furthest(found: AdjustedRun) -> float:
    return max(abs(one.um[-1]) for one in found.sections)


def drawn(runs: Mapping[str, AdjustedRun]) -> str:
    """How far out of focus each section is, at first and in the end."""
    with picture("adjust_run", panels=len(runs), width=3.6, height=3.2, folder=DOCS.parent / "images") as axes:
        for axis, (way, found) in zip(axes, runs.items(), strict=True):
            for one in found.sections:
                first, last = abs(one.um[0]), abs(one.um[-1])
                if len(one.um) > 1:
                    axis.plot([one.section] * 2, [first, last], color="#bbbbbb", linewidth=1, zorder=1)
                    axis.plot(one.section, first, "o", markerfacecolor="none", color=COLOURS[1], zorder=2)
                axis.plot(one.section, last, "o", color=COLOURS[1 if one.left else 2], markersize=3, zorder=3)
            axis.set_title(_WAYS[way].replace("`", "").replace(", ", ",\n"), fontsize=9)
            axis.set_xlabel("section")
            axis.set_ylim(-0.3, 10)
        axes[0].set_ylabel("out of focus, µm")
    words = (
        "How far out of focus each section is: without a hand on the lens many stay so; with it each of them is taken "
        "again in focus"
    )
    return f"![{words}](../images/adjust_run.svg)"


def main() -> int:
    """Run, draw and publish; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drift", type=float, default=0.12, metavar="UM", help="of the focus, a section")
    parser.add_argument("--csv", type=Path, default=Path("build", "adjust_run.csv"))
    parser.add_argument("--goes-on", action="store_true", help="also a run that waits for no verdict")
    options = parser.parse_args()
    load = load_average()
    plan = AdjustedPlan(sections=options.sections, seed=options.seed, drift_um=options.drift)
    runs: dict[str, AdjustedRun] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = taught(Path(folder))
        for way in [*_WAYS] if options.goes_on else [*_WAYS][:2]:
            runs[way] = run(
                Path(folder, way), plan, adjust=way != "watched", waits=way != "goes on", home=home, said=print
            )
            print(f"{way}: {len(left(runs[way]))} left of {plan.sections}, {runs[way].seconds:.0f} s", flush=True)
    options.csv.parent.mkdir(parents=True, exist_ok=True)
    with options.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows(runs))
    knocks = plan.knocks()
    body = (
        f"A run of {plan.sections} sections on the pretend microscope (half-angle 8 mrad, 8 nm pixels, {plan.size} x "
        f"{plan.size}, 150 electrons a pixel), seed {plan.seed}. The focus drifts by {plan.drift_um:g} um a section; "
        f"the microscope focuses by itself at each {plan.every}th, to 0.15 um; at {len(knocks)} sections "
        f"({len(knocks) / plan.sections:.0%}) that goes wrong by {min(map(abs, knocks.values())):.1f} to "
        f"{max(map(abs, knocks.values())):.1f} um while the section is taken. The operator has called the first three "
        f"sharp. The package was learned from {4 * SPECIMENS} moves on {SPECIMENS} other specimens. Load average "
        f"{load} before.\n\n{table(runs)}\n\n{drawn(runs)}\n\n"
        "Rings: a first take that was taken again; green: in focus in the end; red: left to a person. Where the lens "
        "stood is known of each image, and so how far it is out of focus, whatever its verdict. What is blurrier than "
        f"before is so by more than {WORSE_UM:g} um." + (_GOES_ON if "goes on" in runs else "")
    )
    publish("adjust_run", "A run with and without a hand on its lens", body, packages=("numpy", "scipy", "onnxruntime"))
    adjusted = [found for way, found in runs.items() if way != "watched"]
    unnamed = [one for found in adjusted for one in left(found) if not one.asked]
    worse = [one for found in adjusted for one in found.sections if one.worse_um > WORSE_UM]
    for one in (*unnamed, *worse):
        print(f"section {one.section}: {one.um}, {one.outcomes}: {'blurrier' if one in worse else 'left, unnamed'}")
    return 1 if unnamed or worse else 0


if __name__ == "__main__":
    sys.exit(main())
