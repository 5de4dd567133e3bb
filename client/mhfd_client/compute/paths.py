r"""The same file, as this machine and as the endpoint call it.

`/mnt/sem/run7/a.tif` here is `/eagle/sem/run7/a.tif` there, and on a microscope's Windows machine it is
`Z:\run7\a.tif` or `\\nas\sem\run7\a.tif`. A map is a list of such pairs; the longest prefix that fits decides. What no
pair covers is refused by name, and so is every `..`: it could lead out of what was allowed.

Names only: nothing is opened or looked up here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mhfd.errors import UsageError
from mhfd_client.errors import SettingsError
from mhfd_client.files import text_of

_WINDOWS: Final = re.compile(r"(?P<drive>[A-Za-z]:|[\\/]{2}(?:\?[\\/]UNC[\\/])?[^\\/?]+[\\/]+[^\\/]+)(?=[\\/]|$)")
_LONG: Final = re.compile(r"[\\/]{2}\?[\\/](?!UNC[\\/])", re.IGNORECASE)  # \\?\Z:\..., for names that are very long
_UNC: Final = re.compile(r"[\\/]{2}\?[\\/]UNC[\\/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Folder:
    """An absolute folder in parts. Windows does not mind the case of its names: `parts` keeps it, `key` does not."""

    windows: bool
    drive: str
    parts: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(part.casefold() for part in (self.drive, *self.parts)) if self.windows else self.parts

    def __str__(self) -> str:
        if self.windows:
            return self.drive + "\\" + "\\".join(self.parts)
        return "/" + "/".join(self.parts)


class PathMap:
    """Pairs `HERE=THERE` of folders, both absolute. Empty: every file has the same name on both sides."""

    def __init__(self, pairs: Iterable[str] = ()) -> None:
        self._pairs: list[tuple[_Folder, _Folder]] = []
        for pair in pairs:
            here, equals, there = pair.partition("=")
            if not equals or not here or not there:
                raise SettingsError(
                    f"compute.map: {text_of(pair)!r} is no pair; write HERE=THERE, as in --map /mnt/sem=/eagle/sem or "
                    r"--map Z:\=/eagle/sem"
                )
            folders = (_folder(here, pair), _folder(there, pair))
            for known in self._pairs:
                if known[0].key == folders[0].key:
                    raise SettingsError(f"compute.map: {text_of(here)} is mapped twice; keep one of the two")
            self._pairs.append(folders)
        self._pairs.sort(key=lambda pair: -len(pair[0].key))

    @classmethod
    def of(cls, maps: Mapping[str, str] | Iterable[str] | None) -> "PathMap":
        """From what a person gives a function: `{"/mnt/sem": "/eagle/sem"}`, pairs as text, or nothing."""
        if isinstance(maps, str):
            raise UsageError(f'map: {maps!r} is text; write {{"/mnt/sem": "/eagle/sem"}}')
        if isinstance(maps, Mapping):
            return cls(f"{here}={there}" for here, there in maps.items())
        return cls(maps or ())

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def __str__(self) -> str:
        return ", ".join(f"{here} is {there}" for here, there in self._pairs) or "the same names on both sides"

    def there(self, path: str) -> str:
        """What the endpoint calls a file of this machine. SettingsError when no pair covers it."""
        return self._mapped(path, 0)

    def here(self, path: str) -> str:
        """What this machine calls a file of the endpoint's."""
        return self._mapped(path, 1)

    def _mapped(self, path: str, side: int) -> str:
        where = _folder(path, path)
        if not self._pairs:
            return path
        pairs = self._pairs if side == 0 else sorted(self._pairs, key=lambda pair: -len(pair[1].key))
        for pair in pairs:
            source, target = pair[side], pair[1 - side]
            if source.windows == where.windows and where.key[: len(source.key)] == source.key:
                rest = where.parts[len(source.parts) :]
                return str(_Folder(target.windows, target.drive, (*target.parts, *rest)))
        raise SettingsError(
            f"compute.map: no pair covers {text_of(path)}; known: {self}. Give the endpoint's name of its folder, "
            f"as in --map {text_of(str(where))}=/folder/there"
        )


def _folder(path: str, given: str) -> _Folder:
    plain = _UNC.sub(lambda _: "\\\\", _LONG.sub("", path, count=1), count=1)
    if found := _WINDOWS.match(plain):
        drive, rest = found["drive"], plain[found.end() :]
        if drive[1:] != ":":
            drive = "\\\\" + "\\".join(part for part in re.split(r"[\\/]+", drive) if part)
        folder = _Folder(True, drive, _parts(re.split(r"[\\/]+", rest)))
    elif plain.startswith("/"):
        folder = _Folder(False, "", _parts(plain.split("/")))
    else:
        raise SettingsError(
            rf"compute.map: {text_of(path)!r} is no absolute folder; write /folder, Z:\folder or \\server\share\folder"
        )
    if ".." in folder.parts:
        raise SettingsError(f"compute.map: {text_of(given)!r} contains '..', which could lead anywhere; leave it out")
    return folder


def _parts(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in ("", "."))
