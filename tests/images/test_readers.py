"""Readers that an installed package brings: those of the how-to, as it prints them, and what a bad one can do."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs import REPOSITORY
from tests.rigs.image_files import flawed, good, mrc, scene

from mhfd import images
from mhfd.contract.focus_report import Finding
from mhfd.images.formats import plugins

ONE = scene()
HOW_TO = (REPOSITORY / "docs" / "how-to" / "write-a-reader.md").read_text()
PROJECT, *_ = re.findall(r"```toml\n(.*?)```", HOW_TO, re.S)
SER_READER, DM_READER, SPLITTER = re.findall(r"```py\n(.*?)```", HOW_TO, re.S)


@pytest.fixture(autouse=True)
def _looked_up_anew() -> Iterator[None]:
    plugins.installed.cache_clear()
    yield
    plugins.installed.cache_clear()


def install(folder: Path, module: str, code: str, project: str) -> None:
    """What pip leaves of a package: its module, and what it says of itself."""
    told = tomllib.loads(project)
    name, version = told["project"]["name"], told["project"]["version"]
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{ending} = {value}" for ending, value in told["project"]["entry-points"][plugins.GROUP].items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]))
    (folder / f"{module}.py").write_text(code)


def brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, *, ending: str = "odd", name: str = "odd-reader"
) -> Path:
    """A file of that ending, and an installed reader of it with that body."""
    module = f"odd_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}_{name.replace('-', '_')}"
    code = f"import numpy as np\nfrom mhfd.images import *\n\n\ndef read(file):\n    {body}\n"
    project = f'[project]\nname = "{name}"\nversion = "0.3"\n[project.entry-points."{plugins.GROUP}"]\n'
    install(tmp_path / name, module, code, f'{project}{ending} = "{module}:read"')
    monkeypatch.syspath_prepend(str(tmp_path / name))
    path = tmp_path / f"S_001.{ending.upper()}"
    path.write_bytes(ONE.tobytes())
    return path


def ser(pixels: np.ndarray[Any, Any], *, pixel_m: float = 8e-9) -> bytes:
    """As TIA writes one image: header, calibration, pixels from the lowest row up, and the place of it all."""
    height, width = pixels.shape
    number = {"u1": 1, "u2": 2, "i4": 6, "f4": 7}[pixels.dtype.str[1:]]
    head = struct.pack("<HHHIIIIII", 0x4949, 0x197, 0x210, 0x4122, 0x4152, 1, 1, 30 + 50 + pixels.nbytes, 0)
    element = struct.pack("<ddIddIHII", 0, pixel_m, 0, 0, pixel_m, 0, number, width, height)
    return head + element + pixels[::-1].tobytes() + struct.pack("<I", 30)


def test_the_reader_of_the_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "S_001.ser"
    content = ser(ONE.astype("u2"))
    flawed(path, content, Finding.UNREADABLE, "TIA SER files are not read")
    install(tmp_path / "site", "ser_reader", SER_READER, PROJECT)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    plugins.installed.cache_clear()
    image = good(path)
    np.testing.assert_array_equal(image.pixels, ONE)
    assert image.info.pixel_nm == pytest.approx(8)
    assert image.info.sha256 == hashlib.sha256(content).hexdigest()
    assert image.info.tags["reader"] == image.info.tags["pixel_from"] == "the reader of ser-reader 1.0"
    assert (image.info.tags["format"], image.info.dtype) == ("SER", "uint16")
    for tenth in range(1, 10):
        flawed(path, content[: len(content) * tenth // 10], Finding.INCOMPLETE, "ser-reader 1.0 says: it has")
    two = content[:18] + struct.pack("<I", 2) + content[22:]
    flawed(path, two, Finding.UNREADABLE, "ser-reader 1.0 failed: ValueError: 2 elements")


def test_it_is_found_by_the_command_line(tmp_path: Path) -> None:
    install(tmp_path / "site", "ser_reader", SER_READER, PROJECT)
    (tmp_path / "S_001.ser").write_bytes(ser(scene(200, 200)))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mhfd")), "score", str(tmp_path / "S_001.ser")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no_tissue" in done.stdout, done.stderr  # it was read and measured: noise is no tissue


def test_the_wrapper_of_a_library_that_takes_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself is no dependency: a stand-in of its interface."""
    library = tmp_path / "site" / "rsciio"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "digitalmicrograph.py").write_text(
        "import numpy as np\n\n\ndef file_reader(filename):\n    data = np.fromfile(filename, 'u1').reshape(90, 75)\n"
        "    return [{'data': data, 'axes': [{}, {'scale': 0.0045, 'units': 'µm'}]}]\n"
    )
    project = '[project]\nname = "dm-reader"\nversion = "1"\n' + re.findall(r"```toml\n(.*?)```", HOW_TO, re.S)[1]
    install(tmp_path / "site", "dm_reader", DM_READER, project)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for ending in ("dm3", "DM4"):
        image = good(tmp_path / f"a.{ending}", ONE.tobytes())
        assert image.info.pixel_nm == pytest.approx(4.5)


def test_what_it_is_given_and_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "assert file.name == 'S_001.ODD' and file.beside('a.txt') == b'told' and file.beside('b.txt') == b''; "
        "raw = file.file.read(); assert raw == np.fromfile(file.path, 'u1').tobytes(); from mhfd.contract import Box; "
        "return ReadImage(pixels=np.frombuffer(raw, 'u1').reshape(90, 75).astype('f4'), pixel_nm=4, focus_m=.005, "
        "dwell_ns=800, stage_um=(1, -2), box=Box(top=0, left=0, bottom=80, right=75), notes=('a note',))"
    )
    path = brought(tmp_path, monkeypatch, body)
    (tmp_path / "a.txt").write_text("told")
    image = good(path)
    np.testing.assert_array_equal(image.pixels, ONE[:80].astype("f4"))
    info = image.info
    assert (info.pixel_nm, info.focus_m, info.dwell_ns, info.stage_um) == (4, 0.005, 800, (1, -2))
    assert info.tags["box_from"] == "the reader of odd-reader 0.3"
    assert info.tags["note"] == "a note"


def test_an_endpoint_hands_over_an_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "return ReadImage(pixels=np.fromfile(file.path, 'u1').reshape(90, 75))"
    path = brought(tmp_path, monkeypatch, body)
    fd = os.open(path, os.O_RDONLY)
    try:
        image = images.load(images.OpenFile("/theirs/S_001.odd", fd))
    finally:
        os.close(fd)
    assert image.finding is Finding.OK, image.detail


@pytest.mark.parametrize(
    ("body", "finding", "words"),
    [
        ("raise NotWhole('two of  three\\nparts')", Finding.INCOMPLETE, "says: two of three parts; wait"),
        ("raise RuntimeError('x' * 9999)", Finding.UNREADABLE, "failed: RuntimeError: xxx"),
        ("import no_such_module", Finding.UNREADABLE, "ModuleNotFoundError"),
        ("raise SystemExit(3)", Finding.UNREADABLE, "SystemExit: 3"),
        ("return None", Finding.UNREADABLE, "gave a NoneType"),
        ("return ReadImage(pixels=[[1, 2]])", Finding.UNREADABLE, "a list"),
        ("return ReadImage(pixels=np.zeros((3, 90, 75)))", Finding.UNREADABLE, "of the shape (3, 90, 75)"),
        ("return ReadImage(pixels=np.zeros((0, 75)))", Finding.UNREADABLE, "of the shape (0, 75)"),
        ("return ReadImage(pixels=np.zeros((90, 75), 'c8'))", Finding.UNREADABLE, "complex64"),
        ("return ReadImage(pixels=np.zeros((90, 75), 'O'))", Finding.UNREADABLE, "object"),
        ("return ReadImage(pixels=np.zeros((90, 75)))", Finding.BLANK, "blank"),
        ("return ReadImage(pixels=np.zeros((3000, 3000), 'u1'))", Finding.UNREADABLE, "max_pixels"),
    ],
)
def test_whatever_it_does_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, finding: Finding, words: str
) -> None:
    path = brought(tmp_path, monkeypatch, body)
    image = flawed(path, None, finding, words, max_pixels=1 << 20)
    if finding is not Finding.BLANK and "max_pixels" not in words:
        assert "the reader of odd-reader 0.3" in (image.detail or "")
    assert image.info.sha256 == hashlib.sha256(ONE.tobytes()).hexdigest()
    assert len(image.detail or "") < 400


def test_claims_that_make_no_sense_are_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "return ReadImage(pixels=np.frombuffer(file.file.read(), 'u1').reshape(90, 75), pixel_nm=-1, "
        "focus_m=float('nan'), dwell_ns='long', stage_um=(1, 2, 3), box=(0, 0, 9, 9))"
    )
    info = good(brought(tmp_path, monkeypatch, body)).info
    assert (info.pixel_nm, info.focus_m, info.dwell_ns, info.stage_um, info.box) == (None,) * 5
    for name in ("pixel_nm", "focus_m", "dwell_ns", "stage_um", "box"):
        assert name in str(info.tags["note"])


def test_a_file_that_changes_under_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import os; os.truncate(file.path, 9999); return ReadImage(pixels=np.zeros((90, 75)))"
    flawed(brought(tmp_path, monkeypatch, body), None, Finding.INCOMPLETE, "changed while it was read")


def test_ours_go_first_and_a_stack_may_be_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "return ReadImage(pixels=np.frombuffer(file.file.read()[-6750:], 'u1').reshape(90, 75))"
    brought(tmp_path, monkeypatch, body, ending="mrc")
    path = tmp_path / "a.mrc"
    assert good(path, mrc(ONE)).info.tags["format"] == "MRC"
    image = good(path, mrc(np.stack([ONE, ONE[::-1]])))
    np.testing.assert_array_equal(image.pixels, ONE[::-1])
    assert "reader" in image.info.tags


def test_two_for_one_ending_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(tmp_path, monkeypatch, "return None", name="one")
    path = brought(tmp_path, monkeypatch, "return None", name="other")
    flawed(path, None, Finding.UNREADABLE, "one 0.3", "other 0.3", "both read .odd")


def test_a_growing_stack_is_split(tmp_path: Path) -> None:
    """The program of the how-to: what is whole becomes an image, with its own part of the notes."""
    program: dict[str, Any] = {"__name__": "split_mrc"}
    exec(SPLITTER, program)  # noqa: S102  our own documentation
    stack, folder = tmp_path / "run.mrc", tmp_path / "watched"
    sections = np.stack([scene(seed=i) for i in range(3)]).astype("i2")
    content = mrc(sections, cell=45.0, more=bytes(80))
    notes = "".join(f"[ZValue = {z}]\nStagePosition = {z}.5 -2\nExposureTime = 0.25\n\n" for z in range(3))
    (tmp_path / "run.mrc.mdoc").write_text(f"PixelSpacing = 45\n\n{notes}")
    stack.write_bytes(content[:-5000])
    program["split"](stack, folder)
    assert sorted(path.name for path in folder.glob("*.mrc")) == ["run_0000.mrc", "run_0001.mrc"]
    stack.write_bytes(content)
    program["split"](stack, folder)
    for z in range(3):
        image = good(folder / f"run_{z:04d}.mrc")
        np.testing.assert_array_equal(image.pixels, sections[z])
        assert image.info.pixel_nm == pytest.approx(4.5)
        assert image.info.stage_um == (z + 0.5, -2)
        assert image.info.dwell_ns == pytest.approx(2.5e8)
        assert image.info.tags["stage_from"] == "SerialEM StagePosition"
