"""What only an answer shows: a model that answers otherwise, with nothing, or with all the memory there is.

Each of these passes every look at its bytes, and starts a process of its own.
"""

from __future__ import annotations

import gc
import itertools
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tests.rigs.forgery import Forgery
from tests.rigs.packages import TEST, WEIGHTS, answer_of, model_of, written

from mhfd.errors import ExtraMissing, PackageRefused
from mhfd.learning.packages import verify
from mhfd.learning.packages.tensor_file import tensor_bytes
from mhfd.learning.packages.trial import MEMORY

MIB: Final = 1 << 20
ONNXRUNTIME: Final = 256 * MIB
"""What onnxruntime and NumPy take by themselves, and more."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = written(tmp_path_factory.mktemp("whole"))
    return {path.name: path.read_bytes() for path in made.folder.iterdir()}


def otherwise(made: Any) -> None:
    """The weights of another model: all is well formed, and the digests fit."""
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(WEIGHTS * np.float32(1.01), "weights"))


def none(made: Any) -> None:
    """The logarithm of what is below 0."""
    made.graph.node[1].op_type = "Log"


def joins(made: Any) -> None:
    """Each step joins what it is given with itself: 50 of them ask for a million gigabytes."""
    del made.graph.node[:]
    names = ["features", *(f"joined{i}" for i in range(50))]
    for one, two in itertools.pairwise(names):
        made.graph.node.append(helper.make_node("Concat", [one, one], [two], axis=1))
    made.graph.node.append(helper.make_node("ReduceSum", [names[-1]], ["said"], keepdims=1))


def broadcasts(made: Any) -> None:
    """A column and a row of 60,000, added: 14 GB out of half a megabyte."""
    del made.graph.node[:]
    line = np.zeros(60_000, np.float32)
    made.graph.initializer.append(numpy_helper.from_array(line[:, None], "column"))
    made.graph.initializer.append(numpy_helper.from_array(line[None], "row"))
    made.graph.node.append(helper.make_node("Add", ["column", "row"], ["all"]))
    made.graph.node.append(helper.make_node("ReduceSum", ["all"], ["one"], keepdims=1))
    made.graph.node.append(helper.make_node("Add", ["features", "one"], ["said"]))


def unknown(made: Any) -> None:
    """A version of operators that onnxruntime does not know."""
    made.opset_import[0].version = 99


def nothing_given(made: Any) -> None:
    """A step takes what nobody gives."""
    made.graph.node[0].input[0] = "nobody"


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (otherwise, r"answers its test with [\d.]+ in row \d, column 1, and not with"),
        (none, "answers its test with nan"),
        (joins, r"does not answer its test.*it had \d+ MB"),
        (broadcasts, r"does not answer its test.*it had \d+ MB"),
        (unknown, r"does not answer its test|weights\.onnx\.opset_version"),
        (nothing_given, "does not answer its test: onnxruntime: "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refused_by_its_answer(
    alter: Callable[[Any], None], said: str, whole: dict[str, bytes], tmp_path: Path
) -> None:
    forgery = Forgery(tmp_path / "forged", whole)
    made = model_of()
    alter(made)
    forgery.files["weights.onnx"] = made.SerializeToString()
    forgery.described(lambda document: document["weights"]["onnx"].update(opset_version=made.opset_import[0].version))
    forgery.write()
    with pytest.raises(PackageRefused, match=said) as refused:
        verify(forgery.folder)
    if had := re.search(r"it had (\d+) MB", str(refused.value)):
        assert int(had[1]) * MIB < ONNXRUNTIME + MEMORY


def test_a_test_and_its_answer_have_as_many_rows(whole: dict[str, bytes], tmp_path: Path) -> None:
    forgery = Forgery(tmp_path / "forged", whole)
    forgery.put("test_output.npy", tensor_bytes(answer_of()[:4]))
    forgery.write()
    with pytest.raises(PackageRefused, match=r"test_input\.npy has 8 rows, and test_output\.npy 4"):
        verify(forgery.folder)


def test_nothing_is_read_from_where_it_is_started(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module beside, in the folder where `mhfd models verify .` is typed, is not taken for onnxruntime."""
    forgery = Forgery(tmp_path / "forged", whole)
    forgery.described(lambda _: None)
    forgery.write()
    for name in ("onnxruntime", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    verify(forgery.folder)
    assert not (tmp_path / "imported").exists()


def test_without_onnxruntime_it_says_what_to_install(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Forgery(tmp_path / "forged", whole).write()
    monkeypatch.setattr("mhfd.learning.packages.package.find_spec", lambda _: None)
    with pytest.raises(ExtraMissing, match=r"pip install 'mhfd\[models\]'"):
        verify(tmp_path / "forged")


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # it leaves files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_what_bioimage_io_calls_a_model_and_nobody_asks_the_network(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and digest is looked at by the reader of bioimage.io's own form."""
    import yaml

    from mhfd.learning.packages.description import document_of

    def asked(*where: object) -> None:
        raise AssertionError(f"the network was asked for {where}")

    monkeypatch.setattr(socket.socket, "connect", asked)
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "cache"))
    Forgery(tmp_path / "whole", whole).write()
    from bioimageio.spec import ValidationContext, load_description
    from bioimageio.spec.model.v0_5 import ModelDescr

    with ValidationContext(perform_io_checks=True, root=tmp_path / "whole"):
        found = load_description(tmp_path / "whole" / "rdf.yaml")
    assert isinstance(found, ModelDescr)
    assert found.validation_summary.status == "valid-format"
    gc.collect()  # of what it left open, while nobody minds
    assert yaml.safe_load(whole["rdf.yaml"]) == document_of(whole["rdf.yaml"])
    assert TEST.shape == (8, found.inputs[0].shape[1])
