"""A run's own folder on the endpoint's collection: files are brought there, what came of them goes back, it is deleted.

The folder is made by `bring` and named after the run; `clean` deletes it, whatever happened in between.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mhfd_flows.build import PERSONAL, BadEnd, Fault, FlowStage, Step, troubles
from mhfd_flows.parts.schemas import an_id, text, thing
from mhfd_flows.parts.states import ON, States, action, choice, computed, lost, once, three_times, when

_OWN: Final = ".rstrip('/') + '/mhfd-' + _context.run_id + '/"
_ITS: Final = ".rstrip('/') + '/mhfd-' + getattr('folder', _context.run_id) + '/"
_FOLDER: Final = text(
    "Name of its folder",
    64,
    pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    description="In the staging area, after mhfd-: where an earlier run with it stopped, this one goes on. Left out: "
    "the run's id.",
)
_BY_CHECKSUM: Final = 3
"""Of Transfer's ways to find out what need not be moved again."""
NO_MAIL: Final = {"notify_on_succeeded": False, "notify_on_failed": False, "notify_on_inactive": False}
TRANSFER: Final = "transfer.actions.globus.org/"


def listing(comment: str, of: str, limit: int, place: str, lost: str, then: str) -> dict[str, Any]:
    """A folder is listed: once, and `limit` entries of it."""
    parameters = {"endpoint_id.$": f"$.{of}.id", "path.$": f"$.{of}.path", "limit": limit}
    return once(action(comment, f"{TRANSFER}ls", parameters, "look", 300), place, lost, then)


def bring(what: str = "files", *, listed: bool = False, back: str = "work", again: bool = False) -> FlowStage:
    """Files come into the run's own folder, in one transfer.

    Args:
        what: Their name.
        listed: They are those of `$.batch`, which `look` sees to; else the whole folder comes, as `brought`.
        back: The folder in there whose content is to go back.
        again: The folder may be called by whoever starts the run, and be there: an earlier run has left it, and this
            one goes on in it.
    """
    called = what.title().replace(" ", "")
    name, error = f"Bring{called}", f"{called}NotBrought"
    own = _ITS if again else _OWN
    data: Mapping[str, Any] = {
        "DATA.=": "[{'source_path': source.path.rstrip('/') + '/' + i.path, "
        "'destination_path': plan.stage + i.name} for i in batch.images]"
    }
    if not listed:
        whole = {"source_path.=": "source.path.rstrip('/') + '/'", "destination_path.=": "plan.stage + 'brought/'"}
        data = {"DATA": [whole | {"recursive": True}]}
    said = f"One transfer for all {what}, encrypted; Transfer compares checksums, as it is asked to."
    make = action(
        "The run's own folder on the endpoint's collection.",
        f"{TRANSFER}mkdir",
        {"endpoint_id.$": "$.staging.id", "path.$": "$.plan.stage"},
        "made",
        300,
    )
    moving = moved(said, "source", "staging", data, "brought")
    if again:
        moving["Parameters"]["sync_level"] = _BY_CHECKSUM
    there = action(
        "It may be there from an earlier run.",
        f"{TRANSFER}ls",
        {"endpoint_id.$": "$.staging.id", "path.$": "$.plan.stage", "limit": 1},
        "there",
        300,
    )
    places = {"MakeStaging": "stage", **({"StagingThere": "stage"} if again else {}), name: "bring"}
    return FlowStage(
        step=replace(Step.MOVE, words=f"moving {what}"),
        states={"MakeStaging": once(make, "stage", "StagingThere" if again else "CannotStage", name)}
        | ({"StagingThere": once(there, "there", "CannotStage", name)} if again else {})
        | three_times(name, moving, short="Bring", counter="bring", lost="BringLost")
        | {"BringLost": lost(error, f"The {what} did not come.")},
        places=places,
        plan={
            "stage.=": f"staging.path{own}'",
            f"{back}.=": f"staging.path{own}{back}/'",
            "seen.=": f"compute.staging_root{own}'",
            **({} if listed else {"brought.=": f"compute.staging_root{own}brought'"}),
        },
        asks={
            "source": collection(
                f"Where the {what} are", f"The instrument's collection, and the folder below which the {what} lie."
            ),
            "staging": collection(
                "Staging area",
                "The endpoint's collection, and a folder in which each run makes its own and deletes it again. "
                "It must exist.",
            ),
            **({"folder": _FOLDER} if again else {}),
        },
        needs=("source", "staging"),
        ends=(
            BadEnd(
                error,
                f"The {what} could not be transferred to the staging area: see $.errors.bring.",
                f"the {what} could not be moved to the staging area",
                PERSONAL,
                cleaned="The staging area is clean, unless a transfer that took too long still goes on: cancel it at "
                "Transfer.",
            ),
        ),
        fails=(
            BadEnd(
                "CannotStage",
                "The run's folder could not be made below staging.path: see $.errors.stage. "
                "If it was made after all, it is empty: mhfd-<run id>.",
                "its folder in the staging area could not be made",
                "may you write there, and is flow.staging_path what the collection calls the folder?",
            ),
        ),
        faults=(
            Fault("staging-refused", "the run's folder cannot be made", "stage", "unable", "CannotStage"),
            *([Fault("staging-there", "an earlier run has left its folder", "stage", "there")] if again else []),
            *troubles(
                "bring",
                "transfer",
                f"the transfer of the {what}",
                error,
                ("transfer-refused", f"Transfer refuses to move the {what}"),
            ),
        ),
        steps=dict.fromkeys(("MakeStaging", "CannotStage", *(("StagingThere",) if again else ())), Step.BEGIN),
    )


def give_back(
    what: str = "artefacts",
    *,
    after: str = "the work is done",
    of: str = "its",
    folder: str | None = None,
    part: str | None = None,
    some: tuple[BadEnd, Fault] | None = None,
) -> FlowStage:
    """What came of it goes to the results' collection, in one transfer.

    Args:
        what: Its name.
        after: What has gone well when it cannot be moved.
        of: Whose it is.
        folder: The folder of the run's own that goes; left out: the artefacts of long work, where it has any.
        part: Of which work, in a flow that asks for several: that of the last.
        some: How a run ends in which not `$.answer.ok`: not all could be made, and what there is goes back.
    """
    called = what.title().replace(" ", "")
    name, error = f"Return{called}", f"{called}NotReturned"
    states: States = {}
    if folder is None:
        states["AnythingToReturn"] = choice(f"Are there {what}?", [when("answer.any", True, name)])
    data: Mapping[str, Any] = {"DATA.=": _artefacts(part)} if folder is None else {"DATA": [_back(folder)]}
    said = (
        f"The {what}, wherever in the work's folder they are."
        if folder is None
        else f"The folder of the {what}, as it is."
    )
    doing = moved(said, "staging", "results", data, "returned")
    then = ON if some is None else "Returned"
    states |= three_times(name, doing, short="Return", counter="give_back", lost="ReturnLost", then=then)
    states["ReturnLost"] = lost(error, f"The {what} did not come back.")
    if some is not None:
        found = {"error.=": f"'' if answer.ok else '{some[0].error}'"}
        states["Returned"] = computed("All of them, or some?", found, "outcome")
    may_write = f"is Globus Connect Personal running, may the folder of {what} be written?"
    end = BadEnd(
        error,
        f"{after[0].upper()}{after[1:]}, but the {what} could not be transferred back: see $.errors.give_back.",
        f"{after}, but {of} {what} could not be moved back",
        may_write,
    )
    return FlowStage(
        step=replace(Step.RETURN, words=f"bringing {what} back", late=may_write),
        states=states,
        places={name: "return"},
        asks={"results": results(what)},
        needs=("results",),
        ends=(*(some[:1] if some else ()), end),
        faults=(*troubles("return", "return", f"the transfer of the {what}", error), *(some[1:] if some else ())),
    )


def results(what: str) -> dict[str, Any]:
    """The JSON Schema of where they go."""
    made = f"A collection, and a folder that is made when the first {what.removesuffix('s')} comes."
    return collection(f"Where the {what} go", made)


def clean() -> FlowStage:
    """The run's own folder goes, whatever happened before."""
    going = action(
        "The run's own folder goes, whether all went well or not.",
        f"{TRANSFER}delete",
        {"endpoint.$": "$.staging.id", "recursive": True, **NO_MAIL, "DATA": [{"path.$": "$.plan.stage"}]},
        "cleaned",
        3600,
    )
    left = {"collection.$": "$.staging.id", "path.$": "$.plan.stage", "seen_by_endpoint.$": "$.plan.seen"}
    return FlowStage(
        step=Step.CLEAN,
        states=three_times("Clean", going, short="Clean", counter="clean", lost="NameLeftover")
        | {"NameLeftover": computed("What a person must delete.", left, "leftover", "StagingNotCleaned")},
        places={"Clean": "clean"},
        fails=(
            BadEnd(
                "StagingNotCleaned",
                "The folder mhfd-<run id> below staging.path could not be deleted: $.leftover has its path; "
                "delete it by hand. How the run itself ended: $.outcome.",
                "its folder in the staging area could not be deleted",
                "{leftover}",
            ),
        ),
        faults=(
            Fault("clean-fails-once", "the run's folder cannot be deleted, once", "clean", "failed", times=1),
            Fault("clean-fails", "the run's folder can never be deleted", "clean", "failed", "StagingNotCleaned"),
            Fault("clean-stuck", "the deletion never ends", "clean", "stuck", "StagingNotCleaned"),
        ),
    )


def collection(title: str, description: str) -> dict[str, Any]:
    """The JSON Schema of a folder of a collection."""
    fields = {"id": an_id("Collection"), "path": text("Folder")}
    return thing(title, fields, ["id", "path"], description=description, format="globus-collection")


def _artefacts(part: str | None) -> str:
    """From the work's folder, without that of the turn which made them (`folder/files-1/NAME`)."""
    key = "plan.key" if part is None else f"plan.key + '-{part}'"
    kept = f"a.path.rpartition('/mhfd-work-' + {key} + '/')[2]"
    return (
        f"[{{'source_path': plan.work + 'mhfd-work-' + {key} + '/' + {kept}, 'destination_path': "
        f"results.path.rstrip('/') + '/' + {kept}[len({kept}.split('/')[0]) + 1:]}} "
        "for a in work.details.results[0].output.artefacts]"
    )


def _back(folder: str) -> dict[str, Any]:
    went = {"source_path.$": f"$.plan.{folder}", "destination_path.=": "results.path.rstrip('/') + '/'"}
    return went | {"recursive": True}


def moved(comment: str, here: str, there: str, data: Mapping[str, Any], result: str) -> dict[str, Any]:
    """A transfer between two of the places that a run is given."""
    ends = {"source_endpoint.$": f"$.{here}.id", "destination_endpoint.$": f"$.{there}.id"}
    said = {"verify_checksum": True, "encrypt_data": True, **NO_MAIL}
    return action(comment, f"{TRANSFER}transfer", ends | said | dict(data), result, 7200)
