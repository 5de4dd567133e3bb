"""What `mhfd doctor DIRECTORY` looks at for a station that scores by runs of a flow.

Moves nothing. It starts one run, in which the flow asks the endpoint, unless it is told not to.
"""

import os
from collections.abc import Iterator
from uuid import UUID

from mhfd.contract.request import Code
from mhfd_client.errors import FlowError, FlowMissing, FlowRefused, SettingsError
from mhfd_client.flow.asking import ThroughFlow, ask
from mhfd_client.flow.deployments import obsolete
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.from_settings import flow_service, folders_of
from mhfd_client.flow.run_words import login_line
from mhfd_client.flow.service import FlowService
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import needs_extra
from mhfd_client.settings.options import Settings
from mhfd_endpoint.finding import Check, Level, fail, ok, warn

_NAME = "through the flow"
_NOT_ASKED = "the endpoint was not asked through the flow"


def flow_checks(settings: Settings, root: str, *, wait_s: float, start: bool = True) -> Iterator[Check]:
    """The settings, the folder of reports, the login, whether Globus Flows shows us the flow, and what the endpoint
    answers to it.

    Args:
        settings: The station's.
        root: The watched folder.
        wait_s: How long the answer may take.
        start: Whether a run may be started.
    """
    try:
        folders = folders_of(settings, root)
    except SettingsError as error:
        yield fail("flow", str(error), "correct the settings")
        return
    if os.access(folders.results_here, os.W_OK | os.X_OK):
        yield ok("reports", f"{folders.results_here}: may be written")
    else:
        do = "change its permissions: reports that were taken are deleted there"
        yield fail("reports", f"{folders.results_here}: may not be written by this user", do)
    login = _login(settings, folders)
    yield login
    if login.level is Level.FAIL:
        yield _nobody(folders)
        return
    service = flow_service(settings)
    try:
        document = service.document()
    except FlowMissing as error:
        yield fail("flow", f"{folders.flow}: {error}", "`mhfd flow deploy` says which there is")
    except FlowRefused as error:
        do = "it may be started all the same; its owner shows it to you with `mhfd flow deploy --update --viewer`"
        yield warn("flow", f"{folders.flow}: {error}", do)
    except FlowError as error:
        yield fail("flow", f"{folders.flow}: {error}", "see the message")
    else:
        words, _, do = (obsolete(document) or "").partition("; ")
        yield warn("flow", words, do) if words else ok("flow", f"{folders.flow}: {document['title']}")
    try:
        if start:
            yield through_flow(service, folders, wait_s)
        else:
            yield warn(_NAME, f"{_NOT_ASKED} (--no-run)", "leave --no-run out once, before the first image")
    finally:
        service.close()


def endpoint_through_flow(settings: Settings, endpoint: UUID, *, wait_s: float, start: bool = True) -> Iterator[Check]:
    """What this endpoint answers to the flow of the settings, where there is one; the arguments as of `flow_checks`."""
    if settings.flow.id is None:
        yield ok(_NAME, f"{_NOT_ASKED}: no flow is set (flow.id), so that none of yours uses it")
        return
    if not start:
        yield warn(_NAME, f"{_NOT_ASKED} (--no-run)", "leave --no-run out once, before the first image")
        return
    there = settings.compute.model_copy(update={"endpoint": str(endpoint)})
    asked = settings.model_copy(update={"compute": there})
    try:
        folders = folders_of(asked, str(asked.flow.source_here or "/"), watched=False)
    except SettingsError as error:
        yield warn(_NAME, f"{_NOT_ASKED}: {error}", "correct the settings")
        return
    if _login(asked, folders).level is Level.FAIL:
        yield _nobody(folders)
        return
    service = flow_service(asked)
    try:
        yield through_flow(service, folders, wait_s)
    finally:
        service.close()


def _login(settings: Settings, folders: Folders) -> Check:
    needs_extra()
    from mhfd_client.globus.login import who

    found = who(settings, consents_for("flow", flows=[folders.flow], mapped=folders.mapped))
    if not found.logged_in:
        missing = "; ".join(filter(None, (found.trouble, *found.missing)))
        return fail("login", f"not there: {missing}", f"run: {login_line(folders.surroundings)}")
    return ok("login", f"{found.username or found.identity or found.client_id}: may start runs of the flow")


def _nobody(folders: Folders) -> Check:
    return warn(
        _NAME, f"{_NOT_ASKED}: nobody is logged in for it", f"{login_line(folders.surroundings)}; then ask again"
    )


def through_flow(service: FlowService, folders: Folders, wait_s: float) -> Check:
    """Whether the endpoint takes what the flow's Compute action sends, and may read the staging area."""
    try:
        found = ask(service, folders, wait_s=wait_s)
    except FlowRefused as error:
        do = "as the message says"
        if "only_ask" in str(error):
            do = "the flow is an older mhfd's, which cannot ask: mhfd flow deploy --update"
        return fail(_NAME, str(error), do)
    except FlowError as error:
        return warn(_NAME, f"{_NOT_ASKED}: {error}", "ask again")
    return _said(found, folders)


def _said(found: ThroughFlow, folders: Folders) -> Check:
    who = f"run {found.run}" if found.run else "the run"
    if found.output is None:
        if found.serializer_refused:
            do = (
                "the endpoint gets the flow's tasks and may not unpack them: tell us, and its administrator may add "
                "what the message names to `allowed_serializers`; until then `--runner compute`"
            )
        else:
            do = found.do or f"`mhfd run show {found.run}` says more; `mhfd doctor --endpoint {folders.endpoint}` too"
        return (fail if found.run else warn)(_NAME, f"{who}: {found.why}", do)
    if found.codes == (Code.UNAVAILABLE,):
        what = f"the endpoint answers to the flow, and may read {folders.staging_root} ({who}, {found.took_s:.1f} s)"
        return ok(_NAME, what)
    errors = [error for error in found.output.get("errors") or () if isinstance(error, dict)]
    why = "; ".join(f"{error.get('code')}: {error.get('why')}" for error in errors) or "it did not say what is wrong"
    do = "; ".join(str(error.get("remedy")) for error in errors)
    if Code.REFUSED_PATH in found.codes:
        do = f"correct flow.staging_root, or ask the endpoint's administrator to allow the folder; {do}"
    return fail(_NAME, f"the endpoint answers to the flow ({who}), and refuses: {why}", do)
