"""Everything this package raises on purpose.

    MhfdError
    |-- UsageError (also ValueError)   an argument is wrong: names the field, the value and the remedy
    |   |-- DeviceUnavailable          the device that was asked for is not here
    |   `-- SiteError                  the administrator's configuration of an endpoint is missing or wrong
    |-- ExtraMissing                   packages are not installed: names the extra and the command that installs it
    |   `-- OptionNeedsExtra (also UsageError)   ... because of an argument, which it names
    `-- KernelError                    the compiled kernel broke its own contract: a defect, please report

What is wrong with a *file* is never raised: it is a `Finding` in the report.
Every exception takes its arguments by position, so that it pickles.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class MhfdError(Exception):
    """Base of all errors of mhfd."""


class UsageError(MhfdError, ValueError):
    """An argument is wrong."""


class DeviceUnavailable(UsageError):
    """The device that was asked for is not here."""


class SiteError(UsageError):
    """The administrator's configuration of an endpoint is missing or wrong."""


class ExtraMissing(MhfdError):
    """Packages of an extra are not installed."""


class OptionNeedsExtra(ExtraMissing, UsageError):
    """Packages that an argument asks for are not installed."""


class KernelError(MhfdError):
    """The compiled kernel broke its own contract."""


@contextmanager
def needing_extra(extra: str, why: str, *, option: bool = False) -> Iterator[None]:
    """Import what an extra brings: `with needing_extra("globus", "a flow needs globus-sdk"): import globus_sdk`.

    Args:
        extra: Its name.
        why: What needs which packages.
        option: An argument does, and `why` begins with its name.
    """
    try:
        yield
    except ImportError:
        raise (OptionNeedsExtra if option else ExtraMissing)(f"{why}: pip install 'mhfd[{extra}]'") from None
