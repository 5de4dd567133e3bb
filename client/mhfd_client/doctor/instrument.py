"""Whether the instrument of `instrument.toml` answers, and where its lens stands. It turns nothing, takes no image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mhfd import documentation
from mhfd.errors import MhfdError
from mhfd_client.errors import SettingsError
from mhfd_client.files import shown
from mhfd_client.instruments.checked import name_of, said
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of
from mhfd_client.instruments.protocol import Instrument, Knob, KnobRange
from mhfd_endpoint.finding import Check, fail, ok, warn


def instrument_checks(state_dir: Path) -> Iterator[Check]:
    """Nothing where there is no such file: most stations know no instrument."""
    file = state_dir / NAME
    if not file.exists():
        return
    try:
        config = config_of(state_dir)
    except SettingsError as error:
        yield fail("instrument", str(error), f"mend the file; {documentation.page('reference/instruments')}")
        return
    from mhfd_client.instruments.opening import opened

    try:
        instrument = opened(config)
        try:
            yield from _standing(file, config, instrument)
        finally:
            instrument.close()
    except MhfdError as error:
        yield fail("instrument", str(error), f"start it, or mend {shown(file)}; nothing was turned")


def _standing(file: Path, config: InstrumentConfig, instrument: Instrument) -> Iterator[Check]:
    lens = Knob.WORKING_DISTANCE
    stands = instrument.read().working_distance_um
    soft = KnobRange(config.limits.low_um, config.limits.high_um)
    what = (
        f"{instrument.name} ({config.kind}) answers; its {name_of(lens)} is {said(lens, stands)}; allow: {config.allow}"
    )
    if stands not in soft:
        yield warn(
            "instrument",
            f"{what}; the limits in {shown(file)} are {said(lens, soft.low)} to {said(lens, soft.high)}",
            "mend [limits]: a lens that stands outside of them is not moved",
        )
    elif lens not in instrument.settable():
        yield warn("instrument", f"{what}; it cannot be set", "mhfd can propose there, and a person turns")
    else:
        yield ok("instrument", what)
