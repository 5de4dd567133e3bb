"""One side of a dataset that a request names: opened by the administrator's folders, and the other side by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.facility import Facility
from tests.rigs.labelled import row

from mhfd.learning.dataset import Dataset, Side
from mhfd.remote.given.dataset import rooted
from mhfd.remote.refusal import Refusal
from mhfd.site import Site


@pytest.mark.parametrize("side", list(Side))
def test_images_of_the_other_side_are_opened_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: Side
) -> None:
    facility, folder = Facility(tmp_path, monkeypatch), tmp_path / "data" / "labelled"
    rows = tuple(row(folder, f"{one}{n}.tif", group=one) for one in Side for n in range(3))
    made = Dataset(rows, {one.value: one for one in Side})
    made.write(folder)
    other = next(one for one in Side if one is not side)
    for path in folder.glob(f"{other}*.tif"):
        path.unlink()
    facility.allow()
    found = rooted(str(folder), Site.load(), side)
    assert (found.dataset.digest, found.images) == (made.digest, 3)
    assert {Path(one.path).parent for one in found.dataset.on(side).rows} == {folder.resolve()}
    assert not any(Path(one.path).exists() for one in found.dataset.on(other).rows)
    with pytest.raises(Refusal, match="no such file"):
        rooted(str(folder), Site.load(), other)
