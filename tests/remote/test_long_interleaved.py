"""Long work in every order of things: kills at any file operation, stopped workers, wrong clocks, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.remote.interleaved import STEPS, Asker, World

from mhfd.contract.work import ENDS, WorkAnswer, WorkState

_MANY: Final = 2000


@dataclass(frozen=True)
class Scene:
    """Somebody asks, and is let on for a while; it is killed, or left where it is; an earlier one wakes up."""

    host: str
    skew_s: float
    cancel: bool
    full_at: int
    steps: int
    killed: bool
    passes_s: float
    woken: int
    woken_steps: int


def scenes(*, cancel: bool) -> st.SearchStrategy[list[Scene]]:
    return st.lists(
        st.builds(
            Scene,
            host=st.sampled_from("aab"),
            skew_s=st.sampled_from([0.0, 0.0, 0.0, 100.0, -100.0]),
            cancel=st.booleans() if cancel else st.just(False),
            full_at=st.integers(0, 150),
            steps=st.integers(1, 80),
            killed=st.sampled_from([False, False, True]),
            passes_s=st.sampled_from([0, 1, 6, 45, 45, 1000]),
            woken=st.integers(0, 3),
            woken_steps=st.sampled_from([0, 0, 5, 20, 60]),
        ),
        min_size=1,
        max_size=5,
    )


@contextmanager
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.close()


def played(world: World, script: list[Scene]) -> None:
    """What the script says, and what must be true at each of its steps."""
    for scene in script:
        asker = world.ask(scene.host, skew_s=scene.skew_s, cancel=scene.cancel)
        for step in range(scene.steps):
            world.full = step == scene.full_at
            world.now += 1
            asker.go_on()
            judged(world)
        world.full = False
        if scene.killed:
            asker.kill()
        world.now += scene.passes_s
        stopped = world.alive()
        for _ in range(scene.woken_steps if stopped else 0):
            stopped[scene.woken % len(stopped)].go_on()
            judged(world)


def until_it_ends(world: World, *, cancel: bool = False) -> WorkAnswer:
    """Somebody goes on asking, and all that still live go on."""
    asker: Asker | None = None
    for _ in range(_MANY):
        if asker is None or asker.over:
            if asker is not None and asker.said is not None and asker.said.state in ENDS:
                return asker.said
            asker = world.ask("c", cancel=cancel)
        for one in world.alive():
            one.go_on()
        world.now += 0.2
    raise AssertionError("it does not end")


def judged(world: World) -> None:
    """At most one turn counts, nothing goes back, and there is one result."""
    turns, places = [turn for _, turn, _ in sorted(world.saved)], [place for *_, place in sorted(world.saved)]
    assert turns == sorted(turns), "an earlier turn saved after a later one"
    assert places == sorted(set(places)), "work that counted was done again"
    assert [repr(one.broken) for one in world.askers if one.broken is not None] == []
    ends = {one.said.model_dump_json() for one in world.askers if one.said is not None and one.said.state in ENDS}
    assert len(ends) <= 1, "two results"


@given(scenes(cancel=False))
def test_there_is_one_result_whatever_happens(script: list[Scene]) -> None:
    with world() as here:
        played(here, script)
        end = until_it_ends(here)
        for one in here.alive():  # who was stopped all the while wakes up
            one.go_on(_MANY)
        assert until_it_ends(here) == end
        judged(here)
        assert (end.state, end.result) == (WorkState.DONE, {"kept": list(range(STEPS))})
        assert here.folders[f"files-{end.taken_up}"] == list(range(STEPS)), "its files went with another turn"


@given(scenes(cancel=True))
def test_cancelled_or_done_it_is_one_of_both(script: list[Scene]) -> None:
    with world() as here:
        played(here, script)
        end = until_it_ends(here, cancel=True)
        for one in here.alive():
            one.go_on(_MANY)
        assert until_it_ends(here) == end
        judged(here)
        assert end.state in (WorkState.DONE, WorkState.CANCELLED)
        if end.state is WorkState.DONE:
            assert end.result == {"kept": list(range(STEPS))}


@pytest.mark.parametrize(("further", "killed"), [(12, False), (24, False), (45, False), (70, False), (30, True)])
def test_paused_or_killed_at_each_of_its_steps_and_taken_over(further: int, killed: bool) -> None:
    for steps in range(1, 90):
        with world() as here:
            first = here.ask("a")
            first.go_on(steps)
            if killed:
                first.kill()
            here.now += 45
            second = here.ask("b")
            for _ in range(further):
                here.now += 1
                second.go_on()
            first.paused_s = 45 + further
            first.go_on(_MANY)
            end = until_it_ends(here)
            judged(here)
            assert end.result == {"kept": list(range(STEPS))}
            assert here.folders[f"files-{end.taken_up}"] == list(range(STEPS))
