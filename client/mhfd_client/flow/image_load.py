"""Runs that carry images to be scored: their input, which of their images have a report, and which go again."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mhfd.contract.request import Code, ScoreRequest
from mhfd_client.files import text_of
from mhfd_client.flow import reports
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.images import FlowImage, FlowImages
from mhfd_client.flow.loads import Load
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.reports import Collected, RunFiles
from mhfd_client.flow.run_end import Fate, GivenBack, Reported, RunEnd
from mhfd_client.flow.run_words import label
from mhfd_client.flow.service import Run, answers_in
from mhfd_client.runners import Job
from mhfd_client.runners.work import Work


class ImageLoad(Load[FlowImage]):
    """See `flow.loads`.

    Args:
        folders: Where images and reports are, by each side's name.
        files: Images and reports on this machine.
    """

    waits, foreign = "images wait", "this flow carries images, and no work of a function"

    def __init__(self, folders: Folders, files: RunFiles = reports) -> None:
        self._folders, self._files = folders, files
        self.line = FlowImages()

    def pending(self, token: str, asked: Job | Work, now: float) -> FlowImage | None:
        if not isinstance(asked, Job):
            return None
        weight = len(json.dumps(_image(self._folders, asked, self._folders.name(asked))))
        return FlowImage(now, weight, token=token, job=asked)

    def unmovable(self, image: FlowImage) -> str:
        return self._folders.unmovable(image.job.path)

    def name(self, image: FlowImage) -> str:
        return self._folders.name(image.job)

    def unfit(self, own: OwnRun[FlowImage]) -> Callable[[], list[tuple[str, bool] | None]]:
        jobs = [image.job for image in own.carried]
        return lambda: [self._files.unfit(job) for job in jobs]

    def body(self, own: OwnRun[FlowImage]) -> dict[str, Any]:
        return body_of(self._folders, own.key, [image.job for image in own.carried], own.names)

    def label(self, own: OwnRun[FlowImage]) -> str:
        return label(text_of(self._folders.watched.name), len(own.carried))

    def collect(self, own: OwnRun[FlowImage]) -> Callable[[], Collected]:
        here, run, jobs = self._folders.results_here, str(own.run), [image.job for image in own.carried]
        seen, others = ([self._folders.seen(run, name) for name in names] for names in (own.names, own.answered))
        return lambda: self._files.collect(here / own.key, here / "aside", jobs, seen, others)

    def end(self, own: OwnRun[FlowImage], run: Run, found: Collected, now_ns: int) -> RunEnd[FlowImage]:
        moved, began, ended = _moments(own, run, now_ns)
        moments = {"submitted_ns": own.asked_ns, "transferred_ns": moved, "started_ns": began}
        changed = set(_changed(run.output))
        fates: list[tuple[FlowImage, Fate]] = []
        left: list[FlowImage] = []
        late = False
        for n, (image, name) in enumerate(zip(own.carried, own.names, strict=True)):
            if n in found.reports:
                fates.append((image, Reported(found.reports[n], ended, moments)))
            elif n in found.changed:
                fates.append((image, GivenBack(found.changed[n])))
            elif name in changed or run.error == "ImagesChanged":
                fates.append((image, GivenBack("the file changed while it was moved")))
            elif image.open:
                left.append(image)
                late = late or n not in found.wrong
        return RunEnd(
            own=own,
            run=run,
            fates=fates,
            left=left,
            answered=bool(found.reports),
            may_come_late=late and run.status == "SUCCEEDED",
            lacking="gave no report of some images",
            goes_again=f"{len(left)} images go again",
            alone=bool(found.reports) or run.error in ("NotScored", "RequestRefused", "ImagesNotBrought"),
            aside=found.aside,
        )

    def discard(self, own: OwnRun[FlowImage]) -> Callable[[], None]:
        folder = self._folders.results_here / own.key
        return lambda: self._files.discard(folder)


def body_of(folders: Folders, key: str, jobs: Sequence[Job], names: Sequence[str]) -> dict[str, Any]:
    """The input of a run."""
    params = ScoreRequest(paths=("-",), params=jobs[0].params).model_dump(mode="json", exclude_defaults=True)
    images = [_image(folders, job, name) for job, name in zip(jobs, names, strict=True)]
    return folders.surrounded(key) | {"batch": {"images": images}, "params": params.get("params", {})}


def _image(folders: Folders, job: Job, name: str) -> dict[str, Any]:
    return {"path": folders.below(job.path), "name": name, "size": job.size}


def _moments(own: OwnRun[FlowImage], run: Run, now_ns: int) -> list[int | None]:
    """When the images lay there, when work began and ended: on this machine's clock, and in this order."""
    last = own.asked_ns
    found: list[int | None] = []
    for name in ("BringImagesCompleted", "ScoreStarted", "ScoreCompleted"):
        at = run.moments.get(name)
        here = None if at is None else min(now_ns, max(last, round((at + own.offset) * 1e9)))
        last = here or last
        found.append(here)
    return found


def _changed(output: Mapping[str, Any]) -> Iterator[str]:
    """Names of images that have changed while they were moved, by what the endpoint's function says."""
    before = output.get("whole")  # of a flow that an earlier mhfd has deployed
    yield from (before.get("changed") or ()) if isinstance(before, dict) else ()
    for answer in answers_in([{"details": {"output": output.get("score")}}]):
        for error in answer.get("errors") or ():
            if error.get("code") == Code.CHANGED and error.get("path"):
                yield str(error["path"]).rpartition("/")[2]
