"""What `mhfd doctor DIRECTORY` looks at for a station that scores by runs of a flow. Starts no run, moves nothing."""

import os
from collections.abc import Iterator

from mhfd_client.errors import FlowError, FlowMissing, FlowRefused, SettingsError
from mhfd_client.flow.from_settings import flow_service, folders_of
from mhfd_client.flow.run_words import login_line
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import needs_extra
from mhfd_client.settings.options import Settings
from mhfd_endpoint.finding import Check, fail, ok, warn


def flow_checks(settings: Settings, root: str) -> Iterator[Check]:
    """The settings, the folder of reports, the login, and whether Globus Flows shows us the flow."""
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
    needs_extra()
    from mhfd_client.globus.login import who

    consents = consents_for("flow", flows=[folders.flow], mapped=folders.mapped)
    found = who(settings, consents)
    if not found.logged_in:
        missing = "; ".join(filter(None, (found.trouble, *found.missing)))
        yield fail("login", f"not there: {missing}", f"run: {login_line(folders.surroundings)}")
        return
    yield ok("login", f"{found.username or found.identity or found.client_id}: may start runs of the flow")
    service = flow_service(settings)
    try:
        title = service.title()
    except FlowMissing as error:
        yield fail("flow", f"{folders.flow}: {error}", "`mhfd flow deploy` says which there is")
    except FlowRefused as error:
        do = "it may be started all the same; its owner shows it to you with `mhfd flow deploy --update --viewer`"
        yield warn("flow", f"{folders.flow}: {error}", do)
    except FlowError as error:
        yield fail("flow", f"{folders.flow}: {error}", "see the message")
    else:
        yield ok("flow", f"{folders.flow}: {title}")
    finally:
        service.close()
