"""From a dataset to a package that says the same, on the training groups alone; and what is refused before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from tests.rigs import labelled

import mhfd
from mhfd import simulate
from mhfd.errors import ExtraMissing, UsageError
from mhfd.learning import features
from mhfd.learning import train as teaching
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.inference.distance import RINGS, rings_apart
from mhfd.learning.learners import NotExportable
from mhfd.learning.learners.export import said_by
from mhfd.learning.learners.matrix import matrix_of
from mhfd.learning.packages import verify
from mhfd.learning.trained import Training
from mhfd_client.cli import main

SPECIMENS = 4


@dataclass(frozen=True)
class Lab:
    """What all of these tests teach with: the features of its images are taken once."""

    dataset: Dataset
    cache: Path
    out: Path

    def train(self, lesson: str = "focus", **options: Any) -> Training:
        return teaching.train(options.pop("dataset", self.dataset), lesson, out=self.out, cache=self.cache, **options)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Four specimens for training, of which half of the images are out of focus; one for the test, not to be opened."""
    folder = tmp_path_factory.mktemp("lab")
    rows = []
    for specimen in range(SPECIMENS):
        for section in range(6):
            defocus = (0.0, 3.0, 0.0, 5.0)[section % 4]
            made = simulate.Specimen(seed=specimen + 1).section(
                (128, 128), z=section, optics=simulate.Optics(defocus_um=defocus)
            )
            name = f"{specimen}-{section}.tif"
            tifffile.imwrite(folder / name, made)
            rows.append(
                labelled.row(
                    folder,
                    name,
                    bad=defocus > 0,
                    radius_px=defocus / 2,
                    cause=ImageCause.DEFOCUS if defocus else ImageCause.IN_FOCUS,
                    group=f"scope/s{specimen}/monday",
                    content=(folder / name).read_bytes(),
                    section=section,
                    pixel_nm=8.0,
                )
            )
    closed = labelled.row(folder, "closed.tif", bad=True, group="scope/test/monday", content=b"nobody opens this")
    Path(closed.path).unlink()
    split = {row.group.key: Side.TRAIN for row in rows} | {closed.group.key: Side.TEST}
    return Lab(Dataset((*rows, closed), split), folder / "cache", folder / "packages")


@pytest.fixture(scope="module")
def trained(lab: Lab) -> Training:
    return lab.train(licence="CC0-1.0")


def test_the_package_says_what_was_learned_and_its_card_what_it_was_taught_with(lab: Lab, trained: Training) -> None:
    package = verify(trained.package.folder)
    card = package.card
    assert card.dataset == lab.dataset.digest
    assert card.groups_seen == tuple(f"scope/s{number}/monday" for number in range(SPECIMENS))
    assert card.recipe.baseline
    assert card.recipe.says == ("bad",)
    assert card.recipe.learner == "logistic"
    assert card.pixel_nm == (8.0, 8.0)
    assert card.data_licence == "CC0-1.0"
    assert card.reach is not None
    matrix = matrix_of(lab.dataset.on(Side.TRAIN), card.recipe.families, lab.cache).less_baseline()
    said = said_by(package.weights_path.read_bytes(), matrix.values)[:, 0]
    assert ((said > 0.5) == (matrix.bad == 1)).mean() > 0.9


def test_it_says_in_words_what_it_learned_and_that_it_is_not_promoted(trained: Training) -> None:
    said = "\n".join(trained.words)
    assert "learned focus by logistic from 24 images, 12 of them bad, of 4 groups" in said
    assert "not promoted" in said
    assert "random split, which decides nothing" in said
    assert "AUC of mhfd on the same images" in said
    assert any("4 groups are few" in one for one in trained.warnings)
    table = {row.what: row for row in trained.package.card.table}
    held = table["AUC, groups held out"]
    assert held.groups == SPECIMENS
    assert held.value is not None
    assert held.value > 0.8
    assert any(what.endswith("features") for what in table)
    document = trained.as_json()
    assert document["promoted"] is False
    assert document["package"] == trained.package.name
    assert set(document["seconds"]) == {"measure", "teach", "ask"}


def test_the_same_data_and_seed_make_the_same_package(lab: Lab, trained: Training, tmp_path: Path) -> None:
    again = teaching.train(lab.dataset, out=tmp_path, cache=lab.cache, licence="CC0-1.0")
    assert again.package.name == trained.package.name


def test_causes_and_radii_are_taught_too(lab: Lab) -> None:
    few = tuple(row for row in lab.dataset.rows if row.group.specimen in ("s0", "s1", "s2") and (row.section or 0) < 4)
    lab = Lab(Dataset(few, lab.dataset.split), lab.cache, lab.out)
    cause = lab.train("cause", learner="svm")
    assert cause.package.card.task == "cause"
    assert cause.package.card.recipe.says == tuple(one.value for one in ImageCause)
    assert not cause.package.card.recipe.baseline
    assert any("never seen, and so never said: astigmatism" in one for one in cause.warnings)
    radius = lab.train("radius", learner="linear", baseline=False, balance="none")
    assert radius.package.card.task == "focus"
    assert radius.package.card.recipe.says == ("radius_px", "sd")
    assert any(row.what.startswith("part of radii within one sd") for row in radius.package.card.table)


def test_what_cannot_be_a_package_says_so_and_names_what_can(lab: Lab) -> None:
    before = set(lab.out.iterdir())
    with pytest.raises(NotExportable, match=r"knn cannot be a package: .* Others: logistic, trees, boosting, svm"):
        lab.train(learner="knn")
    assert set(lab.out.iterdir()) == before


def changed(dataset: Dataset, **target: Any) -> Dataset:
    """The same, of which something else is said."""

    def said(row: DatasetRow) -> DatasetRow:
        return row.model_copy(update={"target": row.target.model_copy(update=target)})

    return Dataset(tuple(said(row) for row in dataset.rows), dataset.split)


@pytest.mark.parametrize(
    ("said", "words"),
    [({"title": "a" * 61}, "title: expected 1 to 60"), ({"licence": "a\nb"}, "licence: expected 1 to")],
)
def test_what_no_card_can_have_is_refused_before(lab: Lab, said: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        lab.train(**said)


def test_what_cannot_teach_is_refused_before_an_image_is_opened(lab: Lab) -> None:
    with pytest.raises(UsageError, match="all 24 labelled images of the 4 training groups are good"):
        lab.train(dataset=changed(lab.dataset, bad=False))
    with pytest.raises(UsageError, match="of no image of the 4 training groups it says its cause"):
        lab.train("cause", dataset=changed(lab.dataset, cause=None))
    one = Dataset(tuple(row for row in lab.dataset.rows if row.group.specimen == "s1"), lab.dataset.split)
    with pytest.raises(UsageError, match=r"are of one group, 'scope/s1/monday'.*at least 2"):
        lab.train(dataset=one)
    with pytest.raises(UsageError, match="no 'forest' for focus; choose from logistic, trees, boosting, svm, knn"):
        lab.train(learner="forest")
    with pytest.raises(UsageError, match="'dose' cannot be taught; choose from focus, cause, radius"):
        lab.train("dose")
    with pytest.raises(UsageError, match=r"manifest\.jsonl: no dataset here"):
        lab.train(dataset=lab.out / "none")
    nothing_sharp = Dataset(
        tuple(row for row in lab.dataset.rows if row.target.bad or row.section == 0), lab.dataset.split
    )
    with pytest.raises(UsageError, match="no training group has two images that somebody said are in focus"):
        lab.train(dataset=nothing_sharp, baseline=True)


def test_without_the_extra_its_name_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'mhfd\[learn\]'"):
        lab.train()


def test_the_command_prints_one_document_and_refuses_by_line(lab: Lab, tmp_path: Path) -> None:
    rows = [row for row in lab.dataset.rows if lab.dataset.side(row) is Side.TRAIN]
    rows[0] = rows[0].model_copy(update={"target": rows[0].target.model_copy(update={"bad": None})})
    Dataset(tuple(rows), lab.dataset.split).write(tmp_path / "labels")
    command = ["train", "focus", str(tmp_path / "labels"), "--learner", "svm", "--out", str(tmp_path / "out"), "--json"]
    command += ["--prepare", "stretch"]
    done = CliRunner().invoke(main, command, env={"MHFD_CACHE_DIR": str(tmp_path / "cache")})
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert document["promoted"] is False
    package = verify(Path(document["folder"]))
    assert package.name == document["package"]
    assert [one.partition(":")[0] for one in package.card.recipe.preparation] == ["stretch"]
    assert any("1 of 24 images were left out" in one for one in document["warnings"])
    assert "asking it of groups that it has not seen" in done.stderr
    manifest = tmp_path / "labels" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"bad":true', '"bad":false', 1))
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert "manifest.jsonl, line 3" in refused.stderr
    assert refused.stdout == ""


def test_its_card_says_how_far_an_image_lies_from_what_it_was_taught_with(lab: Lab, trained: Training) -> None:
    """By the rings, at their edge: none of its own images lies beyond; one of which nothing is left does."""
    card = trained.package.card
    assert card.rings is not None
    matrix = matrix_of(lab.dataset.on(Side.TRAIN), ("rings",), lab.cache)
    own = [rings_apart(card, dict(zip(matrix.names, map(float, row), strict=True))) for row in matrix.values]
    assert all(one is not None and 0 < one < 1 for one in own)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    numbers = features.features_of(noise, mhfd.score(noise, device="cpu"), ("rings",))
    far = rings_apart(card, dict(zip(RINGS, map(float, numbers), strict=True)))
    assert far is not None
    assert far > 1
    assert rings_apart(card, {}) is None, "nobody measured it"
    assert rings_apart(card.model_copy(update={"rings": None}), {}) is None, "a card of before"
    assert "rings" not in card.model_copy(update={"rings": None}).model_dump(mode="json")
