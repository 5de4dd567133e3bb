"""Questions about Flows itself: consents, definitions, expressions, and how a run is told of."""

import time
from collections.abc import Iterator
from typing import Any, Final

from mhfd_client.errors import FlowRefused, HourTrouble
from mhfd_client.first_hour.answers import Seen, holds, told, unanswered, wrong
from mhfd_client.first_hour.asker import KEYWORDS, Asker
from mhfd_client.first_hour.definitions import EXPRESSIONS, FAILS_AS, SAMPLE, Tried, evaluates, probe, schema
from mhfd_client.first_hour.question import HourQuestion
from mhfd_client.flow.deployments import asked
from mhfd_client.flow.run_words import consent
from mhfd_client.flow.service import TAG
from mhfd_flows.shipped import FLOWS

LAG_S: Final = 60.0
"""For so long a station looks for a run before it starts another (`FlowRunner`)."""
_TEXT: Final = "x" * 37_000
_LONG: Final = "x" * 99_000
_DAYS: Final = (1.0, 2.1)
_UNFIT: Final = (400, 422)
"""How the service refuses a document for what is in it."""


def _consent(asker: Asker) -> Iterator[Seen]:
    guess = "consent-inactive"
    if not asker.site.mapped:
        yield unanswered(guess, "no collection is mapped (flow.mapped), so that none asks for it")
        return
    asker.deploy(probe("first"), schema())
    run = asker.probe("list-staging")
    found = asker.end_of(run, inactive=True)
    if found.over:
        yield unanswered(guess, f"the consent was there before: the run ended as {found.status}; `mhfd logout` first")
        return
    said = consent(found, asker.folders().surroundings)
    named = any(one in said.do for one in asker.site.mapped)
    asker.agree(mapped=True, again=True)
    asker.service.resume(run)
    after = asker.end_of(run)
    saw = f"INACTIVE with {found.error or 'no code'}; the advice: {said.do}; resumed, it ended as {after.status}"
    yield told(guess, named and after.status == "SUCCEEDED", saw)


def _tokens(asker: Asker) -> Iterator[Seen]:
    server = "flows.globus.org"
    asker.app().get_authorizer(server).handle_missing_authorization()
    data = asker.app().token_storage.get_token_data(server)
    if data is None:
        yield unanswered("token-life", "no token of Flows is kept")
        return
    days = (data.expires_at_seconds - time.time()) / 86400
    yield told("token-life", _DAYS[0] <= days <= _DAYS[1], f"a renewed token lives for {days:.2f} days")


def _validates(asker: Asker) -> Iterator[Seen]:
    from globus_sdk import GlobusAPIError

    refused = []
    for one in FLOWS.values():
        try:
            asker.flows.validate_flow(one.document, input_schema=one.input_schema)
        except GlobusAPIError as error:
            if error.http_status not in _UNFIT:
                raise  # we may not ask, or nobody answers
            refused.append(f"{one.name}: {error.message}")
    yield told("flow-validates", not refused, "; ".join(refused) or f"{', '.join(FLOWS)}: taken")


def _documents(asker: Asker) -> Iterator[Seen]:
    document = probe("first")
    asker.deploy(document, schema())
    kept = asked(lambda: asker.flows.get_flow(str(asker.flow)).data)
    same = kept.get("definition") == document
    saw = "the same" if same else f"it differs: {_difference(document, kept.get('definition'))}"
    yield told("definition-kept", same, saw)
    words = kept.get("keywords")
    yield told("keywords-kept", set(KEYWORDS) <= set(words or ()), f"sent {list(KEYWORDS)}, kept {words}")
    found = False
    for _ in asker.while_waiting(LAG_S):
        pages = asked(
            lambda: list(asker.flows.paginated.list_flows(filter_roles="flow_owner", filter_fulltext=KEYWORDS[1]))
        )
        found = asker.flow in [str(flow["id"]) for page in pages for flow in page["flows"]]
        if found:
            break
    yield told("keyword-search", found, f"searched for {KEYWORDS[1]}: {'found' if found else 'not found'}")


def _refuses(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    try:
        run = asker.probe("hold", surplus="x")
    except FlowRefused as error:
        yield told("input-refused", "surplus" in str(error), str(error))
        return
    end = asker.end_of(run)
    yield wrong("input-refused", f"the run was made, and ended as {end.status}")


def _keeps(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.probe("hold")
    asker.deploy(probe("second"), schema())
    output = asker.end_of(run).output
    mark = (output.get("over") or {}).get("mark")
    if mark is None:
        raise HourTrouble("the run did not end well")
    yield told("run-keeps-definition", mark == "first", f"begun with 'first', changed to 'second': it was {mark!r}")


def _expressions(asker: Asker) -> Iterator[Seen]:
    try:
        got = _evaluated(asker, EXPRESSIONS)
    except (FlowRefused, HourTrouble):
        for one in EXPRESSIONS:  # one of them is at fault: each for itself
            try:
                yield _compared(one, _evaluated(asker, (one,)))
            except (FlowRefused, HourTrouble) as error:
                yield wrong(one.guess, f"{one.text}: {error}")
        return
    for one in EXPRESSIONS:
        yield _compared(one, got)


def _evaluated(asker: Asker, tried: tuple[Tried, ...]) -> dict[str, Any]:
    asker.deploy(evaluates(tried), schema())
    run = asker.ran("evaluate", sample=SAMPLE)
    if run.status != "SUCCEEDED":
        raise HourTrouble(f"the run ended as {run.error or run.status}: {run.why}")
    return {"run": run.id, **(run.output.get("got") or {})}


def _compared(one: Tried, got: dict[str, Any]) -> Seen:
    name = one.guess.removeprefix("expression-")
    gives = one.gives.format(run=got["run"]) if name == "context" else one.gives
    return told(one.guess, name in got and got[name] == gives, f"{one.text} gave {got.get(name)!r}, wanted {gives!r}")


def _listed(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.probe("wait")
    for since in asker.while_waiting(LAG_S):
        row = next((one for one in asker.service.listed(100) if str(one["run_id"]) == run), None)
        if row is not None:
            yield holds("list-lag", f"in the list after {since:.1f} s")
            tags = [str(tag) for tag in row.get("tags") or ()]
            key = next((tag for tag in tags if tag.startswith(TAG)), "")
            good = bool(key) and asker.service.find([key.removeprefix(TAG)]) == {key.removeprefix(TAG): run}
            yield told("list-tags", good, f"its tags there: {tags}")
            break
    else:
        yield wrong("list-lag", f"not in the list of runs within {LAG_S:g} s")
    asker.service.cancel(run)
    end = asker.end_of(run)
    yield told("cancelled-ended", end.status == "ENDED", f"the status of a cancelled run is {end.status}")


def _fails(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.ran("fail")
    saw = f"status {run.status}, error {run.error!r}, cause {run.why!r}, state {run.state!r}"
    good = (run.status, run.error, run.why, run.state) == ("FAILED", *FAILS_AS, "ToldToFail")
    yield told("failed-details", good, saw)


def _chooses(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.ran("choose", sample={})
    saw = f"the run ended as {run.status} {run.error} {run.why}".rstrip()
    yield told("choice-missing", run.status == "SUCCEEDED", saw)


def _takes(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    try:
        run = asker.ran("nothing", text=_LONG)
    except FlowRefused as error:
        yield wrong("input-100k", f"an input of {len(_LONG) // 1000} KB: {error}")
        return
    saw = f"an input of {len(_LONG) // 1000} KB: the run ended as {run.error or run.status} {run.why}".rstrip()
    yield told("input-100k", run.status == "SUCCEEDED", saw)


def _grows(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.ran("grow", text=_TEXT)
    if run.status != "SUCCEEDED":
        yield unanswered("succeeded-output", f"the run ended as {run.error or run.status}")
        yield wrong("state-150k", f"a state of {5 * len(_TEXT) // 1000} KB: {run.error or run.status}: {run.why}")
        return
    grown = run.output.get("grown") or {}
    good = [grown.get(f"part_{n}") for n in range(4)] == [_TEXT] * 4
    yield told("succeeded-output", good, f"the output has {', '.join(sorted(run.output))}")
    yield told("state-150k", good, f"a state of {5 * len(_TEXT) // 1000} KB: it ended well")


def _difference(ours: Any, theirs: Any, at: str = "") -> str:
    """Where two documents part."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                return _difference(ours.get(key), theirs.get(key), f"{at}.{key}")
    return f"{at or 'it'}: {str(ours)[:80]} became {str(theirs)[:80]}"


FIRST: Final = HourQuestion(
    ("consent-inactive",), "lists the staging folder by a run that has not the consent for it yet", _consent
)
"""Before the consent for mapped collections is given."""

QUESTIONS: Final = (
    HourQuestion(("token-life",), "renews a token", _tokens),
    HourQuestion(("flow-validates",), "has our two definitions validated", _validates),
    HourQuestion(
        ("definition-kept", "keywords-kept", "keyword-search"),
        "reads the hour's flow again, and searches it",
        _documents,
    ),
    HourQuestion(("input-refused",), "asks for a run with an input that does not fit", _refuses),
    HourQuestion(("run-keeps-definition",), "changes the flow while a run waits for 20 seconds", _keeps),
    HourQuestion(
        tuple(one.guess for one in EXPRESSIONS), "has a run evaluate the expressions of our flows", _expressions
    ),
    HourQuestion(
        ("list-lag", "list-tags", "cancelled-ended"), "starts a run, looks for it in the list, cancels it", _listed
    ),
    HourQuestion(("choice-missing",), "has a run choose by something that is not there", _chooses),
    HourQuestion(("failed-details",), "has a run fail", _fails),
    HourQuestion(("input-100k",), "starts a run with a long input", _takes),
    HourQuestion(("succeeded-output", "state-150k"), "has a run make its state large", _grows),
)
