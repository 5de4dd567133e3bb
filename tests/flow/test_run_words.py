"""What a person is told of a run: of ours as it always was, whoever the flow's stages are; of a strange one at all."""

from __future__ import annotations

import pytest
from tests.rigs.hash_flow import HASH_FLOW

from mhfd_client.flow.run_words import Surroundings, ended, ending, explained, late, step_of
from mhfd_client.flow.service import Run
from mhfd_flows.build import FlowRecipe
from mhfd_flows.definition import Fail
from mhfd_flows.shipped import FLOWS

SITE = Surroundings("FLOW", "ENDPOINT", "STAGING", "/staging/", ())
STATES = {
    "BEGIN": "Plan StartCounting Listed MakeStaging CannotStage",
    "SETTLE": "StartLooking LookAtSource SawNothing Compare Arrived WaitForImages CountFiles Settled LookAtReports "
    "NoReports Known AllListed Pick AnyNew NothingNew CannotLook NeverStill TooManyReports FolderTooFull",
    "MOVE": "BringImages CountBring BringAgain WaitBring BringLost LookAtStaged Measure Whole AnyWhole AllChanged",
    "SCORE": "AskEndpoint EndpointNotReached Score CountScore ScoreAgain WaitScore ScoreLost Read Answered Refused",
    "RETURN": "ReturnReports CountReturn ReturnAgain WaitReturn ReturnLost Returned",
    "CLEAN": "Clean CountClean CleanAgain WaitClean NameLeftover Ending Done ImagesNotBrought ImagesChanged "
    "NotScored NotAllScored RequestRefused SomeNotScored ReportsNotReturned StagingNotCleaned",
}
"""Of the flows of this mhfd, and of those that older ones deployed."""
WORDS = {
    "BEGIN": ("beginning", 1),
    "SETTLE": ("waiting for files to stand still", 1),
    "MOVE": ("moving images", 2),
    "SCORE": ("scoring", 3),
    "RETURN": ("bringing reports back", 4),
    "CLEAN": ("cleaning", 5),
}
PERSONAL = "is Globus Connect Personal running, its folder allowed, the machine awake?"
REPORTS = "is Globus Connect Personal running, may the folder of reports be written?"
ENDPOINT = "`mhfd doctor --endpoint ENDPOINT` says whether it is online and lets you"
LEFT = "delete the folder /staging/mhfd-RUN/ of collection STAGING by hand"
ENDINGS = {
    "ImagesNotBrought": ("the images could not be moved to the staging area", PERSONAL),
    "ImagesChanged": ("every image changed while it was moved, so that none was scored", ""),
    "EndpointNotReached": ("the endpoint did not answer to the flow", ENDPOINT),
    "NotScored": ("the endpoint did not score the images", ENDPOINT),
    "NotAllScored": ("not every image was scored", ENDPOINT),
    "RequestRefused": ("the function on the endpoint refused the request", ENDPOINT),
    "SomeNotScored": ("some images were not scored; the reports of the others are back", ENDPOINT),
    "ReportsNotReturned": ("the images were scored, but their reports could not be moved back", REPORTS),
    "StagingNotCleaned": ("its folder in the staging area could not be deleted", LEFT),
    "CannotStage": (
        "its folder in the staging area could not be made",
        "may you write there, and is flow.staging_path what the collection calls the folder?",
    ),
    "CannotLook": ("the folder with the images could not be listed", PERSONAL),
    "NeverStill": ("files in the folder went on changing, so that nothing was moved", "start it when they are whole"),
    "TooManyReports": ("the folder of reports is too full", "give each folder of images one of its own for reports"),
    "FolderTooFull": ("the folder has more images than one run takes", "run `mhfd watch`, which says which are new"),
}
LATE = {
    "BringImages": PERSONAL,
    "ReturnReports": REPORTS,
    "Score": "is the endpoint online, are its nodes queued? `mhfd doctor --endpoint` says",
    "Clean": "",
    "LookAtSource": "",
    "MakeStaging": "",
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_a_step_of_the_road(name: str) -> None:
    for state in STATES[name].split():
        step = step_of("ACTIVE", state)
        assert (step.name, (step.words, step.part)) == (name, WORDS[name]), state


def test_a_run_of_a_flow_that_is_not_ours_is_under_way() -> None:
    assert [step_of("ACTIVE", state).name for state in ("", "Rain")] == ["BEGIN", "OTHER"]
    assert step_of("INACTIVE", "Rain").name == "CONSENT"
    told = ended(Run("RUN", "FAILED", "Rain", "Rain", "it rained"), SITE)
    assert told is not None
    assert (told.what, told.do) == ("ended as Rain: it rained", f"{LEFT}, if it is there")


@pytest.mark.parametrize("error", ENDINGS)
def test_an_ending_says_what_and_what_to_do(error: str) -> None:
    told = ended(Run("RUN", "FAILED", error, error, "the cause that the definition gives"), SITE)
    assert told is not None
    what, do = ENDINGS[error]
    assert (told.what, told.do) == (f"ended as {error}: {what}", do)


@pytest.mark.parametrize("flow", [*FLOWS.values(), HASH_FLOW], ids=lambda flow: flow.name)
def test_a_flow_has_words_for_each_of_its_states_and_ends(flow: FlowRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLOWS, flow.name, flow)
    for name, state in flow.definition.states.items():
        step = step_of("ACTIVE", name, flow)
        assert (step, step.part > 0) == (flow.steps[name], True), name
        if isinstance(state, Fail):
            told = ended(Run("RUN", "FAILED", name, name, "the cause"), SITE)
            assert told is not None
            assert told.what == f"ended as {name}: {flow.endings[name].what}"
            assert "{" not in told.do


def test_a_state_that_two_flows_have_is_said_in_the_words_of_the_one_that_runs() -> None:
    assert [step_of("ACTIVE", "WaitBring", flow).words for flow in (None, HASH_FLOW)] == [
        "moving images",
        "moving files",
    ]
    assert step_of("ACTIVE", "Act", HASH_FLOW).words == "hashing"
    assert late(Run("RUN", "ACTIVE", "Act"), 600, HASH_FLOW).do == LATE["Score"]


def test_all_endings_but_one_have_cleaned_up() -> None:
    told = {error: ending(error) for error in ENDINGS}
    assert [error for error, words in told.items() if words is None or not words.cleaned] == ["StagingNotCleaned"]
    assert ending("Rain") is None


@pytest.mark.parametrize("state", LATE)
def test_what_takes_long_says_what_it_may_be(state: str) -> None:
    told = late(Run("RUN", "ACTIVE", state), 600)
    assert (told.what, told.do) == (f"is in {state} for 10 min, {step_of('ACTIVE', state).words}", LATE[state])


@pytest.mark.parametrize(
    ("status", "error", "did", "said"),
    [
        ("FAILED", "BenchmarkWorkLost", "MakeStaging Train1 Benchmark", "stays in /staging/mhfd-work/ of "),
        ("ENDED", "", "MakeStaging Train1", "stays in /staging/mhfd-work/ of collection STAGING"),
        ("ENDED", "", "MakeStaging Assess", "stays in /staging/mhfd-work/ of collection STAGING"),
        ("FAILED", "BenchmarkWorkFailed", "MakeStaging Train1 Benchmark Clean", "the function says why"),
        ("FAILED", "StagingNotCleaned", "MakeStaging Train1 Clean", "delete the folder /staging/mhfd-work/"),
    ],
)  # fmt: skip
def test_what_a_run_leaves_for_another_is_said(status: str, error: str, did: str, said: str) -> None:
    told = explained(Run("RUN", status, error=error, folder="work"), SITE, did.split(), FLOWS["learn"])
    assert told is not None
    assert said in told.do
    assert ("another run goes on" in told.do) == said.startswith("stays")
