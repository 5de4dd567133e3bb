"""What should come, and what of it is missing: from a list, from Atlas, or from what the other sections have."""

from mhfd_client.expected.absent import missing, overdue
from mhfd_client.expected.lists import atlas_manifests, load
from mhfd_client.expected.mosaics import Mosaics

__all__ = ["Mosaics", "atlas_manifests", "load", "missing", "overdue"]
