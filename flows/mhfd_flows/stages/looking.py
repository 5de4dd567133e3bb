"""Which images: those that a run is told, or those of a folder, looked at until they stand still.

A run may also only ask the endpoint whether it takes what the flow sends; then nothing is moved.
"""

from typing import Any, Final

from mhfd_flows.build import ASK_DOCTOR, PERSONAL, BadEnd, Fault, FlowStage, Step
from mhfd_flows.parts.schemas import thing
from mhfd_flows.parts.states import ON, choice, computed, fixed, once, paused, when
from mhfd_flows.stages.staging import listing, results
from mhfd_flows.stages.tasks import task

LOOKS: Final = 40
_SEEN: Final = (
    "[[f.name, f.size, f.last_modified] for f in look.details.DATA if f.type == 'file' "
    "and f.name.rpartition('.')[2].lower() in ['tif', 'tiff', 'png']] if 'DATA' in look.details else []"
)
_NEW: Final = "for f in arrival.files if f[0] not in look.names]"


def look(images: int, files: int, reports: int) -> FlowStage:
    """The images of `$.batch`, of at most so many; else the new ones of a folder that holds at most so many files."""
    asked = task(
        "Does the endpoint take what this action sends? It is asked for an image that is not there: its answer says "
        "whether it may look there.",
        {"schema_version": 1, "paths.=": "[plan.seen + 'nothing.tif']", "detail": "summary"},
        "asked",
        3600,
    )
    states = {
        "Listed": choice(
            "A station says which images, and how large each was when it saw it whole. By hand or by a timer, the "
            "folder is looked at. Whoever only asks moves nothing.",
            [when("plan.only_ask", True, "AskEndpoint"), when("plan.listed", True, ON)],
            "StartLooking",
        ),
        "AskEndpoint": once(asked, "ask", "EndpointNotReached", None),
        "StartLooking": fixed("Nothing has been seen yet.", {"files": [], "looks": 0}, "arrival", "LookAtSource"),
        "LookAtSource": listing(
            "What is in the folder now? One more than is allowed, to notice a fuller one.",
            "source",
            files + 1,
            "look",
            "SawNothing",
            "Compare",
        ),
        "SawNothing": fixed(
            "A folder that cannot be listed is looked at again like an empty one.", {"details": {}}, "look", "Compare"
        ),
        "Compare": computed(
            "An image is here when neither its size nor its time has changed between two looks.",
            {
                "files.=": _SEEN,
                "still.=": f"len(arrival.files) > 0 and arrival.files == ({_SEEN})",
                "readable.=": "'DATA' in look.details",
                "too_full.=": f"'DATA' in look.details and len(look.details.DATA) > {files}",
                "looks.=": "arrival.looks + 1",
            },
            "arrival",
            "Arrived",
        ),
        "Arrived": choice(
            f"At most {LOOKS} looks.",
            [
                when("arrival.too_full", True, "FolderTooFull"),
                when("arrival.still", True, "LookAtReports"),
                {"Variable": "$.arrival.looks", "NumericLessThan": LOOKS, "Next": "WaitForImages"},
                when("arrival.readable", False, "CannotLook"),
            ],
            "CountFiles",
        ),
        "WaitForImages": paused("Until the next look.", "LookAtSource", SecondsPath="$.plan.settle_s"),
        "CountFiles": computed(
            "Is there nothing, or something that never stands still?",
            {"empty.=": "len(arrival.files) == 0"},
            "look",
            "Settled",
        ),
        "Settled": choice("Nothing new is no failure.", [when("look.empty", True, "NothingNew")], "NeverStill"),
        "LookAtReports": listing(
            "Images whose report is here already are not scored again.",
            "results",
            reports + 1,
            "reports",
            "NoReports",
            "Known",
        ),
        "NoReports": fixed(
            "The folder of the reports is made when the first comes back.", {"details": {}}, "look", "Known"
        ),
        "Known": computed(
            "The images that reports are of, and no more: the state is bounded. A report is called "
            "IMAGE.HASH.mhfd.json.",
            {
                "names.=": "[f.name.rpartition('.mhfd.json')[0].rpartition('.')[0] for f in look.details.DATA] "
                "if 'DATA' in look.details else []",
                "too_full.=": f"'DATA' in look.details and len(look.details.DATA) > {reports}",
            },
            "look",
            "AllListed",
        ),
        "AllListed": choice(
            "Of a fuller folder not every report would be known, and images would be scored again.",
            [when("look.too_full", True, "TooManyReports")],
            "Pick",
        ),
        "Pick": computed(
            "The new ones.",
            {"images.=": f"[{{'path': f[0], 'name': f[0], 'size': f[1]}} {_NEW}", "any.=": f"len([f {_NEW}) > 0"},
            "batch",
            "AnyNew",
        ),
        "AnyNew": choice("Nothing new is no failure.", [when("batch.any", True, ON)], "NothingNew"),
        "NothingNew": fixed("Nothing was moved, nothing is left.", {"error": "", "scored": 0}, "outcome", None),
    }
    return FlowStage(
        step=Step.SETTLE,
        states=states,
        places={"AskEndpoint": "ask", "LookAtSource": "look", "LookAtReports": "reports"},
        plan={
            "settle_s.=": "getattr('settle_s', 15)",
            "listed.=": "getattr('batch', None) != None",
            "only_ask.=": "getattr('only_ask', False)",
        },
        asks={"results": results("reports"), "batch": _batch(images), "settle_s": _SETTLE, "only_ask": _ONLY_ASK},
        needs=("results",),
        fails=(
            BadEnd(
                "CannotLook",
                "The folder source.path could not be listed: see $.errors.look.",
                "the folder with the images could not be listed",
                PERSONAL,
            ),
            BadEnd(
                "NeverStill",
                f"Files in source.path were still changing after {LOOKS} looks. Nothing was moved.",
                "files in the folder went on changing, so that nothing was moved",
                "start it when they are whole",
            ),
            BadEnd(
                "TooManyReports",
                f"results.path holds more than {reports} files: give each source folder its own folder for reports. "
                "Nothing was moved.",
                "the folder of reports is too full",
                "give each folder of images one of its own for reports",
            ),
            BadEnd(
                "FolderTooFull",
                f"source.path holds more than {files} files: run a station, which says which images are new, or start "
                "the flow on smaller folders. Nothing was moved.",
                "the folder has more images than one run takes",
                "run `mhfd watch`, which says which are new",
            ),
            BadEnd(
                "EndpointNotReached",
                "The Compute endpoint did not take the task, or did not answer: see $.errors.ask. Nothing was moved.",
                "the endpoint did not answer to the flow",
                ASK_DOCTOR,
            ),
        ),
        faults=(
            Fault("source-unreadable-once", "the source folder cannot be listed, once", "look", "failed", times=1),
            Fault("source-unreadable", "the source folder can never be listed", "look", "failed", "CannotLook"),
            Fault("folder-too-full", "the source folder holds too many files", "look", "full", "FolderTooFull"),
            Fault("nothing-there", "the source folder stays empty", "look", "empty", ""),
            Fault("never-still", "files in the source folder keep changing", "look", "moving", "NeverStill"),
            Fault("reports-unlistable", "the folder of the reports cannot be listed", "reports", "failed"),
            Fault("all-reported", "every image has its report already", "reports", "all known", ""),
            Fault(
                "too-many-reports",
                "the folder of the reports holds too many files",
                "reports",
                "full",
                "TooManyReports",
            ),
        ),
        steps={"Listed": Step.BEGIN, "AskEndpoint": Step.SCORE, "EndpointNotReached": Step.SCORE},
    )


_SETTLE: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": 600,
    "title": "Seconds between two looks at the folder",
    "description": "Left out: 15. Without a batch only.",
}
_ONLY_ASK: Final = {
    "type": "boolean",
    "title": "Only ask the endpoint",
    "description": "Move nothing: find out whether the endpoint takes what this flow sends. `mhfd doctor` does.",
    "default": False,
}


def _batch(most: int) -> dict[str, Any]:
    image = {
        "path": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$",
            "title": "Path below the source folder",
        },
        "name": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            "title": "Name in the staging area, unique in the batch",
        },
        "size": {"type": "integer", "minimum": 0, "title": "Bytes when it was seen whole"},
    }
    images = {
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "items": {"type": "object", "required": list(image), "additionalProperties": False, "properties": image},
    }
    said = (
        "Which images; left out: every TIFF and PNG of the source folder that has no report yet, once it stands still."
    )
    return thing("Images", {"images": images}, ["images"], description=said)
