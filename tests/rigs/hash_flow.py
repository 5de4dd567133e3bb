"""A flow for long work, of its own: what a function that nobody ships needs, for the tests of all that serves flows."""

from __future__ import annotations

from mhfd_flows.build import FlowRecipe
from mhfd_flows.stages.acting import act
from mhfd_flows.stages.staging import bring, clean, give_back

SLOW_MS = {"type": "number", "minimum": 0, "default": 0}
HASH_FLOW = FlowRecipe(
    name="hash_folder",
    title="mhfd: hash a folder",
    subtitle="Bring a folder to an endpoint, hash its files there, bring the list back, leave nothing behind",
    stages=(
        bring("files"),
        act("mhfd_hash_folder", brought="folder", request={"slow_ms": SLOW_MS}, doing="hashing"),
        give_back(),
        clean(),
    ),
)
