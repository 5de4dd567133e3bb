"""Where the documentation is, for whoever reads a message of the program: they may have the package and no clone.

The one place in the code that has the address. It is also the site's folder layout: a copy of the site on an
instrument without a network has the same page below its own folder.
"""

from typing import Final

HOME: Final = "https://mhfd.readthedocs.io/en/latest/"
"""Of the newest release. It stands in pyproject.toml and in README.md too; a test holds them together."""


def page(name: str) -> str:
    """The address of a page, named by its path below docs/ without an ending: `page("how-to/login")`."""
    return f"{HOME}{name}.html"
