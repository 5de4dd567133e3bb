"""The notebook of 'Use an endpoint' runs: a real kernel, the real SDK, a real endpoint with a real worker."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import tifffile
from tests.rigs import REPOSITORY
from tests.rigs.globus.child_endpoint import ChildEndpoint

from mhfd import simulate

NOTEBOOK = REPOSITORY / "docs" / "how-to" / "use-an-endpoint.ipynb"

# In a process of its own: what notebooks need warns of itself. Its sockets are files: no port can be taken meanwhile.
RUN = """
import sys
import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

source, done, sockets = sys.argv[1:]
kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=sockets + "/k")
book = nbformat.read(source, 4)
NotebookClient(book, km=kernel, timeout=240, startup_timeout=240).execute()
nbformat.write(book, done)
"""


def cells(book: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs(endpoint: ChildEndpoint, data: Path, tmp_path: Path, globus_env: dict[str, str]) -> None:
    for z in range(8):
        tifffile.imwrite(data / f"S_{z:03d}.tif", simulate.section((192, 192), seed=1, z=z))
    (tmp_path / "mnt").symlink_to(data)
    book = json.loads(NOTEBOOK.read_text())
    (parameters,) = [cell for cell in cells(book) if "parameters" in cell["metadata"].get("tags", ())]
    parameters["source"] = f"ENDPOINT = {endpoint.id!r}\nHERE = {str(tmp_path / 'mnt')!r}\nTHERE = {str(data)!r}"
    (tmp_path / "book.ipynb").write_text(json.dumps(book))
    own = {name: str(tmp_path / "own") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    with tempfile.TemporaryDirectory(prefix="mhfd-") as sockets:  # a short name: sockets' are limited
        arguments = [str(tmp_path / "book.ipynb"), str(tmp_path / "done.ipynb"), sockets]
        ran = subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            env=globus_env | own | {"XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert ran.returncode == 0, ran.stderr[-4000:]
    _, scored, sorted_, made, again, held = cells(json.loads((tmp_path / "done.ipynb").read_text()))
    shown = json.dumps([scored["outputs"], sorted_["outputs"]])
    assert all(f"S_{z:03d}.tif" in shown for z in range(8))
    assert "in_focus" in json.dumps(sorted_["outputs"])
    assert endpoint.id in json.dumps(made["outputs"])
    assert again["outputs"][-1]["data"]["text/plain"] in ("8", ["8"])
    assert " 9 unavailable" in json.dumps(held["outputs"])


def test_it_is_kept_without_outputs() -> None:
    assert all(
        not cell["outputs"] and cell["execution_count"] is None for cell in cells(json.loads(NOTEBOOK.read_text()))
    )
