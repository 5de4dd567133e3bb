"""What an alert says: the JSON that a webhook and a command get. It decides nothing and sends nothing.

The form is documented in docs/how-to/alerts.md. Fields may be added; a change of meaning raises `schema_version`.
"""

import socket
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mhfd_client.alerts.digest import Digest
from mhfd_client.files import text_of
from mhfd_client.times import iso_z


class Rule(StrEnum):
    """What rings."""

    OUT_OF_FOCUS = "out_of_focus"  # several of the last images
    UNUSABLE = "unusable"  # several of the last files are no usable images
    DRIFT = "drift"  # the images in focus have left the anchor
    MISSING = "missing"  # sections that should have come
    UNANSWERED = "unanswered"  # nobody has said what is sharp
    SILENCE = "silence"  # no new image
    BACKLOG = "backlog"  # images wait for their verdict
    DISK = "disk"  # little space left
    FOLDER = "folder"  # the watched folder is gone
    RUNNER = "runner"  # nobody scores
    CHAMPION = "champion"  # images are unlike what the champion was taught with
    LENS = "lens"  # a person is asked to see to the lens
    ENDED = "ended"  # the watch itself has failed


class Event(StrEnum):
    """Why a message is sent."""

    OPENED = "opened"
    WORSE = "worse"  # what is open has grown by far, or has begun anew
    CLOSED = "closed"
    FAILED = "failed"  # a single image, where `alerts.each` is set
    DIGEST = "digest"  # a wafer has ended: what is to be taken again
    TEST = "test"


class Alert(BaseModel):
    """One message. The same `id` is the same message, sent again because its receipt was not seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1, 2, 3, 4] = 4
    id: str
    event: Event
    rule: Rule | None
    """None in a test, in a digest and for a single image."""
    episode: int
    """The same number in all that is said of one episode; 0 where there is none."""
    text: str
    since: str
    """When it began. Times are UTC, ISO 8601."""
    until: str | None = None
    """When it was over; None while it is not."""
    provisional: bool = False
    """It rests on verdicts that may change."""
    withdrawn: bool = False
    """It was over because the images that it named were judged again: nothing had to be done."""
    facts: dict[str, Any] = {}
    """The numbers of the text, by rule."""
    images: tuple[str, ...] = ()
    """At most 20 paths below `root`, newest last."""
    digest: Digest | None = None
    """In a digest, what it says."""
    untold: int = 0
    """Alerts before this one that could not be delivered and were over before anyone was told."""
    root: str
    host: str


def sample(root: str, now: float) -> Alert:
    """The message that `mhfd alert test` sends."""
    return Alert(
        id=f"test-{int(now * 1000)}",
        event=Event.TEST,
        rule=None,
        episode=0,
        text="This is a test: alerts of mhfd reach you. Nothing is wrong.",
        since=iso_z(now),
        root=text_of(root),
        host=socket.gethostname(),
    )


def digest_message(digest: Digest, root: str) -> Alert:
    """The message that brings a digest."""
    return Alert(
        id=f"digest-{digest.newest}-{digest.made}",
        event=Event.DIGEST,
        rule=None,
        episode=0,
        text=digest.text(),
        since=digest.made,
        provisional=any(image.provisional for image in digest.listed),
        facts=digest.facts(),
        images=tuple(image.path for image in digest.listed),
        digest=digest,
        root=text_of(root),
        host=socket.gethostname(),
    )
