"""Lets mhfd ask for this microscope's lens by two small files in a folder. Run it where SBEMimage or SerialEM runs:

    python lens_by_files.py sbemimage --folder S:\\mhfd --low-um 4000 --high-um 9000 --home C:\\SBEMimage
    python lens_by_files.py serialem --folder S:\\mhfd --low-um -20 --high-um 20 --port 48888

`request.json` comes from mhfd, `answer.json` goes back. Each is written whole, with a number of its own and a sum over
its text. A request is carried out once: its number is on the disk before anything moves, so that nothing is repeated
after a crash. What has expired, has another unit, or would leave the limits given here is refused.

Ctrl+C ends it; the lens stays where it is. It needs Python 3.8 or later and what the microscope's program brings.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from configparser import ConfigParser
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing import TypeGuard

    Message = dict[str, Any]  # older Pythons have no dict[...]

WIRE = 1
REQUEST, ANSWER, BEGUN, DESK, IMAGES = "request.json", "answer.json", "begun.json", "desk.json", "images"
LENS, STIGS = "working_distance", ("stig_x", "stig_y")
MOST_BYTES = 1 << 16
_KEPT_IMAGES = 100
_NEAR_UM = 0.0005
_log = logging.getLogger("lens")


def sum_of(message: Message) -> str:
    """Over all of a message but its sum."""
    plain = {key: value for key, value in message.items() if key != "sum"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def write_message(path: Path, message: Message) -> None:
    """Whole, or not there; on Windows a file that is being read cannot be replaced at once."""
    data = json.dumps({**message, "sum": sum_of(message)}).encode()
    part = path.with_name("." + path.name + ".part")
    part.write_bytes(data)
    for more in range(40, -1, -1):
        try:
            os.replace(part, path)  # noqa: PTH105  Path.replace is the same, and the name says less
            return
        except PermissionError:
            if not more:
                raise
            time.sleep(0.05)


def read_message(path: Path) -> Message | None:
    """What a file says, or None where there is none, or nothing that can be believed."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        message = json.loads(data) if len(data) <= MOST_BYTES else None
    except (OSError, ValueError):
        return None
    if not isinstance(message, dict) or message.get("wire") != WIRE or message.get("sum") != sum_of(message):
        return None
    return message


class NotCarriedOut(Exception):
    """A request that is not carried out: nothing moved, and no image was taken."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class AskedMicroscope(Protocol):
    """What the two programs have in common."""

    program: str
    name: str
    stig_unit: str
    stig_range: tuple[float, float]

    def read(self) -> Message:
        """How the microscope stands."""

    def set(self, knob: str, value: float) -> None:
        """Turn a knob."""

    def image(self, path: Path) -> None:
        """Take an image and leave it there."""

    def close(self) -> None:
        """Let go of it."""


class SbemImage:
    """The microscope by SBEMimage's own class for it. Its metres and per cent are ours elsewhere."""

    program, stig_unit, stig_range = "sbemimage", "%", (-100.0, 100.0)

    def __init__(self, options: argparse.Namespace) -> None:
        home = Path(options.home).resolve()
        sys.path.insert(0, str(home / "src"))
        os.chdir(str(home / "src"))  # where SBEMimage itself runs: its modules look for their files from there
        told, system = ConfigParser(), ConfigParser()
        _read_settings(told, home / "cfg" / options.config)
        _read_settings(system, home / "cfg" / told["sys"]["sys_config_file"])
        module, name = options.sem.split(":")
        self._sem = getattr(importlib.import_module(module), name)(told, system)
        trouble = getattr(self._sem, "error_info", "")
        if trouble:
            raise SystemExit(f"SBEMimage cannot reach the microscope: {trouble}")
        self.name = f"SBEMimage on {self._sem}"

    def read(self) -> Message:
        """How the microscope stands."""
        stage = told_by(self._sem, "get_stage_xy")
        dwell_us = getattr(self._sem, "dwell_time", None)
        return {
            LENS: float(self._sem.get_wd()) * 1e6,
            "stig_x": told_by(self._sem, "get_stig_x"),
            "stig_y": told_by(self._sem, "get_stig_y"),
            "pixel_nm": told_by(self._sem, "get_pixel_size"),
            "dwell_ns": dwell_us * 1e3 if isinstance(dwell_us, (int, float)) else None,
            "magnification": told_by(self._sem, "get_mag"),
            "beam_kv": told_by(self._sem, "get_eht"),
            "beam_pa": told_by(self._sem, "get_beam_current"),
            "stage_um": [float(value) for value in stage] if stage else None,
        }

    def set(self, knob: str, value: float) -> None:
        """Turn a knob. SBEMimage says yes also where its call failed: what counts is what is read afterwards."""
        if knob == LENS:
            self._sem.set_wd(value * 1e-6)
        else:
            getattr(self._sem, "set_" + knob)(value)

    def image(self, path: Path) -> None:
        """Take an image as the microscope is set."""
        if not self._sem.acquire_frame(str(path)):
            raise NotCarriedOut("acquisition_failed", getattr(self._sem, "error_info", "") or "SBEMimage took no image")

    def close(self) -> None:
        """Let go of the microscope."""
        told_by(self._sem, "disconnect")


class SerialEm:
    """SerialEM by its Python module. The lens's number is its defocus, in um: the absolute focus has no unit."""

    program, stig_unit, stig_range = "serialem", "1", (-1.0, 1.0)

    def __init__(self, options: argparse.Namespace) -> None:
        sys.path.insert(0, options.modules)
        self._sem = importlib.import_module("serialem")
        self._sem.ConnectToSEM(options.port, options.host)
        self.name = f"SerialEM at {options.host}:{options.port}"
        self._pixel_nm: float | None = None

    def read(self) -> Message:
        """How the microscope stands; the pixel size is that of the last image."""
        stigs = told_by(self._sem, "ReportObjectiveStigmator") or (None, None)
        stage = told_by(self._sem, "ReportStageXYZ")
        return {
            LENS: float(_first(self._sem.ReportDefocus())),
            "stig_x": stigs[0],
            "stig_y": stigs[1],
            "pixel_nm": self._pixel_nm,
            "magnification": _first(told_by(self._sem, "ReportMag")),
            "stage_um": [float(value) for value in stage[:2]] if stage else None,
        }

    def set(self, knob: str, value: float) -> None:
        """Turn a knob."""
        if knob == LENS:
            self._sem.SetDefocus(value)
        else:
            stigs = [float(stig) for stig in self._sem.ReportObjectiveStigmator()[:2]]
            stigs[STIGS.index(knob)] = value
            self._sem.SetObjectiveStigmator(*stigs)

    def image(self, path: Path) -> None:
        """Take a Record image and save its buffer beside the files that SerialEM has open."""
        self._sem.Record()
        self._sem.SaveToOtherFile("A", "TIF", "NONE", str(path))
        properties = told_by(self._sem, "ImageProperties", "A")
        self._pixel_nm = float(properties[4]) if properties else None

    def close(self) -> None:
        """Let go of SerialEM."""
        told_by(self._sem, "Exit", 1)


def told_by(program: Any, name: str, *arguments: Any) -> Any:
    """What a call of the program gives; None where it has none, or says nothing."""
    try:
        return getattr(program, name)(*arguments)
    except Exception as error:
        _log.debug("%s: %r", name, error)
        return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, (tuple, list)) else value


def _read_settings(into: ConfigParser, file: Path) -> None:
    if not into.read(str(file)):
        raise SystemExit(f"--home, --config: {file} cannot be read; name SBEMimage's folder and its settings")


class LensDesk:
    """Answers one request after the other."""

    def __init__(
        self, folder: Path, microscope: AskedMicroscope, low_um: float, high_um: float, step_um: float
    ) -> None:
        self._folder, self._microscope, self._step_um = folder, microscope, step_um
        self._ranges = {LENS: [low_um, high_um]}
        self._ranges.update((stig, list(microscope.stig_range)) for stig in STIGS)
        self._units = {LENS: "um"}
        self._units.update((stig, microscope.stig_unit) for stig in STIGS)
        self._done = (read_message(folder / ANSWER) or {}).get("id")
        self._begun = (read_message(folder / BEGUN) or {}).get("id")
        self.stopped = False

    def serve(self, every_s: float) -> None:
        """Until it is stopped."""
        (self._folder / IMAGES).mkdir(exist_ok=True)
        self._say_running(True)
        try:
            while not self.stopped:
                self.look()
                time.sleep(every_s)
        finally:
            self._say_running(False)

    def look(self) -> None:
        """Answer the request, if there is a new one."""
        request = read_message(self._folder / REQUEST)
        if request is None or request["id"] == self._done:
            return
        asked = [str(request[key]) for key in ("ask", "knob", "value", "unit") if key in request]
        _log.info("%s: %s", request["id"][:8], " ".join(asked))
        answer = {"wire": WIRE, "id": request["id"], "reading": None, "image": None, "refused": None}
        try:
            answer["image"] = self._carry_out(request)
            answer["reading"] = self._microscope.read()
        except NotCarriedOut as refused:
            answer["refused"] = {"kind": refused.kind, "why": str(refused)}
        except Exception as error:  # the microscope's program may raise anything
            answer["refused"] = {"kind": "lost", "why": f"{error!r}; {self._fate(request)}"}
        if answer["refused"]:
            _log.warning("%s: %s", request["id"][:8], answer["refused"]["why"])
        answer["at"] = time.time()
        write_message(self._folder / ANSWER, answer)
        self._done = request["id"]

    def _carry_out(self, request: Message) -> str | None:
        """Do what is asked; the name of the image, where one was taken."""
        if request["id"] == self._begun:
            raise NotCarriedOut(
                "lost", "this script ended while it carried this out; what was asked may have been done"
            )
        if request["ask"] == "read":
            return None
        expires_at = request.get("expires_at")
        if not _is_number(expires_at) or time.time() > expires_at:
            raise NotCarriedOut("expired", "the request had expired when it was read; nothing was done")
        if request["ask"] == "set":
            knob, value = self._checked(request)
            self._begin(request)
            self._microscope.set(knob, value)
            return None
        if request["ask"] == "acquire":
            stood = self._microscope.read()[LENS]
            self._begin(request)
            path = self._folder / IMAGES / f"{request['id']}.tif"
            self._microscope.image(path)
            if not path.is_file():
                raise NotCarriedOut("acquisition_failed", "the microscope's program left no image")
            self._prune()
            stands = self._microscope.read()[LENS]
            if abs(stands - stood) > _NEAR_UM:
                why = f"the lens went from {stood:g} to {stands:g} um while the image was taken; it is left out"
                raise NotCarriedOut("another_hand", why)
            return path.name
        raise NotCarriedOut("unknown", f"nothing is known of {request['ask']!r}; nothing was done")

    def _checked(self, request: Message) -> tuple[str, float]:
        knob, value = request.get("knob"), request.get("value")
        if knob not in self._ranges or not _is_number(value):
            raise NotCarriedOut("out_of_range", f"{knob!r}: {value!r} is no knob with a value; nothing was set")
        if request.get("unit") != self._units[knob]:
            raise NotCarriedOut("out_of_range", f"{knob}: the unit has to be {self._units[knob]}; nothing was set")
        low, high = self._ranges[knob]
        if not low <= value <= high:
            raise NotCarriedOut("out_of_range", f"{knob}: {value:g} is not in {low:g} to {high:g}; nothing was set")
        if knob == LENS:
            by = abs(value - self._microscope.read()[LENS])
            if by > self._step_um:
                why = f"{knob}: a step of {by:g} um is more than {self._step_um:g}; nothing was set"
                raise NotCarriedOut("out_of_range", why)
        return knob, value

    def _fate(self, request: Message) -> str:
        begun = self._begun == request["id"]
        return "what was asked may have been done" if begun else "nothing was done"

    def _begin(self, request: Message) -> None:
        self._begun = request["id"]
        write_message(self._folder / BEGUN, {"wire": WIRE, "id": request["id"]})

    def _prune(self) -> None:
        images = sorted((self._folder / IMAGES).glob("*.tif"), key=lambda image: image.stat().st_mtime)
        for image in images[:-_KEPT_IMAGES]:
            image.unlink()

    def _say_running(self, running: bool) -> None:
        said = {"wire": WIRE, "running": running, "program": self._microscope.program, "name": self._microscope.name}
        said.update(ranges=self._ranges, units=self._units)
        write_message(self._folder / DESK, said)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the operator typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=("sbemimage", "serialem"))
    parser.add_argument("--folder", required=True, help="the folder that mhfd reads too: address in instrument.toml")
    parser.add_argument("--low-um", type=float, required=True, help="the lens never goes below this")
    parser.add_argument("--high-um", type=float, required=True, help="the lens never goes above this")
    parser.add_argument("--step-um", type=float, default=25.0, help="and no further than this at once (25)")
    parser.add_argument("--every-s", type=float, default=0.2, help="how often the folder is looked at (0.2)")
    parser.add_argument("--home", default="", help="SBEMimage: its folder, which holds src and cfg")
    parser.add_argument("--config", default="default.ini", help="SBEMimage: the settings in cfg (default.ini)")
    parser.add_argument(
        "--sem", default="sem.SEM_SmartSEM:SEM_SmartSEM", help="SBEMimage: its class of the microscope, MODULE:CLASS"
    )
    parser.add_argument("--modules", default=r"C:\Program Files\SerialEM\PythonModules", help="SerialEM: its modules")
    parser.add_argument("--host", default="127.0.0.1", help="SerialEM: where it runs")
    parser.add_argument("--port", type=int, default=48888, help="SerialEM: its port for Python")
    options = parser.parse_args(arguments)
    if not options.low_um < options.high_um:
        parser.error("--low-um has to be below --high-um")
    if options.program == "sbemimage" and not options.home:
        parser.error("--home: name SBEMimage's folder")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer until Ctrl+C."""
    options = options_of(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder = Path(options.folder).resolve()
    if not folder.is_dir():
        raise SystemExit(f"--folder: {folder} is no folder; make it where mhfd's computer sees it too")
    microscope: AskedMicroscope = SbemImage(options) if options.program == "sbemimage" else SerialEm(options)
    desk = LensDesk(folder, microscope, options.low_um, options.high_um, options.step_um)

    def stop(number: int, frame: FrameType | None) -> None:
        desk.stopped = True

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    _log.info("%s: the lens from %g to %g um, asked in %s", microscope.name, options.low_um, options.high_um, folder)
    try:
        desk.serve(options.every_s)
    finally:
        microscope.close()


if __name__ == "__main__":
    main()
