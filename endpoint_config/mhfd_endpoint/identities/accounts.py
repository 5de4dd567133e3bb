"""What an account of this machine is to an endpoint: somebody's, the system's, root's, or none."""

import pwd
import re
from functools import cache
from pathlib import Path
from typing import Final

_LOGIN_DEFS: Final = Path("/etc/login.defs")
_NOBODY: Final = 65_534


def wrong_with(account: str) -> str | None:
    """Why nobody's tasks should run as this account; None when they may."""
    try:
        uid = pwd.getpwnam(account).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL in the name
        return f"there is no account {account!r} on this machine"
    if uid == 0:
        return f"tasks would run as {account}, who may do everything here"
    if uid < first_uid() or uid == _NOBODY:
        return f"{account} is an account of the system (uid {uid})"
    return None


def people(most: int = 5) -> list[str]:
    """Some accounts of persons that this machine has."""
    found = [one.pw_name for one in pwd.getpwall() if first_uid() <= one.pw_uid < _NOBODY]
    return found[:most]


@cache
def first_uid() -> int:
    """From which number on accounts are persons'."""
    try:
        found = re.search(r"^UID_MIN\s+(\d+)", _LOGIN_DEFS.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) if found else 1000
