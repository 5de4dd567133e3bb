"""A package that makes pictures: what it makes of an image, and that nothing is ever measured of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from tests.rigs.networks import finder, network_written, restoring_written, smoother
from tests.rigs.promoted import report_of
from tests.rigs.typed import refused, typed_here

import mhfd
import mhfd_client
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd.learning.inference import restoring
from mhfd.learning.inference.restoring import Restorer
from mhfd.learning.inference.runtime import NetworkRuntime
from mhfd.learning.learners.reach import reach_of
from mhfd.learning.packages import Library, Package
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.preparation.outline import OUTLINE, outline_of
from mhfd.simulate import section


@pytest.fixture(autouse=True)
def models_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of this test's, whose packages answer their test in this process."""
    monkeypatch.setenv("MHFD_MODELS_HOME", str(tmp_path / "models"))

    def in_process(weights: bytes, test: Any, *_: Any, **__: Any) -> Any:
        return NetworkRuntime(weights, channels=1, multiple=64, gives=("map",)).answered(test)

    monkeypatch.setattr("mhfd.learning.packages.package.tried", in_process)
    return tmp_path / "models"


def image(shape: tuple[int, int] = (200, 300)) -> NDArray[Any]:
    """A section."""
    return section(shape, seed=5)


@pytest.fixture
def denoiser(models_home: Path) -> Package:
    return restoring_written(models_home / "packages", "denoise")


def test_a_picture_has_the_size_and_numbers_of_its_image(denoiser: Package) -> None:
    pixels = image()
    made = Restorer(denoiser).of(pixels)
    assert (made.pixels.shape, made.pixels.dtype) == (pixels.shape, pixels.dtype)
    mean = uniform_filter(pixels.astype(np.float64), 3)
    inside = np.abs(made.pixels - mean)[2:-2, 2:-2]
    assert inside.max() <= 0.51
    assert made.shares == {}


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_grey_values_are_those_of_the_image(denoiser: Package, dtype: Any) -> None:
    pixels = (image().astype(np.float64) * 200 + 1000).astype(dtype)
    made = Restorer(denoiser).of(pixels)
    assert made.pixels.dtype == dtype
    assert abs(float(made.pixels.mean()) - float(pixels.mean())) < 20


def test_an_even_image_stays_as_it_is(denoiser: Package) -> None:
    assert (Restorer(denoiser).of(np.full((70, 80), 9, np.uint8)).pixels == 9).all()


@pytest.mark.parametrize("task", ["denoise", "segment"])
def test_part_by_part_is_as_all_at_once(models_home: Path, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = smoother() if task == "denoise" else finder(2)
    package = restoring_written(models_home / "packages", task, onnx)
    pixels = image((140, 300))
    whole = Restorer(package).of(pixels).pixels
    monkeypatch.setattr(restoring, "_STEP", 64)
    np.testing.assert_array_equal(Restorer(package).of(pixels).pixels, whole)


def test_windows_are_the_side_each_pixel_once() -> None:
    for side in (64, 512, 640, 704, 1024, 1088, 4096):
        shown, kept = zip(*restoring._windows(side), strict=True)
        assert [n for one in kept for n in range(one.start, one.stop)] == list(range(side))
        assert all(one.start % 64 == one.stop % 64 == 0 for one in shown)
        assert max(one.stop - one.start for one in shown) <= 512 + 3 * 128


def test_what_each_pixel_shows_is_a_number_with_a_name(models_home: Path) -> None:
    package = restoring_written(models_home / "packages", "segment")
    made = Restorer(package).of(image())
    assert made.pixels.shape == (200, 300)
    assert made.pixels.dtype == np.uint8
    assert set(np.unique(made.pixels)) <= {0, 1, 2}
    assert sum(made.shares.values()) == pytest.approx(1)
    assert "0 resin, 1 tissue, 2 artefact" in made.words


def test_nothing_is_measured_of_what_was_made(denoiser: Package, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    Restorer(denoiser).of(image()).write(out)
    report = mhfd.score(out)
    assert report.finding is Finding.INVALID
    assert report.finding_detail is not None
    assert report.finding_detail.startswith("mhfd made this picture: noise taken away by package")
    assert "name the image that it was made of" in report.finding_detail
    assert tifffile.imread(out).shape == (200, 300)


def test_a_picture_is_written_whole_and_replaces_nothing(denoiser: Package, tmp_path: Path) -> None:
    made = Restorer(denoiser).of(image())
    made.write(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="is there already, and nothing is replaced"):
        made.write(tmp_path / "a.tif")
    with pytest.raises(UsageError, match=r"give it a name that ends with \.tif"):
        made.write(tmp_path / "a.png")
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        made.write(tmp_path / "none" / "a.tif")
    with pytest.raises(UsageError, match="cannot be written: File name too long"):
        made.write(tmp_path / f"{'a' * 300}.tif")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tif", "models"]


def test_what_is_not_for_this_is_refused(denoiser: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = Restorer(denoiser)
    with pytest.raises(UsageError, match="expected grey values, 64 a side at least, got uint8"):
        restorer.of(np.zeros((40, 100), np.uint8))
    monkeypatch.undo()
    with pytest.raises(UsageError, match=r"lab-net: is for focus and makes no picture; `mhfd score --model` asks it"):
        Restorer(network_written(tmp_path / "other"))


def test_pixels_of_another_size_are_refused(models_home: Path) -> None:
    restorer = Restorer(restoring_written(models_home / "packages", "denoise", pixel_nm=(4.0, 8.0)))
    restorer.of(image((64, 64)), pixel_nm=11.0)
    with pytest.raises(UsageError, match="was taught with pixels of 4 to 8 nm, and here they are 20 nm"):
        restorer.of(image((64, 64)), pixel_nm=20.0)


def test_an_image_unlike_all_that_it_was_taught_with_is_refused(models_home: Path) -> None:
    taught = np.stack([outline_of(NORMALISATION.of(section((128, 128), seed=seed))) for seed in range(12)])
    package = restoring_written(models_home / "packages", "denoise", outline=OUTLINE, reach=reach_of(taught))
    Restorer(package).of(section((200, 260), seed=40))
    with pytest.raises(UsageError, match=r"lab-denoise: the image is unlike all .* of its reach\); train one with"):
        Restorer(package).of(np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8))


def test_by_its_task_it_is_the_champion_of_the_microscope(denoiser: Package, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image())
    words = ["models", "apply", "denoise", str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]
    assert (
        "denoise: no package is champion of denoise at north; name one of `mhfd models list`, or let `mhfd learn "
        "DATASET --task denoise --instrument north` say whether one earns its place"
    ) in refused([*words, "--instrument", "north"])
    report = report_of(tmp_path / "report", denoiser.name, task="denoise", instrument="north")
    Library(tmp_path / "models").promote(denoiser, report, instrument="north")
    assert "no package is champion of denoise;" in refused(words)
    code, told = typed_here([*words, "--instrument", "north"])
    assert (code, f"noise taken away by package {denoiser.name[:12]} (lab-denoise), for the eye" in told) == (0, True)
    made = mhfd_client.restore(tmp_path / "a.tif", "denoise", instrument="north")
    assert (tifffile.imread(tmp_path / "b.tif") == made.pixels).all()


def test_a_package_of_another_microscope_is_refused_by_name(models_home: Path, tmp_path: Path) -> None:
    package = restoring_written(models_home / "packages", "denoise", groups_seen=("south/fly/1",))
    tifffile.imwrite(tmp_path / "a.tif", image())
    words = ["models", "apply", package.name[:8], str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]
    assert "lab-denoise learned from south, and this is north" in refused([*words, "--instrument", "north"])
    assert not (tmp_path / "b.tif").exists()
    assert typed_here(words)[0] == 0


def test_a_notebook_restores_an_image(denoiser: Package, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image())
    made = mhfd_client.restore(tmp_path / "a.tif", "lab-denoise", out=tmp_path / "b.tif")
    assert (tifffile.imread(tmp_path / "b.tif") == made.pixels).all()
    with pytest.raises(UsageError, match="is there already"):
        mhfd_client.restore(tmp_path / "a.tif", "lab-denoise", out=tmp_path / "b.tif")


def test_as_it_is_typed(denoiser: Package, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image())
    words = ["models", "apply", denoiser.name[:8], str(tmp_path / "a.tif")]
    code, told = typed_here([*words, str(tmp_path / "b.tif")])
    assert (code, told) == (
        0,
        f"{tmp_path / 'b.tif'}: noise taken away by package {denoiser.name[:12]} (lab-denoise), for the eye\n",
    )
    code, told = typed_here([*words, str(tmp_path / "c.tif"), "--json"])
    assert json.loads(told)["shares"] is None
    assert "is there already" in refused([*words, str(tmp_path / "c.tif")])
    assert "mhfd made this picture" in refused(
        ["models", "apply", denoiser.name[:8], str(tmp_path / "c.tif"), str(tmp_path / "d.tif")]
    )
    assert "no such file" in refused(
        ["models", "apply", denoiser.name[:8], str(tmp_path / "none.tif"), str(tmp_path / "d.tif")]
    )
