"""Each image is measured once, as a station measures it; what is kept is found again, and never believed blindly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.rigs import labelled

import mhfd
from mhfd import simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd.learning import features
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.learners import matrix
from mhfd.learning.preparation import Prepared


def image(folder: Path, name: str, *, seed: int = 1, defocus: float = 0.0) -> bytes:
    """The bytes of a small simulated section."""
    made = simulate.Specimen(seed=seed).section((160, 160), optics=simulate.Optics(defocus_um=defocus))
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(folder / name, made)
    return (folder / name).read_bytes()


@pytest.fixture
def rows(tmp_path: Path) -> list[DatasetRow]:
    """A sharp one, a blurred copy of it, resin alone, a file that is no image."""
    sharp = labelled.row(tmp_path, "a.tif", content=image(tmp_path, "a.tif"), section=3, pixel_nm=8.0)
    blurred = image(tmp_path, "b.tif", defocus=4.0)
    resin = np.random.default_rng(0).normal(128, 3, (160, 160))
    tifffile.imwrite(tmp_path / "c.tif", resin.astype(np.uint8))
    return [
        sharp,
        labelled.row(tmp_path, "b.tif", bad=True, content=blurred, radius_px=2.5, parent=sharp.sha256),
        labelled.row(
            tmp_path, "c.tif", bad=None, cause=ImageCause.RESIN, content=(tmp_path / "c.tif").read_bytes(), group="b"
        ),
        labelled.row(tmp_path, "d.tif", content=b"no image", group="b"),
    ]


def of(rows: list[DatasetRow]) -> Dataset:
    return Dataset(tuple(rows), {row.group.key: Side.TRAIN for row in rows})


def test_numbers_are_those_of_the_same_image_at_a_station(rows: list[DatasetRow]) -> None:
    found = matrix.matrix_of(of(rows), ("rings", "report"), None)
    report = mhfd.score(rows[1].path)
    assert report.cross_spectrum is not None
    assert found.mhfd[1] == pytest.approx(np.log(report.cross_spectrum))
    expected = features.features_of(tifffile.imread(rows[1].path), report, ("rings", "report"))
    assert (found.values[1] == expected).all()
    assert found.names == features.names(("rings", "report"))
    assert found.bad.tolist()[:2] == [0, 1]
    assert np.isnan(found.bad[2])
    assert found.radius_px[1] == 2.5
    assert found.cause == (None, None, ImageCause.RESIN, None)
    assert found.cause_number[2] == list(ImageCause).index(ImageCause.RESIN)
    assert found.family == [rows[0].sha256, rows[0].sha256, rows[2].sha256, rows[3].sha256]
    assert found.section[0] == 3
    assert found.pixel_nm[0] == 8.0


def test_what_cannot_be_measured_is_nan_and_a_picture_without_tissue_has_features(rows: list[DatasetRow]) -> None:
    found = matrix.matrix_of(of(rows), ("report",), None)
    assert np.isfinite(found.values).all(axis=1).tolist() == [True, True, True, False]
    assert np.isnan(found.mhfd).tolist() == [False, False, True, True]


def test_what_is_kept_is_found_again_and_what_is_damaged_is_made_again(
    rows: list[DatasetRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    first = matrix.matrix_of(of(rows), ("report",), kept)
    measured = []
    honest = matrix.measured

    def counted(
        path: str, families: Sequence[str], prepared: Prepared, _onlookers: object
    ) -> tuple[FocusReport, NDArray[np.float32] | None]:
        measured.append(path)
        return honest(path, families, prepared)

    monkeypatch.setattr(matrix, "measured", counted)
    files = sorted(kept.glob("*/*/*.npy"))
    files[0].write_bytes(files[0].read_bytes()[:-3])
    told: list[tuple[int, int]] = []
    again = matrix.matrix_of(of(rows), ("report",), kept, told=lambda *at: told.append(at))
    assert [Path(path).name for path in measured] == [
        next(Path(row.path).name for row in rows if files[0].stem == row.sha256)
    ]
    assert np.array_equal(again.values, first.values, equal_nan=True)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    matrix.matrix_of(of(rows[:1]), ("rings",), kept)  # other families are kept apart
    assert len(measured) == 2


def test_another_image_than_the_one_that_was_labelled_is_refused(rows: list[DatasetRow], tmp_path: Path) -> None:
    image(tmp_path, "a.tif", seed=2)
    with pytest.raises(UsageError, match=r"a\.tif: is another image than the one that was labelled"):
        matrix.matrix_of(of(rows), ("report",), None)
    (tmp_path / "a.tif").unlink()
    with pytest.raises(UsageError, match=r"a\.tif: cannot be read"):
        matrix.matrix_of(of(rows), ("report",), None)
