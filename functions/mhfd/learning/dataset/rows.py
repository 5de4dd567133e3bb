"""The nouns of a dataset, and the file that it is kept in: `manifest.jsonl`, a header and a line a row.

Each line carries a sum of itself and the header a digest of all: what was changed by hand is found and named by its
line. The path of an image is in neither: its bytes have their own hash, and images may be moved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from mhfd.contract.base import Wire
from mhfd.errors import UsageError
from mhfd.whole import whole

MANIFEST: Final = "manifest.jsonl"
IMAGES: Final = "images"
"""The folder beside the manifest for images that were made for it."""
_SUM: Final = 12  # hexadecimal digits of the sum of a line
_SHA256: Final = r"^[0-9a-f]{64}$"
_A_PATH: Final = r"^[^\x00]+$"
Beside = Literal["take", "mask", "truth"]
"""What a file beside an image is: the same field with noise of its own, what each pixel shows, the field without noise.
"""
BESIDE: Final[tuple[Beside, ...]] = get_args(Beside)
_MOST_ON_A_LINE: Final = 1 << 20  # characters
_OF_A_PAIR: Final = ("move_um", "stig_x", "stig_y")
_SAID: Final = 120  # characters of what is wrong with a line


class Origin(StrEnum):
    """Who or what says the label."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FOLDER = "folder"
    SIMULATED = "simulated"
    RECORDED = "recorded"
    """By what somebody did at the microscope."""


class ImageCause(StrEnum):
    """What an image has, by what went wrong at the microscope."""

    IN_FOCUS = "in_focus"
    DEFOCUS = "defocus"
    ASTIGMATISM = "astigmatism"
    TILT = "tilt"
    WRINKLE = "wrinkle"
    CHARGING = "charging"
    PARTICLES = "particles"
    SHADING = "shading"
    BANDING = "banding"
    JITTER = "jitter"
    RESIN = "resin"
    LOW_DOSE = "low_dose"
    SATURATED = "saturated"


class Side(StrEnum):
    """Where a group lies in the split."""

    TRAIN = "train"
    TEST = "test"


class SourceGroup(Wire):
    """The group: images of one source are alike in more than focus, so no source lies on both sides of a split."""

    instrument: str = ""
    specimen: str
    session: str = ""

    @model_validator(mode="after")
    def _one_key_one_source(self) -> Self:
        if not self.key.strip("/ "):
            raise ValueError("instrument, specimen and session: one of them has to be said")
        bare = not (self.instrument or self.session)
        if "/" in self.instrument + self.session or ("/" in self.specimen and (not bare or _parts(self.specimen))):
            raise ValueError(f"instrument, specimen, session: no part may have a slash in it, got {self.key!r}")
        return self

    @classmethod
    def of(cls, text: str) -> SourceGroup:
        """`instrument/specimen/session`; any other text is the specimen's name."""
        text = text.strip()
        if parts := _parts(text):
            return cls(instrument=parts[0], specimen=parts[1], session=parts[2])
        return cls(specimen=text)

    @property
    def key(self) -> str:
        """`instrument/specimen/session`, or the specimen's name where nothing else is known. `of` reads it."""
        if self.instrument or self.session:
            return f"{self.instrument}/{self.specimen}/{self.session}"
        return self.specimen


class Target(Wire):
    """What is to be learned of an image. None: nobody knows."""

    bad: bool | None = None
    """Not in focus."""
    radius_px: float | None = Field(None, ge=0)
    """Radius of the disc that it is blurred by, beyond a sharp one of its group."""
    cause: ImageCause | None = None
    move_um: float | None = Field(None, allow_inf_nan=False)
    """Of a pair: what is to be added to the working distance of the middle between its images, so that it is sharp."""
    stig_x: float | None = Field(None, allow_inf_nan=False)
    """Of a pair: what is to be added to the stigmator, in the instrument's own unit."""
    stig_y: float | None = Field(None, allow_inf_nan=False)


class RecordedPair(Wire):
    """The other image of a pair. The row's own image is `A`, with the longer working distance; this is `B`."""

    sha256: str = Field(pattern=_SHA256)
    path: str = Field(min_length=1, pattern=_A_PATH)
    """As that of a row."""
    perturbation_um: float = Field(gt=0, allow_inf_nan=False)
    """Half of what their working distances differ by."""


class BesideImage(Wire):
    """A file that belongs to an image: another take of the same field, or a picture of what its pixels show."""

    what: Beside
    sha256: str = Field(pattern=_SHA256)
    path: str = Field(min_length=1, pattern=_A_PATH)
    """As that of a row."""


class DatasetRow(Wire):
    """What somebody says of one image. Of one image there may be several: each says who."""

    schema_version: Literal[1] = 1
    sha256: str = Field(pattern=_SHA256)
    """Of the file's bytes."""
    path: str = Field(min_length=1, pattern=_A_PATH)
    """Absolute, once a dataset is read; in its file relative to that, where the image lies below it."""
    group: SourceGroup
    section: int | None = None
    origin: Origin
    said_by: str | None = None
    target: Target
    parent: str | None = Field(None, pattern=_SHA256)
    """Sha256 of the row that it is a copy of: turned, cut out, blurred."""
    pixel_nm: float | None = Field(None, gt=0)
    covariates: dict[str, float | str] = Field(default_factory=dict)
    pair: RecordedPair | None = None
    """Where two images of one field, taken on both sides of a working distance, say where the focus lies."""
    beside: tuple[BesideImage, ...] = Field((), max_length=len(BESIDE))
    """One of a kind."""

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> Self:
        if len({one.what for one in self.beside}) != len(self.beside):
            raise ValueError("beside: a take, a mask or a truth is there twice")
        return self

    def besides(self, what: Beside) -> BesideImage | None:
        """What lies beside it of a kind."""
        return next((one for one in self.beside if one.what == what), None)

    @property
    def is_move(self) -> bool:
        """A pair of which is known where the focus lies: a row of the task `adjust`."""
        return self.pair is not None and self.target.move_um is not None

    @property
    def images(self) -> tuple[tuple[str, str], ...]:
        """Sha256 and path of each image."""
        own = (self.sha256, self.path)
        return (own,) if self.pair is None else (own, (self.pair.sha256, self.pair.path))

    @property
    def micrographs(self) -> tuple[tuple[str, str], ...]:
        """Sha256 and path of each image, and of the other take of its field."""
        take = self.besides("take")
        return self.images if take is None else (*self.images, (take.sha256, take.path))

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Sha256 and path of each image, and of what lies beside it."""
        return (*self.images, *((one.sha256, one.path) for one in self.beside))


class DatasetHeader(Wire):
    """The manifest's first line."""

    schema_version: Literal[1] = 1
    digest: str
    rows: int
    split: dict[str, Side]


@dataclass(frozen=True)
class Dataset:
    """Rows, and on which side of the split each group lies."""

    rows: tuple[DatasetRow, ...]
    split: Mapping[str, Side]
    """By `SourceGroup.key`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        object.__setattr__(self, "split", MappingProxyType({key: Side(side) for key, side in self.split.items()}))
        without = sorted({row.group.key for row in self.rows} - set(self.split))
        if without:
            raise UsageError(f"split: group {without[0]!r} has no side; say train or test of each")

    @cached_property
    def digest(self) -> str:
        """Of rows and split, whatever the images' paths are."""
        lines = [_canonical(_plain(row)) for row in self.rows]
        said = _canonical({"split": dict(self.split), "rows": lines})
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that have rows, in order."""
        return tuple(sorted({row.group.key for row in self.rows}))

    def side(self, row: DatasetRow) -> Side:
        """Where a row lies."""
        return self.split[row.group.key]

    def on(self, side: Side) -> Dataset:
        """The rows of one side."""
        return Dataset(tuple(row for row in self.rows if self.side(row) is side), self.split)

    @classmethod
    def read(cls, folder: Path, *, images: bool = True, manifest: Path | None = None) -> Dataset:
        """From a dataset's folder; UsageError that names file and line where it is not what was written.

        Args:
            folder: Where the manifest lies.
            images: Each image has to be there. Its bytes are compared by whoever opens it.
            manifest: The manifest by another name; nothing: by its own.
        """
        path = folder / MANIFEST if manifest is None else manifest
        lines = _lines(path)
        number, first = next(lines, (1, ""))
        header = _header(path, number, first)
        rows = []
        for number, line in lines:
            row = _row(path, number, line)
            placed = with_paths(row, partial(_absolute, path, number, folder))
            for (_, said), (_, image) in zip(row.files, placed.files, strict=True):
                if images and not Path(image).is_file():
                    raise UsageError(f"{path}, line {number}: image {said!r} is not there; put it back, or build again")
            rows.append(placed)
        if len(rows) != header.rows:
            raise UsageError(f"{path}, line 1: {header.rows} rows were written, {len(rows)} are there; build it again")
        without = next((n for n, row in enumerate(rows, start=2) if row.group.key not in header.split), None)
        if without is not None:
            raise UsageError(f"{path}, line {without}: its group has no side in the split of line 1; build it again")
        dataset = cls(tuple(rows), header.split)
        if dataset.digest != header.digest:
            raise UsageError(
                f"{path}, line 1: the digest is of other rows or another split: lines were exchanged, or the split "
                "changed by hand; build it again"
            )
        return dataset

    def write(self, folder: Path) -> None:
        """Into a folder, whole or not at all; images below it are named relative to it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            root = folder.resolve()
            with whole(folder / MANIFEST) as file:
                header = DatasetHeader(digest=self.digest, rows=len(self.rows), split=dict(self.split))
                file.write(_line(header.model_dump(mode="json")))
                for row in self.rows:
                    plain = _plain(row)
                    kept = with_paths(row, lambda one: _relative(root, one))
                    said = {**plain, "path": kept.path, "sum": _sum(plain)}
                    if kept.pair is not None:
                        said["pair"] = kept.pair.model_dump(mode="json")
                    if kept.beside:
                        said["beside"] = [one.model_dump(mode="json") for one in kept.beside]
                    file.write(_line(said))
        except OSError as error:
            raise UsageError(f"{folder}: a dataset cannot be written there: {error.strerror or error}") from error


def _parts(text: str) -> tuple[str, str, str] | None:
    """Instrument, specimen and session, where a text has three parts of which one says something."""
    parts = [part.strip() for part in text.split("/")]
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and any(parts) else None


def with_paths(row: DatasetRow, where: Callable[[str], str | Path]) -> DatasetRow:
    """The same with its images' paths said otherwise."""
    pair = None if row.pair is None else row.pair.model_copy(update={"path": str(where(row.pair.path))})
    beside = tuple(one.model_copy(update={"path": str(where(one.path))}) for one in row.beside)
    return row.model_copy(update={"path": str(where(row.path)), "pair": pair, "beside": beside})


def _plain(row: DatasetRow) -> dict[str, Any]:
    """What of a row is summed: as it was before there were pairs and files beside, where it has none."""
    exclude: Any = {"path": True, "pair": {"path"}, "beside": {"__all__": {"path"}}}
    plain = row.model_dump(mode="json", exclude=exclude)
    if row.pair is None:
        del plain["pair"]
    if not row.beside:
        del plain["beside"]
    for name in _OF_A_PAIR:
        if plain["target"][name] is None:
            del plain["target"][name]
    return plain


def _sum(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(plain).encode()).hexdigest()[:_SUM]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _line(document: object) -> bytes:
    return _canonical(document).encode() + b"\n"


def _relative(root: Path, path: str) -> str:
    whole = Path(path).absolute()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)


def _absolute(manifest: Path, number: int, folder: Path, path: str) -> Path:
    if Path(path).is_absolute():
        return Path(path)
    if ".." in PurePosixPath(path).parts:
        raise UsageError(f"{manifest}, line {number}: path {path!r} leads out of the dataset; give it whole")
    return folder.resolve() / path


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            number = 0
            while line := file.readline(_MOST_ON_A_LINE):
                number += 1
                if len(line) == _MOST_ON_A_LINE:
                    raise UsageError(f"{path}, line {number}: longer than any row; this is no manifest of a dataset")
                yield number, line
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not text: {error.reason}; build the dataset again") from error
    except OSError as error:
        why = "no dataset here" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise UsageError(f"{path}: {why}; `mhfd dataset build ... --out {path.parent}` makes one") from error


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}, line {number}: no JSON ({str(error)[:_SAID]}); build the dataset again") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}, line {number}: expected an object, got {line.strip()[:_SAID]!r}; build it again")
    return value


def _header(path: Path, number: int, line: str) -> DatasetHeader:
    value = _object(path, number, line)
    _known_version(path, number, value)
    try:
        return DatasetHeader.model_validate(value)
    except ValidationError as error:
        raise UsageError(f"{path}, line {number}: no header of a dataset: {_first(error)}; build it again") from error


def _row(path: Path, number: int, line: str) -> DatasetRow:
    value = _object(path, number, line)
    _known_version(path, number, value)
    said = value.pop("sum", None)
    try:
        row = DatasetRow.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise UsageError(f"{path}, line {number}: no row of a dataset: {_first(error)}; build it again") from error
    if said != _sum(_plain(row)):
        raise UsageError(
            f"{path}, line {number}: it was changed after it was written: its sum is another; label the image anew "
            "and build the dataset again"
        )
    return row


def _known_version(path: Path, number: int, value: Mapping[str, Any]) -> None:
    version = value.get("schema_version")
    if version != 1 or isinstance(version, bool):
        raise UsageError(
            f"{path}, line {number}: schema_version {version!r} is not known here, 1 is; a newer mhfd may have "
            "written it: upgrade, or build it again"
        )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"[:_SAID] if where else str(first["msg"])[:_SAID]


def all_beside(rows: Sequence[DatasetRow]) -> tuple[BesideImage, ...]:
    """What lies beside one image, by several rows of it: of each kind the first, in the order of `BESIDE`."""
    kinds = {one.what: one for row in reversed(rows) for one in row.beside}
    return tuple(kinds[what] for what in BESIDE if what in kinds)


def rows_of(datasets: Sequence[Dataset]) -> tuple[DatasetRow, ...]:
    """Those of several, each word once: the same person's of the same bytes in the same group.

    What lies beside an image is kept, whichever of them says it.
    """
    found: dict[tuple[object, ...], DatasetRow] = {}
    for dataset in datasets:
        for row in dataset.rows:
            images = tuple(sha256 for sha256, _ in row.images)
            key = (*images, row.group.key, row.said_by, row.target)
            before = found.setdefault(key, row)
            found[key] = before.model_copy(update={"beside": all_beside((before, row))})
    return tuple(found.values())
