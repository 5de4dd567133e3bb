"""What a task's end means for its images: a report, another try, or set aside with the reason.

A failure counts as an image's own only when it failed alone while the endpoint did well otherwise.
"""

from typing import Any, Final

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.request import Code
from mhfd_client.compute.endings import EndingRunner
from mhfd_client.compute.endpoint_health import HOLD_S
from mhfd_client.compute.flight import Part
from mhfd_client.compute.flying_images import FlyingImage, FlyingImages, ImagesTask
from mhfd_client.errors import ComputeError, FunctionError, RequestTooLarge, WorkerLost
from mhfd_client.runners.answers import EndpointAnswer, Reason, read
from mhfd_client.runners.far_images import FarImagesRunner
from mhfd_client.runners.versions import newer_there

BLAMELESS: Final = {"too_many", "left_out"}
LATER: Final = {*BLAMELESS, "out_of_time", "changed"}  # problems that fewer images, or another try, may not have
OURS: Final = {"out_of_memory", "out_of_time", "internal", "invalid", "refused_path"}  # an image's own fault, perhaps


class OutcomeRunner(EndingRunner, FarImagesRunner):
    """Decides what becomes of images whose task has ended. See `EndingRunner`."""

    _images: FlyingImages
    _believes: bool
    _most: int  # images of a task, as far as it is known to go well

    # -- what it said

    def _told_of(self, part: Part, plain: Any, *, by_itself: bool) -> None:
        if not isinstance(part, ImagesTask):
            return super()._told_of(part, plain, by_itself=by_itself)
        answer = read(plain, len(part.asked))
        self._health.answered()
        now = self._clock()
        if by_itself and not part.late and part.id is not None and answer.reports:
            self._flight.took((now - max(part.at, self._health.live_since or part.at)) / len(part.asked))
        if answer.whole is not None:
            return self._whole(part, answer.whole)
        moments = self._moments(part, answer)
        self._health.reported(len(answer.reports))
        if not any(reason.code == Code.QUOTA for reason in answer.reasons.values()):
            self._health.not_used_up()
        for index, image in enumerate(part.asked):
            if index in answer.reports:
                self._scored(image, answer.reports[index], moments)
            elif image.open:
                self._unscored(part, image, answer.reasons.get(index) or Reason("left_out", "the endpoint left it out"))
        return None

    def _moments(self, part: ImagesTask, answer: EndpointAnswer) -> tuple[int | None, int]:
        """When work on a task began and ended, on this machine's clock.

        The worker's clock is believed as far as it agrees with ours; else the way there and back took equally long.
        """
        now = self._now_ns()
        if answer.worked is None or not part.at:
            return None, now
        began, ended = answer.worked
        sent = now - round((self._clock() - part.at) * 1e9)
        if not sent <= began <= ended <= now:
            way = max(0, (now - sent) - (ended - began)) // 2
            began, ended = sent + way, now - way
        return began, ended

    def _scored(self, image: FlyingImage, report: FocusReport, moments: tuple[int | None, int]) -> None:
        newer = newer_there(report, image.job.params)
        if newer is not None:
            self._health.refused(newer)
            if image.open:
                self._images.again([image])
            return
        if image.job.params.version_of(report.params_id) is None:
            if image.open:
                self._guilty(image, f"was scored with other parameters ({report.params_id})", self._proof)
            return
        began, ended = moments
        self._answer(image, report, str(self._id), ended, started_ns=began)

    def _unscored(self, part: ImagesTask, image: FlyingImage, reason: Reason) -> None:
        if part.late:
            return  # it waits or is out again already
        together = len(part.asked) > 1
        match reason.code:
            case Code.QUOTA if not self._believes:
                self._health.used_up(str(reason))
                self._images.again([image])
            case "changed":
                self._give_back([image], str(reason.why), code=reason.code)
            case code if self._believes and code not in LATER:
                self._give_back([image], str(reason), blame=True, code=_of_contract(code))
            case "unavailable":
                self._give_back([image], str(reason.why), blame=True, code=reason.code)
            case code if together and code in (LATER if self._believes else BLAMELESS):
                self._fewer(part)
                self._images.again([image])
            case "refused_path" if not self._health.reports:
                self._health.refused(str(reason))
                self._images.again([image])
            case code if code in OURS or not together:
                self._guilty(image, str(reason.why), self._proof, code=_of_contract(code))
            case _:
                image.alone = True
                self._images.again([image])

    def _whole(self, part: ImagesTask, reason: Reason) -> None:
        """The endpoint did not take the request at all."""
        if _wants_another_form(part, reason):
            self._images.says_version = not part.says_version
        elif reason.code in BLAMELESS and len(part.asked) > 1:
            self._fewer(part)
        else:
            self._health.refused(str(reason))
        if not part.late:
            self._images.again(part.open)

    # -- what failed

    def _undone(self, part: Part, error: ComputeError) -> None:
        """Of images that went together one may be the reason, or none."""
        if not isinstance(part, ImagesTask):
            return super()._undone(part, error)
        died = isinstance(error, WorkerLost)
        match error, len(part.asked) > 1:
            case FunctionError(), _:
                self._health.turned_away(error)
            case RequestTooLarge(), True:
                self._fewer(part)
            case RequestTooLarge(), False:
                for image in part.open:
                    self._set_aside(image, f"could not be asked for: {error}")
            case _, True:
                for image in part.open:
                    image.alone = image.ailed or died
                    image.ailed = True
            case _:
                for image in part.open:
                    proof = self._health.reports if not died else None if self._believes else self._health.proofs
                    self._guilty(image, f"makes the endpoint fail: {error}", proof)
        return self._images.again(part.open)

    def _silent(self, part: Part) -> None:
        super()._silent(part)
        if isinstance(part, ImagesTask) and len(part.asked) == 1 and part.asked[0].tries > 1:
            for image in part.open:
                self._guilty(image, "gave no answer in time", self._health.reports)

    @property
    def _proof(self) -> int | None:
        return None if self._believes else self._health.reports

    def _guilty(self, image: FlyingImage, why: str, proof: int | None, *, code: str | None = None) -> None:
        """It failed alone. That counts as its own fault as long as the endpoint does well otherwise.

        `proof`: how often it has done well; nothing: it counts anyway.
        """
        image.alone = True
        image.tries += 1
        if proof is None or image.failures == 0 or proof > image.proof:
            image.failures += 1
        image.proof = proof or 0
        if image.failures >= self._attempts:
            self._set_aside(image, f"set aside after {image.failures} tries: {why}", code=code)
            return
        image.due = self._clock() + min(HOLD_S, self._backoff * 2.0 ** min(image.tries - 1, 10))
        self._images.again([image], last=True)

    def _fewer(self, part: ImagesTask) -> None:
        self._most = max(1, len(part.asked) // 2)


def _of_contract(code: str) -> str | None:
    """The endpoint's own code; what we made of an answer that we cannot read is none."""
    return None if code == "invalid" else code


def _wants_another_form(part: ImagesTask, reason: Reason) -> bool:
    """An older endpoint takes no request of our version; once it is upgraded it takes none without."""
    if part.says_version:
        return reason.code == Code.BAD_REQUEST and reason.field == "schema_version"
    return reason.code == Code.OLD_STATION
