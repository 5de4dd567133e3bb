"""What can go wrong at the service, in our words: what it means for the work, and what a person should do.

Only translates. The SDK's and the web's exceptions go in, one of `mhfd_client.errors` comes out; what matters to the
caller is whether the work may have been taken (ServiceUnreachable, TaskUnknown) or surely was not.
"""

import re
from typing import Any, Final
from uuid import UUID

from mhfd_client.errors import (
    ComputeError,
    ComputeRefused,
    EndpointOffline,
    FunctionNotAllowed,
    FunctionUnknown,
    GroupUnknown,
    RequestTooLarge,
    ServiceBusy,
    ServiceUnreachable,
    StationError,
    TaskFailed,
    TaskUnknown,
    WorkerLost,
)
from mhfd_client.printing import printable

_LOST: Final = re.compile(r"WorkerLost|ManagerLost|BrokenProcessPool|terminated abruptly")
_UNFIT: Final = re.compile(r"\(ValidationError\) (.+)")  # the schema of the endpoint's options, in its first line
_LONGEST: Final = 400
_WAIT_S: Final = 10.0


def translated(error: Exception, endpoint: UUID | str) -> Exception:
    """Ours, for one of the SDK's; ours stay as they are."""
    if isinstance(error, StationError):
        return error
    from globus_compute_sdk.errors import (
        DeserializationError,
        MaxResultSizeExceeded,
        TaskExecutionFailed,
        VersionMismatch,
    )
    from globus_sdk import GlobusAPIError, GlobusError, NetworkError

    if any(isinstance(one, DeserializationError) for one in (error, error.__cause__, error.__context__)):
        return ComputeRefused(
            f"endpoint {endpoint} answers with something else than JSON, which is not read, because it could run code "
            "on this machine: ask its administrator whether globus-compute-endpoint is 4.19 or later"
        )
    match error:
        case TaskExecutionFailed():
            return _failed(error)
        case MaxResultSizeExceeded():
            return TaskFailed(f"the answer was too large for the service: {error}")
        case VersionMismatch():
            return ComputeRefused(f"{error}; upgrade it: pip install --upgrade 'mhfd[globus]'")
        case GlobusAPIError():
            return _answered(error, endpoint)
        case NetworkError() | OSError():
            return ServiceUnreachable(
                f"Globus Compute cannot be reached ({type(error).__name__}: {_short(str(error))}): check the network"
            )
        case GlobusError():
            return ComputeRefused(f"{type(error).__name__}: {_short(str(error))}; `mhfd login` may help")
        case _:
            return TaskUnknown(f"the connection for results broke: {type(error).__name__}: {_short(str(error))}")


def _failed(error: Any) -> TaskFailed:
    text = str(getattr(error, "remote_data", None) or error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if not line.startswith(("*", "-", "="))), "no reason given")
    if _LOST.search(text):
        return WorkerLost(f"the endpoint's worker died: {_short(last)}")
    if "MaxResultSizeExceeded" in text:
        return TaskFailed(f"the answer was too large for the service: {_short(last)}")
    return TaskFailed(f"the endpoint's function failed: {_short(last)}")


def _answered(error: Any, endpoint: UUID | str) -> ComputeError:
    """The service's own refusals."""
    status, code = int(error.http_status), str(getattr(error, "code", None) or "")
    said = _short(str(getattr(error, "message", None) or error))
    if status == 413 or "PAYLOAD_TOO_LARGE" in code:
        return RequestTooLarge(f"more than Globus Compute takes at once: {said}")
    if status == 429 or (status == 503 and "Retry-After" in (getattr(error, "headers", None) or {})):
        return ServiceBusy(f"Globus Compute asks us to wait ({status}): {said}", _retry_after(error))
    if status >= 500:
        return ServiceUnreachable(f"Globus Compute is in trouble itself ({status}): {said}; it is tried again")
    if "FUNCTION_NOT_PERMITTED" in code:
        return FunctionNotAllowed(
            f"endpoint {endpoint} does not allow our function: ask its administrator to add it (`mhfd function "
            f"register` prints its id): {said}"
        )
    if "FUNCTION_NOT_FOUND" in code:
        return FunctionUnknown(f"Globus Compute does not know the function: `mhfd function register`: {said}")
    if "GROUP" in code:
        return GroupUnknown(f"Globus Compute does not know the task group any more: {said}")
    if "ENDPOINT" in code and ("OFFLINE" in code or "NOT_ONLINE" in code or "INACTIVE" in code):
        return EndpointOffline(f"endpoint {endpoint} is not running: {said}")
    if status == 422 and (unfit := _UNFIT.search(str(getattr(error, "message", None) or error))):
        return ComputeRefused(
            f"endpoint {endpoint} does not offer what is asked of it: {_short(unfit[1])}; correct "
            "user_endpoint_config, or ask its administrator"
        )
    why = {
        401: "Globus does not know us any more: run `mhfd login` again",
        403: f"we may not use endpoint {endpoint}: ask its administrator, or `mhfd login`",
        404: f"Globus Compute does not know endpoint {endpoint}: check its id",
        422: f"endpoint {endpoint} could not start for us; its administrator finds why in its log",
    }
    return ComputeRefused(f"{why.get(status, f'Globus Compute refuses ({status} {code})')}: {said}")


def _retry_after(error: Any) -> float:
    headers = getattr(error, "headers", None) or {}
    try:
        return min(600.0, max(0.0, float(headers.get("Retry-After", _WAIT_S))))
    except (TypeError, ValueError):
        return _WAIT_S


def _short(text: str) -> str:
    text = " ".join(text.split())
    return printable(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")
