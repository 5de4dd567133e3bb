"""From recorded moves to a package that proposes: learned, compared, promoted, asked; and what cannot teach is refused.

The images are the simulator's, small.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from benchmarks._moves import Bench, pairs_of, recorded

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, Side
from mhfd.learning.manifold import learning
from mhfd.learning.manifold.asking import PairSession
from mhfd.learning.manifold.learning import LearnedAdjustment, learn
from mhfd.learning.manifold.model import HeldMoves
from mhfd.learning.manifold.movers import MOVE_LEARNERS
from mhfd.learning.manifold.pair import ImagePair
from mhfd.learning.manifold.table import move_table
from mhfd.learning.packages import Library, verify

BENCH = Bench(side=256)
SPECIMENS, EACH = 6, 3


@pytest.fixture(scope="module")
def moves(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return recorded(tmp_path_factory.mktemp("moves"), BENCH, range(SPECIMENS), EACH)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    home = tmp_path_factory.mktemp("library")
    return Library(home, shipped=home / "none")


@pytest.fixture(scope="module")
def learned(moves: Dataset, cache: Path, library: Library) -> LearnedAdjustment:
    return learn(moves, library=library, cache=cache)


def test_it_earned_to_be_used(learned: LearnedAdjustment) -> None:
    report = learned.report
    assert report.decision == "promoted", report.line
    assert (report.champion, report.test, report.rows) == ("mhfd", 1, SPECIMENS * EACH)
    assert [one.name for one in report.entries] == ["no move", "pca", "lle", "diffusion"]
    for one in report.entries[1:]:
        assert one.rmse_um is not None
        assert report.entries[0].rmse_um is not None
        assert one.rmse_um < report.entries[0].rmse_um
    assert report.placing("pca").wrong_signs == 0
    assert report.placing("lle").barred == report.placing("diffusion").barred != ()


def test_the_words_say_what_to_type(learned: LearnedAdjustment) -> None:
    text = "\n".join(learned.words)
    assert "learned by pca from 18 moves of 6 specimens" in text
    assert re.search(r"lle: off by [\d.]+ um \(median [\d.]+\), 0 of \d+ signs wrong; cannot be a package", text)
    assert learned.package is not None
    assert f"mhfd models promote {learned.package.folder} --report {learned.report_path}" in text


def test_the_package_is_what_it_says(learned: LearnedAdjustment) -> None:
    assert learned.package is not None
    card = verify(learned.package.folder).card
    assert (card.task, card.recipe.families, card.pixel_nm) == ("adjust", ("pair",), (8.0, 8.0))
    assert card.recipe.says == ("move_um", "sd_um", "distance")
    assert card.recipe.chosen["perturbation_low_um"] == 2.0
    assert {"far", "low_um", "high_um", "least_snr", "components", "ridge"} <= set(card.recipe.chosen)
    assert len(card.groups_seen) == SPECIMENS
    held = next(row for row in card.table if row.what.startswith("root mean square of the error"))
    assert held.value == learned.report.placing("pca").rmse_um


def test_it_proposes_on_new_specimens(learned: LearnedAdjustment) -> None:
    assert learned.package is not None
    session = PairSession(learned.package)
    for specimen, off in ((501, -3.5), (502, 2.5), (503, 4.0)):
        (taken,) = pairs_of(BENCH, specimen, [off])
        said = session.propose(ImagePair(taken.a, taken.b, 2.0, pixel_nm=8.0))
        assert said.refusal is None, said.why
        assert said.sign == -np.sign(off)
        assert said.move_um is not None
        assert abs(said.move_um + off) < 1.0
        reverse = session.propose(ImagePair(taken.b, taken.a, 2.0, pixel_nm=8.0))
        assert reverse.sign == np.sign(off)


def test_it_is_promoted_by_its_report_and_by_no_other(learned: LearnedAdjustment, tmp_path: Path) -> None:
    assert learned.package is not None
    library = Library(tmp_path / "home", shipped=tmp_path / "none")
    changed = json.loads(learned.report_path.read_text())
    changed["rows"] += 1
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    with pytest.raises(UsageError, match="its digest does not fit"):
        library.promote(learned.package, tmp_path / "changed.json")
    library.promote(learned.package, learned.report_path)
    assert library.champion_name("adjust") == learned.package.name


def test_the_same_moves_make_the_same_package(
    learned: LearnedAdjustment, moves: Dataset, cache: Path, library: Library, tmp_path: Path
) -> None:
    assert learned.package is not None
    images = [Path(path) for row in moves.rows for _, path in row.images]
    hidden = [path.rename(path.with_suffix(".gone")) for path in images]
    try:
        with pytest.raises(UsageError, match="changed"):
            learn(moves, library=library, cache=cache, out=tmp_path / "out")
    finally:
        for path, image in zip(hidden, images, strict=True):
            path.rename(image)
    again = learn(moves, library=library, cache=cache, out=tmp_path / "out")
    assert again.package is not None
    assert again.package.name == learned.package.name
    assert again.report == learned.report  # the same test of a life, too
    assert again.report_path == tmp_path / "out" / "report.json"


def test_what_is_looked_up_is_compared_and_no_package(
    moves: Dataset, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOVE_LEARNERS", {"diffusion": MOVE_LEARNERS["diffusion"]})
    library = Library(tmp_path, shipped=tmp_path / "none")
    only = learn(moves, learner="diffusion", library=library, cache=cache)
    assert (only.package, only.decision, only.report.test) == (None, "kept", None)
    assert "no package: compared only" in only.words[-1]
    assert json.loads(only.report_path.read_text())["entries"][1]["wrong_signs"] == 0
    assert not library.list()


@pytest.mark.soak
def test_a_sign_that_is_broken_on_purpose_is_kept(
    moves: Dataset, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HeldMoves.of

    def broken(*args: Any, **options: Any) -> HeldMoves:
        held = honest(*args, **options)
        return replace(held, said=-held.said)

    monkeypatch.setattr(HeldMoves, "of", broken)
    monkeypatch.setattr(learning, "MOVE_LEARNERS", {"pca": MOVE_LEARNERS["pca"]})
    found = learn(moves, library=Library(tmp_path, shipped=tmp_path / "none"), cache=cache)
    placing = found.report.placing("pca")
    assert found.decision == "kept"
    assert placing.wrong_signs == placing.signs > 5
    assert found.package is not None
    with pytest.raises(UsageError, match="the decision is 'kept'"):
        Library(tmp_path).promote(found.package, found.report_path)


@pytest.mark.soak
def test_the_test_side_is_asked_and_never_taught(moves: Dataset, cache: Path, tmp_path: Path) -> None:
    last = moves.rows[-1].group.key
    table = move_table(moves.rows, cache)
    assert table.usable.all()
    apart = Dataset(moves.rows, {**moves.split, last: Side.TEST})
    found = learn(apart, library=Library(tmp_path, shipped=tmp_path / "none"), cache=cache)
    assert found.package is not None
    assert last not in found.package.card.groups_seen
    assert found.report.rows == len(moves.rows)
    assert any("test side" in row.what for row in found.package.card.table)


@pytest.mark.soak
def test_stigmators_are_learned_where_the_hand_turned_them(tmp_path: Path) -> None:
    bench = replace(BENCH, stigmators_um=0.7)
    moves = recorded(tmp_path / "moves", bench, range(SPECIMENS), 4)
    package = learn(moves, library=Library(tmp_path / "home", shipped=tmp_path / "none")).package
    assert package is not None
    assert package.card.recipe.says == ("move_um", "sd_um", "stig_x", "stig_y", "distance")
    within = package.card.recipe.chosen["stig_within_um"]
    assert within > 1
    (near,), (far,) = (list(pairs_of(bench, specimen, [off])) for specimen, off in ((501, -1.0), (502, 9.0)))
    session = PairSession(package)
    said = session.propose(ImagePair(near.a, near.b, 2.0, pixel_nm=8.0))
    assert near.stig_um is not None
    assert said.stig_x == pytest.approx(-near.stig_um[0], abs=0.5)
    assert said.stig_y == pytest.approx(-near.stig_um[1], abs=0.5)
    out = session.propose(ImagePair(far.a, far.b, 2.0, pixel_nm=8.0))
    assert out.move_um is not None
    assert (out.stig_x is None) == (out.stig_y is None) == (abs(out.move_um) > within)


def _some(chosen: Callable[[DatasetRow], bool]) -> Callable[[Dataset], Dataset]:
    return lambda moves: Dataset(tuple(row for row in moves.rows if chosen(row)), moves.split)


def _told(**fields: Any) -> Callable[[Dataset], Dataset]:
    def change(moves: Dataset) -> Dataset:
        first = moves.rows[0]
        plain = first.model_dump(mode="json")
        for where, value in fields.items():
            plain[where] = {**plain[where], **value} if isinstance(value, dict) else value
        return Dataset((DatasetRow.model_validate_json(json.dumps(plain)), *moves.rows[1:]), _sides(moves, plain))

    return change


def _sides(moves: Dataset, plain: dict[str, Any]) -> dict[str, Side]:
    group = DatasetRow.model_validate_json(json.dumps(plain)).group.key
    return {**moves.split, group: Side.TRAIN}


def _one_specimen(moves: Dataset) -> Dataset:
    group = moves.rows[0].group
    rows = tuple(row.model_copy(update={"group": group}) for row in moves.rows)
    return Dataset(rows, {group.key: Side.TRAIN})


def _reversed(moves: Dataset) -> Dataset:
    """Each with its images exchanged, and the sign left as it was."""
    rows = []
    for row in moves.rows:
        assert row.pair is not None
        pair = row.pair.model_copy(update={"sha256": row.sha256, "path": row.path})
        rows.append(row.model_copy(update={"sha256": row.pair.sha256, "path": row.pair.path, "pair": pair}))
    return Dataset(tuple(rows), moves.split)


def _same_image(moves: Dataset) -> Dataset:
    first = moves.rows[0]
    return _told(pair={"sha256": first.sha256, "path": first.path})(moves)


REFUSED = {
    "fewer than 12": (lambda moves: Dataset(moves.rows[:11], moves.split), "11 moves to learn from"),
    "all to one side": (_some(lambda row: (row.target.move_um or 0) > 0), "one_side: all .* longer working distance"),
    "one specimen": (_one_specimen, "all 18 moves are of one specimen, 'simulated/s0'"),
    "two instruments": (_told(group={"instrument": "other"}), "moves of 2 instruments, 'other', 'simulated'"),
    "two pixel sizes": (_told(pixel_nm=4.0), "pixels of 4 to 8 nm"),
    "one image twice": (_same_image, "same_image: .* is one image twice"),
    "images exchanged": (_reversed, "reversed: .* A and B may be exchanged"),
    "nm for um": (_told(target={"move_um": 2500.0}), "unit: .* is that nm?"),
    "no move": (_told(target={"move_um": None}), "17 moves|no row"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_teach_is_refused_by_name(
    change: Callable[[Dataset], Dataset], said: str, moves: Dataset, cache: Path, library: Library
) -> None:
    wrong = change(moves)
    if said.startswith("17"):
        wrong = Dataset(wrong.rows[:1], wrong.split)
    with pytest.raises(UsageError, match=said):
        learn(wrong, library=library, cache=cache)


def test_wrong_arguments_are_refused(moves: Dataset, library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="learner: there is no 'svm'; choose from pca, lle, diffusion"):
        learn(moves, learner="svm", library=library)
    with pytest.raises(UsageError, match="seed: expected 0 or more"):
        learn(moves, library=library, seed=-1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot be written: .*; name another folder"):
        learn(moves, library=library, out=tmp_path / "file" / "out")


def test_a_blank_pair_is_left_out_and_said(moves: Dataset, cache: Path, tmp_path: Path) -> None:
    from mhfd.learning.dataset.labels_csv import sha256_of

    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{name}.tif" for name in "ab"]
    for path in paths:
        tifffile.imwrite(path, rng.poisson(100, (256, 256)).astype(np.uint8))
    first = moves.rows[0]
    assert first.pair is not None
    blank = first.model_copy(
        update={
            "sha256": sha256_of(paths[0]),
            "path": str(paths[0]),
            "pair": first.pair.model_copy(update={"sha256": sha256_of(paths[1]), "path": str(paths[1])}),
        }
    )
    table = move_table([*moves.rows[:2], blank], cache)
    assert table.usable.tolist() == [True, True, False]
    assert "noise" in (table.flaws[2] or "")
