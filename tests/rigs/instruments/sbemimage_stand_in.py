"""A pretend microscope with the calls that SBEMimage's own class for it has: there is no SBEMimage here to be had.

The script that is tried is the real one, in a process of its own; its wire is files.
"""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from mhfd_client.errors import AcquisitionFailed
from mhfd_client.instruments.pretend_scope import PretendScope
from mhfd_client.instruments.protocol import DeviceReading, Knob

_WAIT_S = 60.0


class PretendSem:
    """Metres, kilovolt, per cent; True where a call took."""

    def __init__(self, config: ConfigParser, system: ConfigParser) -> None:
        self._scope = PretendScope(Path(config["scope"]["folder"]))
        self.error_info = system["test"]["trouble"]

    def __str__(self) -> str:
        return "pretend microscope"

    def _read(self) -> DeviceReading:
        return self._scope.reading()

    def _set(self, knob: Knob, value: float) -> bool:
        with self._scope.asked(wait_s=_WAIT_S) as call:
            call.set(knob, value)
        return True

    def get_wd(self) -> float:
        """Metres."""
        return self._read().working_distance_um * 1e-6

    def set_wd(self, target_wd: float) -> bool:
        """Metres."""
        return self._set(Knob.WORKING_DISTANCE, target_wd * 1e6)

    def get_stig_x(self) -> float | None:
        """Per cent."""
        return self._read().stig_x

    def get_stig_y(self) -> float | None:
        """Per cent."""
        return self._read().stig_y

    def set_stig_x(self, target_stig_x: float) -> bool:
        """Per cent."""
        return self._set(Knob.STIG_X, target_stig_x)

    def set_stig_y(self, target_stig_y: float) -> bool:
        """Per cent."""
        return self._set(Knob.STIG_Y, target_stig_y)

    def get_pixel_size(self) -> float | None:
        """Nanometres."""
        return self._read().pixel_nm

    def get_eht(self) -> float | None:
        """Kilovolt."""
        return self._read().beam_kv

    def get_stage_xy(self) -> tuple[float, float] | None:
        """Micrometres."""
        return self._read().stage_um

    def get_mag(self) -> float:
        """Not every microscope says all."""
        raise NotImplementedError

    def acquire_frame(self, save_path_filename: str, stage: object = None, extra_delay: float = 0) -> bool:
        """It leaves a TIFF."""
        import tifffile

        try:
            with self._scope.asked(wait_s=_WAIT_S) as call:
                tifffile.imwrite(save_path_filename, call.image().pixels)
        except AcquisitionFailed as error:
            self.error_info = str(error)
            return False
        return True
