"""Alerts: something rings when the run needs a person, and a program can stop the microscope.

    journal -> situation -> rules -> episodes -> outlets -> sinks (webhook, command)

`Alerts` runs beside a station; `overview` says what rang, and how the sinks are, to whoever shows it. Nothing here may
hold up the watch, change a verdict or write to the journal.
"""

from mhfd_client.alerts.answers import acknowledge, snooze
from mhfd_client.alerts.configured import build
from mhfd_client.alerts.digest import Digest, DigestImage
from mhfd_client.alerts.episodes import Episode
from mhfd_client.alerts.message import Alert, Event, Rule, digest_message, sample
from mhfd_client.alerts.service import Alerts
from mhfd_client.alerts.sinks import Sink, SinkFailed
from mhfd_client.alerts.situation import AskedOfPerson, LensNeeds
from mhfd_client.alerts.store import Delivery, Overview, overview

__all__ = [
    "Alert",
    "Alerts",
    "AskedOfPerson",
    "Delivery",
    "Digest",
    "DigestImage",
    "Episode",
    "Event",
    "LensNeeds",
    "Overview",
    "Rule",
    "Sink",
    "SinkFailed",
    "acknowledge",
    "build",
    "digest_message",
    "overview",
    "sample",
    "snooze",
]
