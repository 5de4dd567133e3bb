"""Everything this package raises on purpose.

    MhfdError
    |-- UsageError (also ValueError)   an argument is wrong: names the field, the value and the remedy
    |   |-- DeviceUnavailable          the device that was asked for is not here
    |   |-- SiteError                  the administrator's configuration of an endpoint is missing or wrong
    |   `-- PackageRefused             a learned package is not what it says it is, or may not be used: says why
    |-- TrainingFailed                 a training of a network cannot go on: why, and what to do; nothing saved is lost
    |-- LibraryDamaged                 what is kept of the champions of learned packages cannot be read
    |-- LibraryUnwritable              a library of learned packages cannot be written: who is champion has not changed
    |-- ExtraMissing                   packages are not installed, or lack a part that we use: names what installs them
    |   `-- OptionNeedsExtra (also UsageError)   ... because of an argument, which it names
    `-- KernelError                    the compiled kernel broke its own contract: a defect, please report

What is wrong with a *file* is never raised: it is a `Finding` in the report.
Every exception takes its arguments by position, so that it pickles.
"""

import re
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


class PackageRefused(UsageError):
    """A learned package is not what it says it is, or may not be used."""


class TrainingFailed(MhfdError):
    """A training of a network cannot go on. Its checkpoints stay."""

    def __init__(self, why: str, code: str = "failed") -> None:
        super().__init__(why, code)
        self.why, self.code = why, code

    def __str__(self) -> str:
        return self.why


class LibraryDamaged(MhfdError):
    """What is kept of the champions of learned packages cannot be read."""


class LibraryUnwritable(MhfdError):
    """A library of learned packages cannot be written."""


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
    except ImportError as error:
        kind = OptionNeedsExtra if option else ExtraMissing
        if lacking := _part_lacking(error):
            raise kind(f"{lacking}; a release that has it: pip install --upgrade 'mhfd[{extra}]'") from None
        raise kind(f"{why}: pip install 'mhfd[{extra}]'") from None


def _part_lacking(error: ImportError) -> str:
    """What a package that is installed does not have in this release; empty when it is not installed, or broken."""
    from importlib import metadata  # with it comes half of what reads mail

    said = re.match(r"cannot import name '.+?' from '.+?'|No module named '\w+\.[^']+'", str(error))
    if said is None or error.name is None:
        return ""
    package = error.name.partition(".")[0]
    names = metadata.packages_distributions().get(package) or [package]
    try:
        release = f"{names[0]} {metadata.version(names[0])}"
    except metadata.PackageNotFoundError:
        release = package
    return f"{release} is made differently from the one we know: {said[0]}"
