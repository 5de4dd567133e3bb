"""The digest of a wafer: what to take again before it is unloaded, and what may go on. Its form, its words, its moment.

It is one message at an end: when the watch has ended by itself, when all that was expected is here and judged, or when
no image has come for `alerts.idle_s`. Not again at the same end: only when more images have come. What is in it is
counted in `results.digest`.
"""

import base64
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from mhfd_client.alerts.situation import Situation
from mhfd_client.alerts.words import count, spans
from mhfd_client.settings.options import AlertSettings
from mhfd_client.verdicts.blur import advice
from mhfd_client.verdicts.blur.blur import Blur, BlurKind

LISTED: Final = 20
"""So many images are listed; of the others the number is said."""
_PICTURES: Final = 8
_PICTURE_BYTES: Final = 48 << 10
_BYTES: Final = 60_000
"""As JSON: a variable of the environment may have twice that."""


class DigestImage(BaseModel):
    """An image to take again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: int | None
    tile: str | None
    path: str
    """Below the watched folder."""
    outcome: str
    provisional: bool
    reason: str
    """As its verdict says it, with its place."""
    blur: Blur | None = None
    picture: str | None = None
    """A small JPEG of it, on the station's machine."""
    jpeg: str | None = None
    """The same in base64: for a webhook, of the first few."""


class Digest(BaseModel):
    """What is said when a wafer ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2] = 2
    why: str
    """What has ended, in words."""
    made: str
    """UTC, ISO 8601."""
    newest: int
    """The newest image that it knows of, as the journal numbers them."""
    images: int
    waiting: int
    """Images that have no verdict yet."""
    complete: bool = False
    """All that was expected is here."""
    confirmed: int
    """Images that people call sharp. 0: images were only compared with each other."""
    again: int
    """To be taken again."""
    kinds: dict[BlurKind, int] = {}
    """How many of them are blurred by what, the commonest first, as far as it is known."""
    listed: tuple[DigestImage, ...] = ()
    missing: tuple[int, ...] = ()
    """Sections of which something is missing, the last ones."""
    onward: int = 0
    """May go on to montage and alignment."""
    unsure: int = 0
    """In focus or not: nothing can be said of them."""
    command: str = ""
    """Lists what may go on."""
    look: str = ""
    """Shows the images, where no page is served."""
    page: str | None = None
    """For whoever is logged in there: the page's address without its token. None: none is served any more."""

    @property
    def headline(self) -> str:
        """The one line of it."""
        if self.again:
            return f"{self.again:,} to take again before you unload"
        return "Nothing to take again" if self.confirmed else "Nothing to take again, as far as can be told"

    def lines(self) -> list[str]:
        """All of it, for a terminal."""
        lines = [f"{self.headline}:" if self.listed else f"{self.headline}."]
        lines += [f"  {_named(image)}" for image in self.listed]
        if more := self.again - len(self.listed):
            lines.append(f"  and {more:,} more")
        return [*lines, *self._rest()]

    def text(self) -> str:
        """The same in a few sentences, for a pager."""
        where = ""
        if self.listed:
            named = ", ".join(_place(image) for image in self.listed[:10])
            more = self.again - min(len(self.listed), 10)
            where = f": {named}" + (f" and {more:,} more" if more else "")
        return " ".join([f"{self.headline}{where}.", *self._rest()])

    def _rest(self) -> list[str]:
        found = []
        if self.kinds:
            by = ", ".join(f"{advice.WORDS[kind].name} ({n:,})" for kind, n in self.kinds.items())
            found.append(f"What blurs them: {by}.")
        if self.missing:
            found.append(f"Missing, wholly or in part: section{'s' * (len(self.missing) > 1)} {spans(self.missing)}.")
        if self.waiting:
            found.append(f"{count(self.waiting)} not judged yet.")
        if not self.confirmed:
            found.append(
                "Nobody has confirmed a sharp image: if all are blurred, none is found. Look at some before you unload."
            )
        found.append(f"{self.onward:,} of {count(self.images)} may go on to montage and alignment: {self.command}")
        if self.unsure:
            found.append(f"Of {count(self.unsure)} nothing can be said: look at them.")
        where = f"where you are logged in: {self.page}" if self.page else f"with {self.look}"
        found.append(f"Look at them {where}")
        return found

    def facts(self) -> dict[str, Any]:
        """Its numbers."""
        return {name: getattr(self, name) for name in ("again", "onward", "unsure", "waiting", "confirmed", "images")}

    def bounded(self) -> "Digest":
        """Small enough for an environment: names may be as long as a file system allows."""
        digest = self
        while digest.listed and len(digest.model_dump_json()) > _BYTES:
            digest = digest.model_copy(update={"listed": digest.listed[:-1]})
        return digest

    def with_pictures(self) -> "Digest":
        """With the small pictures of the first few in it, as far as they are there."""
        pictured = [image.model_copy(update={"jpeg": _jpeg(image.picture)}) for image in self.listed[:_PICTURES]]
        return self.model_copy(update={"listed": (*pictured, *self.listed[_PICTURES:])})


def ended(now: Situation, settings: AlertSettings, *, last: Digest | None, by_itself: bool = False) -> str | None:
    """Why this is the end of a wafer of which nothing was said yet, in words; None: it is not.

    Args:
        last: The last digest that was sent.
        by_itself: The watch has ended by itself.
    """
    if not settings.digest or not now.newest or (last is not None and last.newest == now.newest):
        return None
    if by_itself:
        return "the watch has ended, as nothing came any more"
    if now.complete and not now.waiting and not (last is not None and last.complete):  # retakes end when none comes
        return "all that was expected is here and judged"
    if not settings.idle_s or now.last_arrival is None or now.away:
        return None
    still = now.now - max(now.last_arrival, now.started)
    if still >= settings.idle_s * (2 if now.waiting else 1):  # what waits has some time to be judged
        return "no image has come for a while"
    return None


def _place(image: DigestImage) -> str:
    if image.section is None:
        return image.path
    return f"section {image.section}" + (f" ({image.tile})" if image.tile else "")


def _named(image: DigestImage) -> str:
    provisional = "; provisional" if image.provisional else ""
    return f"{image.reason} ({image.path}{provisional})"


def _jpeg(picture: str | None) -> str | None:
    if picture is None:
        return None
    try:
        with Path(picture).open("rb") as file:
            data = file.read(_PICTURE_BYTES + 1)
    except OSError:
        return None  # it is gone: the list matters, not its pictures
    return base64.b64encode(data).decode() if 0 < len(data) <= _PICTURE_BYTES else None
