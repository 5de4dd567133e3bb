"""A regular expression that somebody else wrote: it may take for ever on a name, and must not hold up the station."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mhfd_client.errors import NamingError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_S: Final = 0.5
"""Of the processor's time, so that a busy machine is not mistaken for a slow pattern."""
_LONGEST: Final = 200


class Limited:
    """A pattern of `names.pattern`; refused here when it is none, and while it is used when it takes too long."""

    def __init__(self, pattern: str) -> None:
        try:
            import regex  # only here: its own syntax is a little larger than that of `re`, its matching can be stopped
        except ImportError:
            raise NamingError(
                "names.pattern: needs the package regex, which stops a pattern that takes for ever: "
                "pip install 'mhfd[station]'"
            ) from None
        try:
            self._regex: Any = regex.compile(pattern, regex.IGNORECASE)
        except regex.error as error:
            raise NamingError(f"names.pattern: {pattern!r} is no regular expression: {error}") from None
        self._pattern = pattern

    @property
    def groupindex(self) -> Mapping[str, int]:
        """Its groups."""
        found: Mapping[str, int] = self._regex.groupindex
        return found

    def search(self, path: str) -> Any:
        """As `re.Pattern.search`; NamingError when it takes too long."""
        try:
            return self._regex.search(path, timeout=LIMIT_S)
        except TimeoutError:
            shown = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}..."
            raise NamingError(
                f"names.pattern: {self._pattern!r} takes longer than {LIMIT_S:g} s on {shown!r}: its repetitions can "
                "share these characters in too many ways; write it so that no two that follow each other, or one "
                r"inside the other, match the same character ([^/_]+_ instead of .*_), and begin it with ^ or /"
            ) from None
