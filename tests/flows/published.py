"""Flows that people have published, made anew from what they are made of: which states, ways, fields and references.

Nothing is copied: names, texts and the order of fields are ours. Each says where its like was read. All are taken by
Globus; the older ones ask providers that are gone.
"""

from __future__ import annotations

from typing import Final

from tests.flows import published_now as now
from tests.flows.flow_parts import (
    AT,
    CLIENT,
    COMPUTE,
    EXAMPLES,
    GLADIER,
    OLD,
    OLDER,
    TRIGGER,
    TWO,
    WITHIN,
    Part,
    chooses,
    does,
    flow,
    makes,
    moves,
    when,
)


def _hello_in_a_loop() -> Part:
    again = when("reckoned.details.over", "Hello", BooleanEquals=False)
    return flow(
        Hello=does(
            f"{OLDER}hello_world", "said", echo_string__ref="$.input.names[0]", sleep_time=3, ActionScope="a:scope"
        ),
        Shorter=makes("Pass", "input", names__ref="$.input.names[1:]"),
        Reckon=does(
            "https://actions.globus.org/expression_eval",
            "reckoned",
            arguments={"names.$": "$.input.names"},
            expression="names == names[0:0]",
            result_path="over",
        ),
        Which=chooses(again, default="Over"),
        Over=makes("Pass", "end", well="yes", End=True),
    )


def _counted() -> Part:
    return flow(
        Test=chooses(
            when("loop", "First", IsPresent=False), when("loop.n", "More", NumericLessThan=10), default="Over"
        ),
        First={"Type": "Pass", "Result": {"loop": {"n": 0}}, "Next": "Test"},
        More=makes("ExpressionEval", "loop", n__exp="loop.n + 1", Next="Test"),
        Over={"Type": "Pass", "End": True},
    )


def _batches() -> Part:
    return flow(
        Begin={"Type": "Pass", "Parameters": {"loop": {"i": 0, "done": []}, "step.$": "$.step"}},
        See=does(f"{OLD}ls", "seen", endpoint_id="<yours>", path="/~/"),
        More=chooses(when("loop.i", "Take", NumericLessThanPath="$.seen.details.length"), default="Over"),
        Take=makes(
            "ExpressionEval",
            "loop",
            i__ref="$.loop.i",
            done__exp="loop.done + [[one.name for one in seen.details.DATA[loop.i:loop.i+step]]]",
        ),
        On=makes("ExpressionEval", "loop", i__exp="loop.i + step", done__ref="$.loop.done", Next="More"),
        Over={"Type": "Pass", "End": True},
    )


def _reported_failures() -> Part:
    return flow(
        Bring=moves(
            f"{OLD}transfer", "begin", "end", "brought", old=True, ExceptionOnActionFailure=False, label__ref="$.label"
        ),
        Well=chooses(when("brought.status", "NotBrought", StringEquals="FAILED"), default="Drop"),
        Drop=does(
            f"{OLD}delete",
            "dropped",
            endpoint_id__ref="$.begin.id",
            recursive=True,
            items__exp="[`$.begin.path`]",
            ExceptionOnActionFailure=False,
        ),
        Gone=chooses(when("dropped.status", "NotDropped", StringEquals="FAILED"), default="Over"),
        NotBrought=makes("Pass", "end_of_it", words="not brought", details__ref="$.brought.details", End=True),
        NotDropped=makes("Pass", "end_of_it", words="not dropped", details__ref="$.dropped.details", End=True),
        Over=makes("Pass", "end_of_it", words="well", End=True),
    )


def _mailed() -> Part:
    mail = {
        "notification_method": "email",
        "sender": "somebody@example.org",
        "destination.$": "$.to",
        "body_mimetype": "text/html",
        "send_credentials": [
            {"credential_method": "email", "credential_type": "ses", "credential_value.$": "$._private"}
        ],
        "__Private_Parameters": ["send_credentials"],
    }
    notify = {"Type": "Action", "ActionUrl": "https://actions.globus.org/notification/notify"}
    first = {
        **mail,
        "subject": "New",
        "body_template": "of $title",
        "body_variables": {"title.$": "$.data.titles[0].title"},
    }
    last = {**mail, "subject.$": "$.final.title", "body_template.$": "$.final.words"}
    kept = {"ErrorEquals": ["ActionFailedException", "States.Runtime", "EndpointError"], "ResultPath": "$.made"}
    return flow(
        Tell={**notify, "Parameters": first, "ResultPath": "$.told", "ExceptionOnActionFailure": False},
        Only=chooses(when("only_words", "Well", BooleanEquals=True), default="Make"),
        Make=does(
            f"{AT}mkdir",
            "made",
            endpoint_id__ref="$.at.destination_endpoint_id",
            path__ref="$.at.transfer_items[0].destination_path",
            Catch=[kept | {"Next": "Bad"}],
        ),
        Allow=does(
            f"{AT}manage_permission",
            "allowed",
            operation="CREATE",
            endpoint_id__ref="$.at.destination_endpoint_id",
            path__ref="$.at.path",
            principal_type="identity",
            principal__ref="$.at.submitting-user-id",
            permissions="rw",
        ),
        Bring=does(
            f"{AT}transfer",
            "brought",
            source_endpoint__ref="$.at.source_endpoint_id",
            destination_endpoint__ref="$.at.destination_endpoint_id",
            DATA__ref="$.at.transfer_items",
            RunAs="Submitter",
            WaitTime=86_400,
        ),
        Forbid=does(
            f"{AT}manage_permission",
            "forbidden",
            operation="DELETE",
            endpoint_id__ref="$.at.destination_endpoint_id",
            rule_id__ref="$.allowed.details.access_id",
        ),
        Which=chooses(when("brought.status", "Well", StringEquals="SUCCEEDED"), default="Bad"),
        Well=makes(
            "ExpressionEval", "final", title="Well", words__exp="'It is there: ' + `$.data.id` + '.\nGood.'", Next="End"
        ),
        Bad=makes("ExpressionEval", "final", title="Bad", words__exp="'It is not: ' + `$.data.id`"),
        End={**notify, "Parameters": last, "ResultPath": "$.ended", "End": True},
    )


def _publication() -> Part:
    def wanted(name: str, to: str) -> Part:
        return {
            "And": [when(f"input.{name}", IsPresent=True), when(f"input.{name}", BooleanEquals=True)],
            "Next": to,
        }

    tasks = [{"endpoint.$": "$.input.compute", "function.$": "$.input.function", "payload.$": "$.input.words"}]
    return flow(
        Gather=does(COMPUTE, "Gather", tasks=tasks, ExceptionOnActionFailure=True, WaitTime=600),
        WhetherMove=chooses(wanted("move", "Move"), default="NoMove"),
        Move=does(
            f"{AT}transfer/", "Move", InputPath="$.Gather.details.results[0].output.transfer", Next="WhetherIngest"
        ),
        NoMove={"Type": "Pass", "Next": "WhetherIngest"},
        WhetherIngest=chooses(wanted("ingest", "Ingest"), default="NoIngest"),
        Ingest=does(
            "https://actions.globus.org/search/ingest",
            "Ingest",
            InputPath="$.Gather.details.results[0].output.search",
            Next="Over",
        ),
        NoIngest={"Type": "Pass", "Next": "Over"},
        Over={"Type": "Pass", "End": True},
    )


def _one_by_one() -> Part:
    return flow(
        AnyLeft=chooses(when("input.names[0]", "Bring", IsPresent=True), default="Over"),
        Bring=does(
            f"{AT}transfer",
            "last",
            source_endpoint__ref="$.input.begin.id",
            destination_endpoint__ref="$.input.end.id",
            DATA=[
                {
                    "DATA_TYPE": "transfer_item",
                    "source_path.=": "input.begin.path + input.names[0]",
                    "destination_path.=": "input.end.path + input.names[0]",
                }
            ],
        ),
        Shorter=makes(
            "ExpressionEval",
            "input",
            names__exp="input.names[1:]",
            begin__exp="{'id': input.begin.id, 'path': input.begin.path}",
            end__exp="{'id': input.end.id, 'path': input.end.path}",
            Next="AnyLeft",
        ),
        Over={"Type": "Pass", "End": True},
    )


def _tried_again() -> Part:
    def run(name: str) -> Part:
        at = f"$.input.{name}"
        given = {"endpoint__ref": f"{at}.endpoint", "function__ref": f"{at}.function", "kwargs__ref": f"{at}.arguments"}
        return does(f"{COMPUTE}/", name, **given, WaitTime=172_800)

    again = {"And": [when("loop.rc", NumericEquals=1), when("loop.n", NumericLessThan=3)], "Next": "Run"}
    return flow(
        Begin={"Type": "Pass", "Result": {"n": 0, "rc": 1}, "ResultPath": "$.loop"},
        Run=run("run"),
        Check=run("check"),
        Count=makes("ExpressionEval", "loop", n__exp="loop.n + 1", rc__ref="$.check.details.result[0].returncode"),
        Which=chooses(when("loop.rc", "Over", NumericEquals=0), again, default="Often"),
        Over={"Type": "Pass", "End": True},
        Often={"Type": "Fail", "Cause": "three times were not enough"},
    )


def _old_compute(url: str) -> Part:
    given = {"endpoint__ref": "$.input.job.endpoint", "function__ref": "$.input.job.function"}
    return flow(
        Bring=moves(f"{OLDER}transfer/transfer", "input.begin", "input.end", "brought", old=True, WaitTime=60),
        Run=does(url, "ran", **given, kwargs__ref="$.input.job.kwargs", WaitTime=180),
    )


def _shared(principal: str, then: dict[str, Part]) -> Part:
    who = {"principal_type__ref": f"$.{principal}.type", "principal__ref": f"$.{principal}.id"}
    return flow(
        Bring=moves(f"{OLDER}transfer/transfer", "input.begin", "input.end", "brought", old=True, WaitTime=60),
        Share=does(
            f"{OLDER}transfer/set_permission",
            "shared",
            endpoint_id__ref="$.input.end.id",
            path__ref="$.input.end.path",
            operation="CREATE",
            permissions="r",
            **who,
        ),
        **then,
    )


def _ingest(into: str) -> Part:
    at = "$.input.entry"
    return does(
        "https://actions.globus.org/search/ingest",
        into,
        search_index__ref=f"{at}.search_index",
        subject__ref=f"{at}.subject",
        visible_to__ref=f"{at}.visible_to",
        content__ref=f"{at}.content",
        id__ref=f"{at}.id",
    )


PUBLISHED: Final[dict[str, tuple[str, Part, Part | None]]] = {
    "a transfer": (f"{EXAMPLES}: simple", flow(Bring=moves(f"{AT}transfer", "begin", "end", None)), TWO),
    "a move": (f"{EXAMPLES}: move", now.looked_up("Dropped"), TWO),
    "through a third place": (f"{EXAMPLES}: two_hop", now.through(), TWO),
    "move in batches": (f"{EXAMPLES}: looping_batched_move", now.looping(), TWO),
    "pack and move": (f"{EXAMPLES}: tar_and_transfer", now.packed(), None),
    "a person allows": (f"{EXAMPLES}: admin_signoff", now.asked(), None),
    "a person publishes": (f"{EXAMPLES}: approved_publishing", now.published_on_approval(), None),
    "a person looks at results": (f"{EXAMPLES}: evaluate_preliminary_results", now.told_in_between(), None),
    "only to a guest collection": (
        f"{EXAMPLES}: transfer_share",
        flow(
            See=does(f"{AT}collection_info", "seen", endpoint_id__ref="$.end.id"),
            Which=chooses(
                {
                    "Or": [when("seen.details.entity_type", StringEquals=f"{one}_guest_collection") for one in "AB"],
                    "Next": "Bring",
                },
                default="No",
            ),
            Bring=moves(f"{AT}transfer", "begin", "end", "brought", End=True),
            No={"Type": "Fail", "Cause": "NoGuest", "Error": "it is no guest collection"},
        ),
        TWO,
    ),
    "transfer, of before": (
        f"{TRIGGER}: transfer",
        flow(Bring=moves(f"{OLDER}transfer/transfer", "input.begin", "input.end", "brought", old=True, WaitTime=60)),
        WITHIN,
    ),
    "transfer and compute, of before": (f"{TRIGGER}: transfer_compute", _old_compute(COMPUTE), None),
    "transfer and compute, of long before": (
        f"{TRIGGER}: transfer_compute_share",
        _old_compute(f"{COMPUTE}/fxap"),
        None,
    ),
    "share": (f"{TRIGGER}: transfer_share", _shared("input.principal", {}), None),
    "share and ingest": (
        f"{TRIGGER}: transfer_publish",
        _shared("input.who", {"A": _ingest("a"), "B": _ingest("b")}),
        None,
    ),
    "compute, then transfer": (
        f"{TRIGGER}: tar_transfer",
        flow(
            Pack=does(COMPUTE, "packed", endpoint__ref="$.tar.endpoint", function__ref="$.tar.function"),
            Bring=moves(f"{OLDER}transfer/transfer", "begin", "end", "brought", old=True),
        ),
        None,
    ),
    "hello in a loop": (f"{CLIENT}: complex-hello-world", _hello_in_a_loop(), None),
    "ten times": (f"{CLIENT}: loop-a-set-number-of-times", _counted(), None),
    "batches of a list": (f"{CLIENT}: loop-with-batch-processing", _batches(), None),
    "a move that reports": (f"{CLIENT}: transfer-mv", _reported_failures(), None),
    "hello": (
        f"{CLIENT}: hello-world, hello-consent",
        flow(
            Hello=does(
                f"{OLDER}hello_world", "said", echo_string="hello", required_dependent_scope="a:scope", RunAs="R"
            )
        ),
        None,
    ),
    "values": (f"{CLIENT}: pass-with-parameters", flow(Values=makes("Pass", "values", one="a", two=5)), None),
    "a choice in the web": (
        f"{CLIENT}: web-option, notify-of-options-and-report",
        flow(
            Ask=does(
                f"{OLDER}weboption/wait_for_option",
                "said",
                options=[{"name": "Yes", "url_suffix.$": "$.suffix.yes", "completed_message": "thanks"}],
                landing_page={"url_suffix": "page", "page_title": "Choose"},
                WaitTime=7200,
            ),
            Tell=does(
                f"{OLDER}notification/notify",
                "told",
                destination__ref="$.to",
                subject__ref="$.subject",
                body_template__ref="$.template",
                body_variables__ref="$.said.details",
                send_credentials__ref="$.credentials",
            ),
        ),
        None,
    ),
    "two transfers": (
        f"{CLIENT}: multi-transfer",
        flow(
            First=moves(f"{OLD}transfer", "begin", "between", "first", old=True),
            Second=moves(f"{OLD}transfer", "between", "end", "second", old=True),
        ),
        None,
    ),
    "submission with mails": ("materials-data-facility/connect_server: automate", _mailed(), None),
    "publication": (f"{GLADIER}/gladier-tools: publishv2", _publication(), None),
    "a value from a result": (
        f"{GLADIER}/gladier-xpcs: boost_corr_runtime",
        flow(Take=makes("ExpressionEval", "input.more", tools__ref="$.Corr.details.results[0].output.metadata.tools")),
        None,
    ),
    "funcX": (
        f"{GLADIER}/gladier_kanzus: search_flow",
        flow(
            Find=does(
                "https://api.funcx.org/automate", "Found", tasks=[{"func.$": "$.input.f"}], ActionScope="a:scope"
            ),
            Run=does("https://api.funcx.org/automate", "Ran", InputPath="$.Found.details.result.phils", WaitTime=3600),
        ),
        None,
    ),
    "one by one": ("LSSTDESC/desc-globus-flow: transfers of several items", _one_by_one(), None),
    "tried again": ("LSSTDESC: pipetask with three attempts", _tried_again(), None),
    "constants first": (
        "kisarur/gadi-genomics-globus-flow",
        flow(
            Constants=makes("ExpressionEval", "constants", endpoint="<yours>", function="<yours>"),
            Run=does(
                f"{COMPUTE}/v3",
                "ran",
                endpoint_id__ref="$.constants.endpoint",
                tasks=[
                    {"function_id.$": "$.constants.function", "args": [], "kwargs": {"id.=": "getattr('id', None)"}}
                ],
            ),
            Watch=does(
                f"{COMPUTE}/v3",
                "watched",
                endpoint_id__ref="$.constants.endpoint",
                tasks=[{"function_id.$": "$.constants.function", "kwargs": {"id.=": "ran.details.result[0]"}}],
            ),
        ),
        None,
    ),
}
"""By what they are: where the like was read, the definition, and the schema of its input."""
