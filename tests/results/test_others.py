"""The list's two halves: what is to be imaged again, what may go on, and that nothing is on both or forgotten."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.focus_reports import report
from tests.rigs.runs import Run

from mhfd.contract.focus_report import Finding
from mhfd_client.journal.rows import ImageRow, LabelRow, Outcome, ScoreRow, State, Told, VerdictRow
from mhfd_client.naming import Place, shot_of
from mhfd_client.results.retake import Others, others, retakes
from mhfd_client.results.sidecars import sidecar_of
from mhfd_client.results.tables import as_list, ordered, others_csv

PATHS = ("a/s_001.tif", "b/s_001.tif", "S1R1/001_000021_028_2019-03-25T1414044834028.bmp", "odd.tif",
         "S1R1/001_000021_028_2019-03-25T1514044834028.bmp")  # fmt: skip


def told_of(number: int, path: str, outcome: Outcome) -> Told:
    image = ImageRow(
        number, path, number, 10, 1, 1, None, State.RECORDED, None, 1, 0, None, 7, number, 1, 1, 1, 1, 1, 1, 1
    )
    score = ScoreRow(number, path, 1, None, "ok", 1, 1.0, outcome, True)
    return Told(image, score, VerdictRow(outcome, "It is so.", provisional=True), number)


LABELS = st.none() | st.builds(
    lambda sharp, task: (sharp, task), st.sampled_from([None, True, False]), st.sampled_from(["", "fine", "again"])
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(Outcome), LABELS), max_size=12),
    st.sets(st.sampled_from(PATHS)),
)
def test_every_shot_is_on_exactly_one_list(takes: list[tuple[str, Outcome, object]], waiting: set[str]) -> None:
    told = [told_of(number, path, outcome) for number, (path, outcome, _) in enumerate(takes, 1)]
    labels = {
        number: LabelRow(number, said[0], 0, fine=said[1] == "fine", again=said[1] == "again")
        for number, (_, _, said) in enumerate(takes, 1)
        if isinstance(said, tuple)
    }
    again = retakes(told, labels, lambda _: report())
    found = others(told, labels, lambda _: report(), waiting=waiting)
    shots = [
        shot_of(path)
        for path in (
            *(item.path for item in again),
            *(item.path for item in found.images),
            *found.undetermined,
            *found.waiting,
        )
    ]
    assert sorted(shots) == sorted({shot_of(path) for path, _, _ in takes} | set(map(shot_of, waiting)))
    newest = {shot_of(one.image.path): one.image.id for one in told}
    for path, image in [*((one.path, one.image) for one in again), *((one.path, one.image) for one in found.images)]:
        assert newest[shot_of(path)] == image, "of a shot its newest take is meant"
    for going in found.images:
        assert going.outcome is Outcome.IN_FOCUS or labels[going.image].fine
        assert shot_of(going.path) not in set(map(shot_of, waiting)), "it was overwritten since it was judged"
        assert not (going.image in labels and labels[going.image].again)
        assert going.confirmed == (going.image in labels and labels[going.image].sharp is True)


def both(run: Run) -> Others:
    return others(run.journal.told(), run.journal.last_labels(), run.journal.report)


def test_what_may_go_on_says_whether_anybody_confirmed_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    images = [run.image(section) for section in range(1, 10)]
    run.image(10, density=1500.0, ratio=0.01)
    run.image(11, finding=Finding.BLANK)
    assert {item.provisional for item in both(run).images} == {True}
    run.journal.labelled(images[4], sharp=True, who="Ann")
    run.journal.labelled(images[5], sharp=None, again=True, note="dirt", who="Bo")
    blurred = run.image(12, density=1500.0, ratio=0.01)
    run.journal.labelled(blurred, sharp=None, fine=True, who="=Bo")
    found = both(run)
    assert [item.section for item in found.images] == [1, 2, 3, 4, 5, 7, 8, 9, 12]
    assert found.undetermined == ("S_011/tile_r1-c1.tif",)
    assert [item.image for item in ordered(found.images, "newest")][:2] == [blurred, images[8]]
    text, escaped = others_csv(found.images, root=run.root, state_dir=run.state)
    rows = {row["section"]: row for row in csv.DictReader(io.StringIO(text))}
    assert escaped == []
    assert rows["5"]["confirmed"] == "yes"
    assert (rows["4"]["confirmed"], rows["4"]["tile"], rows["4"]["stage_x_um"]) == ("no", "r1-c1", "1.5")
    assert rows["4"]["path"] == str(run.root / "S_004/tile_r1-c1.tif")
    assert rows["4"]["sidecar"] == str(sidecar_of(run.state, "S_004/tile_r1-c1.tif"))
    assert (rows["12"]["outcome"], rows["12"]["label"], rows["12"]["said_by"]) == (
        "out_of_focus", "fine as it is", "'=Bo")  # fmt: skip
    run.close()


def test_a_file_that_was_written_again_does_not_go_on_by_the_word_of_the_one_before(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for section in range(1, 10):
        run.image(section)
    waiting = ["S_003/tile_r1-c1.tif", "S_077/tile_r1-c1.tif"]
    found = others(run.journal.told(), run.journal.last_labels(), run.journal.report, waiting=waiting)
    assert found.waiting == tuple(waiting)
    assert [item.section for item in found.images] == [1, 2, 4, 5, 6, 7, 8, 9]
    run.close()


def test_a_name_that_a_table_cannot_hold_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for section in range(1, 9):
        run.image(section)
    run.image(9, path="S_009\n/odd.tif")
    text, (odd,) = others_csv(both(run).images, root=run.root, state_dir=run.state)
    assert odd.section == 9
    assert text.count("\n") == 10
    run.close()


SBEMIMAGE = re.compile(r"(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)")


def read_list(text: str, form: str) -> set[tuple[int, str]]:
    """What an instrument's list says, read back: the places."""
    found = set()
    for line in text.splitlines():
        section, tiles = line.split(": ")
        for tile in tiles.split(", "):
            if form == "atlas":
                assert re.fullmatch(r"Tile_r\d+-c\d+", tile)
                found.add((int(section.removeprefix("S_")), tile.removeprefix("Tile_")))
            else:
                numbers = SBEMIMAGE.fullmatch(tile)
                assert numbers, "SBEMimage refuses a whole list for one such tile"
                found.add((int(section), f"g{int(numbers[1]):04}_t{int(numbers[2]):04}"))
    return found


@settings(deadline=None)
@given(
    places=st.sets(st.tuples(st.integers(0, 10**6), st.integers(0, 9999), st.integers(0, 9999)), max_size=20),
    order=st.sampled_from(["section", "newest"]),
)
def test_an_instruments_list_read_back_names_the_same_places(places: set[tuple[int, int, int]], order: str) -> None:
    for form, named in (("atlas", "r{}-c{}"), ("sbemimage", "g{:04}_t{:04}")):
        told = []
        for number, (section, first, second) in enumerate(sorted(places), 1):
            image = told_of(number, f"{section}/{first}/{second}.tif", Outcome.OUT_OF_FOCUS)
            at = Place(section, named.format(first, second))
            told.append(Told(replaced(image.image, at), image.score, image.verdict, number))
        items = ordered(retakes(told, {}, lambda _: report()), "newest" if order == "newest" else "section")
        text, left = as_list(items, "atlas" if form == "atlas" else "sbemimage")
        assert left == []
        assert read_list(text, form) == {(item.section, item.tile) for item in items}
        assert text.count("\n") == len({section for section, _, _ in places}), "one line a section"


def replaced(image: ImageRow, place: Place) -> ImageRow:
    from dataclasses import replace

    return replace(image, section=place.section, tile=place.tile)


def test_two_files_of_a_place_are_one_tile_of_an_instruments_list(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for folder in ("A", "B"):
        run.image(3, path=f"{folder}/s_003.tif", finding=Finding.INCOMPLETE)
    items = retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)
    assert len(items) == 2
    assert as_list(items, "atlas") == ("S_3: Tile_r1-c1\n", [])
    run.close()
