"""What the adapter of OpenFIBSEM makes of a server that is another, or says nothing sensible. No SDK is needed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs import REPOSITORY

from mhfd_client.errors import AcquisitionFailed, AnotherHand, InstrumentLost, SettingsError
from mhfd_client.instruments.config import NAME, InstrumentConfig, SoftLimits, config_of
from mhfd_client.instruments.openfibsem import OpenFibsem
from mhfd_client.instruments.protocol import Knob

BEAM = {
    "working_distance": 0.004,
    "beam_current": 1e-10,
    "voltage": 2000,
    "hfw": 4.096e-6,
    "resolution": [512, 512],
    "dwell_time": 1e-6,
    "stigmation": {"x": 0.0, "y": 0.0},
}
Answers = dict[str, bytes]


def sound() -> Answers:
    return {
        "/health": json.dumps({"status": "ok", "manufacturer": "DemoMicroscope"}).encode(),
        "/beam_settings/get": json.dumps({"beam_settings": BEAM}).encode(),
        "/stage_position": json.dumps({"position": {"x": 1e-6, "y": None}}).encode(),
        "/acquire_image": tiff(np.zeros((32, 32), np.uint8), 0.004),
    }


def tiff(pixels: Any, distance_m: float | None) -> bytes:
    told = io.BytesIO()
    metadata = {"microscope_state": {"electron_beam": {"working_distance": distance_m}}}
    tifffile.imwrite(told, pixels, metadata=metadata)
    return told.getvalue()


@contextmanager
def answering(answers: Answers, status: int = 200) -> Iterator[InstrumentConfig]:
    """A server that gives these answers, whoever it may be."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = answers.get(self.path, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield configured(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def configured(address: str) -> InstrumentConfig:
    return InstrumentConfig(
        kind="openfibsem", address=address, timeout_s=30, limits=SoftLimits(low_um=3900, high_um=4100)
    )


@pytest.mark.parametrize(
    "address",
    ["localhost:8001", "http://x y:1", "ftp://a:1", "http://a:99999", "http://a:8001/ion", "http://me@a:1", "http://a"],
)
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match="no server of OpenFIBSEM; write it as http://localhost:8001"):
        OpenFibsem(configured(address))


def test_the_example_of_the_how_to_is_read(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "openfibsem.md").read_text()
    (tmp_path / NAME).write_text(page.split("```toml\n")[1].split("```")[0])
    config = config_of(tmp_path)
    assert (config.kind, config.allow) == ("openfibsem", "propose")
    with pytest.raises(InstrumentLost):
        OpenFibsem(config.model_copy(update={"address": config.address.replace("8001", "1")}))


def test_who_is_not_there_is_lost() -> None:
    with pytest.raises(InstrumentLost, match="nothing was done; does OpenFIBSEM's server run there"):
        OpenFibsem(configured("http://127.0.0.1:1"))


def test_a_sound_server_is_read_in_our_units() -> None:
    with answering(sound()) as config:
        instrument = OpenFibsem(config)
        reading = instrument.read()
    assert instrument.name == "OpenFIBSEM Demo"
    assert (reading.working_distance_um, reading.pixel_nm, reading.dwell_ns) == pytest.approx((4000, 8, 1000))
    assert (reading.beam_kv, reading.beam_pa) == pytest.approx((2, 100))
    assert reading.stage_um is None


@pytest.mark.parametrize(
    "told",
    [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"beam_settings": []}', b'{"beam_settings": {"hfw": 1}}', b"[" * 100_000],
)
def test_rubbish_is_no_reading(told: bytes) -> None:
    with answering(sound() | {"/beam_settings/get": told}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(InstrumentLost, match=r"OpenFIBSEM's server|right address"):
            instrument.read()


@pytest.mark.parametrize("value", ["4e-3", True, None, [1], float("inf"), float("nan")])
def test_a_working_distance_is_a_number(value: object) -> None:
    told = json.dumps({"beam_settings": {**BEAM, "working_distance": value}}).encode()
    with answering(sound() | {"/beam_settings/get": told}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(InstrumentLost, match="does not say how its electron beam stands"):
            instrument.read()


def test_an_error_of_the_server_is_told() -> None:
    with answering({}, status=500) as config, pytest.raises(InstrumentLost, match="/health answered 500"):
        OpenFibsem(config)


def test_an_answer_that_does_not_end_is_cut() -> None:
    with answering(sound() | {"/stage_position": b" " * (3 << 20)}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(InstrumentLost, match="more than 1 MiB came"):
            instrument.read()


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"<html>",
        b"II*\0" + b"\xff" * 40,
        tiff(np.zeros((2, 32, 32), np.uint8), 0.004),
        tiff(np.zeros((32, 32, 3), np.uint8), 0.004),
        tiff(np.zeros((32, 32), np.uint8), 0.004)[:-100],
    ],
    ids=["nothing", "a page", "no TIFF", "a stack", "colours", "cut off"],
)
def test_what_is_no_image_is_a_failed_acquisition(told: bytes) -> None:
    with answering(sound() | {"/acquire_image": told}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(AcquisitionFailed, match="what came is no image"):
            instrument.acquire()


def test_an_image_is_of_one_working_distance() -> None:
    with answering(sound()) as config:
        assert OpenFibsem(config).acquire().pixels.shape == (32, 32)
    with answering(sound() | {"/acquire_image": tiff(np.zeros((32, 32), np.uint8), 0.0040005)}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(AnotherHand, match=r"was 4000\.5.* um when the image was begun"):
            instrument.acquire()


def test_what_was_asked_of_a_move_is_said_when_the_answer_is_lost() -> None:
    with answering(sound() | {"/working_distance/set": b"x" * (2 << 20)}) as config:
        instrument = OpenFibsem(config)
        with pytest.raises(InstrumentLost, match="what was asked may have been done"):
            instrument.set(Knob.WORKING_DISTANCE, 4001)
