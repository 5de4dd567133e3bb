"""What this package raises on purpose.

    mhfd.errors.MhfdError
    |-- DefinitionRefused (also UsageError)   a definition of a flow breaks a rule: every problem, with its state
    |-- PathError                             a reference such as `$.a.b` is malformed, or leads nowhere
    |-- ExpressionError                       an expression is malformed, not allowed, or cannot be evaluated
    `-- UnableToRun                           a provider of actions refused to start one

Every exception takes its arguments by position, so that it pickles.
"""

from mhfd.errors import MhfdError, UsageError


class DefinitionRefused(UsageError):
    """A definition of a flow breaks a rule."""


class PathError(MhfdError):
    """A reference into the state of a run is malformed, or leads nowhere."""


class ExpressionError(MhfdError):
    """An expression is malformed, not allowed, or cannot be evaluated."""


class UnableToRun(MhfdError):
    """A provider of actions refused to start one. `error`: what the language calls it."""

    def __init__(self, message: str, error: str = "ActionUnableToRun") -> None:
        super().__init__(message, error)
        self.message, self.error = message, error

    def __str__(self) -> str:
        return self.message
