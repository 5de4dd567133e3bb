"""Every way we know to make a package lie, or do harm: refused by name, with little memory, and nothing runs."""

from __future__ import annotations

import io
import os
import pickle
import re
import socket
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tests.rigs.forgery import Forgery
from tests.rigs.packages import TEST, WEIGHTS, answer_of, model_of, written

from mhfd.errors import PackageRefused
from mhfd.learning.packages import verify
from mhfd.learning.packages.folder import MOST_BYTES

Change = Callable[[Forgery], object]
FILES: Final = tuple(MOST_BYTES)
PICKLE: Final = pickle.dumps(os.getcwd, protocol=4)


def archive() -> bytes:
    """A pickle in an archive, as torch keeps a model."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("archive/data.pkl", PICKLE)
    return held.getvalue()


ZIP: Final = archive()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = written(tmp_path_factory.mktemp("whole"))
    return {path.name: path.read_bytes() for path in made.folder.iterdir()}


# As they lie: the digests are those of the package that it was.
def flipped(name: str, part: float) -> Change:
    def change(forgery: Forgery) -> None:
        data = bytearray(forgery.files[name])
        data[int(part * (len(data) - 1))] ^= 0x01
        forgery.files[name] = bytes(data)
        forgery.write()

    return change


def without(name: str) -> Change:
    def change(forgery: Forgery) -> None:
        del forgery.files[name]
        forgery.write()

    return change


def missing(name: str) -> Change:
    """And the manifest fits."""

    def change(forgery: Forgery) -> None:
        del forgery.files[name]
        forgery.manifest()
        forgery.write()

    return change


def with_file(name: str, data: bytes = b"raise SystemExit('imported')\n") -> Change:
    def change(forgery: Forgery) -> None:
        forgery.files[name] = data
        forgery.manifest()
        forgery.write()

    return change


def on_disk(name: str, replace: Callable[[Path], object]) -> Change:
    """Something else than a file of that name."""

    def change(forgery: Forgery) -> None:
        forgery.write()
        (forgery.folder / name).unlink(missing_ok=True)
        replace(forgery.folder / name)

    return change


def link_out(path: Path) -> None:
    outside = path.parents[1] / "outside"
    outside.write_bytes(b"{}")
    path.symlink_to(outside)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def thousand(path: Path) -> None:
    for number in range(1000):
        (path.parent / f"{number}").touch()


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is short
        one.bind(path.name)
        os.chdir(here)


def summed(change_text: Callable[[str], str]) -> Change:
    def change(forgery: Forgery) -> None:
        forgery.files["SHA256SUMS"] = change_text(forgery.files["SHA256SUMS"].decode()).encode()
        forgery.write()

    return change


# With every digest made to fit: what is in the files is what is refused.
def described(change_document: Callable[[Any], object]) -> Change:
    def change(forgery: Forgery) -> None:
        forgery.described(change_document)
        forgery.write()

    return change


def text(make: Callable[[bytes], bytes]) -> Change:
    def change(forgery: Forgery) -> None:
        forgery.text(make(forgery.files["rdf.yaml"]))
        forgery.write()

    return change


def put(name: str, data: bytes | Callable[[bytes], bytes]) -> Change:
    def change(forgery: Forgery) -> None:
        forgery.put(name, data if isinstance(data, bytes) else data(forgery.files[name]))
        forgery.write()

    return change


def model(alter: Callable[[Any], object]) -> Change:
    """Another ONNX model."""

    def change(forgery: Forgery) -> None:
        made = model_of()
        alter(made)
        forgery.put("weights.onnx", made.SerializeToString())
        forgery.write()

    return change


def node(operator: str, domain: str = "", **attributes: Any) -> Change:
    """One more step, by an operator."""

    def alter(made: Any) -> None:
        from onnx import helper

        made.graph.node.append(helper.make_node(operator, ["sum"], ["other"], domain=domain, **attributes))

    return model(alter)


def weights(alter: Callable[[Any], object]) -> Change:
    """Another tensor of weights."""
    return model(lambda made: alter(made.graph.initializer[0]))


def values(array: np.ndarray[Any, Any]) -> Change:
    def alter(made: Any) -> None:
        from onnx import numpy_helper

        made.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "weights"))

    return model(alter)


def dims(*wanted: int) -> Change:
    def alter(tensor: Any) -> None:
        del tensor.dims[:]
        tensor.dims.extend(wanted)

    return weights(alter)


def typed(field: str, wanted: list[Any], kind: int = 1) -> Change:
    """Weights in the field of one kind, and not as raw bytes."""

    def alter(tensor: Any) -> None:
        tensor.ClearField("raw_data")
        tensor.data_type = kind
        getattr(tensor, field).extend(wanted)

    return weights(alter)


def both_ways(tensor: Any) -> None:
    tensor.float_data.extend([1.0] * 4)


def external(tensor: Any) -> None:
    from onnx import TensorProto

    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")


def subgraph(operator: str) -> Change:
    def alter(made: Any) -> None:
        from onnx import helper

        body = helper.make_graph([], "body", [], [])
        made.graph.node.append(helper.make_node(operator, ["sum"], ["other"], body=body))

    return model(alter)


def function(made: Any) -> None:
    made.functions.add(name="F", domain="own")


def training(made: Any) -> None:
    made.training_info.add()


def own_operators(made: Any) -> None:
    made.opset_import.add(domain="evil.org", version=1)


def twice_opset(made: Any) -> None:
    made.opset_import.add(domain="", version=17)


def sparse_weights(made: Any) -> None:
    made.graph.sparse_initializer.add()


def quantized(made: Any) -> None:
    made.graph.quantization_annotation.add(tensor_name="weights")


def reference(made: Any) -> None:
    made.graph.node[0].attribute.add(name="a", ref_attr_name="b")


def sparse_attribute(made: Any) -> None:
    made.graph.node[0].attribute.add(name="a").sparse_tensor.dims.append(4)


def wide_edge(made: Any) -> None:
    made.graph.node[0].attribute.add(name="pads").ints.extend([0, 0, 1 << 20, 0])


def edge_below_nothing(made: Any) -> None:
    made.graph.node[0].attribute.add(name="pads").ints.append(-1)


def attribute_tensor_nan(made: Any) -> None:
    from onnx import numpy_helper

    made.graph.node[0].attribute.add(name="a").t.CopyFrom(numpy_helper.from_array(np.array([np.nan], np.float32)))


def second_input(made: Any) -> None:
    made.graph.input.add().CopyFrom(made.graph.input[0])
    made.graph.input[1].name = "more"


def second_output(made: Any) -> None:
    made.graph.output.add().CopyFrom(made.graph.output[0])
    made.graph.output[1].name = "sum"


def renamed(what: str) -> Change:
    def alter(made: Any) -> None:
        getattr(made.graph, what)[0].name = "x"

    return model(alter)


def input_kind(kind: int) -> Change:
    def alter(made: Any) -> None:
        made.graph.input[0].type.tensor_type.elem_type = kind

    return model(alter)


def shape(what: str, dim: int, value: int) -> Change:
    def alter(made: Any) -> None:
        getattr(made.graph, what)[0].type.tensor_type.shape.dim[dim].dim_value = value

    return model(alter)


def sequence(made: Any) -> None:
    made.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1


def many_steps(made: Any) -> None:
    from onnx import helper

    made.graph.node.extend(helper.make_node("Identity", ["sum"], [f"n{i}"]) for i in range(3000))


def many_dims(tensor: Any) -> None:
    tensor.dims.extend([1] * 20)


def remark(made: Any) -> None:
    made.metadata_props.add(key="a", value="x" * 10_000)


def no_opset(made: Any) -> None:
    del made.opset_import[:]


def no_graph(made: Any) -> None:
    made.ClearField("graph")


def no_steps(made: Any) -> None:
    del made.graph.node[:]


def of_another(forgery: Forgery) -> None:
    forgery.folder = forgery.folder.with_name("0" * 64)
    forgery.write()


def key(*path: Any, to: Any) -> Change:
    """One field of the description, with another value."""

    def alter(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = to

    return described(alter)


def no_key(*path: Any) -> Change:
    def alter(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return described(alter)


def npy(array: np.ndarray[Any, Any], *, pickled: bool = False, version: tuple[int, int] = (1, 0)) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, array, version=version, allow_pickle=pickled)
    return held.getvalue()


def header(said: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(said).to_bytes(2, "little") + said.encode() + data


def npz() -> bytes:
    held = io.BytesIO()
    np.savez(held, a=TEST)
    return held.getvalue()


def nan_in(array: np.ndarray[Any, Any], value: float = np.nan) -> np.ndarray[Any, Any]:
    changed = array.copy()
    changed.flat[1] = value
    return changed


RDF = ("config", "mhfd")
BOMB: Final = b'a: &a ["x","x"]\n' + b"".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n".encode() for i in range(20)
)
TENSORS: Final = (("test_input.npy", TEST), ("test_output.npy", answer_of()))


def mutations() -> Iterator[tuple[str, Change, str]]:
    """(name, how, what is said)."""
    for name in FILES:
        # A byte of the manifest is that of a name or of a digest: it names the file whose line it is.
        word = name if name != "SHA256SUMS" else "has changed|is not there|not `sha256|is not in|not sorted"
        for part in (0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.99, 1.0):
            yield f"{name} with one bit changed at {part:.0%}", flipped(name, part), word
        yield f"{name} missing", without(name), f"{name}.*(missing|not there)"
        if name != "SHA256SUMS":
            yield f"{name} missing, the manifest fits", missing(name), f"{name} is missing"
        yield f"{name} a link out", on_disk(name, link_out), f"{name}: is a link"
        yield f"{name} a folder", on_disk(name, Path.mkdir), f"{name}: is no ordinary file"
        yield f"{name} a fifo", on_disk(name, os.mkfifo), f"{name}: is no ordinary file"
        yield f"{name} a terabyte", on_disk(name, sparse), f"{name}: has 1099511627776 bytes"
    yield "a link to itself", on_disk("rdf.yaml", lambda path: path.symlink_to(path)), "rdf.yaml: is a link"
    yield "a link to zeros", on_disk("weights.onnx", lambda path: path.symlink_to("/dev/zero")), "is a link"
    yield "a link to the folder above", on_disk("README.md", lambda path: path.symlink_to("..")), "is a link"
    yield "a socket", on_disk("README.md", a_socket), "no ordinary file"
    for name in (
        *("weights.pt", "weights.pkl", "model.py", "__init__.py", "numpy.py", "onnxruntime.py", "sitecustomize.py"),
        *("weights.onnx.data", "weights.torchscript", "rdf.yml", ".hidden", "WEIGHTS.ONNX", "a\nb", "archive.zip"),
    ):
        yield f"{name!r} beside", with_file(name, ZIP), re.escape(repr(name))
    yield "a folder beside", on_disk("more", Path.mkdir), "'more'"
    yield "a thousand files", on_disk("x", thousand), "does not belong"

    yield "manifest empty", summed(lambda _: ""), "is not in SHA256SUMS"
    yield "manifest without a line", summed(lambda s: s[s.index("\n") + 1 :]), "README.md: is not in"
    yield "manifest with a line twice", summed(lambda s: s + s[: s.index("\n") + 1]), "names README.md twice"
    yield "manifest turned around", summed(lambda s: "\n".join(s.split("\n")[-2::-1]) + "\n"), "not sorted"
    yield "manifest with CRLF", summed(lambda s: s.replace("\n", "\r\n")), "not sorted, or not written"
    yield "manifest in capitals", summed(lambda s: s.upper()), "line 1"
    yield "manifest that leads up", summed(lambda s: s + "0" * 64 + "  ../x\n"), "'../x'"
    yield "manifest with a whole path", summed(lambda s: s + "0" * 64 + "  /etc/passwd\n"), "'/etc/passwd'"
    yield "manifest that names itself", summed(lambda s: s + "0" * 64 + "  SHA256SUMS\n"), "'SHA256SUMS'"
    yield "manifest with a dot", summed(lambda s: s.replace("  r", "  ./r")), "'./rdf.yaml'"
    yield "manifest by tabs", summed(lambda s: s.replace("  ", "\t")), "line 1"
    yield "manifest with an end too many", summed(lambda s: s + "\n"), "line 6"
    yield "manifest too long", summed(lambda s: s * 10), "bytes, more than"

    for place in (
        *("../weights.onnx", "/etc/passwd", "https://example.org/weights.onnx", "file:///etc/passwd"),
        *("C:\\weights.onnx", "weights.onnx\0", "./weights.onnx", "README.md", ""),
    ):
        yield f"weights in {place!r}", key("weights", "onnx", "source", to=place), r"weights\.onnx\.source"
    yield "a test from elsewhere", key("inputs", 0, "test_tensor", "source", to="../t.npy"), r"test_tensor\.source"
    yield "words from elsewhere", key("documentation", "source", to="http://a.b"), r"documentation\.source"
    yield "the digest of other weights", key("weights", "onnx", "sha256", to="0" * 64), r"weights\.onnx\.sha256"
    yield "weights elsewhere too", key("weights", "onnx", "external_data", to={"source": "x"}), "external_data"
    yield "a pickle as weights", key("weights", "pytorch_state_dict", to={"source": "w.pt"}), "pytorch_state_dict"
    yield "TorchScript as weights", key("weights", "torchscript", to={"source": "w.pt"}), "torchscript"
    yield "an attachment", key("attachments", to=[{"source": "evil.py"}]), "attachments does not belong"
    yield "a form of 0.4", key("format_version", to="0.4.10"), "format_version"
    yield "another type", key("type", to="application"), "type is 'application'"
    yield (
        "a tolerance of everything",
        (key("config", "bioimageio", "reproducibility_tolerance", 0, "absolute_tolerance", to=1e9)),
        "absolute_tolerance",
    )
    yield "other axes", key("inputs", 0, "axes", to=[{"type": "batch"}]), "axes"
    yield "other names of features", key("inputs", 0, "axes", 1, "channel_names", to=["a"] * 4), "channel_names"
    yield "preprocessing", key("inputs", 0, "preprocessing", to=[{"id": "custom"}]), "preprocessing"
    yield "no card", no_key("config", "mhfd"), "has no card"
    yield "no version of the card", no_key(*RDF, "schema_version"), "has no card"
    for version in (0, 2, 99, "1", None, True):
        yield (
            f"a card of version {version!r}",
            key(*RDF, "schema_version", to=version),
            "card of version|schema_version",
        )
    for field in ("task", "recipe", "seed", "code", "dataset", "groups_seen", "data_licence", "title"):
        yield f"a card without {field}", no_key(*RDF, field), field
    yield "a card with more", key(*RDF, "run", to="rm"), "config.mhfd.run"
    yield "another task", key(*RDF, "task", to="world"), "config.mhfd.task"
    yield "a parent that is none", key(*RDF, "parent", to="../../x"), "config.mhfd.parent"
    yield "a title without end", key(*RDF, "title", to="x" * 5000), "config.mhfd.title"
    yield "a title that moves the cursor", key(*RDF, "title", to="\u202egood"), "characters that cannot be printed"
    yield "groups without end", key(*RDF, "groups_seen", to=["g"] * 5000), "groups_seen"
    yield "a seed that is none", key(*RDF, "seed", to=10**30), "seed"
    yield "pixels turned around", key(*RDF, "pixel_nm", to=[8.0, 4.0]), "pixel_nm"
    yield "a reach of another size", key(*RDF, "reach", "center", to=[0.0]), "reach"
    yield "a spread of 0", key(*RDF, "reach", "spread", to=[0.0] * 4), "reach"
    yield "a feature twice", key(*RDF, "recipe", "names", to=["a"] * 4), "names: a name is there twice"
    yield "a feature less", key(*RDF, "recipe", "names", to=["a", "b", "c"]), "has 4 numbers for 3"
    yield "a column more", key(*RDF, "recipe", "says", to=["bad", "sd"]), "test_output.npy"
    yield "a number as text", key(*RDF, "seed", to="7"), "seed"
    yield "a yes as a number", key(*RDF, "recipe", "baseline", to=1), "baseline"
    yield "NaN in the card", key(*RDF, "reach", "far", to=float("nan")), "NaN is no number"
    yield "infinity in the card", key(*RDF, "reach", "far", to=float("inf")), "Infinity is no number"
    yield "a number beyond all", text(lambda t: t.replace(b'"far": 3.5', b'"far": 1e999')), "far"
    yield "a key twice", text(lambda t: t.replace(b'"seed": 7', b'"seed": 7, "seed": 7')), "a key is there twice"
    yield "spaces", text(lambda t: t.replace(b'"seed": 7', b'"seed":  7')), "not written as mhfd writes it"
    yield "a tag of YAML", text(lambda _: b"!!python/object/apply:os.system [id]\n"), "line 1.*tags"
    yield "a tag within", text(lambda t: t.replace(b'"seed": 7', b'"seed": !!python/name:os.system 7')), "tags"
    yield "aliases that grow", text(lambda _: BOMB), "aliases"
    yield "plain YAML", text(lambda _: b"type: model\nname: x\n"), "JSON"
    yield "nested without end", text(lambda _: b"[" * 900_000), "nested too deeply|line 1"
    yield "keys without end", text(lambda _: b'{"a":' * 150_000), "nested too deeply|line 1"
    yield "too large", text(lambda t: t + b" " * (1 << 20)), "rdf.yaml: has .* bytes"
    yield "digits without end", text(lambda t: t.replace(b'"seed": 7', b'"seed": ' + b"9" * 100_000)), "rdf.yaml"
    yield "no text", text(lambda t: b"\xff\xfe" + t), "rdf.yaml: is no text"
    yield "a byte order mark", text(lambda t: b"\xef\xbb\xbf" + t), "rdf.yaml"
    yield "a zero byte", text(lambda t: t + b"\0"), "cannot be printed"
    yield "a list", text(lambda _: b"[]"), "has no card"
    yield "nothing", text(lambda _: b""), "rdf.yaml"

    for what, data in (("a pickle", PICKLE), ("an archive with a pickle", ZIP)):
        for name in ("README.md", "weights.onnx", "test_input.npy", "test_output.npy"):
            yield f"{name} is {what}", put(name, data), name
    yield "rdf.yaml is a pickle", text(lambda _: PICKLE), "rdf.yaml: is no text"
    yield "rdf.yaml is an archive", text(lambda _: ZIP), "rdf.yaml: is no text"
    yield "README of a megabyte", put("README.md", b"x" * (1 << 20)), "README.md: has 1048576 bytes"
    yield "README with a zero byte", put("README.md", b"# a\0"), "README.md: has characters"
    yield "README with a colour", put("README.md", b"\x1b[31mred"), "README.md: has characters"

    for name, array in TENSORS:
        yield f"{name} of objects", put(name, npy(np.array([[{}]]), pickled=True)), f"{name}: its header|holds"
        yield f"{name} an npz", put(name, npz()), f"{name}: is no tensor"
        yield f"{name} of float64", put(name, npy(array.astype(np.float64))), f"{name}: holds numbers"
        yield f"{name} by columns", put(name, npy(np.asfortranarray(np.tile(TEST, 2)))), f"{name}: holds numbers"
        yield f"{name} of 3 dimensions", put(name, npy(array[None])), f"{name}: its header"
        yield f"{name} with NaN", put(name, npy(nan_in(array))), f"{name}: has a number that is none"
        yield f"{name} with infinity", put(name, npy(nan_in(array, np.inf))), f"{name}: has a number that is none"
        yield f"{name} of other columns", put(name, npy(np.tile(array, 3))), f"{name}: is 8 x"
        yield f"{name} of too many rows", put(name, npy(np.tile(array, (20, 1)))), f"{name}: is 160 x"
        yield f"{name} of version 2", put(name, npy(array, version=(2, 0))), f"{name}: is no tensor"
        yield f"{name} cut off", put(name, lambda data: data[:-3]), f"{name}: has .* bytes for"
        yield f"{name} with more", put(name, lambda data: data + b"\0"), f"{name}: has .* bytes for"
        yield f"{name} empty", put(name, b""), f"{name}: is no tensor"
        huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }\n"
        yield f"{name} that says it is huge", put(name, header(huge)), f"{name}: is 999999999 x"
        code = "{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (1, 4), }\n"
        yield f"{name} with code", put(name, header(code)), f"{name}: its header"
        yield f"{name} with a header only", put(name, header("", b"")), f"{name}: its header"
    yield "an answer of zeros", put("test_output.npy", npy(np.zeros((8, 1), np.float32))), "tests nothing"

    for operator in (
        *("Loop", "If", "Scan", "SequenceMap", "ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "OneHot"),
        *("RandomNormal", "RandomUniformLike", "Bernoulli", "NonZero", "Optional", "SequenceInsert", "StringConcat"),
        *("ImageDecoder", "NoSuchOperator", "LSTM", "Attention", ""),
    ):
        yield f"the operator {operator!r}", node(operator), f"computes {operator}, which no package may"
    yield "an operator of its own", node("Evil", "evil.org"), "evil.org.Evil"
    yield "one of onnxruntime's own", node("CDist", "com.microsoft"), "com.microsoft.CDist"
    yield "a training operator", node("Gradient", "ai.onnx.preview.training"), "preview.training.Gradient"
    yield "maps as an answer", node("ZipMap", "ai.onnx.ml"), "ai.onnx.ml.ZipMap"
    yield "an ML operator as a plain one", node("TreeEnsembleRegressor"), "TreeEnsembleRegressor, which no"
    yield "operators of its own", model(own_operators), "evil.org"
    yield "functions of its own", model(function), "functions of its own"
    yield "a training of its own", model(training), "training of its own"
    for operator in ("Identity", "Add", "Loop", "If"):
        yield f"a graph within {operator}", subgraph(operator), "graph of its own|no package may"
    yield "weights in another file", weights(external), "external data"
    yield "weights that are sparse", model(sparse_weights), "sparse"
    yield "weights that are quantized", model(quantized), "field 14"
    yield "an attribute that refers", model(reference), "field 21"
    yield "an edge that is wide", model(wide_edge), "pads of 0 to 1048576: each may be 0 to 64"
    yield "an edge below nothing", model(edge_below_nothing), "pads of -1 to 0: each"
    yield "an attribute that is sparse", model(sparse_attribute), "field 22"
    for value in (np.nan, np.inf, -np.inf):
        yield f"weights with {value}", values(nan_in(WEIGHTS, value)), "'weights' has a number that is none"
        yield f"double weights with {value}", values(nan_in(WEIGHTS.astype(np.float64), value)), "is none"
        yield f"half weights with {value}", values(nan_in(WEIGHTS.astype(np.float16), value)), "is none"
        yield f"listed weights with {value}", typed("float_data", [1.0, 2.0, 3.0, value]), "is none"
        yield f"listed double weights with {value}", typed("double_data", [1.0, 2.0, 3.0, value], 11), "is none"
        yield f"an attribute of {value}", node("Elu", alpha=1.0) if value == 0 else node("Gemm", alpha=value), "is none"
        yield f"attributes of {value}", node("Scaler", "ai.onnx.ml", offset=[0.0, value]), "is none"
    yield "a tensor with NaN in an attribute", model(attribute_tensor_nan), "is none"
    yield "dimensions of a terabyte", dims(1 << 20, 1 << 20), "says that it has 1048576 x 1048576 numbers, and has 4"
    yield "a dimension of everything", dims((1 << 63) - 1), "says that it has"
    yield "dimensions whose product wraps to 4", dims(1 << 32, 1 << 32, 4), "says that it has"
    yield "a dimension below 0", dims(-4, -1), "below 0"
    yield "a dimension of 0", dims(0, 4), "says that it has 0 x 4 numbers, and has 4"
    yield "too many dimensions", weights(many_dims), "more than 8 dimensions"
    yield "fewer weights", weights(lambda t: setattr(t, "raw_data", t.raw_data[:-4])), "says that it has 4 x 1"
    yield "a piece of a weight", weights(lambda t: setattr(t, "raw_data", t.raw_data[:-1])), "15 bytes for numbers of 4"
    yield "weights in two ways", weights(both_ways), "in two ways"
    yield "weights of text", typed("string_data", [b"a"] * 4, 8), "kind 8|field 6"
    yield "weights of bfloat16", weights(lambda t: setattr(t, "data_type", 16)), "kind 16"
    yield "weights of complex numbers", weights(lambda t: setattr(t, "data_type", 14)), "kind 14"
    yield "weights of no kind", weights(lambda t: setattr(t, "data_type", 0)), "kind 0"
    yield "weights where others belong", typed("int64_data", [1] * 4), "where others belong"
    yield "a segment", weights(lambda t: setattr(t.segment, "end", 4)), "field 3"
    yield "another input", renamed("input"), "takes 'x'"
    yield "another output", renamed("output"), "gives 'x'"
    yield "two inputs", model(second_input), "'features', 'more'"
    yield "two outputs", model(second_output), "'said', 'sum'"
    yield "no input", model(lambda made: made.graph.ClearField("input")), "takes nothing"
    yield "whole numbers in", input_kind(7), "float32"
    yield "a sequence in", model(sequence), "is no tensor"
    yield "so many rows only", shape("input", 0, 8), "any number of rows"
    yield "other columns in", shape("input", 1, 5), "takes 5"
    yield "other columns out", shape("output", 1, 3), "gives 3"
    yield "columns without end", shape("input", 1, 1 << 62), "says that it is"
    yield "columns below 0", shape("input", 1, -1), "says that it is -1 long"
    yield "no version of operators", model(no_opset), "which version"
    yield "two versions of operators", model(twice_opset), "twice"
    yield "version 1000 of operators", model(lambda m: setattr(m.opset_import[0], "version", 1000)), "version 1000"
    yield "no graph", model(no_graph), "0 graphs"
    yield "no steps", model(no_steps), "computes nothing"
    yield "steps without end", model(many_steps), "more than 2000 steps"
    yield "a remark without end", model(remark), "10000 bytes"
    yield "a doc without end", model(lambda m: setattr(m, "doc_string", "x" * 5000)), "5000 bytes"
    yield "a name with a zero byte", model(lambda m: setattr(m.graph, "name", "a\0b")), "cannot be printed"
    for part in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        cut = put("weights.onnx", lambda data, part=part: data[: int(len(data) * part)])  # type: ignore[misc]
        yield f"weights cut off at {part:.0%}", cut, "weights.onnx: is no ONNX model"
    yield "weights empty", put("weights.onnx", b""), "0 graphs"
    yield "weights with an archive behind", put("weights.onnx", lambda data: data + ZIP), "is no ONNX model"
    yield "weights with a pickle behind", put("weights.onnx", lambda data: data + PICKLE), "is no ONNX model"
    yield "safetensors as ONNX", put("weights.onnx", b"\x02\0\0\0\0\0\0\0{}"), "is no ONNX model"
    yield "a number without end", put("weights.onnx", b"\x08" + b"\xff" * 40), "64 bits"
    yield "a length beyond the end", put("weights.onnx", b"\x3a\xff\xff\xff\xff\x0f"), "longer than what holds it"
    yield "a field of number 0", put("weights.onnx", b"\x02\x00"), "number 0"
    yield "a group", put("weights.onnx", b"\x0b\x0c"), "kind 3"
    yield "fields without end", put("weights.onnx", b"\x08\x01" * 50_001), "more parts than are read"
    yield "the name of another", of_another, "own name"


MUTATIONS: Final = list(mutations())


def test_there_are_enough() -> None:
    names = [name for name, _, _ in MUTATIONS]
    assert len(names) == len(set(names)) >= 200


def test_the_package_that_is_changed_is_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Forged without a change, it passes: what is refused is the change."""
    forgery = Forgery(tmp_path / "forged", whole)
    forgery.described(lambda _: None)
    assert forgery.files == whole
    forgery.write()
    assert verify(forgery.folder).card.title == "made up"


@pytest.mark.parametrize(("change", "said"), [one[1:] for one in MUTATIONS], ids=[one[0] for one in MUTATIONS])
def test_refused_by_name(
    change: Change, said: str, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of these gets as far as onnxruntime, whose start would show."""

    def asked(*_: object) -> None:
        raise AssertionError("it was handed to onnxruntime")

    monkeypatch.setattr("mhfd.learning.packages.package.tried", asked)
    monkeypatch.setattr("mhfd.learning.packages.onnx_file._MOST_FIELDS", 50_000)  # which takes a million otherwise
    forgery = Forgery(tmp_path / "forged", whole)
    change(forgery)
    before = set(sys.modules)
    with pytest.raises(PackageRefused, match=re.compile(said, re.DOTALL)):
        verify(forgery.folder)
    homes = {getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
    assert not [home for home in homes if home and home.startswith(str(tmp_path))]


def test_no_mutation_takes_memory(whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that ask for it, one after the other: what is taken at once stays below what the files may have."""
    monkeypatch.setattr("mhfd.learning.packages.onnx_file._MOST_FIELDS", 50_000)
    greedy = [
        change
        for name, change, _ in MUTATIONS
        if re.search(r"huge|terabyte|without end|everything|wraps|too (large|long|many)|grow|thousand", name)
    ]
    assert len(greedy) > 20
    forged = []
    for number, change in enumerate(greedy):
        forgery = Forgery(tmp_path / f"{number}", whole)
        change(forgery)
        forged.append(forgery.folder)
    tracemalloc.start()
    for folder in forged:
        with pytest.raises(PackageRefused):
            verify(folder)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
