"""Which part of the images a question shows, and what they are compared with. No browser."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.focus_reports import GRID, report
from tests.rigs.page_rig import Rig

from mhfd.contract.focus_report import Box, Cells, FocusReport
from mhfd_client.journal.view import JournalView
from mhfd_client.page import panels
from mhfd_client.page.crops import HEIGHT, WIDTH, best_place, crops, sharpest
from mhfd_client.page.model import JudgedImage, PageModel


def model(rig: Rig) -> PageModel:
    made = PageModel(JournalView.read(rig.state), confirm=3)
    made.refresh()
    return made


def cells(**changes: dict[int, float]) -> Cells:
    """A map with the same everywhere, but for what is changed by cell."""
    values: dict[str, list[float]] = {"dof": [50.0] * 16, "tissue": [1.0] * 16, "saturated": [0.0] * 16}
    for name, some in changes.items():
        for cell, value in some.items():
            values[name][cell] = value
    return Cells(
        rows=GRID,
        cols=GRID,
        dof=tuple(map(int, values["dof"])),
        cross_spectrum=(None,) * 16,
        tissue=tuple(values["tissue"]),
        saturated=tuple(values["saturated"]),
    )


def test_the_place_is_where_all_images_have_tissue_and_most_features() -> None:
    assert best_place([cells(dof={3: 90})]) == (3.5 / 4, 0.5 / 4)
    assert best_place([cells(dof={3: 90}), cells(dof={3: 9, 12: 70})]) == (0.5 / 4, 3.5 / 4)  # the blurred one counts
    assert best_place([cells(dof={3: 90, 5: 60}), cells(tissue={3: 0.5})]) == (1.5 / 4, 1.5 / 4)  # resin there
    assert best_place([cells(dof={3: 90, 5: 60}, saturated={3: 0.5})]) == (1.5 / 4, 1.5 / 4)
    bare = best_place([cells(tissue=dict.fromkeys(range(16), 0.1) | {7: 0.4})])  # too little of it everywhere: the most
    assert bare == (3.5 / 4, 1.5 / 4)
    assert best_place([]) == (0.5, 0.5)
    assert best_place([cells()]) in {(x, y) for x in (1.5 / 4, 2.5 / 4) for y in (1.5 / 4, 2.5 / 4)}  # near the middle


def test_a_crop_lies_within_the_image_and_is_the_same_for_all(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        ids = rig.run(8)
        seen = model(rig)
        corner = report(sides={"left": 0.5, "top": 0.5})
        box = Box(top=0, left=0, bottom=800, right=1000)  # the instrument's line of text below it is no image
        large = corner.model_copy(update={"image": corner.image.model_copy(update={"shape": (860, 1000), "box": box})})
        small = corner.model_copy(update={"image": corner.image.model_copy(update={"shape": (100, 900)})})
        made: dict[int, FocusReport | None] = {**dict.fromkeys(ids, large), ids[1]: small, ids[2]: None}

        def reported(entry: JudgedImage) -> FocusReport | None:
            return made[entry.id]

        asked = [seen.entries[image] for image in ids[:4]]
        found, known = crops(asked, seen, reported)
        assert [(one.width, one.height) for one in found] == [(WIDTH, HEIGHT), (WIDTH, 100), (0, 0), (WIDTH, HEIGHT)]
        assert (found[0].left, found[0].top) == (found[3].left, found[3].top)
        assert found[0].left >= 350
        assert 300 <= found[0].top <= 800 - HEIGHT
        assert known is not None
        assert known.entry.id not in ids[:4]
        seen.journal.close()


def test_what_people_confirmed_is_compared_with_before_anything_else(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        ids = rig.run(8, confirm=2)
        seen = model(rig)
        known = sharpest([seen.entries[ids[5]]], seen)
        assert known is not None
        assert known[0].id in ids[:2]
        assert known[1] == "confirmed sharp"
        known = sharpest([seen.entries[image] for image in ids[:2]], seen)
        assert known is not None
        assert known[0].id not in ids[:2]
        seen.journal.close()


def test_without_a_confirmed_image_the_finest_one_is_shown_and_called_that(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        ids = rig.run(7)
        best = rig.image(9, factor=1.2)
        seen = model(rig)
        assert seen.question is not None
        known = sharpest([seen.entries[image] for image in ids[:3]], seen)
        assert known is not None
        assert (known[0].id, known[1]) == (best, "the sharpest so far")
        known = sharpest([seen.entries[best]], seen)
        assert known is not None
        assert known[1] == "the sharpest of the others"
        assert sharpest(list(seen.entries.values()), seen) is None
        html = panels.panels(panels.templates(), seen)["ask"]
        assert html.count("data-crop") == 4
        assert "right=192" in html
        seen.journal.close()
