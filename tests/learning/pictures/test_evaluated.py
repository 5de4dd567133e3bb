"""`mhfd evaluate --task denoise`, as it is typed: from two takes to a champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.besides import besides_dataset
from tests.rigs.networks import restoring_written, smoother
from tests.rigs.typed import refused, typed_here

import mhfd_client
from mhfd.contract.benchmarking import Benchmarked
from mhfd.errors import UsageError
from mhfd.learning.benchmarking import benchmark
from mhfd.learning.dataset import Dataset, Side, SourceGroup
from mhfd.learning.inference.runtime import NetworkRuntime
from mhfd.learning.packages import Library, Package
from mhfd.learning.packages.report import read_ground
from mhfd.learning.pictures.words import lines, travelled
from mhfd.learning.report import render


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight specimens that were taken twice; two are for the settings."""
    root = tmp_path_factory.mktemp("twice")
    made = besides_dataset(root, groups=8, each=1, side=80, takes=True)
    sides = {key: Side.TRAIN if number < 2 else Side.TEST for number, key in enumerate(made.groups)}
    Dataset(made.rows, sides).write(root)
    return root


@pytest.fixture(autouse=True)
def denoiser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """In a library of this test's; classical ways are no match for it, and it answers its test in this process."""
    monkeypatch.setenv("MHFD_MODELS_HOME", str(tmp_path / "models"))

    def in_process(weights: bytes, test: Any, *_: Any, **__: Any) -> Any:
        return NetworkRuntime(weights, channels=1, multiple=64, gives=("map",)).answered(test)

    monkeypatch.setattr("mhfd.learning.packages.package.tried", in_process)
    monkeypatch.setattr("mhfd.learning.pictures.classical.SIGMAS", (4.0,))
    monkeypatch.setattr("mhfd.learning.pictures.classical._averaged", lambda plane, *_: plane)
    return restoring_written(tmp_path / "models" / "packages", "denoise", smoother())


def test_from_two_takes_to_a_champion(twice: Path, denoiser: Package, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, told = typed_here(["evaluate", str(twice), "--task", "denoise", "--out", str(out)])
    assert code == 0
    last = told.strip().splitlines()[-1]
    assert last.startswith("promoted: lab-denoise (difference +")
    report = json.loads((out / "report.json").read_text())
    assert (report["task"], report["challenger"], report["line"]) == ("denoise", denoiser.name, last)
    page = (out / "report.html").read_text()
    assert "promoted: lab-denoise" in page
    assert report["digest"] in page
    code, told = typed_here(["models", "promote", "lab-denoise", "--report", str(out)])
    assert code == 0
    assert told.startswith(f"champion of denoise: {denoiser.name}")
    assert Library(tmp_path / "models").champion_name("denoise") == denoiser.name
    found = mhfd_client.evaluate_pictures(twice, "denoise")
    assert found.line == "kept: lab-denoise (no challenger)"


def test_the_page_the_lines_and_what_travels_say_the_same(twice: Path, denoiser: Package) -> None:
    found = mhfd_client.evaluate_pictures(twice, "denoise", against=["lab-denoise"])
    told = list(lines(found))
    assert told[-1] == found.line
    assert any(line.startswith("lab-denoise against Gaussian, 4 px: +") for line in told)
    page = render(found)
    assert "By specimens" in page
    assert f"gains {abs(found.duels[0].gained):.2g}"[:6] in page
    sent = travelled(found, "alpha", "ab" * 32)
    assert (sent.decision, sent.challenger, sent.champion) == ("promoted", denoiser.name, None)
    assert (sent.saved, sent.low, sent.high) == (found.gained, found.low, found.high)
    assert len(sent.said) == found.images
    one = sent.said[0]
    assert one.scores["lab-denoise"] == -(found.scores_by_image["lab-denoise"][one.sha256] or 0)


def test_what_is_of_focus_alone_is_refused(twice: Path) -> None:
    words = ["evaluate", str(twice), "--task", "denoise"]
    assert "--prevalence: is of who finds bad images; leave it out with --task denoise" in refused(
        [*words, "--prevalence", ".02"]
    )
    assert "none of 6 images has a mask beside it" in refused(["evaluate", str(twice), "--task", "segment"])


def test_a_microscope_is_benchmarked_before_anything_is_brought(twice: Path, denoiser: Package, tmp_path: Path) -> None:
    whole = Dataset.read(twice)
    rows = [
        row.model_copy(update={"group": SourceGroup(instrument="alpha", specimen=row.group.key)}) for row in whole.rows
    ]
    sides = {row.group.key: whole.side(was) for row, was in zip(rows, whole.rows, strict=True)}
    far = Library(tmp_path / "far")

    def asked(dataset: Dataset, out: str, instrument: str = "alpha") -> Benchmarked:
        return benchmark(
            dataset,
            library=far,
            instrument=instrument,
            task="denoise",
            trained=[denoiser.folder],
            champion=None,
            out=tmp_path / out,
        )

    found = asked(Dataset(tuple(rows), sides), "out")
    assert (found.decision, found.challenger, found.test) == ("promoted", denoiser.name, 1)
    assert found.low is not None
    assert found.low > 0
    assert read_ground(tmp_path / "out").instrument == "alpha"
    assert "promoted: lab-denoise" in (tmp_path / "out" / "report.html").read_text()
    tested = Dataset(tuple(row for row in rows if sides[row.group.key] is Side.TEST), sides)
    assert asked(tested, "again").test == 2  # other settings, so another test
    with pytest.raises(UsageError, match=r"no image of beta|are of alpha"):
        asked(tested, "b", "beta")
