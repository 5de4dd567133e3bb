"""Packages as a stranger would forge them: files changed as they lie, or with every digest made to fit again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

OF_FIELDS: Final = {
    "README.md": ("documentation",),
    "test_input.npy": ("inputs", 0, "test_tensor"),
    "test_output.npy": ("outputs", 0, "test_tensor"),
    "weights.onnx": ("weights", "onnx"),
}
"""Where `rdf.yaml` has the digest of a file."""


class Forgery:
    """The files of a package in a folder, to be changed."""

    def __init__(self, folder: Path, files: dict[str, bytes]) -> None:
        self.folder = folder
        self.files = dict(files)

    def write(self) -> None:
        """The files as they are, digests as they were."""
        self.folder.mkdir()
        for name, data in self.files.items():
            (self.folder / name).write_bytes(data)

    def put(self, name: str, data: bytes) -> None:
        """Another file, and every digest fits: only what is in it can be refused."""
        self.files[name] = data
        self.described(lambda _: None)

    def described(self, change: Callable[[Any], object]) -> None:
        """Another description, and every digest fits but those that the change makes."""
        document = json.loads(self.files["rdf.yaml"])
        for name, path in OF_FIELDS.items():
            field = document
            for part in path:
                field = field[part]
            field["sha256"] = hashlib.sha256(self.files[name]).hexdigest()
        change(document)
        text = json.dumps(document, indent=1, ensure_ascii=False)
        self.text((re.sub(r"(\s-?\d)(e[-+]\d+)(?=,?\n)", r"\1.0\2", text) + "\n").encode())

    def text(self, data: bytes) -> None:
        """Another `rdf.yaml`, byte by byte; the manifest fits."""
        self.files["rdf.yaml"] = data
        self.manifest()

    def manifest(self) -> None:
        """A manifest that fits."""
        names = sorted(name for name in self.files if name != "SHA256SUMS")
        lines = (f"{hashlib.sha256(self.files[name]).hexdigest()}  {name}\n" for name in names)
        self.files["SHA256SUMS"] = "".join(lines).encode()
