"""Alerts: something rings when the run needs a person, and a program can stop the microscope.

    journal -> snapshot -> rules -> episodes -> outlets -> sinks (webhook, command)

`Alerts` runs beside a station; `overview` says what rang, and how the sinks are, to whoever shows it. Nothing here may
hold up the watch, change a verdict or write to the journal.
"""

from mhfd_client.alerts.configured import build
from mhfd_client.alerts.episodes import Episode
from mhfd_client.alerts.message import Alert, Event, Rule, sample
from mhfd_client.alerts.service import Alerts
from mhfd_client.alerts.sinks import Sink, SinkFailed
from mhfd_client.alerts.store import Health, Overview, overview

__all__ = [
    "Alert",
    "Alerts",
    "Episode",
    "Event",
    "Health",
    "Overview",
    "Rule",
    "Sink",
    "SinkFailed",
    "build",
    "overview",
    "sample",
]
