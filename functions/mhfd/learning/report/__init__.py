"""A comparison as one page that stands alone: the decision, what it rests on, and the images that were got wrong.

Everything is inside the page; nothing is fetched and no script runs. It decides nothing and measures nothing: all that
it says is in report.json.
"""

from mhfd.learning.report.page import MOST_BYTES, render

__all__ = ["MOST_BYTES", "render"]
