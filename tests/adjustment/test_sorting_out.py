"""Which moves teach something: each of the others is left out by its name. And what the rest of a field teaches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mhfd import simulate
from mhfd.errors import UsageError
from mhfd_client.adjustment.moves import as_dataset, new_id, record, record_typed
from mhfd_client.adjustment.recording.episodes import MOST_UM, Episode, episodes, pairs_of
from mhfd_client.adjustment.recording.looking import Looker
from mhfd_client.adjustment.recording.recorded_move import PairAtMove, RecordedImage, RecordedMove
from mhfd_client.adjustment.recording.sorting_out import Unteaching, sorted_out
from mhfd_client.adjustment.recording.teaching import sorted_record
from mhfd_client.adjustment.recording.whose import note_instrument
from mhfd_client.instruments.protocol import Knob

NUMBERS: Final = count()


def image(number: int, **known: Any) -> RecordedImage:
    return RecordedImage(sha256=f"{number:064x}", path=f"/run/{number}.tif", bytes=1, kept=True, at=0.0, **known)


def move(
    by: float, *, images: tuple[int, int] | None = None, of: dict[str, Any] | None = None, **known: Any
) -> RecordedMove:
    before, after = images or (next(NUMBERS), next(NUMBERS))
    of = of or {}
    return RecordedMove(
        **{
            "id": new_id(0.0),
            "at": 0.0,
            "knob": Knob.WORKING_DISTANCE,
            "by": by,
            "source": "device",
            "image_before": image(before, **of),
            "image_after": image(after, **of),
        }
        | known
    )


def standing(start: float, by: float, **known: Any) -> RecordedMove:
    """A move of which the instrument says where it began."""
    return move(by, before=start, after=start + by, **known)


@dataclass(frozen=True)
class Case:
    name: str
    moves: list[RecordedMove]
    left_out: list[Unteaching]
    """Of those that are not kept, in order."""
    kept: int = 0


OTHER_PLACE: Final = image(10**6, section=8, tile="r1-c1")
CASES = [
    Case("one move", [move(-3.2)], [], kept=1),
    Case("of nothing", [move(0.0), move(0.05), move(-0.09)], [Unteaching.NOTHING] * 3),
    Case("undone at once", [standing(5000, 3), standing(5003, -3, at=20.0)], [Unteaching.UNDONE] * 2),
    Case(
        "undone, and what was before and after it stays",
        [standing(5000, 2), standing(5002, 3, at=9), standing(5005, -3, at=20.0), standing(5002, 1, at=40.0)],
        [Unteaching.UNDONE] * 2,
        kept=2,
    ),
    Case(
        "undone twice, one in the other",
        [standing(0, 2), standing(2, 3, at=9), standing(5, -3, at=20.0), standing(2, -2, at=40.0)],
        [Unteaching.UNDONE] * 4,
    ),
    Case("turned back much later", [standing(5000, 3), standing(5003, -3, at=900.0)], [], kept=2),
    Case("turned back by half", [standing(5000, 3), standing(5003, -1.5, at=20.0)], [], kept=2),
    Case("typed, of other images", [move(3), move(-3, at=20.0)], [], kept=2),
    Case(
        "typed, of the same image", [move(3, images=(1, 2)), move(-3, images=(2, 3), at=20.0)], [Unteaching.UNDONE] * 2
    ),
    Case(
        "across two stages",
        [move(3, image_after=image(10**6, stage_um=(50.0, 0.0)), image_before=image(5, stage_um=(0.0, 0.0)))],
        [Unteaching.TWO_FIELDS],
    ),
    Case("across two sections", [move(3, of={"section": 7}, image_after=OTHER_PLACE)], [Unteaching.TWO_FIELDS]),
    Case(
        "contradiction",
        [move(3, images=(11, 12)), move(-2, images=(11, 13), at=900.0), move(1, at=1000.0)],
        [Unteaching.CONTRADICTION] * 2,
        kept=1,
    ),
    Case("no image after", [move(3, image_after=None)], [Unteaching.NO_IMAGE]),
    Case("no image at all", [move(3, image_before=None, image_after=None)], [Unteaching.NO_IMAGE]),
    Case(
        "before and after exchanged",
        [move(3, image_before=image(1, working_distance_um=5003.0), image_after=image(2, working_distance_um=5000.0))],
        [Unteaching.DISAGREES],
    ),
    Case(
        "mm for um",
        [
            move(
                3e-3 * 100,
                image_before=image(1, working_distance_um=5000.0),
                image_after=image(2, working_distance_um=5300.0),
            )
        ],
        [Unteaching.DISAGREES],
    ),
    Case(
        "tags of a tenth of a mm say nothing of a small move",
        [move(3, image_before=image(1, working_distance_um=5100.0), image_after=image(2, working_distance_um=5100.0))],
        [],
        kept=1,
    ),
    Case(
        "tags of another move",
        [move(3, image_before=image(1, working_distance_um=5001.5), image_after=image(2, working_distance_um=5006.5))],
        [Unteaching.DISAGREES],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_teaches_nothing_is_left_out_by_its_name(case: Case) -> None:
    kept, left_out = sorted_out(case.moves)
    assert [one.reason for one in left_out] == case.left_out
    assert len(kept) == case.kept
    assert all(one.why for one in left_out)


def test_every_reason_is_tried() -> None:
    tried = {reason for case in CASES for reason in case.left_out}
    of_pixels = {Unteaching.UNREADABLE, Unteaching.NO_PAIR, Unteaching.TOO_FAR}  # below
    assert tried | of_pixels == set(Unteaching)


def test_who_looks_at_the_images_is_asked_of_the_rest_only() -> None:
    moves = [move(0.0), move(3.0), move(2.0)]
    asked: list[str] = []

    def look(one: RecordedMove) -> tuple[Unteaching, str] | None:
        asked.append(one.id)
        return (Unteaching.UNREADABLE, "cut off") if one is moves[2] else None

    kept, left_out = sorted_out(moves, look=look)
    assert asked == [moves[1].id, moves[2].id]
    assert kept == [moves[1]]
    assert [one.reason for one in left_out] == [Unteaching.NOTHING, Unteaching.UNREADABLE]


def chain(start: float, *by: float, **known: Any) -> list[RecordedMove]:
    """One field: each move begins where the one before ended, at the image that was taken then."""
    first, made = next(NUMBERS), []
    for i, step in enumerate(by):
        images = (first, first := next(NUMBERS))
        made.append(standing(start, step, images=images, at=10.0 * i, **known))
        start += step
    return made


steps = st.lists(st.floats(0.6, 8).flatmap(lambda um: st.sampled_from([um, -um])), min_size=1, max_size=5)


@given(start=st.floats(1000, 20000), by=steps)
def test_every_pair_points_to_where_the_lens_was_left(start: float, by: list[float]) -> None:
    moves = chain(start, *by)
    (episode,) = episodes(moves)
    places = {moves[0].image_before.sha256: start} if moves[0].image_before else {}
    for one in moves:
        assert one.image_after is not None
        assert one.after is not None
        places[one.image_after.sha256] = one.after
    left = start + sum(by)
    for pair in pairs_of(episode):
        a, b = places[pair.a.sha256], places[pair.b.sha256]
        assert a - b == pytest.approx(2 * pair.perturbation_um, abs=1e-6)
        assert (a + b) / 2 + pair.move_um == pytest.approx(left, abs=1e-6)


@given(start=st.floats(1000, 20000), by=steps)
def test_the_same_turns_the_other_way_round_have_the_other_sign(start: float, by: list[float]) -> None:
    one, other = (pairs_of(Episode(chain(start, *turns))) for turns in (by, [-step for step in by]))
    assert [pair.move_um for pair in one] == pytest.approx([-pair.move_um for pair in other], abs=1e-6)
    assert [pair.perturbation_um for pair in one] == pytest.approx([pair.perturbation_um for pair in other], abs=1e-6)


def test_a_field_is_over_when_another_is_seen() -> None:
    here, there = {"of": {"section": 1}}, {"of": {"section": 2}}
    moves = [standing(5000, 2, **here), standing(5002, 1, at=9, **here), standing(5003, 2, at=20, **there)]
    assert [len(one.moves) for one in episodes(moves)] == [2, 1]
    assert [len(one.moves) for one in episodes([standing(0, 1), standing(1, 1, at=9)])] == [1, 1]  # may be others
    assert [len(one.moves) for one in episodes([replace_at(one, i) for i, one in enumerate(chain(0, 1, 1))])] == [1, 1]


def replace_at(one: RecordedMove, i: int) -> RecordedMove:
    return one.model_copy(update={"at": 1e6 * i})


def test_a_pair_on_purpose_points_to_where_the_lens_was_left() -> None:
    taken = PairAtMove(a=image(1), b=image(2), perturbation_um=2.0)
    (pair,) = pairs_of(Episode([move(-3.0, pair=taken, image_before=None, image_after=None)]))
    assert (pair.move_um, pair.perturbation_um, pair.on_purpose) == (-3.0, 2.0, True)
    elsewhere = taken.model_copy(update={"centre_um": 5001.0})
    (pair,) = pairs_of(Episode([standing(5000, -3.0, pair=elsewhere, image_before=None, image_after=None)]))
    assert pair.move_um == -4.0


def test_a_stigmator_is_known_where_it_was_turned() -> None:
    first, second = chain(5000, 4.0, -1.0)
    seen = second.image_after
    assert seen is not None
    turned = move(0.3, knob=Knob.STIG_X, at=90.0, images=(int(seen.sha256, 16), next(NUMBERS)))
    pairs = pairs_of(Episode([first, second, turned]))
    assert {(pair.stig_x, pair.stig_y) for pair in pairs} == {(0.3, None)}
    assert {pair.stig_x for pair in pairs_of(Episode([first, second]))} == {None}
    assert pairs_of(Episode([turned])) == []


def test_images_that_are_too_near_or_too_far_from_each_other_are_no_pair() -> None:
    assert pairs_of(Episode([move(0.3)])) == []
    assert pairs_of(Episode([move(2 * MOST_UM + 1)])) == []


# With images


@pytest.fixture(scope="module")
def field() -> dict[float, Any]:
    """One field at distances from its focus, and another field."""
    at = (-4.0, -1.0, 0.0, 2.0)
    images = dict(zip(at, simulate.focus_series((320, 320), seed=3, defocus_um=at), strict=True))
    return images | {99.0: simulate.section((320, 320), seed=44, z=30)}


@pytest.fixture
def files(field: dict[float, Any], tmp_path: Path) -> dict[float, Path]:
    made = {um: tmp_path / f"at_{um:g}.tif" for um in field}
    for um, file in made.items():
        tifffile.imwrite(file, field[um])
    return made


def test_what_the_pixels_show_is_found(files: dict[float, Path], tmp_path: Path) -> None:
    state, cut, small = tmp_path / "state", tmp_path / "cut.tif", tmp_path / "small.tif"
    cut.write_bytes(files[0.0].read_bytes()[:5000])
    tifffile.imwrite(small, np.asarray(tifffile.imread(files[0.0]))[:256])
    for after in (files[0.0], files[99.0], cut, small):
        record_typed(state, "wd +4 um", before=files[-4.0], after=after, specimen=after.stem)
    found = sorted_record(state, looker=Looker(state))
    assert [one.move.specimen for one in found.left_out] == ["at_99", "cut", "small"]
    assert [one.reason for one in found.left_out] == [
        Unteaching.TWO_FIELDS,
        Unteaching.UNREADABLE,
        Unteaching.TWO_FIELDS,
    ]
    assert len(found.kept) == len(found.pairs) == 1


def test_what_was_recorded_is_a_dataset(files: dict[float, Path], tmp_path: Path) -> None:
    """The operator turned by 3 um and then by 1: from 4 um below the focus into it, by three images of one field."""
    state = tmp_path / "state"
    record_typed(state, "wd +3 um", before=files[-4.0], after=files[-1.0], who="Ada", specimen="mouse 3/b")
    record_typed(state, "wd +1 um", before=files[-1.0], after=files[0.0], who="Ada", specimen="mouse 3/b")
    files[0.0].unlink()  # its copy is kept
    dataset = as_dataset(state)
    assert {row.group.specimen for row in dataset.rows} == {"mouse 3 b"}
    known = [(row.pair.perturbation_um, row.target.move_um) for row in dataset.rows if row.pair]
    assert sorted(known) == [(0.5, 0.5), (1.5, 2.5), (2.0, 2.0)]
    dataset.write(tmp_path / "out")
    assert type(dataset).read(tmp_path / "out").digest == dataset.digest


def test_a_typed_move_is_of_the_instrument_of_its_station(files: dict[float, Path], tmp_path: Path) -> None:
    """A package knows um on the instrument whose moves it learned from: nobody types its name with each move."""
    state = tmp_path / "state"
    record_typed(state, "wd +4 um", before=files[-4.0], after=files[0.0])
    assert {row.group.instrument for row in as_dataset(state).rows} == {"unknown"}
    note_instrument(state, "SEM 3")
    assert {row.group.instrument for row in as_dataset(state).rows} == {"SEM 3"}
    record_typed(state, "wd +3 um", before=files[-4.0], after=files[-1.0], instrument="SEM 4")
    assert {row.group.instrument for row in as_dataset(state).rows} == {"SEM 4"}
    record_typed(state, "wd +1 um", before=files[-1.0], after=files[0.0], instrument="SEM 5")
    assert {row.group.instrument for row in as_dataset(state).rows} == {"SEM 4", "SEM 5", "unknown"}


def test_without_a_move_that_teaches_there_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recorded move teaches anything"):
        as_dataset(tmp_path)
    record(tmp_path, move(0.0))
    with pytest.raises(UsageError, match="1 left out; the first: turned by 0 um"):
        as_dataset(tmp_path)


def test_moves_that_make_no_pair_say_why(tmp_path: Path) -> None:
    record(tmp_path, move(25.0, specimen="a"))
    record(tmp_path, move(0.3, knob=Knob.STIG_X, at=5.0, specimen="b"))
    record(tmp_path, move(0.3, at=9.0, specimen="c"))
    found = sorted_record(tmp_path)
    assert [one.reason for one in found.left_out] == [Unteaching.TOO_FAR, Unteaching.NO_PAIR, Unteaching.NO_PAIR]
