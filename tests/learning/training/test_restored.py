"""How well pictures and maps come out, by figures that need no clean picture."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.besides import besides_dataset

from mhfd.learning.training.examples import open_examples
from mhfd.learning.training.examples.example import Example
from mhfd.learning.training.restored import restored_figures

ALL = np.arange(6)


def test_half_the_noise_is_six_decibels_by_two_takes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = open_examples(besides_dataset(tmp_path, takes=True), "denoise", multiple=64)
    rng = np.random.default_rng(0)
    clean = rng.normal(0, 0.3, (1, 64, 64)).astype(np.float32)
    first, other = (rng.normal(0, 0.1, (6, 1, 64, 64)).astype(np.float32) for _ in range(2))
    shown = [Example(clean + one, clean + two) for one, two in zip(first, other, strict=True)]
    monkeypatch.setattr(type(examples), "load", lambda _, index, copy: shown[index])

    def half(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(clean + (images - clean) / 2, np.float32)

    ((what, gained, count),) = restored_figures(examples, ALL, half)
    assert what.startswith("dB gained over the image")
    assert gained == pytest.approx(20 * math.log10(2), abs=0.25)
    assert count == 6
    ((_, nothing, _),) = restored_figures(examples, ALL, lambda images: images)
    assert nothing == pytest.approx(0, abs=0.1)


def test_without_another_take_nothing_is_said(tmp_path: Path) -> None:
    examples = open_examples(besides_dataset(tmp_path), "denoise", multiple=64)
    assert list(restored_figures(examples, ALL, lambda images: images)) == []


def test_overlaps_are_of_known_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = open_examples(besides_dataset(tmp_path, masks=True), "segment", multiple=64)
    truth = np.ones((8, 8), np.float32)
    truth[0], truth[1] = 0, np.nan
    example = examples.load(0, None)
    monkeypatch.setattr(type(examples), "load", lambda *_: replace(example, y=truth))

    def tissue(images: NDArray[Any]) -> NDArray[np.float32]:
        scores = np.zeros((1, 3, 8, 8), np.float32)
        scores[:, 1] = 1
        return scores

    found = {what.split(",")[0]: value for what, value, _ in restored_figures(examples, ALL, tissue)}
    assert found == {
        "intersection over union of resin": 0,
        "intersection over union of tissue": pytest.approx(48 / 56),
    }
