"""Flows as Globus publishes them now: places looked at, batches in a loop, packing, questions to a person."""

from __future__ import annotations

from tests.flows.flow_parts import AT, COMPUTE, Part, chooses, does, flow, makes, when


def looping() -> Part:
    list_of = "[{'%s': begin.path.rstrip('/') + '/' + one.name%s} for one in seen.details.DATA]"
    both = list_of % ("source_path", ", 'destination_path': end.path.rstrip('/') + '/' + one.name")
    return flow(
        See=does(f"{AT}ls", "seen", endpoint_id__ref="$.begin.id", path__ref="$.begin.path", limit=100),
        AnyLeft=chooses(when("seen.details.total", "Over", NumericEquals=0), default="Plan"),
        Over={"Type": "Pass", "End": True},
        Plan=makes("ExpressionEval", "plan", bring__exp=both),
        Bring=does(
            f"{AT}transfer",
            "brought",
            DATA__ref="$.plan.bring",
            source_endpoint__ref="$.begin.id",
            destination_endpoint__ref="$.end.id",
        ),
        PlanAgain=makes("ExpressionEval", "plan", drop__exp=list_of % ("path", "")),
        Drop=does(f"{AT}delete", "dropped", DATA__ref="$.plan.drop", endpoint__ref="$.begin.id", Next="See"),
    )


def looked_up(ends: str) -> Part:
    """What kind of thing is there, and where does it go then."""
    return flow(
        SeeBegin=does(f"{AT}stat", "BeginStat", endpoint_id__ref="$.begin.id", path__ref="$.begin.path"),
        SeeEnd=does(f"{AT}stat", "EndStat", endpoint_id__ref="$.end.id", path__ref="$.end.path"),
        Kinds=makes(
            "ExpressionEval",
            "Kinds",
            begins_in_folder__exp="BeginStat.details.type == 'dir'",
            ends_in_folder__exp="'type' in EndStat.details and EndStat.details.type == 'dir'",
            end_is_there__exp="'code' not in EndStat.details or EndStat.details.code != 'NotFound'",
        ),
        Which=chooses(
            when("Kinds.end_is_there", "AsItIs", BooleanEquals=False),
            {
                "And": [
                    when("Kinds.begins_in_folder", BooleanEquals=True),
                    when("Kinds.ends_in_folder", BooleanEquals=False),
                ],
                "Next": "NotOntoFile",
            },
            default="Below",
        ),
        Below=makes("ExpressionEval", "Goal", path__exp="end.path + begin.path.rpartition('/')[2]", Next="Move"),
        AsItIs=makes("ExpressionEval", "Goal", path__ref="$.end.path"),
        Move=does(
            f"{AT}transfer",
            "Moved",
            DATA=[{"source_path.$": "$.begin.path", "destination_path.$": "$.Goal.path"}],
            source_endpoint__ref="$.begin.id",
            destination_endpoint__ref="$.end.id",
            WaitTime=172_800,
        ),
        Drop=does(f"{AT}delete", ends, DATA=[{"path.$": "$.begin.path"}], recursive=True, endpoint__ref="$.begin.id"),
        Good=makes("Pass", "Said", words="it is there", End=True),
        NotOntoFile={"Type": "Fail", "Cause": "FolderOntoFile", "Error": "a folder cannot go onto a file"},
    )


def through() -> Part:
    name = (
        "begin.path.rpartition('/')[2] if not Kinds.folder else 'HOME' if Kinds.home else 'TOP' if Kinds.top"
        " else begin.path.split('/')[-2]"
    )
    return flow(
        See=does(f"{AT}stat", "Seen", endpoint_id__ref="$.begin.id", path__ref="$.begin.path"),
        Kinds=makes(
            "ExpressionEval",
            "Kinds",
            folder__exp="Seen.details.type == 'dir'",
            home__exp="begin.path == '/~/'",
            top__exp="begin.path == '/'",
        ),
        Name=makes("ExpressionEval", "Named", name__exp=name),
        Plan=makes(
            "ExpressionEval",
            "Plan",
            folder__exp="end.path.rstrip('/') + '/' + _context.run_id + '/'",
            path__exp="end.path.rstrip('/') + '/' + _context.run_id + '/' + Named.name",
        ),
        Make=does(f"{AT}mkdir", "Made", endpoint_id__ref="$.end.id", path__ref="$.Plan.folder"),
        Bring=does(
            f"{AT}transfer",
            "Brought",
            source_endpoint__ref="$.begin.id",
            destination_endpoint__ref="$.end.id",
            DATA=[{"source_path.$": "$.begin.path", "destination_path.=": "Plan.path"}],
        ),
    )


def packed() -> Part:
    part = "vars.out + pathsplit(one.rstrip('/'))[1] + '/' if one.endswith('/') else vars.out + pathsplit(one)[1]"
    return flow(
        Vars=makes(
            "ExpressionEval",
            "vars",
            collection="<yours>",
            out__exp="'/' + _context.run_id + '/'",
            fine__exp="['~' in one or one == '/' for one in sources] == [False] * len(sources)",
        ),
        Fine=chooses(when("vars.fine", "NotFine", BooleanEquals=False), default="Collect"),
        NotFine={"Type": "Fail", "Error": "NotFine", "Cause": "such a path is not taken"},
        Collect=makes(
            "ExpressionEval",
            "given",
            paths__exp=f"[{part} for one in sources]",
            moved__exp=f"[{{'source_path': one, 'destination_path': {part}, 'recursive': True if one.endswith('/') "
            "else False} for one in sources]",
        ),
        Bring=does(
            f"{AT}transfer",
            "brought",
            source_endpoint__ref="$.from",
            destination_endpoint__ref="$.vars.collection",
            DATA__ref="$.given.moved",
        ),
        Pack=does(
            f"{COMPUTE}/v3",
            "packed",
            endpoint_id="<yours>",
            tasks=[{"function_id": "<yours>", "args": [], "kwargs": {"paths.$": "$.given.paths"}}],
        ),
        Goal=makes("ExpressionEval", "goal", path__exp="getattr('to', '/~/' + pathsplit(packed.details.result[0])[1])"),
        Back=does(
            f"{AT}transfer",
            "back",
            source_endpoint__ref="$.vars.collection",
            destination_endpoint__ref="$.from",
            DATA=[{"source_path.=": "packed.details.result[0]", "destination_path.$": "$.goal.path"}],
        ),
        Drop=does(
            f"{AT}delete", "dropped", endpoint__ref="$.vars.collection", recursive=True, DATA=[{"path.$": "$.vars.out"}]
        ),
    )


def asked() -> Part:
    return flow(
        Who=does(f"{AT}collection_info", "who", endpoint_id__ref="$.wish.source_endpoint"),
        Ask={
            "Type": "CreateWebInput",
            "Parameters": {
                "InputType": "Selection",
                "Context": {"Rows": [{"Field": "Who", "Value.=": "(`$._context.email` or `$._context.username`)"}]},
                "Options": [{"Value": "yes", "Label": "Yes"}, {"Value": "no", "Label": "No"}],
                "RespondentUrns": ["urn:of:a:group"],
            },
            "ResultPath": "$.asked",
        },
        Await={
            "Type": "AwaitWebInput",
            "Parameters": {"web_input_id.$": "$.asked.web_input_id"},
            "ResultPath": "$.said",
            "Catch": [{"ErrorEquals": ["Flows.WebInputExpired"], "Next": "Which", "ResultPath": "$.said"}],
        },
        Which=chooses(when("said.response", "Bring", StringEquals="yes"), default="No"),
        No={"Type": "Fail", "Cause": "it was not allowed"},
        Bring=does(f"{AT}transfer", InputPath="$.wish"),
    )


def told_in_between() -> Part:
    provider = {"Type": "ActionProvider", "Url": f"{COMPUTE}/v3"}
    run = {"Type": "Action", "Handler": provider, "ResultPath": "$.found"}
    tasks = [{"function_id": "<yours>", "kwargs": {"id.$": "$.experiment"}}]
    return flow(
        Begin=makes("Pass", "state", options=[{"Value": "on", "Label": "Go on"}, {"Value": "again", "Label": "Again"}]),
        Run={**run, "Parameters": {"endpoint_id": "<yours>", "tasks": tasks}},
        Home={"Type": "Pass", "InputPath": "$.found.details.results[0].output", "ResultPath": "$.found"},
        Ask={
            "Type": "CreateWebInput",
            "Parameters": {
                "Title.=": "'Of ' + `$.experiment`",
                "Options.$": "$.state.options",
                "Row.$": "$.found.skew",
            },
            "ResultPath": "$.asked",
        },
        Once=makes("Pass", "state", options=[{"Value": "on", "Label": "Go on"}]),
        Await={
            "Type": "AwaitWebInput",
            "Parameters": {"web_input_id.$": "$.asked.web_input_id"},
            "ResultPath": "$.said",
            "Catch": [{"ErrorEquals": ["Flows.WebInputExpired"], "Next": "Halt", "ResultPath": "$.said"}],
        },
        Which=chooses(
            when("said.response", "On", StringEquals="on"),
            when("said.response", "Rest", StringEquals="again"),
            default="Halt",
        ),
        On={"Type": "Pass", "End": True},
        Halt={"Type": "Fail", "Cause": "it was halted"},
        Rest={"Type": "Wait", "Seconds": 1800, "Next": "Run"},
    )


def published_on_approval() -> Part:
    run = {"Type": "ActionProvider", "Url": f"{COMPUTE}/v3"}
    tasks = [{"function_id": "<yours>", "kwargs": {"path.$": "$.at.path"}}]
    return flow(
        Run={
            "Type": "Action",
            "Handler": run,
            "Parameters": {"endpoint_id": "<yours>", "tasks": tasks},
            "ResultPath": "$.found",
        },
        Home={"Type": "Pass", "InputPath": "$.found.details.results[0].output", "ResultPath": "$.found"},
        Prepare=makes(
            "ExpressionEval",
            "entry",
            search_index="<yours>",
            subject__ref="$.found.title",
            visible_to=["urn:of:a:group"],
            content={"date.$": "$.found.date", "at.$": "$.at.id"},
        ),
        Await={
            "Type": "AwaitWebInput",
            "Parameters": {"web_input_id.$": "$.found.asked"},
            "ResultPath": "$.said",
            "Catch": [{"ErrorEquals": ["Flows.WebInputExpired"], "Next": "Which", "ResultPath": "$.said"}],
        },
        Which=chooses(when("said.response", "Open", StringEquals="open"), default="Ingest"),
        Open=makes(
            "ExpressionEval",
            "entry",
            visible_to=["public"],
            content__ref="$.entry.content",
            search_index__ref="$.entry.search_index",
            subject__ref="$.entry.subject",
        ),
        Ingest={
            "Type": "Action",
            "Handler": {"Type": "ActionProvider", "Url": "https://actions.globus.org/search/ingest"},
            "InputPath": "$.entry",
            "End": True,
        },
    )
