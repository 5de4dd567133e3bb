"""Many images scored on an endpoint for somebody who waits: each report with its place in the call, as it comes.

For `mhfd score` and notebooks. No more is handed over than the endpoint needs to be busy, because what the service has
taken cannot be called back. Whatever dies, here or there, costs time and no image: a call is found again by its token,
and what has no answer is asked once more.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Final

from mhfd.contract.focus_report import FocusReport
from mhfd_client.compute.callable_endpoint import OpenEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.runners import UNSEEN, Job, Runner, Scored, Trouble
from mhfd_client.runners.driver import FAR_PATIENCE_S, Driver
from mhfd_client.scoring.kept_call import Stored

Results = Generator[tuple[int, FocusReport], None, None]

_TASKS: Final = 16  # out at once: enough for the workers of a node, few enough to be waited for
_BATCH: Final = 8
_TRIES: Final = 4
_LOST_S: Final = 900.0  # a task is silent for so long: its images are asked again


def scored_there(
    stored: Stored, reached: Callable[[], OpenEndpoint], *, say: Callable[[str], object] = lambda _: None
) -> Results:
    """Each image's report with its place in the call, in the order of completion. ComputeError.

    Closing it early gives up what waits; what the service has taken goes on there, and is found by the token.

    Args:
        stored: What is asked, and what of it is known already.
        reached: Reaches the endpoint; not asked for when everything is known.
        say: Told in words what is being waited for, when that takes long.
    """
    items = enumerate(stored.items)
    jobs = [Job(n, item.path, UNSEEN, 0, stored.params) for n, item in items if n not in stored.reports]
    return answered(stored, jobs, lambda: _runner(stored, reached(), len(jobs)), patience_s=FAR_PATIENCE_S, say=say)


def answered(
    stored: Stored,
    work: Sequence[Job | Scored],
    runner: Callable[[], Runner],
    *,
    patience_s: Mapping[Trouble, float],
    say: Callable[[str], object],
    left: Callable[[str], object] = lambda _: None,
) -> Results:
    """The same, by whoever `runner` makes; it is not made where there is no `work` left. What has come is kept before
    anybody is told. `left`: told what a person has to put away.
    """
    try:
        yield from sorted(stored.reports.items())
        if work:
            with closing(runner()) as made:
                driver = Driver(made, stored.token, tries=_TRIES, patience_s=patience_s, say=say, left=left)
                for answers in driver.resumed(work):
                    for answer in answers:  # all of them first: the runner does not know them any more
                        stored.scored(answer.id, answer.report)
                    yield from ((answer.id, answer.report) for answer in answers)
        stored.finish()
    finally:
        stored.close()


def _runner(stored: Stored, open_endpoint: OpenEndpoint, count: int) -> ComputeRunner:
    names = {item.path: item.there for item in stored.items}
    return ComputeRunner(
        stored.endpoint,
        open_endpoint,
        there=names.__getitem__,
        ledger=stored.tasks_file,
        batch=max(1, min(_BATCH, count // (2 * _TASKS))),  # several workers are busy until the end
        tasks=_TASKS,
        together=_TASKS // 2,
        deadline_s=_LOST_S,
        attempts=_TRIES,
        believes=True,
    )
