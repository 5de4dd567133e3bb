"""What `mhfd flow start` and `mhfd flow timer create` share: which flow, what its runs are given, and as whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mhfd_client.commands.common import F, decorated_by, echo

if TYPE_CHECKING:
    from mhfd_client.flow.run_words import Surroundings
    from mhfd_client.settings.options import Settings
    from mhfd_flows.build import FlowRecipe


_TAG = "mhfd:"
_MOST = 64  # characters of a label, and of a tag
_OPTIONS = (
    click.argument("name", metavar="[NAME|ID]", required=False),
    click.option("--input", "file", type=click.Path(path_type=Path, allow_dash=True), help="The input, as JSON."),
    click.option("--source", metavar="COLLECTION:FOLDER", help="Where the images are.  [default: flow.source]"),
    click.option("--staging", metavar="COLLECTION:FOLDER", help="The staging area.  [default: flow.staging]"),
    click.option("--staging-root", metavar="FOLDER", help="The same, as the endpoint sees it."),
    click.option("--results", metavar="COLLECTION:FOLDER", help="Where reports go.  [default: flow.results]"),
    click.option("--endpoint", metavar="ID", help="Whom it asks.  [default: compute.endpoint]"),
    click.option(
        "--function",
        "functions",
        multiple=True,
        metavar="[NAME=]ID",
        help="For which function; with NAME of a flow that asks several.  [default: compute.function, where it scores]",
    ),
    click.option("--request", metavar="JSON", help="What long work is asked, as JSON or a file of it."),
    click.option("--image", "images", multiple=True, metavar="PATH", help="Of focus_check_shared; may be repeated."),
    click.option("--write-to", metavar="FOLDER", help="Of focus_check_shared: where full reports go."),
    click.option("--label", help="What runs are called, in 64 characters.  [default: the flow and its folder]"),
    click.option("--tag", "tags", multiple=True, help="To find runs by; may be repeated."),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A flow, and what a run of it is given."""

    settings: Settings
    site: Surroundings
    body: dict[str, Any]
    label: str
    tags: tuple[str, ...]
    recipe: FlowRecipe | None = None
    """Which of ours it is."""

    @property
    def flow(self) -> str:
        """Its id."""
        return self.site.flow


def input_options(function: F) -> F:
    """NAME or ID, and what says which input; `chosen` takes them."""
    return decorated_by(function, _OPTIONS)


def chosen(
    config: Path | None,
    *,
    name: str | None,
    file: Path | None,
    label: str | None,
    tags: tuple[str, ...],
    request: str | None,
    **parts: Any,
) -> Chosen:
    """What was typed, checked. UsageError; FlowError when the flow is not there, or not this mhfd's."""
    from mhfd.errors import UsageError
    from mhfd_client.commands.far.flow_told import object_of
    from mhfd_client.flow.by_hand.run_input import InputParts, read_input, run_input
    from mhfd_client.flow.runs import surroundings
    from mhfd_client.flow.service import FOLDER_TAG
    from mhfd_client.settings.load import load

    settings = load(config).settings
    for one in (*tags, *([] if label is None else [label])):
        if not 1 <= len(one) <= _MOST or one.startswith(_TAG):
            raise UsageError(
                f"{one[:80]!r}: a label or tag has 1 to {_MOST} characters, and does not begin with {_TAG}"
            )
    written = None if file is None else read_input(file)
    given = InputParts(**parts, request=None if request is None else object_of("--request", request))
    id_, schema, recipe, ours = _flow(settings, name)
    if not ours and written is None:
        raise UsageError(f"flow {id_} is none of mhfd's: give the whole input of a run with --input FILE")
    if schema is None:
        echo(f"what flow {id_} asks for is not shown to us: the service checks the input", err=True)
    body = run_input(settings, schema, given, written, scores=recipe is None or not recipe.asked.long)
    if recipe is not None and recipe.keeping is not None and isinstance(body.get("folder"), str):
        tags += (FOLDER_TAG + body["folder"],)
    return Chosen(settings, surroundings(settings, id_), body, label or _label(name or "mhfd", body), tags, recipe)


@contextmanager
def login_named(chosen: Chosen, *, timer: bool = False) -> Iterator[None]:
    """What a login lacks is said for this flow."""
    from mhfd_client.errors import NotLoggedIn
    from mhfd_client.flow.run_words import login_line

    try:
        yield
    except NotLoggedIn as e:
        raise NotLoggedIn(f"{e}; for this: {login_line(chosen.site, timer=timer)}") from None


def _flow(settings: Settings, name: str | None) -> tuple[str, Mapping[str, Any] | None, FlowRecipe | None, bool]:
    """Its id, the schema of its input as far as we see it, which of ours it is, and whether any mhfd deployed it."""
    from globus_sdk import FlowsClient

    from mhfd_client.errors import FlowMissing, FlowRefused
    from mhfd_client.flow import deployments
    from mhfd_client.flow.from_settings import deployed
    from mhfd_client.globus.identity import globus_app
    from mhfd_client.globus.ids import id_of
    from mhfd_flows.shipped import FLOWS, flow_of

    wanted = name or settings.flow.id or next(iter(FLOWS))
    shipped = FLOWS.get(wanted)
    if shipped is None and name is not None and "-" not in name:
        flow_of(name)  # says which there are
    if shipped is not None:
        return deployed(settings, shipped), shipped.input_schema, shipped, True
    with globus_app(settings, services=["flows"]) as app, FlowsClient(app=app) as flows:
        id_ = str(id_of(wanted, "NAME|ID" if name else "flow.id", do=f"or give a name: {', '.join(FLOWS)}"))
        try:
            document = deployments.asked(lambda: flows.get_flow(id_).data)
        except (FlowMissing, FlowRefused):
            return id_, None, None, False  # who may start it need not be shown it
    of_an_mhfd = any(str(one) == "mhfd" for one in document.get("keywords") or ())
    return id_, document["input_schema"], deployments.ours(document), of_an_mhfd


def _label(name: str, body: Mapping[str, Any]) -> str:
    source = body.get("source")
    folder = str(source.get("path") or "") if isinstance(source, dict) else ""
    return f"{name}: {folder}"[:_MOST] if folder else name[:_MOST]
