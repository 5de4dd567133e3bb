"""A work asked for, again and again, until it has come to its end: what a person sees of it meanwhile.

Asking again is all there is to it, whoever died in between: the endpoint's worker goes on from its last checkpoint, and
two that ask for the same key hear of the same work. What is heard is kept before anybody is told.

A training's process has a second worker, which answers while the first one works. So a training is asked for twice at
once: whichever is not working on it says how far it is.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Final

from mhfd.contract.work import ENDS, WorkState
from mhfd.errors import UsageError
from mhfd_client.compute.reach import reach
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Runner, Trouble
from mhfd_client.runners.driver import Driver
from mhfd_client.runners.work import Ended, Going, Work
from mhfd_client.works.kept_work import KeptWork

_PATIENCE_S: Final = {
    Trouble.REFUSED: 0.0,  # a person has to act, and then goes on by the key
    Trouble.FAILING: 600.0,
    Trouble.OFFLINE: 3600.0,  # an endpoint that is started anew goes on with it
}
"""A queue is waited for, however long it is: that is what such work is like."""
_TRIES: Final = 4
_LOST_S: Final = 900.0  # beyond its turn, a task is silent for so long: the work is asked for again

Say = Callable[[str], object]


def follow(kept: KeptWork, *, say: Say = lambda _: None) -> Generator[Going | Ended, None, None]:
    """How it goes, as often as that is heard; its end is the last. ComputeError, FlowError, LoginError, RunnerError.

    Closed early, it leaves what is out: a worker that has it goes on to the end of its turn.

    Args:
        kept: The work.
        say: Told in words what is being waited for, when that takes long.
    """
    yield from _driven(kept, say, cancel=False)


def cancel(kept: KeptWork, *, say: Say = lambda _: None) -> Generator[Going | Ended, None, None]:
    """The same, and it is asked to end: whoever has it does so at its next checkpoint. UsageError."""
    if kept.at_once:
        raise UsageError(f"key: {kept.key} is of {kept.function}, which answers at once: there is nothing to cancel")
    yield from _driven(kept, say, cancel=True)


def hand_over(kept: KeptWork, *, say: Say = lambda _: None) -> None:
    """Ask for it, and wait only until the service has taken that."""
    taken: list[object] = []
    if kept.ended is not None:
        return
    work = kept.work()
    with _runner(kept) as runner:
        if runner.reattach(Batch(kept.token, (work,))):
            return
        driver = _driver(runner, kept, say, begun=taken.append)
        driver.hand_over(iter([work]))
        while not taken:
            for event in driver.listen(1.0):
                if isinstance(event, Going | Ended):
                    kept.heard(event)
                    taken.append(event)
            driver.lose_patience()


def _driven(kept: KeptWork, say: Say, *, cancel: bool) -> Generator[Going | Ended, None, None]:
    if kept.ended is not None:
        yield Ended(kept.token, 0, kept.ended, int((kept.heard_s or kept.begun_s) * 1e9))
        return
    work = kept.work(cancel=cancel)
    asked = [work] if cancel or not _answered_beside(kept) else [work, replace(work, id=1)]
    with _runner(kept, tasks=len(asked)) as runner:
        by_run = cancel and kept.via == "flow"
        driver = _driver(runner, kept, say, tries=1 if by_run else _TRIES)
        for events in _run_ended(runner, driver, kept, work) if by_run else driver.resumed(asked):
            for event in events:
                heard = _cancelled(event) if by_run and isinstance(event, Ended) else event
                if isinstance(heard, Ended) and heard.id != work.id and heard.answer.state not in ENDS:
                    continue  # it only was to say how far the other one is
                kept.heard(heard)
                yield heard
                if isinstance(heard, Ended):
                    return


def _answered_beside(kept: KeptWork) -> bool:
    """Whether a second worker says how far the work is while the first one works."""
    return kept.via == "compute" and not kept.at_once and kept.options.get("purpose") == "train"


def _run_ended(runner: Runner, driver: Driver, kept: KeptWork, work: Work) -> Iterator[list[Going | Ended]]:
    """What a flow carries is ended by ending its run: a second request does not reach it."""
    if not runner.reattach(Batch(kept.token, (work,))):
        raise RunnerError(
            f"work {kept.key} has no run of its flow under way: there is nothing to cancel; `mhfd work follow "
            f"{kept.key}` begins one"
        )
    runner.cancel(kept.token)
    return driver.results((), taken=(work,))


def _cancelled(event: Ended) -> Ended:
    """A run that was ended says nothing of the work: it came back, because somebody asked for that."""
    if event.answer.state is not None:
        return event
    answer = event.answer.model_copy(update={"ok": True, "errors": (), "state": WorkState.CANCELLED})
    return replace(event, answer=answer)


def _driver(
    runner: Runner,
    kept: KeptWork,
    say: Say,
    *,
    tries: int = _TRIES,
    begun: Callable[[object], object] = lambda _: None,
) -> Driver:
    return Driver(runner, kept.token, tries=tries, patience_s=_PATIENCE_S, say=say, left=say, begun=begun)


@contextmanager
def _runner(kept: KeptWork, *, tasks: int = 1) -> Iterator[Runner]:
    """Who carries it there, so many at once."""
    if kept.via == "flow":
        from mhfd_client.works import by_flow

        with by_flow.flow_runner(kept) as runner:
            yield runner
        return
    with (
        reach(kept.endpoint, kept.function, config=kept.options) as opened,
        # Nothing of what is out has to be remembered: the endpoint knows the work by its key.
        closing(
            ComputeRunner(kept.endpoint, opened, tasks=tasks, deadline_s=_LOST_S, attempts=_TRIES, believes=True)
        ) as made,
    ):
        yield made
