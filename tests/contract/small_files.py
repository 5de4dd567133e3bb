"""The small files of a user and of a state folder, each as it is written."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock


def ids() -> Any:
    """The two files of this user's ids, each with one."""
    from uuid import UUID

    from mhfd_client.compute import registration
    from mhfd_client.flow import deployments

    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_STATE_HOME=folder):
        with registration._kept() as functions:
            functions.append(registration.Function("a", UUID(int=1), "b", "0", "c", "d"))
        with deployments._kept() as flows:
            flows["a"] = str(UUID(int=1))
        return [json.loads(file.read_text("utf-8")) for file in sorted(Path(folder).rglob("*.json"))]


def tokens() -> Any:
    """The file of a login. What is in a token is the SDK's."""
    from mhfd_client.globus.tokens import Tokens

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tokens.json")
        Tokens(file, "a", strict=True).store_token_data_by_resource_server({"b": mock.Mock(to_dict=dict)})
        return json.loads(file.read_text("utf-8"))


def lock() -> Any:
    """What the lock of a state folder says of who has it."""
    from mhfd_client.journal.folder import Lock

    with tempfile.TemporaryDirectory() as folder:
        lock = Lock(Path(folder), root="/a")
        told = json.loads(Path(folder, "lock").read_text("utf-8"))
        lock.close()
    return told
