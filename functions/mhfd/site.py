"""What the administrator of an endpoint allows: which folders tasks may read and write, and how much they may take.

Read from the TOML file that the environment variable MHFD_SITE names, which the administrator's template sets. No
request and no option of a user can change or widen it. Without it nothing may be read. This module must not look at
images, nor decide whether a path lies below a folder: see `mhfd.remote.roots`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from mhfd.contract.base import Wire
from mhfd.errors import SiteError
from mhfd.limits import Limits

VARIABLE: Final = "MHFD_SITE"
_SERVICE_BYTES: Final = 7_000_000
"""A result of 7.7 MB still passes Globus Compute, one of 7.8 MB is refused."""


def _folder(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{str(path)!r} is not absolute: write it from / on")
    if ".." in path.parts:
        raise ValueError(f"{str(path)!r} has '..' in it: write it without")
    if path == Path(path.anchor):
        raise ValueError(f"{str(path)!r} is the whole file system: name the folders that hold images")
    return path


Folder = Annotated[Path, AfterValidator(_folder)]
FunctionName = Annotated[str, Field(pattern=r"^mhfd_[a-z0-9_]+$")]
Purpose = Literal["focus", "train"]

FREE: Final = ("mhfd_focus", "mhfd_examine")
"""What may run without a table of its own: what an endpoint of mhfd is for."""


class FunctionLimits(Wire):
    """What one function may have. What is not set is as for all; nothing can be more than that."""

    allowed: bool = Field(True, description="whether it may run at all")
    max_seconds: float | None = Field(None, gt=0, description="as the site's, where that is not less")
    gpus: int | None = Field(None, ge=0, description="of the worker's GPUs the first so many; 0: it runs on processors")
    purpose: Purpose | None = Field(None, description="of the processes that it may run in; nothing: in any")
    max_node_hours: float | None = Field(None, gt=0, description="of one training, over all its turns")
    max_gpu_hours: float | None = Field(None, gt=0, description="of one training, over all its turns and GPUs")
    read_roots: tuple[Folder, ...] | None = Field(None, description="folders below the site's `read_roots`")
    write_roots: tuple[Folder, ...] | None = Field(None, description="folders below the site's `write_roots`")


class Site(Wire):
    """The configuration of one endpoint. Folders are absolute; links in them are followed when they are used."""

    schema_version: Literal[1, 2, 3, 4, 5, 6] = Field(
        6, description="of this file; raised when an older mhfd would misread it"
    )
    name: str = Field("endpoint", min_length=1, max_length=100, description="what people call this endpoint")
    read_roots: tuple[Folder, ...] = Field((), description="folders below which images may be read")
    write_roots: tuple[Folder, ...] = Field((), description="folders below which reports may be written")
    max_images: int = Field(10_000, ge=1, description="paths of one request")
    max_bytes: int = Field(1 << 31, ge=1, description="size of an image file")
    max_pixels: int = Field(1 << 28, ge=1, description="pixels of an image; 2^28 is 16384 x 16384")
    max_response_bytes: int = Field(4 << 20, ge=1 << 14, le=_SERVICE_BYTES, description="JSON of one response")
    max_seconds: float | None = Field(None, gt=0, description="time after which a task begins no further image")
    max_image_seconds: float = Field(120.0, gt=0, le=86_400, description="time after which work on one image is ended")
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="what scores: `auto` takes a GPU if there is one")
    threads: int | None = Field(None, ge=1, description="threads of the CPU kernel; nothing for all that may be used")
    fft_bytes: int | None = Field(
        None,
        ge=1,
        description="GPU memory for an image and the scales that pass at once through FFTs (the paper's presets); "
        "nothing: 2 GiB",
    )
    ranks: int = Field(1, ge=1, le=4096, description="MPI ranks that share a large image; 1: the worker alone")
    ranks_from_bytes: int = Field(1 << 26, ge=1, description="size of an image file from which on ranks share it")
    launcher: tuple[str, ...] = Field(
        ("mpiexec",), min_length=1, description="what starts ranks, with its options; -n and their number follow"
    )
    log: Folder | None = Field(
        None, description="file for one line a request, or a folder for a file of each account; nothing: standard error"
    )

    log_bytes: int = Field(100_000_000, ge=1 << 16, description="size of a log file, after which a new one is begun")
    log_files: int = Field(20, ge=1, le=1000, description="full log files that are kept beside the one in use")
    state: Folder | None = Field(None, description="folder in which what each user has had today is counted")
    max_images_a_day: int | None = Field(None, ge=1, description="images of a user in a day of UTC")
    max_bytes_read_a_day: int | None = Field(None, ge=1, description="bytes that are read for a user in a day")
    max_bytes_written_a_day: int | None = Field(None, ge=1, description="bytes of reports of a user in a day")
    max_device_s_a_day: float | None = Field(
        None, gt=0, description="seconds in a day that a user's images are worked on"
    )
    functions: dict[FunctionName, FunctionLimits] = Field(
        {}, description=f"tables, [functions.NAME]: what may run besides {' and '.join(FREE)}, and what it may have"
    )

    _whole: Site | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _below_ours(self) -> Self:
        for name, limits in self.functions.items():
            for key in ("read_roots", "write_roots"):
                for folder in getattr(limits, key) or ():
                    if not any(folder.is_relative_to(root) for root in getattr(self, key)):
                        raise ValueError(
                            f"functions.{name}.{key}: {str(folder)!r} lies below none of {key}: a function may have a "
                            "part of what the endpoint may, no more"
                        )
        return self

    @model_validator(mode="after")
    def _ours_is_safe(self) -> Self:
        for root in self.write_roots:
            for key, path in (("log", self.log), ("state", self.state)):
                if path is not None and path.is_relative_to(root):
                    raise ValueError(
                        f"{key}: {str(path)!r} lies below a write root, where tasks could replace it: move it"
                    )
        return self

    @model_validator(mode="after")
    def _counted_somewhere(self) -> Self:
        limited = [key for key in type(self).model_fields if key.endswith("_a_day") and getattr(self, key) is not None]
        if limited and self.state is None:
            raise ValueError(f"state: {limited[0]} needs a folder to count in; name one that the workers may write")
        return self

    @property
    def limits(self) -> Limits:
        """What an image may cost. What is decoded whole may have as many pixels as any image."""
        return Limits(
            max_bytes=self.max_bytes,
            max_pixels=self.max_pixels,
            max_held_pixels=self.max_pixels,
            raised_by="ask the endpoint's administrator for more: {name} of its site file",
        )

    def limits_of(self, name: str) -> FunctionLimits:
        """What a function may have; one without a table is not allowed, but for the two that are free."""
        return self.functions.get(name) or FunctionLimits(allowed=name in FREE)

    def of_function(self, name: str) -> Site:
        """The site as a function has it."""
        limits, keys = self.limits_of(name), ("read_roots", "write_roots")
        update = {key: getattr(limits, key) for key in keys if getattr(limits, key) is not None}
        if limits.max_seconds is not None:
            update["max_seconds"] = min(limits.max_seconds, self.max_seconds or limits.max_seconds)
        if limits.gpus == 0:
            update["device"] = "cpu"
        part = self.model_copy(update=update)
        part._whole = self.whole or self  # noqa: SLF001 - its own
        return part

    @property
    def whole(self) -> Site | None:
        """What this is a function's part of."""
        return self._whole

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None) -> Site:
        """The configuration that MHFD_SITE names."""
        named = (os.environ if env is None else env).get(VARIABLE, "")
        if not named:
            raise SiteError(
                f"{VARIABLE} is not set: this endpoint may read nothing; its administrator sets it in worker_init to "
                "the file that says which folders may be read"
            )
        return cls.read(Path(named))

    @classmethod
    def read(cls, file: Path) -> Site:
        """The configuration in a file."""
        try:
            return cls.of(tomllib.loads(file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as e:
            why = e.strerror if isinstance(e, OSError) and e.strerror else "it is not text"
            raise SiteError(
                f"{VARIABLE}: {str(file)!r} cannot be read: {why}; correct its name or its rights"
            ) from None
        except tomllib.TOMLDecodeError as e:
            raise SiteError(f"{VARIABLE}: {str(file)!r} is not TOML: {e}") from None
        except SiteError as e:
            raise SiteError(f"{VARIABLE}: {str(file)!r}: {e}") from None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Site:
        """`Site(**fields)`, with one readable line instead of pydantic's page."""
        try:
            return cls.model_validate(fields)
        except ValidationError as e:
            raise SiteError("; ".join(map(_told, e.errors()))) from None

    def to_toml(self) -> str:
        """The same as a file, each key with what it is for."""
        lines = []
        for key, info in type(self).model_fields.items():
            value = getattr(self, key)
            lines.append(f"# {info.description}")
            if key == "functions":  # the last: what follows a table in TOML is part of it
                lines += self._tables()
            else:
                lines.append(f"# {key} is not set" if value is None else f"{key} = {_toml(value)}")
        return "\n".join(lines) + "\n"

    def _tables(self) -> Iterator[str]:
        for name, limits in self.functions.items():
            yield f"[functions.{name}]"
            for key, value in limits:
                if value is not None:
                    yield f"{key} = {_toml(value)}"


_WORDS: Final = {
    "extra_forbidden": "there is no such key",
    "string_pattern_mismatch": "no function has such a name: write [functions.mhfd_...]",
    "dict_type": "write a table for each, [functions.mhfd_...]",
    "model_type": "write a table",
    "tuple_type": "write a list",
}
"""Where pydantic speaks of Python."""


def _told(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    what = _WORDS.get(error["type"], error["msg"]).removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, int | float):
        return repr(value).lower()  # true, false
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too, and for what lies beyond 16 bits.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
