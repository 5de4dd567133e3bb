"""The flows that come with this package, made of stages.

As they are deployed they lie beside this file too, as JSON; a test holds both to be the same.
"""

from typing import Final

from mhfd.errors import UsageError
from mhfd_flows.build import FlowRecipe
from mhfd_flows.stages.keeping import clean_or_keep
from mhfd_flows.stages.learning import assess, benchmark, test_again, train
from mhfd_flows.stages.looking import look
from mhfd_flows.stages.scoring import SOME_NOT_SCORED, score_brought, score_where_they_lie
from mhfd_flows.stages.staging import bring, clean, give_back

INPUT_VERSION: Final = 3
"""Of the inputs' schemas. A deployed flow is told from another by its digest, which holds them."""

MAX_IMAGES: Final = 512
"""In one run that is told which. More names would fill the 200 KB that the service allows for the state of a run."""

MAX_FILES: Final = 64
"""In the folder that a run looks at by itself, and in one of the smaller flow."""

MAX_REPORTS: Final = 128
"""In the folder of the reports, when a run looks by itself."""

FLOWS: Final[dict[str, FlowRecipe]] = {
    flow.name: flow
    for flow in (
        FlowRecipe(
            name="focus_check",
            title="mhfd: check the focus of images",
            subtitle="Bring images to a GPU endpoint, score their focus, bring the reports back, leave nothing behind",
            stages=(
                look(MAX_IMAGES, MAX_FILES, MAX_REPORTS),
                bring("images", listed=True, back="reports"),
                score_brought(),
                give_back(
                    "reports", after="the images were scored", of="their", folder="reports", some=SOME_NOT_SCORED
                ),
                clean(),
            ),
            done="Every image that was whole has its report; the staging area is clean.",
            most=MAX_IMAGES,
        ),
        FlowRecipe(
            name="focus_check_shared",
            title="mhfd: check the focus of images on a shared file system",
            subtitle="Score images that the GPU endpoint can see where they are",
            comment="mhfd: score the focus of images that lie on a file system the GPU endpoint can see. "
            "Nothing is moved.",
            stages=(score_where_they_lie(MAX_FILES),),
            done="Every image has its report.",
            most=MAX_FILES,
        ),
        FlowRecipe(
            name="learn",
            title="mhfd: learn for a microscope",
            subtitle="Assess a library with first images, train what is worth it, benchmark it, bring the best back",
            stages=(
                bring("first images", again=True),
                assess(),
                train(1, "best"),
                train(2, "next best"),
                benchmark(),
                give_back("report and package", after="all was benchmarked", part="benchmark"),
                clean_or_keep(made=("train-1", "train-2"), parts=("assess", "train-1", "train-2", "benchmark")),
            ),
            done="It was benchmarked, and report and package are back; the staging area is clean.",
        ),
        FlowRecipe(
            name="retest",
            title="mhfd: test a microscope's champion again",
            subtitle="Bring images to an endpoint, test who judges there against a library, bring the report back",
            stages=(
                bring("images"),
                test_again(),
                give_back("report", after="it was tested"),
                clean(),
            ),
            done="It was tested, and the report is back; the staging area is clean.",
        ),
    )
}


def flow_of(name: str) -> FlowRecipe:
    """A flow by its name; UsageError names those there are."""
    try:
        return FLOWS[name]
    except KeyError:
        raise UsageError(f"there is no flow {name!r}; there are {', '.join(FLOWS)}") from None
