"""What is asked of learning: both sides, this microscope, no image on both; and labels of runs as a dataset."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import tifffile
from tests.rigs.little_training import taught
from tests.rigs.runs import Run
from tests.rigs.shown import textured

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd_client.learning.from_library.asked import checked_best, dataset_of, instrument_of, task_of


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


def written(folder: Path, made: Dataset) -> Path:
    made.write(folder)
    return folder


def image_bytes(number: int) -> bytes:
    made = io.BytesIO()
    tifffile.imwrite(made, textured(number))
    return made.getvalue()


def run_with_labels(folder: Path, *, first: int) -> Run:
    folder.mkdir()
    run = Run(folder)
    for section, sharp in ((1, True), (2, False)):
        image = run.image(section, path=f"S_{section:03d}.tif", whole_at=100.0 + 86_400 * first)
        (run.root / f"S_{section:03d}.tif").write_bytes(image_bytes(first + section))
        run.journal.labelled(image, sharp=sharp, who="ann")
    run.close()
    return run


def test_a_dataset_of_the_microscope_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = taught(tmp_path / "set")
    found, at = dataset_of(folder, "scope", far=False)
    assert (found, at) == (Dataset.read(folder), folder)


def test_the_images_of_another_microscope_are_refused_by_name(tmp_path: Path) -> None:
    folder = taught(tmp_path / "set")
    with pytest.raises(UsageError, match=r"the images of .*set are of scope, and this is for north"):
        dataset_of(folder, "north", far=False)


@pytest.mark.parametrize(("side", "lacks"), [(Side.TRAIN, "to test on"), (Side.TEST, "to learn from")])
def test_one_side_alone_is_refused(tmp_path: Path, side: Side, lacks: str) -> None:
    made = Dataset.read(taught(tmp_path / "of"))
    folder = written(tmp_path / "set", Dataset(made.rows, dict.fromkeys(made.groups, side)))
    with pytest.raises(UsageError, match=f"no group of scope in .* is there {lacks}: label images of another"):
        dataset_of(folder, "scope", far=False)


def test_an_image_on_both_sides_is_refused(tmp_path: Path) -> None:
    made = Dataset.read(taught(tmp_path / "of"))
    trained, tested = (made.on(side).rows[0] for side in (Side.TRAIN, Side.TEST))
    Path(tested.path).write_bytes(Path(trained.path).read_bytes())
    rows = [one for one in made.rows if one != tested]
    again = tested.model_copy(update={"sha256": trained.sha256, "target": trained.target})
    made = Dataset((*rows, again), made.split)
    with pytest.raises(UsageError, match="across: "):
        dataset_of(written(tmp_path / "set", made), "scope", far=False)


def test_labels_of_two_runs_are_a_dataset_of_the_microscope(tmp_path: Path) -> None:
    runs = [run_with_labels(tmp_path / name, first=10 * n) for n, name in enumerate("ab")]
    states = [run.state for run in runs]
    with pytest.raises(UsageError, match="no group of north"):
        dataset_of(states[0], "north", far=False)
    made, folder = dataset_of(states, "north", far=False)
    assert made is not None
    assert {one.group.instrument for one in made.rows} == {"north"}
    assert Dataset.read(folder) == made
    assert dataset_of(states, "north", far=False)[1] == folder, "the same labels are the same dataset"


def test_an_endpoint_is_given_a_folder_and_told_how_to_make_one(tmp_path: Path) -> None:
    run = run_with_labels(tmp_path / "a", first=0)
    with pytest.raises(UsageError, match=r"mhfd dataset build .* --copy --out FOLDER"):
        dataset_of(run.state, "north", far=True)
    assert dataset_of("/eagle/labels", "north", far=True) == (None, Path("/eagle/labels"))
    with pytest.raises(UsageError, match="an endpoint reads it from a folder"):
        dataset_of(Dataset.read(taught(tmp_path / "set")), "scope", far=True)


@pytest.mark.parametrize("given", [[], 3, [3]])
def test_what_is_no_dataset_is_said(given: object) -> None:
    with pytest.raises(UsageError, match="dataset: name the folder"):
        dataset_of(given, "north", far=False)


def test_a_table_is_told_how_it_becomes_one(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label,group\n")
    with pytest.raises(UsageError, match=r"labels\.csv is a file; `mhfd dataset build"):
        dataset_of(tmp_path / "labels.csv", "north", far=False)


def test_a_folder_of_images_is_told_how_it_becomes_one(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    with pytest.raises(UsageError, match=r"is neither a dataset nor a folder that was watched.*mhfd dataset build"):
        dataset_of(tmp_path, "north", far=False)
    with pytest.raises(UsageError, match=r"dataset: .*nowhere: there is no such folder"):
        dataset_of(tmp_path / "nowhere", "north", far=False)


def test_labels_that_are_left_out_are_said(tmp_path: Path) -> None:
    runs = [run_with_labels(tmp_path / name, first=10 * n) for n, name in enumerate("ab")]
    (runs[0].root / "S_001.tif").unlink()
    told: list[str] = []
    with pytest.raises(UsageError, match=rf"no group of north in {runs[0].state} is there"):
        dataset_of(runs[0].state, "north", far=False, said=told.append)
    assert [line.startswith(f"left out: {runs[0].root / 'S_001.tif'}") for line in told] == [True]


def test_task_microscope_and_number_are_looked_at_first() -> None:
    assert task_of("focus", None) == ("focus", "small")
    assert task_of("denoise", None) == ("denoise", "residual")
    with pytest.raises(UsageError, match="task: 'cause' is none that a library learns"):
        task_of("cause", None)
    with pytest.raises(UsageError, match="learner: "):
        task_of("focus", "trees")
    assert instrument_of(None, "north") == "north"
    with pytest.raises(UsageError, match="instrument: say which microscope"):
        instrument_of(None, None)
    for name in ("/x", "none", "a/b", "north.json", "north ", ""):
        with pytest.raises(
            UsageError, match=f"instrument: {name!r} is no name of a microscope: write at most" if name else "say which"
        ):
            instrument_of(name, None)
    with pytest.raises(UsageError, match="best: expected 0 to 2"):
        checked_best(3)
