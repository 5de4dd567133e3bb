"""Images are scored: those that were brought, or where they lie. One task for all of them."""

from collections.abc import Mapping
from typing import Any, Final

from mhfd_flows.build import ASK_DOCTOR, BadEnd, Fault, FlowStage, FunctionAsked, Step
from mhfd_flows.parts.schemas import text
from mhfd_flows.parts.states import ON, States, choice, computed, lost, three_times, when
from mhfd_flows.stages.tasks import computing, given, refusal, task, task_troubles

_PARAMS: Final = {
    "type": "object",
    "title": "Parameters of the detector",
    "description": "What differs from the preset `robust`; left out: nothing.",
}
_NONE_BUT_CHANGED: Final = "len([e for e in OUT.errors if e.code != 'changed']) == 0"
_NOT_SCORED: Final = BadEnd(
    "NotScored",
    "The Compute endpoint did not score the images: see $.errors.score.",
    "the endpoint did not score the images",
    ASK_DOCTOR,
)


def score_brought() -> FlowStage:
    """Images that were brought. What came with another size than it was seen with is told from what is refused."""
    return _score(
        "Reports are written beside the images, and nothing of them comes back here: the state is bounded. What came "
        "with another size than it was seen with is not scored: it has changed, and is a new image.",
        {
            "schema_version": 3,
            "paths.=": "[plan.seen + i.name for i in batch.images]",
            "expect.=": "[{'size': i.size} for i in batch.images]",
            "params.=": "getattr('params', {})",
            "detail": "none",
            "write_to.=": "plan.seen + 'reports'",
        },
        "Did the function do all it was asked to, but for images that changed on the way; or at least some; or had all "
        "changed?",
        {
            "ok": f" and 'errors' in OUT and {_NONE_BUT_CHANGED}",
            "some": " and 'reports' in OUT and len([r for r in OUT.reports if r != None]) > 0",
            "changed": f" and 'errors' in OUT and len(OUT.errors) > 0 and {_NONE_BUT_CHANGED}",
        },
        {
            "Answered": choice(
                "Reports that are there come back, also when others are missing.",
                [when("answer.some", True, ON), when("answer.changed", True, "AllChanged")],
                "Refused",
            ),
            "AllChanged": lost("ImagesChanged", "Every image has changed since it was seen."),
            "Refused": lost("RequestRefused", "The function refused the request; $.score says why."),
        },
        (
            BadEnd(
                "ImagesChanged",
                "Every image has changed since it was seen, so none was scored.",
                "every image changed while it was moved, so that none was scored",
            ),
            _NOT_SCORED,
            refusal("score"),
        ),
        (
            *task_troubles("score", "NotScored", "RequestRefused"),
            Fault(
                "all-images-changed",
                "every image has changed since it was seen",
                "score",
                "all changed",
                "ImagesChanged",
                takes="all",
            ),
            Fault(
                "image-changed",
                "one image has changed since it was seen",
                "score",
                "changed",
                takes=1,
                none_left="ImagesChanged",
            ),
        ),
        staged=True,
        steps={"AllChanged": Step.MOVE},
    )


SOME_NOT_SCORED: Final = (
    BadEnd(
        "SomeNotScored",
        "Some images were not scored: see $.score. The reports of the others are back.",
        "some images were not scored; the reports of the others are back",
        ASK_DOCTOR,
    ),
    Fault(
        "some-not-scored",
        "one image is not scored",
        "score",
        "some",
        "SomeNotScored",
        takes=1,
        none_left="RequestRefused",
        late=True,
    ),
)
"""How a run ends in which others were scored; it says so when their reports are back."""


def score_where_they_lie(most: int) -> FlowStage:
    """Images that the endpoint sees where they are; at most so many."""
    paths = {
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "title": "Images, as the endpoint sees them",
        "items": {"type": "string", "minLength": 1, "maxLength": 512},
    }
    return _score(
        "Full reports are written to write_to, where one is given; summaries come back.",
        {
            "schema_version": 1,
            "paths.$": "$.paths",
            "params.=": "getattr('params', {})",
            "detail": "summary",
            "write_to.=": "getattr('write_to', None)",
        },
        "Did the function do all it was asked to?",
        {"ok": " and 'ok' in OUT and OUT.ok == True"},
        {
            "Answered": choice(
                "An answer that is not ok is a failure, with the function's own words in $.score.",
                [when("answer.ok", True, ON)],
                "NotAllScored",
            )
        },
        (
            _NOT_SCORED,
            BadEnd(
                "NotAllScored",
                "The function did not score every image: see $.score.",
                "not every image was scored",
                ASK_DOCTOR,
            ),
        ),
        (
            *task_troubles("score", "NotScored", "NotAllScored"),
            Fault("some-not-scored", "one image is not scored", "score", "some", "NotAllScored", takes=1, late=True),
        ),
        asks={
            "paths": paths,
            "write_to": text(
                "Folder for full reports, as the endpoint sees it", description="Left out: summaries only."
            ),
        },
        staged=False,
    )


def _score(
    comment: str,
    kwargs: Mapping[str, Any],
    reading: str,
    read: Mapping[str, str],
    answered: States,
    ends: tuple[BadEnd, ...],
    faults: tuple[Fault, ...],
    *,
    staged: bool,
    asks: Mapping[str, Any] | None = None,
    steps: Mapping[str, Step] | None = None,
) -> FlowStage:
    asked = task(comment, kwargs, "score", 14_400)
    known = {f"{name}.=": given("score", rest) for name, rest in read.items()}
    return FlowStage(
        step=Step.SCORE,
        states=three_times("Score", asked, short="Score", counter="score", lost="ScoreLost", then="Read")
        | {
            "ScoreLost": lost("NotScored", "The endpoint did not answer."),
            "Read": computed(reading, known, "answer", "Answered"),
        }
        | answered,
        places={"Score": "score"},
        asked=FunctionAsked("mhfd_focus"),
        asks={**computing("mhfd_focus", staged=staged), **(asks or {}), "params": _PARAMS},
        needs=("compute", *(["paths"] if asks else [])),
        ends=ends,
        faults=faults,
        steps=steps or {},
    )
