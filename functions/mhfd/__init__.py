"""MHFD: know, while the sample is still in the microscope, whether the image it just took is in focus."""

from mhfd.contract import Finding, FocusReport, Params
from mhfd.errors import MhfdError, UsageError

__version__ = "0.1.0"
__all__ = ["Finding", "FocusReport", "MhfdError", "Params", "UsageError", "__version__"]
