"""`mhfd evaluate`, from labelled images to the decision, as it is typed."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from tests.rigs.networks import TEST, answered, begun, network_card, network_of, network_written
from tests.rigs.packages import README, card_of, written

import mhfd
from mhfd import simulate
from mhfd.contract.base import METHOD_VERSION
from mhfd.learning import features
from mhfd.learning.evaluation.asked import scores_of
from mhfd.learning.inference import NetworkSession
from mhfd.learning.learners.matrix import Matrix
from mhfd.learning.packages import Package, write_package
from mhfd.learning.preparation import fitted, read
from mhfd.learning.promotion.life import FILE, file_of
from mhfd_client.cli import main

SPECIMENS = 7
EACH = 4
SIDE = 128


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of seven specimens, half of them out of focus, and the table that says so."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(0)
    rows = []
    for specimen in range(SPECIMENS):
        block = simulate.Specimen(seed=specimen)
        for section in range(EACH):
            bad = section % 2 == 1
            optics = simulate.Optics(defocus_um=rng.uniform(0.6, 2.0) if bad else 0.0)
            pixels = block.section((SIDE, SIDE), z=section, optics=optics)
            name = f"m{specimen}_{section}.tif"
            tifffile.imwrite(folder / name, pixels)
            rows.append(
                [
                    name,
                    "bad" if bad else "good",
                    f"scope/mouse {specimen}/day",
                    str(section),
                    "yes" if section < 2 else "",
                ]
            )
    written_to(folder / "labels.csv", rows)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what was measured is kept, for all of these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of its own for each test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MHFD_CACHE_DIR", str(cache))


def written_to(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "section", "control"], *rows])
    return path


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [list(row) for row in csv.reader(file)][1:]


def typed(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


def package(folder: Path, **changed: Any) -> Package:
    """One of four features that mhfd has, whose model is made up."""
    names = features.names(features.FOCUS_FAMILIES)[:4]
    recipe = card_of().recipe.model_copy(
        update={
            "families": features.FOCUS_FAMILIES,
            "names": names,
            "features_version": features.VERSION,
            "method_version": METHOD_VERSION,
        }
    )
    return written(folder, title="mine", recipe=recipe, pixel_nm=None, reach=None, **changed)


def test_it_says_in_words_and_as_a_document_what_it_decided_and_counts_it_once(labelled: Path, tmp_path: Path) -> None:
    """The package answers to anything: it is barred for that, and compared all the same."""
    out, folder = tmp_path / "out", package(tmp_path / "packages").folder
    said = typed(labelled / "labels.csv", "--against", "mhfd", folder, "--out", out)
    assert said.exit_code == 0, said.output
    last = said.stdout.splitlines()[-1]
    assert last == "kept: mhfd (refused: mine answers to inverted images, of which nobody can say anything)"
    document = json.loads((out / "report.json").read_text("utf-8"))
    assert document["line"] == last
    page = (out / "report.html").read_text("utf-8")
    assert f'<h1 class="kept">{last}</h1>' in page
    assert document["digest"] in page
    assert document["groups"] == [f"mouse {specimen}" for specimen in range(SPECIMENS)]
    assert set(document["auc"]) == {"mhfd", "mhfd, no baseline", "mine"}
    assert set(document["auc"]["mine"]) == {"by_specimen", "held_out", "three_way", "random"}
    assert list(document["precision_at"]) == ["0.03", "0.01", "0.1"]
    assert document["control"]["images"] > 0
    assert document["packages"] == {"mine": folder.name}
    (duel,) = document["duels"]
    assert duel["range"]["low"] <= duel["saved"] <= duel["range"]["high"]


def not_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bars a package is asked in one test: it takes long."""
    monkeypatch.setattr("mhfd.learning.promotion.gates.barred", lambda _package: ())


def test_a_test_that_could_promote_is_counted_once(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_barred(monkeypatch)
    folder = package(tmp_path / "packages").folder
    documents = [
        json.loads(typed(labelled / "labels.csv", "--against", folder, "--json", *words).stdout)
        for words in ((), (), ("--prevalence", "0.1"))
    ]
    tests = (tmp_path / "state" / "mhfd" / "models" / FILE).read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in tests] == [1, 2]
    assert documents[0] == documents[1]  # nothing but the document is printed
    assert [(one["test"], one["challenger"]) for one in documents] == [
        (1, folder.name),
        (1, folder.name),
        (2, folder.name),
    ]
    assert documents[2]["alpha"] < documents[0]["alpha"] == 0.025


def test_a_package_is_asked_about_pixels_that_are_prepared_as_its_recipe_says(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_barred(monkeypatch)
    as_it_is = package(tmp_path / "packages")
    pixels = tifffile.imread(labelled / "m0_0.tif")
    steps = read(fitted(("denoise",), [pixels]).text)
    recipe = as_it_is.card.recipe.model_copy(update={"preparation": steps.text})
    prepared = written(tmp_path / "packages", title="prepared", recipe=recipe, pixel_nm=None, reach=None)
    asked: dict[str, Any] = {}

    def looked_at(one: Package, matrix: Matrix, less: Matrix) -> Any:
        asked[one.card.title] = matrix.values
        return scores_of(one, matrix, less)

    monkeypatch.setattr("mhfd.learning.evaluation.measured.scores_of", looked_at)
    assert typed(labelled / "labels.csv", "--against", as_it_is.folder, prepared.folder).exit_code == 0
    expected = features.features_of(steps.apply(pixels), mhfd.score(pixels, device="cpu"), recipe.families)
    assert (asked["prepared"][0] == expected).all()
    assert (asked["mine"][0] != expected).any()


def test_a_network_is_compared_as_others_are_and_no_image_is_read_twice_for_it(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_barred(monkeypatch)
    monkeypatch.setenv("MHFD_CACHE_DIR", str(tmp_path / "cache"))
    taught = network_written(tmp_path / "packages", begun(bias=(0.2, 1.0, 0.0)))
    read_again: list[Any] = []

    def scored(*args: Any, **more: Any) -> Any:
        read_again.append(args)
        return mhfd.score(*args, **more)

    monkeypatch.setattr("mhfd.learning.learners.matrix.score", scored)
    documents = [
        json.loads(typed(labelled / "labels.csv", "--against", taught.folder, "--json", *words).stdout)
        for words in ((), ("--prevalence", "0.1"))
    ]
    assert len(read_again) == SPECIMENS * EACH, "once for its features and for the network; what it said is kept"
    assert [one["packages"] for one in documents] == [{"lab-net": taught.name}] * 2
    assert documents[0]["auc"]["lab-net"] == documents[1]["auc"]["lab-net"]
    placed = next(one for one in documents[0]["entries"] if one["name"] == "lab-net")
    assert (placed["images"], placed["role"]) == (SPECIMENS * EACH, "challenger")
    pixels = {name: tifffile.imread(labelled / name) for name in ("m0_0.tif", "m0_1.tif")}
    session = NetworkSession(taught)
    p = {name: session.estimate(one, mhfd.score(one)).p for name, one in pixels.items()}
    worst = {Path(one["path"]).name: one["score"] for one in documents[0]["worst"] if one["entry"] == "lab-net"}
    assert all(worst[name] == pytest.approx(p[name], abs=1e-4) for name in worst if name in p)


def test_a_network_of_several_channels_and_one_that_makes_pictures_are_refused(labelled: Path, tmp_path: Path) -> None:
    says = ("actin inhibitor", "kinase inhibitor")
    card = network_card(network_of(channels=3), says, task="cause")
    network = tmp_path / "three"
    given = np.concatenate([TEST] * 3, axis=1)
    onnx = begun(channels=3, says=says)
    answer = answered(onnx, card, given)
    made = write_package(network, card, onnx, given, answer["said"], README, test_map=answer["map"])
    said = typed(labelled / "labels.csv", "--against", made.folder)
    assert said.exit_code == 2
    assert "lab-net: it takes images of 3 channels, and those of a microscope of electrons have one" in said.stderr
    alone = written(tmp_path / "pairs", task="adjust", title="a lens")
    said = typed(labelled / "labels.csv", "--against", alone.folder)
    assert said.exit_code == 2
    assert "a lens: says where the focus lies, of a pair of images: `mhfd propose` asks it; it is not" in said.stderr


def test_who_has_seen_a_specimen_is_refused_by_name_and_spends_nothing(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_barred(monkeypatch)
    seen = package(tmp_path / "packages", groups_seen=("lab/mouse 3/other day",))
    said = typed(labelled / "labels.csv", "--against", "mhfd", seen.folder)
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[-1].startswith("kept: mhfd (refused: mine has seen mouse 3")
    assert not (tmp_path / "state" / "mhfd" / "models" / FILE).exists()


def test_with_five_specimens_mhfd_is_kept(labelled: Path, tmp_path: Path) -> None:
    rows = [row for row in rows_of(labelled / "labels.csv") if str(row[2]) < "scope/mouse 5"]
    for row in rows:
        row[0] = str(labelled / str(row[0]))
    said = typed(written_to(tmp_path / "few.csv", rows), "--learner", "knn")
    assert said.stdout.splitlines()[-1] == ("kept: mhfd (too few specimens: 5, at least 6 that no entry has seen)"), (
        said.output
    )
    assert "random: 5-fold at random: decides nothing, and flatters" in said.stdout


@pytest.mark.soak
def test_learners_are_compared_with_mhfd(labelled: Path) -> None:
    said = typed(labelled / "labels.csv", "--learner", "logistic", "trees", "--json")
    document = json.loads(said.stdout)
    assert document["reason"].startswith("difference ")
    assert set(document["auc"]) >= {"mhfd", "mhfd, no baseline", "logistic", "trees", "mhfd-radius"}
    assert document["curve"]["learner"] in ("logistic", "trees")
    assert [row["family"] for row in document["families"]] == [*features.FAMILIES, "all together"]


def test_a_copy_across_groups_is_refused_by_name(labelled: Path, tmp_path: Path) -> None:
    rows = [[str(labelled / str(row[0])), *row[1:]] for row in rows_of(labelled / "labels.csv")]
    copied = str(shutil.copy(labelled / "m0_0.tif", tmp_path / "again.tif"))
    rows.append([copied, "good", "scope/mouse 6/day", "9", ""])
    said = typed(written_to(tmp_path / "labels.csv", rows), "--against", "mhfd")
    assert said.exit_code == 2
    assert "across" in said.stderr
    assert "again.tif" in said.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "blurry"}, "line 2: label 'blurry' is not known; write good or bad"),
        ({"path": "gone.tif"}, "line 2: path 'gone.tif': no such file"),
        ({"all": "good"}, "lines 2 to 29: all are good; images of both labels, good and bad, are needed"),
    ],
)
def test_bad_labels_are_named_with_their_line(
    labelled: Path, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    rows = [[str(labelled / str(row[0])), *row[1:]] for row in rows_of(labelled / "labels.csv")]
    for row in rows if "all" in change else rows[:1]:
        row[0] = change.get("path", row[0])
        row[1] = change.get("label", change.get("all", row[1]))
    table = written_to(tmp_path / "labels.csv", rows)
    said = typed(table, "--json")
    assert said.exit_code == 2
    assert f"{table}, {words}" in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--learner", "tree"), "learner: there is no 'tree'; choose from logistic, trees, boosting, svm, knn"),
        (("--against", "nothing"), "there is no package 'nothing'"),
        (("--prevalence", "3"), "prevalence: 3.0 is not above 0 and below 1"),
        (("--against",), "Option '--against' requires an argument"),
    ],
)
def test_wrong_words_are_named(labelled: Path, words: tuple[str, ...], told: str) -> None:
    said = typed(labelled / "labels.csv", *words)
    assert said.exit_code == 2
    assert told in said.stderr


def test_one_microscope_decides_for_itself_and_its_tests_are_its_own(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_barred(monkeypatch)
    folder, models = package(tmp_path / "packages").folder, tmp_path / "state" / "mhfd" / "models"
    rows = [[str(labelled / str(row[0])), *row[1:]] for row in rows_of(labelled / "labels.csv")]
    for row in rows:
        if row[2] == "scope/mouse 6/day":
            row[2] = "other/mouse 6/day"
    table = written_to(tmp_path / "labels.csv", rows)
    words = ("--against", folder, "--out", tmp_path / "out", "--json")
    monkeypatch.setenv("MHFD_MODELS_INSTRUMENT", "scope")
    for option in (("--instrument", "scope"), ()):
        document = json.loads(typed(table, *words, *option).stdout)
        assert (document["instrument"], document["test"]) == ("scope", 1)
        assert document["groups"] == [f"mouse {specimen}" for specimen in range(SPECIMENS - 1)]
    assert "test 1 of this library&#x27;s life at scope" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert not (models / FILE).exists()
    assert len((models / file_of("focus", "scope")).read_text("utf-8").splitlines()) == 1
    document = json.loads(typed(table, *words, "--instrument", "none").stdout)
    assert (document["instrument"], document["test"], len(document["groups"])) == (None, 1, SPECIMENS)
    said = typed(table, *words, "--instrument", "east")
    assert said.exit_code == 2
    assert "the images are of other, scope, and this is for east" in said.stderr
