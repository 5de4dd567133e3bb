"""Where the tokens of a Globus login are kept: one file that only its owner can read.

The file is written whole or not at all, and read and written by several processes at once: a watch that renews a
token beside a person who logs in. No token appears in an error, a log line or a `repr`; errors are therefore raised
outside of the handlers that saw the file's text.
"""

import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from globus_sdk.token_storage import TokenStorage, TokenStorageData

from mhfd_client import files
from mhfd_client.errors import TokensRefused
from mhfd_client.files import text_of

log = logging.getLogger(__name__)

FORMAT: Final = 1
_POSIX: Final = os.name == "posix"
_WAIT_S: Final = 30.0


class Tokens(TokenStorage):
    """The tokens of one login; others in the same file are left alone.

    Args:
        path: The file. It and its folder are made when there is something to keep.
        namespace: Whose tokens: environment, kind of login and client id.
        strict: For `mhfd login`: a token that cannot be written is an error, and a damaged file is written anew.
            Otherwise (a watch that renews one on a read-only home) it is kept in memory, and the log says so once.
    """

    def __init__(self, path: Path, namespace: str, *, strict: bool = False) -> None:
        super().__init__(namespace)
        self.path = path
        self._strict = strict
        self._unwritten: dict[str, TokenStorageData] = {}

    def get_token_data_by_resource_server(self) -> dict[str, TokenStorageData]:
        """Those of this login, with what could not be written. TokensRefused."""
        mine = self._logins(damaged_is_empty=self._strict).get(self.namespace, {})
        return self._parsed(mine, damaged_is_empty=self._strict) | self._unwritten

    def store_token_data_by_resource_server(
        self, token_data_by_resource_server: Mapping[str, TokenStorageData]
    ) -> None:
        try:
            with self._held():
                logins = self._logins(damaged_is_empty=self._strict)
                mine = logins.get(self.namespace, {})
                logins[self.namespace] = mine | {k: v.to_dict() for k, v in token_data_by_resource_server.items()}
                self._write(logins)
        except TokensRefused as error:
            if self._strict:
                raise
            if not self._unwritten:
                log.warning("a renewed token is kept in memory only: %s", error)
            self._unwritten.update(token_data_by_resource_server)
        else:
            for server in token_data_by_resource_server:
                self._unwritten.pop(server, None)

    def remove_token_data(self, resource_server: str) -> bool:
        """Forget those of one server; whether there were any."""
        found = self._unwritten.pop(resource_server, None) is not None
        with self._held():
            logins = self._logins()
            found = logins.get(self.namespace, {}).pop(resource_server, None) is not None or found
            if not logins.get(self.namespace):
                logins.pop(self.namespace, None)
            if logins:
                self._write(logins)
            else:
                self._delete()
        return found

    def prepare(self) -> None:
        """Find out now whether tokens can be kept, before a person is asked for any."""
        self._read()
        with self._held():
            pass

    def forget(self) -> None:
        """Delete the whole file, readable or not."""
        self._unwritten.clear()
        with self._held():
            self._delete()

    def _delete(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as e:
            raise TokensRefused(f"cannot delete {text_of(self.path)}: {e.strerror}; delete it by hand") from None

    def _logins(self, *, damaged_is_empty: bool = False) -> dict[str, dict[str, Any]]:
        text = self._read()
        if text is None:
            return {}
        logins: Any = None
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict) and found.get("format") == FORMAT:
                logins = found.get("logins")
        if isinstance(logins, dict) and all(isinstance(part, dict) for part in logins.values()):
            return logins
        if damaged_is_empty:
            return {}
        raise TokensRefused(f"{text_of(self.path)} is damaged: `mhfd login` writes it anew")

    def _parsed(self, mine: Mapping[str, Any], *, damaged_is_empty: bool) -> dict[str, TokenStorageData]:
        found: dict[str, TokenStorageData] = {}
        for server, fields in mine.items():
            with suppress(Exception):  # whatever is wrong with it, its message may hold the token
                found[server] = TokenStorageData.from_dict(fields)
        if len(found) == len(mine):
            return found
        if damaged_is_empty:
            return {}
        raise TokensRefused(f"{text_of(self.path)} is damaged: `mhfd login` writes it anew")

    def _read(self) -> str | None:
        """The file's text, if nobody else can read or replace it; None: there is no file."""
        why = None
        try:
            file = os.open(self.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return None
        except OSError as e:
            why = "it is a link" if self.path.is_symlink() else e.strerror
        if why is not None:
            raise TokensRefused(f"cannot read the tokens in {text_of(self.path)}: {why}; set globus.tokens to another")
        with open(file, "rb") as f:  # noqa: PTH123 - the descriptor that was checked
            self._check(os.fstat(f.fileno()))
            return f.read().decode("utf-8", "replace")

    def _check(self, about: os.stat_result) -> None:
        if not _POSIX:
            return  # below a Windows profile, only its owner has rights
        name = text_of(self.path)
        if about.st_uid != os.geteuid():
            raise TokensRefused(f"{name} belongs to another user: set globus.tokens to a file of your own")
        if stat.S_IMODE(about.st_mode) & 0o077:
            raise TokensRefused(
                f"{name} can be read by others, so the tokens in it are not used. Run: chmod 600 '{name}'. If others "
                "use this machine, then also `mhfd logout` and `mhfd login`: that makes the old tokens worthless"
            )
        folder = self.path.parent.stat()
        if stat.S_IMODE(folder.st_mode) & 0o022 or folder.st_uid not in (os.geteuid(), 0):
            raise TokensRefused(
                f"others can replace files in {text_of(self.path.parent)}, so the tokens in it are not used. Run: "
                f"chmod 700 '{text_of(self.path.parent)}'"
            )

    def _write(self, logins: Mapping[str, Any]) -> None:
        data = json.dumps({"format": FORMAT, "logins": logins}).encode()
        part = self.path.with_name(f".{self.path.name}.part")
        with self._named():
            part.unlink(missing_ok=True)  # what a killed writer left
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with open(file, "wb") as f:  # noqa: PTH123 - made for its owner only
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            part.replace(self.path)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            why = e.strerror or type(e).__name__
        else:
            return
        raise TokensRefused(
            f"cannot write the tokens to {text_of(self.path)}: {why}; set globus.tokens (MHFD_GLOBUS_TOKENS) to a file "
            "on a disk that you can write"
        )

    @contextmanager
    def _held(self) -> Iterator[None]:
        """One writer at a time; the system lets go when a process dies."""
        with self._named():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.path.with_name(f"{self.path.name}.lock")
            file = files.opened_lock(lock)
        try:
            with files.held(file, wait_s=_WAIT_S):
                yield
                return
        except TimeoutError as e:
            why = str(e)
        raise TokensRefused(f"{text_of(lock)}: {why}: end it, then repeat this")
