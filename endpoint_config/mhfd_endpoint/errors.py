"""Everything this package raises on purpose.

    mhfd.errors.MhfdError
    |-- UsageError
    |   `-- ChoiceError         an administrator's choice is wrong: names the option, the value and the remedy
    `-- EndpointError           an endpoint's folder cannot be used as it is
        |-- EndpointMissing     there is none
        `-- OptionsRefused      what a user asked of the endpoint is not allowed there

Every exception takes its arguments by position, so that it pickles.
"""

from mhfd.errors import MhfdError, UsageError


class ChoiceError(UsageError):
    """An administrator's choice is wrong."""


class EndpointError(MhfdError):
    """An endpoint's folder cannot be used as it is."""


class EndpointMissing(EndpointError):
    """There is no such endpoint here."""


class OptionsRefused(EndpointError):
    """What a user asked of the endpoint is not allowed there."""
