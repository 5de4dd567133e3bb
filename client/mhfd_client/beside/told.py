"""How a path crosses to a program beside a watch: as its bytes, which need not be text."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

Folder = Annotated[
    Path,
    BeforeValidator(lambda told: os.fsdecode(bytes.fromhex(told)) if isinstance(told, str) else told),
    PlainSerializer(lambda path: os.fsencode(path).hex(), when_used="json"),
]
"""A path of whatever bytes, as JSON."""
