"""Small JSON files of this user's, changed by one process at a time.

What they hold saves work and is never the truth: a file that is damaged is empty, and one that cannot be written is
not kept. Both are said in the log.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mhfd_client import files
from mhfd_client.errors import StateError

T = TypeVar("T")

_log = logging.getLogger("mhfd")


@contextmanager
def kept(
    path: Path, empty: Callable[[], T], read: Callable[[Any], T], plain: Callable[[T], Any], *, without: str
) -> Iterator[T]:
    """What a file holds, to be changed in place; written back when it was.

    Args:
        path: The file. Its one field is called as it is.
        empty: Makes what stands for no file.
        read: Understands the field; ValueError, KeyError, TypeError or AttributeError when it is damaged.
        plain: The field again, as JSON has it.
        without: What follows from a file that cannot be used, for the log.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = files.opened_lock(path.with_suffix(".lock"))
    except OSError as error:
        _log.warning("ids of %s cannot be kept: %s: %s; %s", path.stem, path, error, without)
        yield empty()
        return
    with files.held(lock):
        entries = empty()
        try:
            entries = read(json.loads(path.read_bytes())[path.stem])
        except FileNotFoundError:
            _log.debug("%s is not there yet", path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("%s cannot be read (%s): %s", path, error, without)
        before = plain(entries)
        try:
            yield entries
        finally:
            if plain(entries) != before:
                text = json.dumps({"schema_version": 1, path.stem: plain(entries)}, indent=1)
                try:
                    files.write_whole(path, text.encode())
                except StateError as error:
                    _log.warning("ids of %s cannot be kept: %s; %s", path.stem, error, without)
