"""A file is there whole, and on the disk, or as it was before."""

import os
import tempfile
from pathlib import Path


def write(file: Path, data: bytes) -> None:
    """Whole, or not at all."""
    fd, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    made = Path(name)
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        made.replace(file)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
