"""The adapter to Micro-Manager: what it says of a bridge that is none, and that it asks for no move twice."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.processes import Program
from tests.rigs.globus.waiting import until
from tests.rigs.instruments import PlantedFault
from tests.rigs.instruments.micromanager import BRIDGE, FOCUS, FOCUS_UM, MicroManagerRig, sdk_python

from mhfd_client.errors import (
    AcquisitionFailed,
    AnotherHand,
    InstrumentError,
    InstrumentLost,
    OutOfRange,
    SetDidNotTake,
    SettingsError,
)
from mhfd_client.instruments.config import NAME, InstrumentConfig, SoftLimits, config_of
from mhfd_client.instruments.micromanager import MicroManager
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.protocol import Knob, KnobRange
from mhfd_client.instruments.scripts import micromanager_bridge
from mhfd_client.instruments.scripts.micromanager_bridge import VERSION, proof, token_of

TOKEN: Final = "t" * 64
STANDS: Final = {"z_um": 1.0, "at": 5.0, "pixel_nm": 1000.0, "exposure_ms": 10.0, "stage_um": [-0.0, 0.0]}
Answers = Callable[[dict[str, Any]], bytes | None]


def line(**told: Any) -> bytes:
    return json.dumps(told).encode() + b"\n"


class Wire:
    """A program that talks as the bridge does, and says what a test wants it to say."""

    def __init__(self, answers: Answers, *, token: str = TOKEN, greeting: bytes | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers, self._token, self._greeting = answers, token, greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as both:
                both.write(self._greeting or line(mhfd_bridge=VERSION, name="M", nonce="n"))
                both.flush()
                told = json.loads(both.readline() or b"{}")
                both.write(line(proof=proof(self._token, "bridge", str(told.get("nonce")), "n")))
                both.flush()
                for got in both:
                    self.asked.append(json.loads(got))
                    answer = self._answers(self.asked[-1])
                    if answer is None:
                        break
                    both.write(answer)
                    both.flush()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def wired(answers: Answers, token_file: Path, **more: Any) -> Iterator[tuple[Wire, InstrumentConfig]]:
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    wire = Wire(answers, **more)
    try:
        yield wire, config(wire.port, token_file)
    finally:
        wire.close()


def config(port: int, token_file: Path | None, **changes: Any) -> InstrumentConfig:
    told = {
        "address": f"127.0.0.1:{port}",
        "token_file": None if token_file is None else str(token_file),
        "limits": SoftLimits(low_um=-100.0, high_um=100.0),
        "timeout_s": 5.0,
        **changes,
    }
    return InstrumentConfig(kind="micromanager", **told)


def good(asked: dict[str, Any]) -> bytes:
    answers: dict[str, Any] = {
        "read": STANDS,
        "limits": {"low_um": None, "high_um": None},
        "set": {**STANDS, "z_um": asked.get("z_um"), "said": None},
    }
    return line(id=asked["id"], answer=answers[asked["ask"]])


def test_the_focus_device_is_the_working_distance(tmp_path: Path) -> None:
    with wired(good, tmp_path / "token") as (_, told):
        adapter = MicroManager(told)
        reading = adapter.read()
        assert (reading.working_distance_um, reading.pixel_nm, reading.dwell_ns) == (1.0, 1000.0, 10e6)
        assert (str(reading.stage_um), reading.stig_x, reading.magnification) == ("(0.0, 0.0)", None, None)
        assert adapter.limits(Knob.WORKING_DISTANCE) == KnobRange(-100.0, 100.0)  # the device says none
        assert adapter.set(Knob.WORKING_DISTANCE, -3.5).working_distance_um == -3.5
        assert adapter.settable() == {Knob.WORKING_DISTANCE}
        assert adapter.retake(1, "r1-c1") is None
        adapter.close()


def test_what_may_not_be_set_is_not_sent(tmp_path: Path) -> None:
    with wired(good, tmp_path / "token") as (wire, told):
        adapter = MicroManager(told)
        for knob, value in [
            (Knob.STIG_X, 0.0),
            (Knob.WORKING_DISTANCE, 100.1),
            (Knob.WORKING_DISTANCE, float("nan")),
            (Knob.WORKING_DISTANCE, float("-inf")),
        ]:
            with pytest.raises(OutOfRange):
                adapter.set(knob, value)
        adapter.close()
        assert "set" not in [asked["ask"] for asked in wire.asked]


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("out_of_range", OutOfRange),
        ("not_set", SetDidNotTake),
        ("no_image", AcquisitionFailed),
        ("too_late", InstrumentLost),
        ("failed", InstrumentError),
        ("unheard of", InstrumentError),
    ],
)
def test_what_the_bridge_refuses_has_its_kind_and_its_words(tmp_path: Path, kind: str, raised: type) -> None:
    def refuse(asked: dict[str, Any]) -> bytes:
        return line(id=asked["id"], error={"kind": kind, "said": "the turret\x1b[2J stands in the way"})

    with wired(refuse, tmp_path / "token") as (wire, told):
        adapter = MicroManager(told)
        for _ in range(2):
            with pytest.raises(raised, match=r"the turret.*stands in the way") as caught:
                adapter.acquire()
            assert type(caught.value) is raised
            assert "\x1b" not in str(caught.value)
        adapter.close()
        assert len(wire.asked) == 2


def test_a_set_that_reads_back_another_value_did_not_take(tmp_path: Path) -> None:
    def stuck(asked: dict[str, Any]) -> bytes:
        return line(id=asked["id"], answer={**STANDS, "said": "busy\x1b[2J"}) if asked["ask"] == "set" else good(asked)

    with wired(stuck, tmp_path / "token") as (_, told):
        adapter = MicroManager(told)
        with pytest.raises(SetDidNotTake, match=r"asked for 4.0000 um, the instrument reads 1.0000 um.*says: busy"):
            adapter.set(Knob.WORKING_DISTANCE, 4.0)
        assert adapter.set(Knob.WORKING_DISTANCE, 1.04).working_distance_um == 1.0  # as near as a motor stops
        adapter.close()


def test_a_set_whose_answer_is_lost_is_not_sent_again_and_a_reading_is(tmp_path: Path) -> None:
    def cut_once(asked: dict[str, Any]) -> bytes | None:
        return None if asked["ask"] == "set" or len(wire.asked) == 1 else good(asked)

    with wired(cut_once, tmp_path / "token") as (wire, told):
        adapter = MicroManager(told)
        assert adapter.read().working_distance_um == 1.0
        with pytest.raises(InstrumentLost, match="what was asked may have been done"):
            adapter.set(Knob.WORKING_DISTANCE, 4.0)
        assert adapter.read().working_distance_um == 1.0  # it has connected anew
        adapter.close()
        assert [asked["ask"] for asked in wire.asked] == ["read", "read", "limits", "set", "read"]


def image(
    shape: tuple[int, ...] = (2, 3), dtype: str = "uint16", size: int = 12, moved: bool = False
) -> dict[str, Any]:
    after = {**STANDS, "z_um": 2.0} if moved else STANDS
    return {"shape": shape, "dtype": dtype, "bytes": size, "before": STANDS, "after": after, "moved": moved}


def test_an_image_comes_with_where_the_focus_stood(tmp_path: Path) -> None:
    with wired(lambda asked: line(id=asked["id"], answer=image()) + struct.pack("<6H", *range(6)), tmp_path / "t") as (
        _,
        told,
    ):
        adapter = MicroManager(told)
        taken = adapter.acquire()
        assert taken.pixels.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert taken.reading.working_distance_um == 1.0
        adapter.close()


@pytest.mark.parametrize(
    ("told_of_it", "raised", "said"),
    [
        (image(moved=True), AnotherHand, r"moved from 1.000 to 2.000 um while"),
        (image(size=10), AcquisitionFailed, "size and its bytes do not agree"),
        (image(shape=(2, 3, 1)), InstrumentLost, "none of this mhfd's"),
        (image(dtype="complex64"), InstrumentLost, "none of this mhfd's"),
        (image(size=1 << 40), InstrumentLost, "larger than 512 MiB"),
        (image(size=-1), InstrumentLost, "larger than 512 MiB"),
        (image(size=60), InstrumentLost, "closed the connection"),
    ],
)
def test_an_image_that_is_none_is_not_taken(
    tmp_path: Path, told_of_it: dict[str, Any], raised: type[Exception], said: str
) -> None:
    sent: list[bytes] = []

    def answers(asked: dict[str, Any]) -> bytes | None:
        if told_of_it["bytes"] == 60 and sent:
            return None
        sent.append(line(id=asked["id"], answer=told_of_it) + bytes(max(0, min(12, told_of_it["bytes"]))))
        return sent[-1]

    with wired(answers, tmp_path / "token") as (wire, told):
        adapter = MicroManager(told.model_copy(update={"timeout_s": 0.5 if told_of_it["bytes"] == 60 else 5.0}))
        with pytest.raises(raised, match=said if told_of_it["bytes"] != 60 else "no answer"):
            adapter.acquire()
        adapter.close()
        assert len(wire.asked) == 1  # each image is dose: none is asked for twice


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"rubbish\n", "Expecting value"),
        (b"[]\n", "no object"),
        (b"[" * 60_000 + b"\n", "no object"),
        (b"x" * 70_000, "longer than 64 KiB"),
        (line(id=99, answer=STANDS), "another question"),
        (line(id=1), "no answer in the line"),
        (line(id=1, answer={**STANDS, "z_um": "here"}), "none of this mhfd's"),
        (b'{"id": 1, "answer": {"z_um": NaN, "at": 1}}\n', "none of this mhfd's"),
    ],
)
def test_rubbish_is_no_answer(tmp_path: Path, answer: bytes, said: str) -> None:
    with wired(lambda _: answer, tmp_path / "token") as (_, told):
        adapter = MicroManager(told)
        with pytest.raises(InstrumentLost, match=f"gives no answer.*{said}"):
            adapter.acquire() if answer[:8] != b"{" else adapter.read()
        adapter.close()


def test_silence_ends_with_the_timeout(tmp_path: Path) -> None:
    with wired(lambda _: b"", tmp_path / "token") as (wire, told):
        adapter = MicroManager(told.model_copy(update={"timeout_s": 0.2}))
        with pytest.raises(InstrumentLost, match=r"gives no answer within 0\.2 s"):
            adapter.read()
        adapter.close()
        assert len(wire.asked) == 1  # who was silent once is not waited for twice


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"token": "other" * 20}, "does not know the token"),
        ({"greeting": line(mhfd_bridge=VERSION + 1, name="M", nonce="n")}, "is no bridge"),
        ({"greeting": b"SSH-2.0-OpenSSH_9.2\r\n"}, "nothing was asked of it"),
    ],
)
def test_who_is_not_the_bridge_is_asked_nothing(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with wired(good, tmp_path / "token", **more) as (wire, told):
        with pytest.raises(InstrumentLost, match=said):
            MicroManager(told)
        assert wire.asked == []


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(InstrumentLost, match="nothing was asked of it; does its bridge run"):
        MicroManager(config(port, tmp_path / "token"))


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "host:x", "10.0.0.5:4827"])
def test_an_address_is_on_this_machine(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"^address: "):
        MicroManager(config(1, tmp_path / "token", address=address))


def test_the_token_is_the_owners_own(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(SettingsError, match="token_file: is missing"):
        MicroManager(config(1, None))
    with pytest.raises(SettingsError, match="is relative"):
        MicroManager(config(1, Path("token")))
    with pytest.raises(SettingsError, match=r"cannot be read.*start the bridge"):
        MicroManager(config(1, file))
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="holds no token"):
        MicroManager(config(1, file))
    file.write_text(TOKEN)
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read it"):
        MicroManager(config(1, file))


def test_the_bridge_makes_a_token_and_takes_none_that_others_may_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = token_of(file)
    assert len(token) == 64
    assert token_of(file) == token
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    with pytest.raises(SystemExit, match="others may read it"):
        token_of(file)
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(SystemExit, match="holds no token"):
        token_of(file)


def test_the_bridge_says_how_to_get_what_it_needs(tmp_path: Path) -> None:
    asked = ["--config", "no.cfg", "--token-file", os.fspath(tmp_path / "token"), "--port", "0"]
    with pytest.raises(SystemExit, match="pip install pymmcore-plus"):
        micromanager_bridge.main(asked)


def test_the_example_of_the_how_to_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    page = (REPOSITORY / "docs" / "how-to" / "micromanager.md").read_text()
    (tmp_path / NAME).write_text(page.split("```toml\n")[1].split("```")[0])
    told = config_of(tmp_path)
    assert (told.kind, told.allow, told.limits.low_um) == ("micromanager", "propose", -50.0)
    token_of(tmp_path / "mhfd-token.txt")
    with pytest.raises(InstrumentLost, match="does its bridge run"):
        opened(told.model_copy(update={"address": told.address.replace("4827", "1")}))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicroManagerRig]:
    rig = MicroManagerRig(tmp_path_factory.mktemp("micromanager"))
    try:
        yield rig
    finally:
        rig.stop()


@pytest.mark.instruments
def test_a_move_that_was_waited_for_too_long_is_never_made(rig: MicroManagerRig) -> None:
    rig.ready()
    impatient = rig.instrument(timeout_s=0.3)
    stood = impatient.read().working_distance_um
    rig.plant(PlantedFault.SILENT)
    with pytest.raises(InstrumentLost):
        impatient.set(Knob.WORKING_DISTANCE, stood + 3)
    rig.ready()
    patient = rig.instrument()
    assert patient.read().working_distance_um == stood  # answered after whatever waited before
    impatient.close()
    patient.close()


@pytest.mark.instruments
def test_the_real_bridge_keeps_strangers_out(rig: MicroManagerRig, tmp_path: Path) -> None:
    rig.ready()
    (tmp_path / "other").write_text(TOKEN)
    (tmp_path / "other").chmod(0o600)
    with pytest.raises(InstrumentLost, match="does not know the token"):
        MicroManager(config(rig.port, tmp_path / "other"))
    with socket.create_connection(("127.0.0.1", rig.port), timeout=60) as stranger, stranger.makefile("rwb") as both:
        assert json.loads(both.readline())["mhfd_bridge"] == VERSION
        both.write(line(ask="set", z_um=3.0) * 2)
        both.flush()
        assert json.loads(both.readline())["error"]["kind"] == "stranger"
        assert both.readline() == b""
    assert rig.lens_um() == FOCUS_UM


@pytest.mark.instruments
@pytest.mark.parametrize(
    "rubbish",
    [
        b"\n",
        b"\xff\xfe\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 60_000 + b"\n",
        b"x" * 70_000,
        b'{"proof": "\\ud800", "nonce": 1}\n',
    ],
)
def test_rubbish_ends_its_own_connection_and_no_more(rig: MicroManagerRig, rubbish: bytes) -> None:
    rig.ready()
    with socket.create_connection(("127.0.0.1", rig.port), timeout=60) as stranger, stranger.makefile("rwb") as both:
        assert json.loads(both.readline())["mhfd_bridge"] == VERSION
        with suppress(OSError):
            both.write(rubbish)
            both.flush()
            assert b"answer" not in both.read()
    adapter = rig.instrument()
    assert adapter.read().working_distance_um == FOCUS_UM
    adapter.close()
    assert "Traceback" not in rig.said()


@pytest.mark.instruments
def test_what_the_device_refuses_is_out_of_range_where_our_limits_are_wider(rig: MicroManagerRig) -> None:
    rig.ready()
    wide = rig.config(limits=SoftLimits(low_um=-5000.0, high_um=5000.0))
    adapter = MicroManager(wide)
    with pytest.raises(OutOfRange, match=r"Position out of range.*nothing was set"):
        adapter.set(Knob.WORKING_DISTANCE, 4000.0)
    assert rig.lens_um() == FOCUS_UM
    adapter.close()


@pytest.mark.instruments
def test_a_bridge_that_is_started_again_is_found_again(rig: MicroManagerRig) -> None:
    rig.ready()
    adapter = rig.instrument()
    adapter.read()
    rig.kill()
    with pytest.raises(InstrumentLost, match="nothing was asked of it"):
        adapter.set(Knob.WORKING_DISTANCE, 2.0)
    rig.ready()
    assert adapter.set(Knob.WORKING_DISTANCE, 2.0).working_distance_um == 2.0
    adapter.close()


@pytest.mark.instruments
def test_a_device_that_is_gone_is_said_and_the_bridge_goes_on(rig: MicroManagerRig) -> None:
    rig.ready()
    adapter = rig.instrument()
    rig.core("setFocusDevice", "")
    for ask in (adapter.read, adapter.acquire, lambda: adapter.set(Knob.WORKING_DISTANCE, 1.0)):
        with pytest.raises(InstrumentError, match="names no focus device") as caught:
            ask()
        assert not isinstance(caught.value, InstrumentLost)
    rig.core("setFocusDevice", FOCUS)
    assert adapter.read().working_distance_um == FOCUS_UM
    adapter.close()


@pytest.mark.instruments
def test_live_view_and_colours_are_said(rig: MicroManagerRig) -> None:
    rig.ready()
    adapter = rig.instrument()
    rig.core("startContinuousSequenceAcquisition", 10.0)
    try:
        with pytest.raises(AcquisitionFailed, match="live view or an acquisition is running"):
            adapter.acquire()
    finally:
        rig.core("stopSequenceAcquisition")
    assert adapter.acquire().pixels.shape == (512, 512)
    rig.core("setProperty", "Camera", "Mode", "Color Test Pattern")
    rig.core("setProperty", "Camera", "PixelType", "32bitRGB")
    try:
        with pytest.raises(AcquisitionFailed, match="set a grey pixel type"):
            adapter.acquire()
    finally:
        rig.core("setProperty", "Camera", "PixelType", "16bit")
    adapter.close()


def _listening(program: Program) -> re.Match[str] | None:
    program.alive()
    return re.search(r"^listening on 127\.0\.0\.1:(\d+)$", program.said(), re.MULTILINE)


@pytest.mark.instruments
def test_the_program_that_an_operator_types_serves_the_demo(tmp_path: Path) -> None:
    typed = [sdk_python(), str(BRIDGE), "--config", "MMConfig_demo.cfg", "--port", "0", "--token-file", "token"]
    program = Program(
        typed, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, cwd=tmp_path, output=tmp_path / "o"
    )
    try:
        found = until(partial(_listening, program), "it does not listen")
        assert found
        adapter = MicroManager(config(int(found[1]), tmp_path / "token"))
        assert adapter.name == "Micro-Manager MMConfig_demo"
        assert adapter.acquire().reading.working_distance_um == 0.0
        adapter.close()
    finally:
        program.stop()


@pytest.mark.instruments
def test_the_bridge_of_the_how_to_serves_a_core_that_is_in_use(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "micromanager.md").read_text()
    begun = "from pymmcore_plus import CMMCorePlus\ncore = CMMCorePlus()\ncore.loadSystemConfiguration()\n"
    example = page.split("```py\n")[1].split("```")[0].replace("4827", "0")
    code = f"{begun}{example}\nimport threading\nthreading.Event().wait()\n"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(BRIDGE.parent)}
    program = Program([sdk_python(), "-c", code], env=env, cwd=tmp_path, output=tmp_path / "o")
    try:
        found = until(partial(_listening, program), "it does not listen")
        assert found
        adapter = MicroManager(config(int(found[1]), tmp_path / "mhfd-token.txt"))
        assert adapter.name == "Micro-Manager"
        assert adapter.set(Knob.WORKING_DISTANCE, -2.0).working_distance_um == -2.0
        adapter.close()
    finally:
        program.stop()


def test_the_bridge_stands_alone() -> None:
    source = Path(micromanager_bridge.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 10))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
