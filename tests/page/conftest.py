"""Fixtures of every test of the page in a browser."""

from tests.rigs.page_browser import opens, rig

__all__ = ["opens", "rig"]
