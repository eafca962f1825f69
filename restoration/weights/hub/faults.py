"""Download errors: which are temporary, and what the others mean for the user."""

from __future__ import annotations

from restoration.errors import WeightsUnavailable
from restoration.types import WeightFile

_LONGEST_PAUSE_S = 60.0


class Cancelled(Exception):
    """Nobody waits for the download any more."""


class TooSlow(Exception):
    """The download takes longer than it may; the message completes a sentence about the file."""


def unavailable(file: WeightFile, *, model: str, error: Exception) -> WeightsUnavailable:
    """Return what a failure to download means for the user."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    source = f"The weights file {file.filename} of {model} (huggingface.co/{file.hub_address})"
    if isinstance(error, GatedRepoError):
        reason = "needs the consent of a signed-in user; set HF_TOKEN or choose another model."
    elif _is_broken(error):
        reason = "did not come to its end: the connection broke off; try again later or choose a built-in model."
    elif isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled)) or _is_network(error):
        reason = "is not on this machine and the Hub cannot be reached; connect once or choose a built-in model."
    elif isinstance(error, (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError)):
        reason = "is no longer on the Hub; choose another model."
    elif isinstance(error, Cancelled):
        reason = "was not downloaded to the end, since nobody waited for it any more; try again."
    elif isinstance(error, TooSlow):
        reason = f"{error}; try again later or choose a built-in model."
    else:
        reason = f"cannot be downloaded ({type(error).__name__}); try again later or choose a built-in model."
    translated = WeightsUnavailable(f"{source} {reason}", model=model)
    translated.__cause__ = error
    return translated


def _is_network(error: Exception) -> bool:
    """Tell whether an error means that the Hub was not reached, in any of the HTTP libraries that may be below."""
    return _has_name(error, {"TransportError", "ConnectError", "TimeoutException", "ConnectionError", "TimeoutError"})


def _is_broken(error: Exception) -> bool:
    """Tell whether the Hub was reached but the connection then broke off or fell silent."""
    return _has_name(error, {"ReadTimeout", "ReadError", "RemoteProtocolError", "ConnectionResetError"})


def _has_name(error: Exception, names: set[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def asked_pause_s(error: Exception) -> float:
    """Return the capped Retry-After of an overloaded Hub in seconds."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError) or error.response is None:
        return 0.0
    asked = error.response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdigit() else 0.0


def is_passing(error: Exception) -> bool:
    """Tell whether a retry may succeed: broken or slow connection, overloaded Hub, truncated response."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, (WeightsUnavailable, OfflineModeIsEnabled, Cancelled, TooSlow)):
        return False
    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return _is_network(error) or isinstance(error, OSError)
