"""A calibration as a series would give it."""

from mhfd.contract.params import Params
from mhfd_client.verdicts.blur.calibration import Calibration, Interval


def calibration(um: float = 1.0, low: float = 0.9, high: float = 1.1) -> Calibration:
    """Of images of 8 nm a pixel, with a dwell of 1 us, by a Zeiss."""
    return Calibration(
        made="2026-01-01T00:00:00Z",
        version="0",
        instrument="Zeiss",
        pixel_nm=8.0,
        dwell_ns=1000.0,
        params=Params(),
        images=9,
        um_a_px=Interval(value=um, low=low, high=high),
        half_angle_mrad=Interval(value=8.0 / um, low=8.0 / high, high=8.0 / low),
        focus_um=Interval(value=0.0, low=-0.1, high=0.1),
        chi2=0.5,
        foretold=0.9,
        law=None,
    )
