"""The weights of a package, read without running them: is this ONNX, and does it hold nothing but a plain model?

Reads the bytes by itself, so that a station, which has onnxruntime alone, is as strict as who has all of ONNX. It must
never hand the bytes to anything before they have passed, and takes no more memory than they do. Whether the model
answers as it should is `trial`'s.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Final

import numpy as np

from mhfd.errors import PackageRefused
from mhfd.learning.packages import protobuf
from mhfd.learning.packages.operators import DOMAINS, ITEM_BYTES, OPERATORS, WINDOWS
from mhfd.learning.packages.protobuf import BYTES, FIXED32, FIXED64, VARINT, FieldBudget, Malformed, Value

FEATURES: Final = "features"
IMAGE: Final = "image"
SAID: Final = "said"
MAP: Final = "map"

_MOST_FIELDS: Final = 1_000_000
"""A second or two of reading, and trees of some 100,000 nodes."""
_MOST_NODES: Final = 2_000
_MOST_TENSORS: Final = 2_000
_LONGEST_NAME: Final = 500
_LONGEST_TEXT: Final = 4096
_AT_ONCE: Final = 1 << 16

_FLOAT: Final = 1
_ALONE: Final = {"<f4": (FIXED32, struct.Struct("<f")), "<f8": (FIXED64, struct.Struct("<d"))}


@dataclass(frozen=True, slots=True)
class OnnxShape:
    """What a model takes and gives."""

    opset: int
    columns_in: int
    """Features, or an image's channels."""
    columns_out: tuple[int | None, ...]
    """Of each output. None: it does not say."""


def check_onnx(data: bytes, name: str, *, gives: tuple[str, ...] | None = None) -> OnnxShape:
    """What the model takes and gives; PackageRefused when it is not one that may be run.

    Args:
        data: The whole file.
        name: Its name, for who is told.
        gives: What a network gives that takes an image, in order; None: it takes features, and gives `said`.
    """
    reading = _Reading(FieldBudget(_MOST_FIELDS), gives)
    try:
        return reading.model(memoryview(data))
    except Malformed as error:
        raise PackageRefused(f"{name}: is no ONNX model that may be run: {error}") from None


class _Reading:
    """One walk through one model. Every method raises Malformed."""

    def __init__(self, budget: FieldBudget, gives: tuple[str, ...] | None) -> None:
        self._budget = budget
        self._gives = gives
        self._nodes = self._tensors = 0

    def model(self, data: memoryview) -> OnnxShape:
        opsets: dict[str, int] = {}
        graphs: list[memoryview] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number in (1, 5):
                _whole(value, kind)
            elif number in (2, 3, 4, 6):
                _text(value, kind, _LONGEST_TEXT)
            elif number == 7:
                graphs.append(_part(value, kind))
            elif number == 8:
                domain, version = self._opset(_part(value, kind))
                if domain in opsets:
                    raise Malformed(f"names the operators {domain or 'ai.onnx'!r} twice")
                opsets[domain] = version
            elif number == 14:
                self._remark(_part(value, kind))
            elif number == 20:
                raise Malformed("it carries a training of its own")
            elif number == 25:
                raise Malformed("it carries functions of its own")
            else:
                raise Malformed(f"the model has a field {number}, which is not known")
        if len(graphs) != 1:
            raise Malformed(f"it has {len(graphs)} graphs, and not one")
        if "" not in opsets:
            raise Malformed("it does not say which version of ONNX's operators it uses")
        columns_in, columns_out = self._graph(graphs[0])
        return OnnxShape(opset=opsets[""], columns_in=columns_in, columns_out=columns_out)

    def _opset(self, data: memoryview) -> tuple[str, int]:
        domain, version = "", 0
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 1:
                domain = _text(value, kind, _LONGEST_NAME)
            elif number == 2:
                version = _whole(value, kind)
            else:
                raise Malformed(f"a set of operators has a field {number}, which is not known")
        if domain not in DOMAINS:
            raise Malformed(f"it uses operators of {domain!r}, which are not ONNX's own")
        if not 1 <= version <= 100:
            raise Malformed(f"it uses version {version} of the operators {domain or 'ai.onnx'!r}")
        return "" if domain == "ai.onnx" else domain, version

    def _remark(self, data: memoryview) -> None:
        for number, kind, value in protobuf.fields(data, self._budget):
            if number not in (1, 2):
                raise Malformed(f"a remark has a field {number}, which is not known")
            _text(value, kind, _LONGEST_TEXT)

    def _graph(self, data: memoryview) -> tuple[int, tuple[int | None, ...]]:
        inputs: list[tuple[str, list[int | None]]] = []
        outputs: list[tuple[str, list[int | None]]] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 1:
                self._node(_part(value, kind))
            elif number in (2, 10):
                _text(value, kind, _LONGEST_TEXT)
            elif number == 5:
                self._tensor(_part(value, kind))
            elif number == 11:
                inputs.append(self._value_info(_part(value, kind), known=True))
            elif number == 12:
                outputs.append(self._value_info(_part(value, kind), known=True))
            elif number == 13:
                self._value_info(_part(value, kind), known=False)
            elif number == 16:
                self._remark(_part(value, kind))
            elif number == 15:
                raise Malformed("it has sparse tensors, which are not read")
            else:
                raise Malformed(f"the graph has a field {number}, which is not known")
        if self._nodes == 0:
            raise Malformed("it computes nothing")
        if self._gives is None:
            (taken,) = _just(inputs, (FEATURES,), "takes")
            if len(taken) != 2 or taken[1] is None or taken[0] is not None:
                raise Malformed(
                    f"its input {FEATURES!r} has to be of any number of rows and a number of columns that it says"
                )
        else:
            (taken,) = _just(inputs, (IMAGE,), "takes")
            if len(taken) != 4 or taken[1] is None or any(taken[at] is not None for at in (0, 2, 3)):
                raise Malformed(
                    f"its input {IMAGE!r} has to be of any number of images of any size, with a number of channels "
                    "that it says"
                )
        columns = []
        for name, given in zip(self._gives or (SAID,), _just(outputs, self._gives or (SAID,), "gives"), strict=True):
            sides = 2 if name == MAP else 0
            if given and (len(given) != 2 + sides or any(given[at] is not None for at in (0, *range(2, 2 + sides)))):
                each = "a map of any size" if name == MAP else "a row"
                raise Malformed(f"its output {name!r} has to have {each} for each of the input")
            columns.append(given[1] if given else None)
        return taken[1], tuple(columns)

    def _node(self, data: memoryview) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise Malformed(f"it has more than {_MOST_NODES} steps")
        operator = domain = ""
        attributes: list[memoryview] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number in (1, 2, 3):
                _text(value, kind, _LONGEST_NAME)
            elif number == 4:
                operator = _text(value, kind, _LONGEST_NAME)
            elif number == 5:
                attributes.append(_part(value, kind))
            elif number == 6:
                _text(value, kind, _LONGEST_TEXT)
            elif number == 7:
                domain = _text(value, kind, _LONGEST_NAME)
            elif number == 9:
                self._remark(_part(value, kind))
            elif number == 8 and not _text(value, kind, _LONGEST_NAME):
                continue
            else:
                raise Malformed(f"a step has a field {number}, which is not known")
        if domain not in DOMAINS:
            raise Malformed(f"it computes {domain}.{operator}, which is no operator of ONNX's own")
        if DOMAINS[domain] + operator not in OPERATORS:
            raise Malformed(f"it computes {DOMAINS[domain]}{operator}, which no package may")
        for one in attributes:
            self._attribute(one, operator)

    def _attribute(self, data: memoryview, operator: str) -> None:
        name = ""
        least = most = 0
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 1:
                name = _text(value, kind, _LONGEST_NAME)
            elif number in (2, 7):
                _floats(value, kind, f"an attribute of {operator}")
            elif number in (3, 20):
                _whole(value, kind)
            elif number == 8:
                for whole in self._whole_numbers(value, kind):
                    least, most = min(least, whole), max(most, whole)
            elif number in (4, 9, 13):
                _text(value, kind, _LONGEST_TEXT)
            elif number in (5, 10):
                self._tensor(_part(value, kind))
            elif number in (6, 11):
                raise Malformed(f"{operator} carries a graph of its own: no loops and branches")
            else:
                raise Malformed(f"an attribute of {operator} has a field {number}, which is not read")
        if name in WINDOWS and not 0 <= least <= most <= WINDOWS[name]:
            raise Malformed(f"{operator} has {name} of {least} to {most}: each may be 0 to {WINDOWS[name]}")

    def _tensor(self, data: memoryview) -> None:
        self._tensors += 1
        if self._tensors > _MOST_TENSORS:
            raise Malformed(f"it has more than {_MOST_TENSORS} tensors")
        dims: list[int] = []
        kind_of_number = 0
        name = ""
        held: list[tuple[int, int, Value]] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 1:
                dims.extend(self._whole_numbers(value, kind))
                if len(dims) > 8:
                    raise Malformed("a tensor has more than 8 dimensions")
            elif number == 2:
                kind_of_number = _whole(value, kind)
            elif number in (4, 5, 7, 9, 10):
                held.append((number, kind, value))
            elif number == 8:
                name = _text(value, kind, _LONGEST_NAME)
            elif number == 12:
                _text(value, kind, _LONGEST_TEXT)
            elif number == 13 or (number == 14 and value != 0):
                raise Malformed("a tensor lies in another file (external data)")
            elif number == 14:
                continue
            elif number == 16:
                self._remark(_part(value, kind))
            else:
                raise Malformed(f"a tensor has a field {number}, which is not read")
        if kind_of_number not in ITEM_BYTES:
            raise Malformed(f"the tensor {name!r} has numbers of the kind {kind_of_number}, which are not read")
        if any(one < 0 for one in dims):
            raise Malformed(f"the tensor {name!r} has a dimension below 0")
        count = self._count(held, kind_of_number, name)
        if count != prod(dims):
            raise Malformed(f"the tensor {name!r} says that it has {_size(dims)} numbers, and has {count}")

    def _count(self, held: list[tuple[int, int, Value]], kind_of_number: int, name: str) -> int:
        """How many numbers a tensor holds, all of which are ones."""
        if len({number for number, _, _ in held}) > 1:
            raise Malformed(f"the tensor {name!r} has its numbers in two ways")
        count = 0
        dtype, size = ITEM_BYTES[kind_of_number]
        for number, kind, value in held:
            if number == 9:
                raw = _part(value, kind)
                if count or len(raw) % size:
                    raise Malformed(f"the tensor {name!r} has {len(raw)} bytes for numbers of {size}")
                count = len(raw) // size
                _all_finite(raw, dtype, f"the tensor {name!r}")
            elif _WHERE.get(kind_of_number) != number:
                raise Malformed(f"the tensor {name!r} has its numbers where others belong")
            elif number in (4, 10):
                count += _floats(value, kind, f"the tensor {name!r}", "<f4" if number == 4 else "<f8")
            else:
                count += sum(1 for _ in self._whole_numbers(value, kind))
        return count

    def _whole_numbers(self, value: Value, kind: int) -> Iterator[int]:
        if kind == BYTES:
            yield from map(protobuf.signed, protobuf.varints(_part(value, kind), self._budget))
        else:
            yield _whole(value, kind)

    def _value_info(self, data: memoryview, *, known: bool) -> tuple[str, list[int | None]]:
        name = ""
        shape: list[int | None] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 1:
                name = _text(value, kind, _LONGEST_NAME)
            elif number == 2:
                shape = self._type(_part(value, kind), name, known=known)
            elif number == 3:
                _text(value, kind, _LONGEST_TEXT)
            elif number == 4:
                self._remark(_part(value, kind))
            else:
                raise Malformed(f"{name!r} has a field {number}, which is not known")
        return name, shape

    def _type(self, data: memoryview, name: str, *, known: bool) -> list[int | None]:
        shape: list[int | None] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number == 6:
                _text(value, kind, _LONGEST_NAME)
                continue
            if number != 1:
                raise Malformed(f"{name!r} is no tensor")
            for inner, inner_kind, inner_value in protobuf.fields(_part(value, kind), self._budget):
                if inner == 1:
                    if _whole(inner_value, inner_kind) != _FLOAT and known:
                        raise Malformed(f"{name!r} does not hold numbers of float32")
                elif inner == 2:
                    shape = self._shape(_part(inner_value, inner_kind), name)
                else:
                    raise Malformed(f"the type of {name!r} has a field {inner}, which is not known")
        return shape

    def _shape(self, data: memoryview, name: str) -> list[int | None]:
        dims: list[int | None] = []
        for number, kind, value in protobuf.fields(data, self._budget):
            if number != 1:
                raise Malformed(f"the shape of {name!r} has a field {number}, which is not known")
            dim: int | None = None
            for inner, inner_kind, inner_value in protobuf.fields(_part(value, kind), self._budget):
                if inner == 1:
                    dim = _whole(inner_value, inner_kind)
                    if not 0 < dim < 1 << 31:
                        raise Malformed(f"{name!r} says that it is {dim} long")
                elif inner in (2, 3):
                    _text(inner_value, inner_kind, _LONGEST_NAME)
                else:
                    raise Malformed(f"the shape of {name!r} has a field {inner}, which is not known")
            dims.append(dim)
            if len(dims) > 8:
                raise Malformed(f"{name!r} has more than 8 dimensions")
        return dims


_WHERE: Final[Mapping[int, int]] = {1: 4, 11: 10, 7: 7, 2: 5, 3: 5, 6: 5, 9: 5}
"""Which field holds the numbers of a kind, where they are not raw bytes."""


def _just(found: list[tuple[str, list[int | None]]], names: tuple[str, ...], does: str) -> Iterator[list[int | None]]:
    """The shapes of these, where there are no others."""
    if [one for one, _ in found] != list(names):
        there = ", ".join(repr(one) for one, _ in found[:8]) or "nothing"
        wanted = f"{names[0]!r} alone" if len(names) == 1 else ", ".join(map(repr, names))
        raise Malformed(f"it {does} {there}, and not {wanted}")
    return (shape for _, shape in found)


def _part(value: Value, kind: int) -> memoryview:
    if kind != BYTES or isinstance(value, int):
        raise Malformed("a number stands where a part belongs")
    return value


def _whole(value: Value, kind: int) -> int:
    if kind != VARINT or not isinstance(value, int):
        raise Malformed("a part stands where a number belongs")
    return protobuf.signed(value)


def _text(value: Value, kind: int, longest: int) -> str:
    part = _part(value, kind)
    if len(part) > longest:
        raise Malformed(f"a text has {len(part)} bytes, more than {longest}")
    try:
        text = bytes(part).decode()
    except UnicodeDecodeError:
        raise Malformed("a text is none") from None
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise Malformed("a text has characters that cannot be printed")
    return text


def _floats(value: Value, kind: int, what: str, packed: str = "<f4") -> int:
    """How many floats these are; all of them are numbers."""
    if isinstance(value, int):
        raise Malformed(f"{what} has a whole number where another belongs")
    if kind == BYTES:
        _all_finite(value, packed, what)
        return len(value) // np.dtype(packed).itemsize
    wanted, form = _ALONE[packed]
    if kind != wanted:
        raise Malformed(f"{what} has a number of another size")
    if not isfinite(form.unpack(value)[0]):
        raise Malformed(f"{what} has a number that is none (NaN or infinite)")
    return 1


def _all_finite(data: memoryview, dtype: str, what: str) -> None:
    item = np.dtype(dtype)
    if len(data) % item.itemsize:
        raise Malformed(f"{what} ends within a number")
    if item.kind != "f":
        return
    numbers = np.frombuffer(data, item)
    for start in range(0, len(numbers), _AT_ONCE):
        if not np.isfinite(numbers[start : start + _AT_ONCE]).all():
            raise Malformed(f"{what} has a number that is none (NaN or infinite)")


def _size(dims: list[int]) -> str:
    return " x ".join(map(str, dims)) or "1"
