"""The adapter of a configured instrument, connected."""

from __future__ import annotations

from mhfd_client.errors import SettingsError
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.instruments.protocol import Instrument


def opened(config: InstrumentConfig) -> Instrument:
    """Connect. InstrumentLost where it does not answer, SettingsError where the address is none."""
    match config.kind:
        case "sbemimage" | "serialem":
            from mhfd_client.instruments.by_files import ByFilesInstrument

            return ByFilesInstrument(config)
        case "pretend":
            from mhfd_client.instruments.pretend import PretendInstrument

            return PretendInstrument(config)
        case "openfibsem":
            from mhfd_client.instruments.openfibsem import OpenFibsem

            return OpenFibsem(config)
        case "micromanager":
            from mhfd_client.instruments.micromanager import MicroManager

            return MicroManager(config)
        case _:
            raise SettingsError(f"kind: {config.kind!r} has no adapter in this mhfd")
