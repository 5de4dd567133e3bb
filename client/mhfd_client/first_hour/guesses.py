"""Everything that mhfd takes for granted of Globus, and that no stand-in can show: the list itself.

Each has its question in this folder and its row in docs/reference/flow.md; tests hold both. A guess that was answered
for good leaves the list, with the record that answers it. Asks nobody.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Guess:
    """One of them. `assumed`: what we take for true; `rests`: what in mhfd rests on it; `asked`: how one finds out."""

    id: str
    assumed: str
    rests: str
    asked: str


_EXPRESSION: Final = "the flows: `flows/mhfd_flows/*.json`"

GUESSES: Final[tuple[Guess, ...]] = (
    # Consents and tokens
    Guess(
        "consent-inactive",
        "without the consent for a mapped collection a run is INACTIVE, names the collection, and goes on when resumed",
        "what a station says and does then (`flow/run_words.py`, `flow/runner.py`)",
        "a run lists the staging folder before that consent is given, and is resumed after",
    ),
    Guess(
        "token-life",
        "a token lives two days, and a new one comes without a person",
        "a station that runs for weeks (`globus/tokens.py`)",
        "a token is renewed, and its end is read",
    ),
    # What a flow is made of
    Guess(
        "flow-validates",
        "Globus Flows takes all definitions that we ship, with their schemas",
        "`mhfd flow deploy`",
        "it is asked to validate them",
    ),
    Guess(
        "definition-kept",
        "a deployed definition comes back as it was sent",
        "that somebody else's change is noticed (`flow/deployments.py`)",
        "a flow is deployed, and read again",
    ),
    Guess(
        "keywords-kept",
        "a flow's keywords come back as they were sent, those with a colon too",
        "finding an obsolete flow (`flow/deployments.py`)",
        "a flow is deployed, and read again",
    ),
    Guess(
        "keyword-search",
        "a flow is found among one's own by a word of its keywords",
        "that deploying twice makes one flow (`flow/deployments.py`)",
        "it is searched for",
    ),
    Guess(
        "input-refused",
        "an input that does not fit the flow's schema starts no run, and the refusal names the field",
        "what a station and `mhfd doctor` say of an obsolete flow (`flow/service.py`, `doctor/flow.py`)",
        "a run is asked for with a field that the schema does not have",
    ),
    Guess(
        "run-keeps-definition",
        "a run goes on with the definition that it began with",
        "`mhfd flow deploy --update` while runs are out",
        "the flow is changed while a run waits",
    ),
    # Expressions
    Guess("expression-getattr", "`getattr('name', default)`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-len", "`len(list)`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-rstrip", "`text.rstrip('/')`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-rpartition", "`text.rpartition('.')[2]`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-lower", "`text.lower()`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-split", "`text.split('.')[1]`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-str", "`str(number)`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-slice", "`list[:1]`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-list", "lists in one line, with a condition", _EXPRESSION, "a run evaluates it"),
    Guess("expression-dict", "objects in one line", _EXPRESSION, "a run evaluates it"),
    Guess("expression-if", "`A if B else C`", _EXPRESSION, "a run evaluates it"),
    Guess("expression-in", "`in` and `not in`, of objects and of lists of lists", _EXPRESSION, "a run evaluates it"),
    Guess("expression-and", "`and`, which does not look at what follows a false", _EXPRESSION, "a run evaluates it"),
    Guess("expression-compare", "`==`, `!=` and `>`, also of lists and None", _EXPRESSION, "a run evaluates it"),
    Guess("expression-plus", "`+` of texts and of numbers", _EXPRESSION, "a run evaluates it"),
    Guess("expression-context", "`_context.run_id` is the run's id", _EXPRESSION, "a run evaluates it"),
    Guess(
        "choice-missing",
        "a Choice takes a variable that is not there for one that does not fit",
        "the dry run of definitions that are not ours, which count on it (`interpreter.py`)",
        "a run chooses by something that is not there",
    ),
    # How a run is told of
    Guess(
        "list-lag",
        "a new run is in the list of runs within a minute",
        "that no image is scored twice after a lost answer (`flow/runner.py`)",
        "a run is started, and looked for",
    ),
    Guess(
        "list-tags",
        "a run in that list has its tags as they were sent",
        "finding a run by its key (`flow/service.py`)",
        "the same run is looked at",
    ),
    Guess(
        "cancelled-ended",
        "a cancelled run has the status ENDED",
        "what is made of its images (`flow/service.py`, `flow/run_end.py`)",
        "the same run is cancelled",
    ),
    Guess(
        "failed-details",
        "of a failed run `details.details` has error, cause and the state's name",
        "every word about a run that failed (`flow/service.py`)",
        "a run fails on purpose",
    ),
    Guess(
        "succeeded-output",
        "of a run that went well `details.output` is the state at its end",
        "changed images, and what the endpoint answers (`flow/run_end.py`, `flow/asking.py`)",
        "a run ends well",
    ),
    Guess(
        "state-150k",
        "a run's state may have 150 KB",
        "how many images one run takes (`shipped.MAX_IMAGES`, `flow/images.py`)",
        "a run makes its state so large",
    ),
    Guess(
        "input-100k",
        "a run's input may have 100 KB",
        "the same",
        "a run is started with so much",
    ),
    Guess(
        "log-entries",
        "a run's log has ActionStarted and ActionCompleted with the state's name and the time",
        "where a batch is and how long each step took (`flow/steps.py`)",
        "the log of the whole run is read",
    ),
    Guess(
        "pace",
        "the end of a short action is seen within a minute",
        "how long a batch takes: benchmarks/flow of the documentation",
        "the same log: how long the short actions took",
    ),
    # Transfer's providers
    Guess(
        "ls-fields",
        "a listing is in `details.DATA`, with name, size, type and last_modified",
        "which images are in a folder, and stand still (`focus_check`: Compare)",
        "a run lists the hour's folder",
    ),
    Guess(
        "ls-limit",
        "a listing has no more entries than its `limit`",
        "that a fuller folder does not break a run (`focus_check`: LookAtSource)",
        "the same, with a limit of one",
    ),
    Guess("refusal-ls", "refusing to list ends in an error that we catch", "each Catch", "a folder that is not there"),
    Guess(
        "refusal-mkdir",
        "refusing to make a folder ends in an error that we catch",
        "each Catch",
        "below a folder that is not there",
    ),
    Guess(
        "refusal-transfer",
        "refusing a transfer ends in an error that we catch",
        "each Catch",
        "from a collection that is not there",
    ),
    Guess(
        "refusal-delete",
        "refusing a deletion ends in an error that we catch",
        "each Catch",
        "on a collection that is not there",
    ),
    Guess(
        "refusal-compute",
        "refusing a task ends in an error that we catch",
        "each Catch",
        "a function that nobody registered",
    ),
    Guess(
        "late-transfer",
        "a transfer goes on when its action has timed out",
        "that a run which timed out names what may come back (`focus_check`: ImagesNotBrought)",
        "a transfer gets one second, and Transfer is asked what became of it",
    ),
    Guess(
        "transfer-options",
        "Transfer does what the flow's documents ask for: checksums, encryption",
        "that an image arrives as it left",
        "Transfer is asked how it did the transfers of the whole run",
    ),
    # Compute and its provider
    Guess(
        "compute-direct",
        "an endpoint takes source and JSON from the SDK, and answers",
        '`runner.kind = "compute"`, `mhfd score --endpoint`',
        "the function that examines is called",
    ),
    Guess(
        "function-source",
        "the service shows the source of a registered function",
        "that an obsolete function is named (`compute/registration.py`; else by its description)",
        "ours is asked for",
    ),
    Guess(
        "allowed-functions",
        "who may use an endpoint may read which functions it allows",
        "finding the function that a facility has pinned (`compute/registration.py`; else ours is tried)",
        "the endpoint's list is asked for",
    ),
    Guess(
        "compute-json",
        "the Compute action provider speaks JSONData, sends no `args`, and takes an empty `user_endpoint_config`",
        "endpoints that admit JSON only (`allowed_serializers` of every template)",
        "the flow's own action asks the endpoint, as `mhfd doctor DIR` does; it tells of one that admits JSON alone",
    ),
    Guess(
        "compute-answer",
        "what the function returns is in `details.results[0].output`, as JSON",
        "all flows (`focus_check`: Read, Answered)",
        "the same run",
    ),
    # All of it
    Guess(
        "whole-run",
        "focus_check brings images, scores them, brings reports back and leaves nothing",
        '`runner.kind = "flow"`',
        "it is run with three small images",
    ),
)


BY_ID: Final = {guess.id: guess for guess in GUESSES}
