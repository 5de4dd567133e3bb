"""What `mhfd doctor DIRECTORY` looks at for a station that scores by runs of a flow. Starts no run, moves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mhfd.errors import MhfdError
from mhfd_client.doctor import Check, Level
from mhfd_client.errors import SettingsError
from mhfd_client.flow.road import flow_service, places_of
from mhfd_client.options import Settings
from mhfd_client.statedir import text_of

__all__ = ["flow_checks"]


def flow_checks(settings: Settings, root: str) -> Iterator[Check]:
    """The settings, the folder of reports, the login, and whether Globus Flows shows us the flow."""
    try:
        places = places_of(settings, root)
    except SettingsError as error:
        yield Check("flow", Level.FAIL, str(error), "correct the settings")
        return
    shown = text_of(places.results_here)
    if os.access(places.results_here, os.W_OK | os.X_OK):
        yield Check("reports", Level.OK, f"{shown}: may be written")
    else:
        do = "change its permissions: reports that were taken are deleted there"
        yield Check("reports", Level.FAIL, f"{shown}: may not be written by this user", do)
    try:
        service = flow_service(settings)
        try:
            runs = service.listed(1)
        finally:
            service.close()
    except MhfdError as error:
        yield Check("flow", Level.FAIL, text_of(str(error)), "see the message")
        return
    last = f"its last run: {runs[0]['status']}" if runs else "no run yet"
    yield Check("flow", Level.OK, f"{places.flow}: Globus Flows shows it to us; {last}")
