"""What a digest says: counted from the journal as it is now. When it is sent, and to whom, is `alerts`' business."""

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mhfd_client.alerts import Digest, DigestImage
from mhfd_client.alerts.digest import LISTED
from mhfd_client.errors import StateError
from mhfd_client.files import text_of
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.now import RunNow, unjudged
from mhfd_client.results.retake import Retake, others, retakes
from mhfd_client.settings import places
from mhfd_client.times import iso_z
from mhfd_client.verdicts.blur.advice import by_kind

_MISSING: Final = 200
_PROVISIONAL: Final = re.compile(r" Provisional: [^.]*\.")
"""Said of the whole, not of each."""
_REASON: Final = 400
"""Characters of a reason."""


def _typed(root: str, state_dir: Path) -> str:
    """The folder as a command is told of it: with --state where it would look for another."""
    try:
        known = places.state_dir(root) == state_dir
    except StateError:
        known = False
    return shlex.join([text_of(root), *([] if known else ["--state", text_of(state_dir)])])


def digest(run: RunNow, why: str, *, page: str | None = None, clock: Callable[[], float] = time.time) -> Digest:
    """The digest of now.

    Args:
        run: The run as it is, looked at just now.
        why: What has ended, in words.
        page: The page's address, without its token.
    """
    journal = run.journal
    told = list(journal.told())
    again = retakes(told, run.labels, journal.readable_report)
    # Where each lies is of no interest here: no report is read.
    going = others(told, run.labels, lambda _: None, waiting=unjudged(journal))
    folder, typed = thumbnails(journal.path.parent), _typed(journal.root(), journal.path.parent)

    def listed(item: Retake) -> DigestImage:
        picture = picture_of(folder, item.image)
        return DigestImage(
            section=item.section,
            tile=item.tile,
            path=text_of(item.path),
            outcome=item.outcome.value,
            provisional=item.provisional,
            reason=_PROVISIONAL.sub("", text_of(item.reason))[:_REASON],
            blur=item.blur,
            picture=text_of(picture) if picture.is_file() else None,
        )

    return Digest(
        why=why,
        made=iso_z(clock()),
        newest=run.newest.image,
        images=run.journal.files(),
        waiting=run.waiting,
        complete=run.complete,
        confirmed=run.confirmed,
        again=len(again),
        kinds=dict(by_kind(item.blur for item in again if item.what_to_do)),
        listed=tuple(listed(item) for item in again[:LISTED]),
        missing=tuple(sorted({p.section for p in (run.absent or ()) if p.section is not None})[-_MISSING:]),
        onward=len(going.images),
        unsure=len(going.undetermined),
        command=f"mhfd retake {typed} --others --csv",
        look=f"mhfd page {typed}",
        page=page,
    ).bounded()
