"""What Transfer does with a task whose document leaves an option out: as globus-sdk's own documentation says.

`tests/stand_ins/test_transfer_options.py` reads that documentation and compares. Nothing here is a choice of ours: what
a flow of ours wants otherwise, it must ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MAILS: Final = {"notify_on_succeeded": True, "notify_on_failed": True, "notify_on_inactive": True}
TRANSFER_DEFAULTS: Final[Mapping[str, bool]] = _MAILS | {
    "verify_checksum": False,
    "preserve_timestamp": False,
    "encrypt_data": False,
    "skip_source_errors": False,
    "fail_on_quota_errors": False,
    "delete_destination_extra": False,
}
DELETE_DEFAULTS: Final[Mapping[str, bool]] = _MAILS | {
    "recursive": False,
    "ignore_missing": False,
    "interpret_globs": False,
}


def options_of(document: Mapping[str, Any], defaults: Mapping[str, bool]) -> dict[str, Any]:
    """A document with every option that it leaves out."""
    return {**defaults, **document}
