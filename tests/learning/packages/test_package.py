"""A package is written, named by its content, read again, and answers its test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tests.rigs import REPOSITORY
from tests.rigs.packages import README, TEST, answer_of, answered_here, card_of, model_of, written

from mhfd.errors import PackageRefused, UsageError
from mhfd.learning.packages import OPERATORS, read_package, verify, write_package


def test_a_package_is_named_by_its_manifest_and_says_again_what_it_was_told(tmp_path: Path) -> None:
    made = written(tmp_path)
    manifest = (made.folder / "SHA256SUMS").read_bytes()
    assert made.folder == tmp_path / hashlib.sha256(manifest).hexdigest() == tmp_path / made.name
    assert {line.split()[1] for line in manifest.decode().splitlines()} | {"SHA256SUMS"} == {
        path.name for path in made.folder.iterdir()
    }
    again = verify(made.folder)
    assert again == made == read_package(made.folder)
    assert again.card == card_of()
    assert again.weights() == model_of().SerializeToString()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model answers in this process."""
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)


@pytest.mark.usefixtures("at_once")
def test_the_same_card_and_bytes_make_the_same_name_anywhere(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    assert one.name == two.name
    assert written(tmp_path / "a") == one
    assert written(tmp_path / "a", title="another").name != one.name


@pytest.mark.usefixtures("at_once")
def test_a_folder_that_is_named_otherwise_is_still_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(tmp_path)
    moved = made.folder.rename(tmp_path / "radius")
    assert read_package(moved).name == made.name
    wrong = moved.rename(tmp_path / ("0" * 64))
    monkeypatch.chdir(wrong)
    for path in (wrong, Path()):
        with pytest.raises(PackageRefused, match=f"its own name is {made.name}"):
            read_package(path)


@pytest.mark.usefixtures("at_once")
def test_weights_that_changed_since_are_not_handed_out(tmp_path: Path) -> None:
    made = written(tmp_path)
    made.weights_path.write_bytes(made.weights()[:-1] + b"\0")
    with pytest.raises(PackageRefused, match="has changed since"):
        made.weights()


@pytest.mark.usefixtures("at_once")
def test_what_verify_would_refuse_is_not_written(tmp_path: Path) -> None:
    onnx = model_of().SerializeToString()
    with pytest.raises(PackageRefused, match="answers its test with"):
        write_package(tmp_path, card_of(), onnx, TEST, answer_of() + 0.01, README)
    with pytest.raises(UsageError, match="tests nothing"):
        write_package(tmp_path, card_of(), onnx, TEST, np.zeros((8, 1), np.float32), README)
    assert list(tmp_path.iterdir()) == []


def test_operators_are_named_as_learners_name_them() -> None:
    assert {"MatMul", "Sigmoid", "ai.onnx.ml.TreeEnsembleClassifier"} <= OPERATORS
    assert not {"Loop", "If", "Scan", "ai.onnx.ml.ZipMap"} & OPERATORS


def test_the_reference_lists_every_operator() -> None:
    said = (REPOSITORY / "docs" / "reference" / "cli-learned.md").read_text(encoding="utf-8")
    listed = said[said.index("### What a model may compute") :]
    assert [name for name in OPERATORS if f"`{name.removeprefix('ai.onnx.ml.')}`" not in listed] == []
