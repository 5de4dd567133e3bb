"""A test of who judges is asked: of this machine's library, of an endpoint, or by a flow that brings the image there.

Asked again by the same key, it is the same question. What comes back is compared with what the watch was told.
"""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkState
from mhfd.learning.dataset import Dataset
from mhfd.learning.packages import Library
from mhfd_client.errors import RetestRefused, WorkUnknown
from mhfd_client.journal.rows import Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.results.retested import RetestAnswer
from mhfd_client.retesting.image import TestImage, laid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mhfd.learning.packages import Package
    from mhfd_client.retesting.job import RetestJob
    from mhfd_client.works.kept_work import KeptWork

FUNCTION: Final = "mhfd_benchmark"
SAME: Final = 1e-4
"""The same package and runtime give the same number to so many digits on another machine."""


def tested(job: RetestJob) -> RetestAnswer:
    """Make a test. MhfdError: it could not be made now."""
    way = job.way
    with JournalView.read(job.state_dir) as journal:
        identity = journal.identity()
        image = laid(journal, job.image, way.folder / f"{identity}-{job.name}", way.instrument)
    library = Library(way.home)
    champion = library.champion("focus", way.instrument)
    title = "mhfd" if champion is None else champion.card.title
    name = None if champion is None else champion.name
    if image.skipped is not None:
        return RetestAnswer(by=way.by, skipped=image.skipped, instrument=image.instrument, champion=name, title=title)
    second = library.challenger_name("focus", way.instrument)
    others = () if second is None else (second,)
    if way.by == "local":
        found = _here(job, image, library, champion, others)
    else:
        found = _there(job, image, f"retest-{identity}-{job.name}", name, others)
    return _answer(job, image, found, champion)


def _here(
    job: RetestJob, image: TestImage, library: Library, champion: Package | None, others: tuple[str, ...]
) -> Benchmarked:
    from mhfd.learning.benchmarking import benchmark

    assert image.dataset is not None  # noqa: S101 - it was not skipped
    return benchmark(
        Dataset.read(image.dataset),
        library=library,
        instrument=image.instrument,
        against=others,
        champion=None if champion is None else champion.name,
        prevalence=job.way.prevalence,
        miss_cost=job.way.miss_cost,
        out=image.dataset / "report",
        gate=lambda _package: (),  # one image promotes nobody: what bars a package is not measured for it
    )


def _there(job: RetestJob, image: TestImage, key: str, champion: str | None, others: tuple[str, ...]) -> Benchmarked:
    from mhfd_client.works.beginning import begin
    from mhfd_client.works.following import follow
    from mhfd_client.works.told import answer_told

    way = job.way
    if way.library is None:
        raise RetestRefused("models.library: must be set for re-tests far away: the library as the endpoint names it")
    request = {
        "dataset": _named_there(job, image),
        "library": way.library,
        "instrument": image.instrument,
        "task": "focus",
        "against": list(others),
        "champion": champion,
        "prevalence": way.prevalence,
        "miss_cost": way.miss_cost,
    }
    kept = _going(job, key, request)
    if kept is None:
        key = f"{key}-{job.tries}" if job.tries else key  # one that failed has ended, and would say so again
        by_flow = way.by == "flow"
        kept = begin(
            FUNCTION,
            request,
            endpoint=None if by_flow else way.settings.get("compute.endpoint"),
            key=key,
            via="flow" if by_flow else "compute",
            settings=way.settings if by_flow else None,
        )
    with closing(follow(kept)) as heard:
        *_, end = heard
    answer = end.answer
    if answer.state is not WorkState.DONE:
        raise RetestRefused(answer_told(answer))
    try:
        return Benchmarked.model_validate(answer.result)
    except ValidationError as error:
        what = error.errors()[0]
        raise RetestRefused(
            f"the endpoint answered what is no benchmark ({'.'.join(map(str, what['loc']))}: {what['msg']}); it has "
            "another version of mhfd: bring both up to date"
        ) from None


def _going(job: RetestJob, key: str, request: Mapping[str, Any]) -> KeptWork | None:
    """The work of an earlier try that may still be under way, as what failed was to hear of it; or that is done.

    It is the same question, asked the same way; else it is left alone.
    """
    from mhfd_client.works.kept_work import KeptWork

    for number in reversed(range(job.tries + 1)):
        try:
            kept = KeptWork.named(f"{key}-{number}" if number else key)
        except WorkUnknown:
            continue
        same = kept.via == ("flow" if job.way.by == "flow" else "compute") and kept.request == request
        way = kept.settings if kept.via == "flow" else {"compute.endpoint": str(kept.endpoint)}
        if same and all(job.way.settings.get(name) == value for name, value in way.items()):
            done = kept.ended is not None and kept.ended.state is WorkState.DONE
            return kept if done or not kept.over else None
    return None


def _named_there(job: RetestJob, image: TestImage) -> str:
    """The dataset's folder, as who is asked calls it: a flow brings it from here."""
    from mhfd_client.compute.paths import PathMap

    if job.way.by == "flow":
        return str(image.dataset)
    return PathMap(job.way.settings.get("compute.map") or ()).there(str(image.dataset))


def _answer(job: RetestJob, image: TestImage, found: Benchmarked, champion: Package | None) -> RetestAnswer:
    """What is said of it, beside what the watch was told."""
    package = found.champion
    entry = next((one.name for one in found.entries if one.package == package), None)
    said = found.said[0] if found.said else None
    scores: dict[str, float | None] = {} if said is None else dict(said.scores)
    there = scores.pop(entry, None) if entry is not None else None
    here = (image.estimates or {}).get(package) if package is not None else None
    probability = there if there is not None and 0 <= there <= 1 else here
    bad: Any = None if image.label is None else not image.label.sharp
    says = _verdict_bad(image.verdict) if package is None else None if probability is None else probability >= 0.5
    return RetestAnswer(
        by=job.way.by,
        instrument=image.instrument,
        champion=package,
        title="mhfd" if package is None else champion.card.title if champion is not None else entry or package,
        here=here,
        there=None if package is None else there,
        differs=_differs(package, here, there),
        says_bad=says,
        bad=bad,
        said_by=None if image.label is None else image.label.who,
        far=None if said is None or package is None else said.far.get(package),
        others={name: score for name, score in scores.items() if score is not None},
        line=found.line,
    )


def _verdict_bad(outcome: Outcome | None) -> bool | None:
    return {Outcome.IN_FOCUS: False, Outcome.OUT_OF_FOCUS: True}.get(outcome) if outcome is not None else None


def _differs(package: str | None, here: float | None, there: float | None) -> str | None:
    """What is to be looked at where one package says two things of one image."""
    if package is None or here is None or there is None or math.isclose(here, there, abs_tol=SAME):
        return None
    return (
        f"the watch was told {here:.3g} and the test {there:.3g} of the same image by the same package: the runtimes "
        "differ; compare the versions of mhfd and onnxruntime at both ends"
    )
