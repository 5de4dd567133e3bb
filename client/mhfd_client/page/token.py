"""The page's secret: whoever has it may see the page and speak on it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from mhfd_client.errors import StateError
from mhfd_client.files import text_of


def token_of(state_dir: Path) -> str:
    """The token of a state folder: made once, for its owner's eyes only."""
    path = state_dir / "page-token"
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        return _read(path)
    except OSError as e:
        raise StateError(f"cannot use {text_of(path)}: {e.strerror}; the page needs it, or watch with --no-page") from e


def _read(path: Path) -> str:
    token = path.read_text().strip()
    mode = path.stat().st_mode
    if os.name == "posix" and mode & 0o077:
        raise StateError(f"{text_of(path)} can be read by others (mode {mode & 0o777:o}): remove it, a new one is made")
    if len(token) < 32:
        raise StateError(f"{text_of(path)} holds no token: remove it, a new one is made")
    return token


def stamp_of(token: str) -> str:
    """What our own script shows with a POST: another site cannot read it, and it opens nothing by itself."""
    return hmac.new(token.encode(), b"mhfd page action", hashlib.sha256).hexdigest()
