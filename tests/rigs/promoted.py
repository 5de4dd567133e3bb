"""What `mhfd evaluate` writes of a comparison, as far as a promotion reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def report_of(folder: Path, challenger: str, champion: str = "mhfd", /, **changed: Any) -> Path:
    """A sealed report in a folder of its own. `changed`: fields that it has instead."""
    from mhfd.learning.packages import sealed

    document = {
        "schema_version": 1,
        "task": "focus",
        "decision": "promoted",
        "reason": "difference -.4 a section, 95% [-.6, -.1]; 12 specimens",
        "challenger": challenger,
        "champion": champion,
        "groups": {"a": 0.125},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    path.write_text(json.dumps(sealed(document | changed)))
    return path
