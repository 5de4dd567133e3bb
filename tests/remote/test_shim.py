"""The functions that travel: complete in themselves, on every Python that this machine has."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

from mhfd import shim

OTHERS = [found for minor in range(9, 15) if (found := shutil.which(f"python3.{minor}"))]
VERSIONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
PYTHONS = [sys.executable, *OTHERS, *map(str, VERSIONS)]


@pytest.fixture(scope="module")
def pythons() -> list[str]:
    """A version manager has stubs of what it has not."""
    tried = {p: subprocess.run([p, "-I", "-c", "import json"], capture_output=True, check=False) for p in PYTHONS}
    return [python for python, done in tried.items() if done.returncode == 0]


@pytest.mark.parametrize("name", shim.FUNCTIONS)
def test_without_mhfd_the_answer_says_what_to_do(pythons: list[str], name: str) -> None:
    """As a worker does: the source alone, executed; then JSON in, JSON out. Without site-packages there is no mhfd."""
    source = inspect.getsource(shim.FUNCTIONS[name])
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


@pytest.mark.parametrize("name", shim.FUNCTIONS)
def test_what_travels_is_source_and_json(name: str) -> None:
    serializer = ComputeSerializer(strategy_code=PureSourceTextInspect(), strategy_data=JSONData())
    packed = serializer.serialize(shim.FUNCTIONS[name])
    assert "def " + name in packed
    unpacked = serializer.deserialize(packed)
    assert unpacked(paths=())["errors"]
    assert serializer.deserialize(serializer.serialize({"a": [1, None, "\u2603"]})) == {"a": [1, None, "\u2603"]}


def test_the_digest_is_that_of_the_source() -> None:
    digests = {shim.digest(function) for function in shim.FUNCTIONS.values()}
    assert len(digests) == len(shim.FUNCTIONS)
