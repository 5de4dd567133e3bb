"""Moves are kept whatever happens to the writer, with copies of what was seen, and what the journal says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.blurs import blur
from tests.rigs.estimates import RADIUS, made
from tests.rigs.runs import Run

from mhfd.errors import UsageError
from mhfd_client.adjustment import places
from mhfd_client.adjustment.moves import moves, new_id, record, record_typed
from mhfd_client.adjustment.recording import copies, moves_file
from mhfd_client.adjustment.recording.recorded_move import RecordedMove
from mhfd_client.instruments.protocol import Knob


def move(by: float = 1.0, at: float = 0.0) -> RecordedMove:
    return RecordedMove(id=new_id(at), at=at, knob=Knob.WORKING_DISTANCE, by=by, source="typed")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    files = [tmp_path / f"{name}.tif" for name in "abcd"]
    for file in files:
        tifffile.imwrite(file, rng.integers(0, 255, (32, 32), dtype=np.uint8))
    return files


def test_what_was_recorded_is_read_in_the_order_in_which_it_was_turned(tmp_path: Path) -> None:
    made = [move(3.0, at=5), move(-2.0, at=1)]
    for one in made:
        record(tmp_path, one)
    assert list(moves(tmp_path)) == [made[1], made[0]]


def test_a_later_line_of_the_same_move_takes_its_place(tmp_path: Path) -> None:
    first = move()
    record(tmp_path, first)
    record(tmp_path, whole := first.model_copy(update={"actor": "Ada"}))
    assert list(moves(tmp_path)) == [whole]


def test_a_folder_without_moves_has_none(tmp_path: Path) -> None:
    assert list(moves(tmp_path)) == []


def test_a_writer_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """Cut off within the last line: the others are read, half a line is said, and the next is written after it."""
    kept = [move(by, at=i) for i, by in enumerate((1.0, -2.0, 3.0))]
    for one in kept:
        record(tmp_path, one)
    file = places.moves(tmp_path)
    whole = file.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in (start, start + 1, (start + len(whole)) // 2, len(whole) - 2):
        file.write_bytes(whole[:cut])
        found = moves_file.read(tmp_path)
        assert found.moves == kept[:2]
        assert [one.number for one in found.damaged] == ([] if cut == start else [3])
        record(tmp_path, again := move(4.0, at=9))
        assert moves_file.read(tmp_path).moves == [*kept[:2], again]


@given(rubbish=st.binary(max_size=400))
def test_rubbish_is_named_by_its_line_and_hides_no_move(
    rubbish: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("state")
    one, other = move(), move(at=2)
    file = places.moves(folder)
    file.parent.mkdir()
    lines = (one.model_dump_json().encode(), rubbish, other.model_dump_json().encode())
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    found = moves_file.read(folder)
    assert found.moves == [one, other]
    assert len(found.damaged) == sum(bool(line.strip()) for line in rubbish.split(b"\n"))


def test_a_line_that_is_longer_than_any_move_is_one_damaged_line(tmp_path: Path) -> None:
    record(tmp_path, one := move())
    with places.moves(tmp_path).open("ab") as file:
        file.write(b"x" * (3 << 20) + b"\n")
    record(tmp_path, other := move(at=2))
    found = moves_file.read(tmp_path)
    assert (found.moves, [line.number for line in found.damaged]) == ([one, other], [2])


def test_a_typed_move_keeps_copies_of_what_was_seen(tmp_path: Path, images: list[Path]) -> None:
    state = tmp_path / "state"
    typed = record_typed(state, "working distance -3.2 um", before=images[0], after=images[1], who="Ada")
    seen = images[0].read_bytes()
    images[0].write_bytes(b"another")
    (kept,) = moves(state)
    assert (kept, kept.by, kept.actor) == (typed, -3.2, "Ada")
    assert kept.image_before is not None
    copy = copies.copy_of(state, kept.image_before.sha256)
    assert copy is not None
    assert copy.read_bytes() == seen


def test_a_pair_on_purpose_is_kept_with_its_move(tmp_path: Path, images: list[Path]) -> None:
    typed = record_typed(
        tmp_path / "state", "wd +2 um", before=images[0], pair=(images[2], images[3]), perturbation_um=2.0
    )
    assert typed.pair is not None
    assert [one.path for one in typed.images] == [str(images[i]) for i in (2, 3, 0)]


def test_what_is_no_move_is_refused_and_nothing_is_kept(tmp_path: Path, images: list[Path]) -> None:
    state = tmp_path / "state"
    twin = tmp_path / "twin.tif"
    twin.write_bytes(images[0].read_bytes())
    for said, given_ in {
        "same file": {"before": images[0], "after": images[0]},
        "same image": {"before": images[0], "after": twin},
        "no such image": {"before": tmp_path / "none.tif"},
        "give both": {"pair": (images[0], images[1])},
    }.items():
        with pytest.raises(UsageError, match=said):
            record_typed(state, "working distance -3.2 um", **given_)  # type: ignore[arg-type]
    assert list(moves(state)) == []


def test_a_copy_that_finds_no_room_is_said(tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_IMAGES", 1)
    said: list[str] = []
    typed = record_typed(tmp_path / "state", "wd -3 um", before=images[0], after=images[1], tell=said.append)
    assert [one.kept for one in typed.images] == [True, False]
    assert "1 images are kept already" in said[0]
    assert len(list(places.kept_images(tmp_path / "state").iterdir())) == 1


def test_what_mhfd_said_of_an_image_stands_with_the_move(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for section in range(10):
        run.image(section)
    run.image(10, density=500.0, ratio=0.001, blur=blur(2.0), estimates=[made(RADIUS, radius_px=2.5, sd=0.4)])
    run.close()
    image = run.root / "S_010" / "tile_r1-c1.tif"
    image.parent.mkdir()
    tifffile.imwrite(image, np.zeros((32, 32), np.uint8))
    typed = record_typed(run.state, "working distance -3.2 um", before=image)
    assert typed.image_before is not None
    assert typed.image_before.place == (10, "r1-c1")
    said = typed.image_before.said
    assert said is not None
    assert said.outcome == "out_of_focus"
    assert said.blur_px == pytest.approx(2.0)
    assert [one.radius_px for one in said.estimates] == [2.5]
