"""A real watch whose champion is changed by commands while it runs, killed in between: the next image knows it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import packages
from tests.rigs.globus.waiting import until
from tests.rigs.promoted import report_of
from tests.rigs.watched import MHFD, Watched

from mhfd.learning.inference.distance import RINGS
from mhfd.learning.packages import Library, Package, Reach, Recipe
from mhfd_client.journal.rows import RetestReason
from mhfd_client.journal.view import JournalView

NEAR = Reach(center=(0.0,) * len(RINGS), spread=(1e3,) * len(RINGS), far=1.0)
NOWHERE = Reach(center=(50.0,) * len(RINGS), spread=(1.0,) * len(RINGS), far=1.0)
RECIPE = packages.recipe_now()


class Judged(Watched):
    """A watch at north, and the library that its commands change."""

    def __init__(self, folder: Path, *sets: str) -> None:
        root, kept = folder / "wafer7", folder / "kept"
        root.mkdir()
        kept.mkdir()
        env = {**os.environ, "XDG_STATE_HOME": str(folder / "xdg")}
        self.folder, self.library = folder, Library(folder / "xdg" / "mhfd" / "models")
        usual = ["models.instrument=north", "models.use=champion", "arrival.settle_s=0.05", *sets]
        super().__init__(root, kept, env, ["--quiet", "--workers", "1", *(w for one in usual for w in ("--set", one))])

    def package(self, title: str, weight: float, rings: Reach | None = NEAR, recipe: Recipe = RECIPE) -> Package:
        weights = np.full((len(packages.NAMES), 1), weight, np.float32)
        about: dict[str, Any] = {"recipe": recipe, "reach": None, "rings": rings, "pixel_nm": None}
        made = self.folder / "made"
        return packages.written(made, weights=weights, title=title, groups_seen=("north/mouse/a",), **about)

    def command(self, *words: str) -> str:
        """Typed beside the watch."""
        done = subprocess.run([MHFD, *words], env=self._env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def promote(self, package: Package, champion: str = "mhfd") -> None:
        report = report_of(self.folder / f"r{package.short}", package.name, champion, instrument="north")
        self.command("models", "promote", str(package.folder), "--report", str(report), "--instrument", "north")

    def asked(self) -> dict[int, list[str]]:
        """Who was asked of which image, by title."""
        said = self.ask(lambda journal: journal.estimates()) or {}
        return {image: [one.title for one in every] for image, every in said.items()}

    def two_more(self) -> None:
        self.images(2)
        self.recorded(self.made)


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Judged]:
    with closing(Judged(tmp_path)) as watch:
        yield watch


@pytest.mark.timeout(600)
def test_the_next_image_is_asked_of_who_was_promoted_and_of_who_was_gone_back_to(judged: Judged) -> None:
    one, two = (
        judged.package("one", 0.1),
        judged.package("two", 0.2, None, RECIPE.model_copy(update={"baseline": True})),
    )
    judged.start()
    judged.two_more()
    judged.promote(one)
    judged.two_more()
    judged.promote(two, one.name)
    judged.images(2)
    judged.kill()  # while they come
    judged.start()
    judged.recorded(judged.made)
    judged.two_more()
    judged.command("models", "rollback", "focus", "--instrument", "north")
    judged.two_more()
    damaged = judged.library.folder / two.name / "README.md"
    damaged.write_bytes(damaged.read_bytes() + b"!")
    judged.library._history.record(judged.library._history.seats("champion")[0], "told", two.name, who="A", why="")
    judged.two_more()
    judged.trouble("models", "a learned package is not used: champion")
    judged.end()
    asked = judged.asked()
    assert [asked.get(image) for image in range(1, 13)] == [
        *[None] * 2,
        *[["one"]] * 2,
        *[["two"]] * 4,
        *[["one"]] * 2,
        *[None] * 2,
    ]
    said = judged.said()
    assert f"the champion here is one {one.name[:4]} from now on, in place of mhfd" in said
    assert f"the champion here is two {two.name[:4]} from now on, in place of one {one.name[:4]}" in said
    assert f"the champion here is one {one.name[:4]} from now on, in place of two {two.name[:4]}" in said
    with closing(JournalView.read(judged.state)) as journal:
        champion = journal.champion()
        assert champion is not None
        assert (champion.package, champion.before) == (two.name, f"one {one.name[:4]}")
        assert journal._db.execute("SELECT count(*), count(DISTINCT image) FROM report").fetchone() == (12, 12)
        refusals = [one.refusal for image in range(5, 9) for one in journal.estimates([image])[image]]
        assert "there are none yet" in (refusals[0] or "")
        assert refusals[-1] is None, "its baseline is of the images that it was shown since"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("rings", "tests"), [(NOWHERE, 1), (NEAR, 0)], ids=["drifting", "steady"])
def test_a_run_drifts_by_its_rings_though_the_package_answers_to_everything(
    tmp_path: Path, rings: Reach, tests: int
) -> None:
    sets = ("models.retest_every=1000", "models.retest_window=4")
    with closing(Judged(tmp_path, *sets)) as watch:
        watch.promote(watch.package("answers", 0.1, rings))
        watch.start()
        watch.images(6)
        watch.recorded(6)
        watch.kill()
        watch.start()
        watch.images(6)
        watch.recorded(12)

        def made() -> list[Any]:
            rows = watch.ask(lambda journal: journal.retests())
            return [row for row in rows if row.reason is RetestReason.DRIFT]

        until(lambda: watch.alive() and all(row.answer is not None for row in made()), watch.said)
        watch.end()
        assert len(made()) == tests
        said = watch.ask(lambda journal: [one for every in journal.estimates().values() for one in every])
        assert len(said) == 12
        assert {one.refusal for one in said} == {None}
        told = watch.command("status", str(watch.root), "--state", str(watch.state))
        assert "the last 12 images lie " in told
        assert (", 12 beyond it" if tests else ", none beyond it") in told
