"""The paper's split of copies beside ours: what leaks in the one, and that the other has nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks._train_splits import BY_GROUP, LEAKING, random_split, write_both
from tests.rigs.shown import plan_of, shown_dataset

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.dataset.checking import check
from mhfd.learning.training.examples import open_examples, split


def test_nearly_all_that_the_paper_validates_on_was_taught_altered() -> None:
    made = random_split(1684, 6)
    assert (len(made.taught), len(made.validated)) == (9094, 1010)  # the paper has 9093 and 1011
    assert sorted([*made.taught.tolist(), *made.validated.tolist()]) == list(range(10104))
    assert made.leaked > 0.999
    assert random_split(1684, 6, seed=1).taught.tolist() != made.taught.tolist()


def test_two_datasets_of_the_same_files_differ_in_what_is_a_group(tmp_path: Path) -> None:
    data = shown_dataset(tmp_path / "shown", groups=4, each=6)
    (tmp_path / "test").mkdir()
    test_rows = []
    for row in data.rows[-6:]:  # the rig leaves the test's files out
        path = tmp_path / "test" / Path(row.path).name
        path.write_bytes(b"never opened")
        test_rows.append(row.model_copy(update={"path": str(path)}))
    folders = write_both(Dataset((*data.rows[:-6], *test_rows), data.split), tmp_path / "both")
    leaks, shared = {}, {}
    for name, folder in folders.items():
        examples = open_examples(folder, "focus", multiple=64)
        assert len(examples) == 18 * 6
        taught, validated = split(examples, plan_of("none", validation=0.1))
        images = [{Path(examples.paths[n]).stem.split("-")[0] for n in side} for side in (taught, validated)]
        shared[name] = len(images[0] & images[1])
        leaks[name] = {str(one.kind) for one in check(Dataset.read(folder).on(Side.TRAIN)).refused}
    assert shared[BY_GROUP] == 0
    assert shared[LEAKING] > 5
    assert not leaks[BY_GROUP]
    assert "across" in leaks[LEAKING]  # who looks at the pixels sees it, though no row says so


def test_images_that_are_no_squares_would_be_of_two_sizes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no square, and its copies are of two sizes"):
        write_both(shown_dataset(tmp_path, shape=(80, 90)), tmp_path / "both")
