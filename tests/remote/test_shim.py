"""The functions that travel: complete in themselves, on every Python that this machine has."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import json
import pickle
import py_compile
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

import mhfd
from mhfd import shim
from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer

OTHERS = [found for minor in range(9, 15) if (found := shutil.which(f"python3.{minor}"))]
VERSIONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
PYTHONS = [sys.executable, *OTHERS, *map(str, VERSIONS)]
LONG = shim.function("mhfd_long", module="mhfd.remote.away", entry="go", summary="Not there.")
ALL = {**shim.FUNCTIONS, "mhfd_long": LONG}
RELEASED = {
    "mhfd_focus": "654bba7c237ebc9b3471fa3de9f64fd49e2a3b42549e759fa135813428057868",
    "mhfd_examine": "5675910973e44bc92ae9d2f1c352d938349906a86e5d3f8ee570c9cbb1ddc942",
    "mhfd_train": "a80891679b592a098b8ede43ea7eff8e6be4ecd92fcf00fb171013b04701f78b",
    "mhfd_assess": "549bce45454b79c68bb98ee78cf015e7c66a4609b60f8249e33adfa2839497fe",
    "mhfd_benchmark": "168ae109aca7112b3770d9d13f159e25485b79d8009f6af81d6a9cee388a07fc",
}
"""Of the texts that are registered: administrators have allowed their ids."""


@pytest.fixture(scope="module")
def pythons() -> list[str]:
    """A version manager has stubs of what it has not."""
    tried = {p: subprocess.run([p, "-I", "-c", "import json"], capture_output=True, check=False) for p in PYTHONS}
    return [python for python, done in tried.items() if done.returncode == 0]


@pytest.mark.parametrize("name", ALL)
def test_without_mhfd_the_answer_says_what_to_do(pythons: list[str], name: str) -> None:
    """As a worker does: the source alone, executed; then JSON in, JSON out. Without site-packages there is no mhfd."""
    source = inspect.getsource(ALL[name])
    code = (
        f"import json\nspace = {{}}\nexec({source!r}, space)\n"
        f"print(json.dumps([space[{name!r}](paths=['/x']), __import__('sys').version_info[:2]]))"
    )
    for python in pythons:
        done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        answer, version = json.loads(done.stdout)
        assert answer["ok"] is False
        (error,) = answer["errors"]
        assert error["code"] == "no_mhfd"
        assert f"Python {version[0]}.{version[1]}" in error["why"]
        assert ("3.11 or later" in error["remedy"]) == (tuple(version) < (3, 11))


def test_a_python_that_is_too_old_is_said_though_the_package_lies_there(pythons: list[str]) -> None:
    where = str(Path(mhfd.__file__).parents[1])
    code = (
        f"import json, sys\nsys.path.insert(0, {where!r})\nspace = {{}}\nexec({inspect.getsource(LONG)!r}, space)\n"
        "print(json.dumps([space['mhfd_long'](), sys.version_info < (3, 11)]))"
    )
    for python in pythons:
        done = subprocess.run([python, "-B", "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        answer, old = json.loads(done.stdout)
        assert answer["errors"][0]["code"] == ("no_mhfd" if old else "no_function")


@pytest.mark.parametrize("name", ALL)
def test_what_travels_is_source_and_json(name: str) -> None:
    serializer = ComputeSerializer(strategy_code=PureSourceTextInspect(), strategy_data=JSONData())
    packed = serializer.serialize(ALL[name])
    assert "def " + name in packed
    unpacked = serializer.deserialize(packed)
    assert unpacked(paths=())["errors"]
    assert serializer.deserialize(serializer.serialize({"a": [1, None, "\u2603"]})) == {"a": [1, None, "\u2603"]}


def test_another_function_of_the_same_name_changes_nothing() -> None:
    """Whoever makes one finds its own source, and that of the first stays what it is."""
    other = shim.function("mhfd_train", module="tests.elsewhere", entry="train", summary="Another.")
    assert "tests.elsewhere" in inspect.getsource(other)
    assert shim.digest(shim.FUNCTIONS["mhfd_train"]) == RELEASED["mhfd_train"]


@pytest.mark.parametrize("name", RELEASED)
def test_a_text_that_was_registered_stays_to_the_byte(name: str) -> None:
    assert shim.digest(shim.FUNCTIONS[name]) == RELEASED[name]
    assert pickle.loads(pickle.dumps(shim.FUNCTIONS[name])) is shim.FUNCTIONS[name]  # noqa: S301 - our own


@pytest.mark.parametrize("module", ["mhfd.remote.away", "mhfd.remote", "away.altogether"])
def test_an_mhfd_without_the_function_is_told_from_none(module: str) -> None:
    answer = WorkAnswer.model_validate(shim.function("mhfd_go", module=module, entry="go", summary="Go.")(key="a"))
    (error,) = answer.errors
    assert (error.code, error.why) == (
        Code.NO_FUNCTION,
        f"mhfd {mhfd.__version__} on this worker has no function mhfd_go",
    )


def test_a_function_that_lacks_what_it_needs_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacks_a_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    answer = shim.function("mhfd_go", module="lacks_a_package", entry="go", summary="Go.")()
    assert answer["errors"][0]["code"] == "no_mhfd"
    assert "No module named 'no_such_package'" in answer["errors"][0]["why"]


def test_a_traceback_shows_the_lines_that_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_request: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("mhfd.remote.run", fails)
    with pytest.raises(KeyboardInterrupt) as caught:
        shim.mhfd_focus()
    lines = traceback.format_tb(caught.value.__traceback__)
    assert any('"<mhfd.shim: mhfd_focus ' in line and "return run(**request)" in line for line in lines)


def test_it_needs_no_file_of_its_own_source(tmp_path: Path) -> None:
    """As in a package without sources, or in a zip."""
    assert shim.__file__ is not None
    compiled = py_compile.compile(shim.__file__, cfile=str(tmp_path / "bare_shim.pyc"), doraise=True)
    loader = importlib.machinery.SourcelessFileLoader("bare_shim", str(compiled))
    bare = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("bare_shim", loader))
    loader.exec_module(bare)
    assert {name: bare.digest(made) for name, made in bare.FUNCTIONS.items()} == RELEASED


@pytest.mark.parametrize(
    ("name", "module", "summary"),
    [("mhfd-x", "mhfd.x", "X."), ("mhfd_x", "mhfd.x; import os", "X."), ("mhfd_x", "mhfd.x", 'X."""')],
)
def test_only_names_go_into_the_text(name: str, module: str, summary: str) -> None:
    with pytest.raises(ValueError, match="names of Python"):
        shim.function(name, module=module, entry="go", summary=summary)


def test_the_digest_is_that_of_the_source() -> None:
    digests = {shim.digest(function) for function in shim.FUNCTIONS.values()}
    assert len(digests) == len(shim.FUNCTIONS)
