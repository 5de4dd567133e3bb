"""What is kept of learning for a microscope, so that the same words typed again go on: a file each.

Who judged when it was begun, what the library was found to be worth, and in the end what came of it. So whoever is
killed between two steps asks for none of them anew: what is benchmarked is compared with whom it was begun against.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mhfd.contract.work import KEY
from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.learning.asked_far import numbered
from mhfd_client.settings import places

SCHEMA_VERSION: Final = 1
_DIGITS: Final = 10
_LONGEST: Final = 45
"""Characters of a key: works are called so with the name of their step, and a flow's key is shorter."""
_MOST: Final = 16
"""Characters of a microscope's name that its key begins with."""


def learnings() -> Path:
    """Where they are kept, with the reports that came home and the datasets that were made of labels."""
    return places.state_home() / "learned"


class KeptLearning:
    """One learning. Use `begun`."""

    def __init__(self, key: str, document: dict[str, Any]) -> None:
        self.key, self._document = key, document

    @classmethod
    def begun(cls, asked: Mapping[str, Any], *, key: str | None, afresh: bool, champion: str | None) -> KeptLearning:
        """Of what is asked: the one that it is, or a new one. UsageError; StateError where nothing can be kept.

        Args:
            asked: All that decides what becomes of it, as JSON has it.
            key: What it is called; nothing: that follows from what is asked.
            afresh: A new one, though the same is known.
            champion: Who judges now: noted of a new one.
        """
        own = _key_of(asked) if key is None else _checked(key)
        last, free = None, own
        for name in numbered(own):
            found = _read(name)
            if found is None:
                free = name
                break
            if found["asked"] == asked:
                last = cls(name, found)
            elif key is not None:
                raise UsageError(f"key: {key} is that of something else that was learned; leave it out, or say another")
        if last is not None and not afresh:
            return last
        made = cls(free, {"schema_version": SCHEMA_VERSION, "asked": dict(asked), "champion": champion})
        made.keep(begun=time.time())
        return made

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Held while it is learned, with what another process kept of it by now. UsageError where one learns it."""
        files.make_folder(learnings())
        with files.named(learnings()):
            lock = files.opened_lock(learnings() / f".{self.key}.lock")
        try:
            held = ExitStack()
            held.enter_context(files.held(lock, wait_s=0))
        except TimeoutError:
            raise UsageError(
                f"{self.key}: is being learned already, by another process here: wait for it or end it, and type the "
                "same again; nothing was started"
            ) from None
        with held:
            self._document = _read(self.key) or self._document
            yield

    @contextmanager
    def read(self) -> Iterator[None]:
        """While what was kept is made sense of. UsageError where there is none in it."""
        try:
            yield
        except (KeyError, TypeError, AttributeError, ValidationError) as error:
            what = f"{error.error_count()} errors" if isinstance(error, ValidationError) else f"{error}"
            raise _unreadable(_path(self.key), what) from None

    @property
    def champion(self) -> str | None:
        """Who judged when it was begun; None: mhfd, or what is classical."""
        found: str | None = self._document["champion"]
        return found

    @property
    def folder(self) -> Path:
        """Its own, for what comes home."""
        return learnings() / self.key

    def get(self, name: str) -> Any:
        """What was kept under that name; None: nothing."""
        return self._document.get(name)

    def keep(self, **what: Any) -> None:
        """Keep it too: on the disk when this returns, whole. StateError."""
        self._document |= what
        files.make_folder(learnings())
        files.write_whole(_path(self.key), json.dumps(self._document, indent=1).encode() + b"\n")


def _key_of(asked: Mapping[str, Any]) -> str:
    told = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:_DIGITS]
    called = re.sub("[^a-z0-9]", "-", str(asked["instrument"]).lower())[:_MOST]
    return f"learn-{asked['task']}-{called}-{told}"


def _checked(key: str) -> str:
    """As works are called, with room for a step's name."""
    if len(key) > _LONGEST or not re.fullmatch(KEY, key):
        raise UsageError(
            f"key = {key!r}: cannot be; at most {_LONGEST} letters, digits, dots, dashes and underscores, a letter or "
            "digit first"
        )
    return key


def _path(key: str) -> Path:
    return learnings() / f"{key}.json"


def _read(key: str) -> dict[str, Any] | None:
    path = _path(key)
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict) and found["schema_version"] == SCHEMA_VERSION and found["asked"] is not None:
            return found
        raise ValueError("is of another version")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: what was kept cannot be read ({why}); remove it, and type the same again")
