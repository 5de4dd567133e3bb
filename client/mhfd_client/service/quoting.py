"""How odd names are written in a unit of systemd, which has another rule for each kind of line.

Knows systemd's syntax (systemd.syntax(7), systemd.unit(5), systemd.service(5)) and nothing of a watch.
"""

import json
import os

from mhfd.errors import UsageError
from mhfd_client.files import shown


def word(text: str) -> str:
    """One word of `ExecStart=`, whatever bytes it has: quoted, without variables, specifiers and control characters."""
    return setting(text).replace("$", "$$")


def setting(text: str) -> str:
    """One word of `Environment=`: there a dollar is a dollar."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "%":
        return "%%"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def path(text: str, what: str) -> str:
    """One path of a list of paths, where only quotes and backslashes can be escaped. UsageError for what cannot stand.

    Args:
        what: What the path is, for the refusal.
    """
    return '"' + whole_line(text, what).replace("\\", "\\\\").replace('"', '\\"') + '"'


def whole_line(text: str, what: str) -> str:
    """A path that has the line for itself, as `EnvironmentFile=` takes it: nothing is quoted."""
    if not text.isprintable() or text != text.strip():
        raise UsageError(
            f"{what} {shown(text)!r} has characters that systemd cannot be told of (a tab, a line break, bytes that "
            "are no UTF-8, a space at its end): make a link to it with a plain name, and name the link"
        )
    return text.replace("%", "%%")


def variable(name: str, value: str) -> str:
    """One line of an `EnvironmentFile=`."""
    for character in '\\"`$':
        value = value.replace(character, f"\\{character}")
    return f'{name}="{value}"'


def kept(text: str) -> str:
    """A note of our own in a unit: plain ASCII, so that it comes back as it was."""
    return json.dumps(text)


def told(note: str) -> str:
    """What `kept` wrote. ValueError."""
    found = json.loads(note)
    if not isinstance(found, str):
        raise ValueError("no text")
    return found
