"""The small files that wait in a station's inbox, whoever left them there."""

import errno
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from mhfd_client.files import named

M = TypeVar("M", bound=BaseModel)

_LARGEST: Final = 16 << 20  # bytes: the ids of a million images
_ITS_OWN: Final = {errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM}
"""Why a file cannot be read. Anything else is the disk's or the system's: it may be whole all the same."""


def waiting(inbox: Path, pattern: str, model: type[M]) -> Iterator[tuple[Path, M | None]]:
    """What such files hold, oldest first; None: no such thing is in it. After one that cannot be read now, none."""
    with named(inbox):
        files = sorted(inbox.glob(pattern))
    for file in files:
        try:
            found = file.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:  # a pipe would be waited for
                yield file, None
            else:
                yield file, model.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            continue  # taken in meanwhile
        except ValidationError:
            yield file, None
        except OSError as e:
            if e.errno not in _ITS_OWN:
                return  # nor what was said after it: the order counts
            yield file, None
