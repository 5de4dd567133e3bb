"""Everything this package raises on purpose.

    MhfdError
    |-- UsageError (also ValueError)   an argument is wrong: names the field, the value and the remedy
    |   |-- DeviceUnavailable          the device that was asked for is not here
    |   `-- SiteError                  the administrator's configuration of an endpoint is missing or wrong
    `-- KernelError                    the compiled kernel broke its own contract: a defect, please report

What is wrong with a *file* is never raised: it is a `Finding` in the report.
Every exception takes its arguments by position, so that it pickles.
"""


class MhfdError(Exception):
    """Base of all errors of mhfd."""


class UsageError(MhfdError, ValueError):
    """An argument is wrong."""


class DeviceUnavailable(UsageError):
    """The device that was asked for is not here."""


class SiteError(UsageError):
    """The administrator's configuration of an endpoint is missing or wrong."""


class KernelError(MhfdError):
    """The compiled kernel broke its own contract."""
