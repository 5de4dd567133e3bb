"""Files that work has made, as they came back: found by the end of their path, and believed by their bytes alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mhfd.contract.work import Artefact
from mhfd_client.flow.artefacts import brought

DATA = b"what was made\n"


def made(path: str, data: bytes = DATA) -> Artefact:
    return Artefact(path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), kind="text")


@pytest.mark.parametrize("where", ["table", "deep/table", "files-3/deep/table"])
def test_it_is_found_wherever_it_lies(tmp_path: Path, where: str) -> None:
    file = tmp_path / where
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(DATA)
    found = brought(tmp_path, [made("/stage/mhfd-run/work/mhfd-work-a/files-3/deep/table")])
    assert found.here == (made(str(file)),)
    assert (found.wrong, found.missing) == ("", False)


def test_of_two_of_a_name_each_is_the_one_with_its_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table").write_text(name)
    found = brought(tmp_path, [made("/there/b/table", b"b"), made("/there/a/table", b"a")])
    assert [one.path for one in found.here] == [str(tmp_path / "b" / "table"), str(tmp_path / "a" / "table")]


@pytest.mark.parametrize(
    "path", ["/there/../../outside", "../outside", "/there/link", "/", "", "/there/folder", "/there/n\0l"]
)
def test_nothing_outside_of_the_folder_and_no_folder_is_taken(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "results"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(DATA)
    (folder / "link").symlink_to(tmp_path / "outside")
    found = brought(folder, [made(path)])
    assert (found.here, found.missing) == ((), True)
    assert "is not in" in found.wrong


def test_one_wrong_file_is_named_with_the_others(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(DATA)
    (tmp_path / "bad").write_bytes(DATA[::-1])
    found = brought(tmp_path, [made("/w/good"), made("/w/bad"), made("/w/gone")])
    assert len(found.here) == 1
    assert found.wrong == f"{tmp_path / 'bad'} has another SHA-256 than on the endpoint; gone is not in {tmp_path}"
    assert found.missing
