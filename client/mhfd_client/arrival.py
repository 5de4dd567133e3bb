"""A file is here, whole, once."""

from mhfd_client.sightings import Decision, Recovered, Sighting, Trouble, TroubleKind, Whole

__all__ = ["Decision", "Recovered", "Sighting", "Trouble", "TroubleKind", "Whole"]
