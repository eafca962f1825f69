"""Everything this package raises on purpose.

    RestorationError
    ├── InvalidRequest (ValueError)         the caller can fix it: CLI exit code 2
    │   ├── UnknownModel (LookupError)
    │   ├── InvalidParameter
    │   ├── InvalidMask
    │   └── InvalidImage
    │       ├── UnsupportedImage            not a supported format
    │       ├── CorruptImage                damaged or truncated
    │       └── ImageTooLarge
    ├── ModelUnavailable (RuntimeError)     the model cannot run here now
    │   └── WeightsUnavailable (OSError)    its weights are missing, wrong or cannot be downloaded
    ├── ManifestError (ValueError)          a model manifest is wrong
    ├── DeadlinePassed (TimeoutError)       the run exceeded its time limit
    ├── LeaseExpired (TimeoutError)         nobody read the events of the run
    ├── OutOfMemory (MemoryError)
    └── UnstableOutput (ArithmeticError)    the network returned NaN or infinity

Every message says what was expected, what came and what to do, and can be shown to a user.
"""

from __future__ import annotations

from typing import Any


class RestorationError(Exception):
    """Base of all errors that this package raises on purpose; `str(error)` is fit for a user's eyes.

    They can be pickled, so that they reach the caller from another process, too.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, dict(self.__dict__))


def _rebuilt(kind: type[RestorationError], args: tuple[Any, ...], values: dict[str, Any]) -> RestorationError:
    """Return an error as it was; its constructor may take other arguments than `Exception.args` keeps."""
    builtin: type = kind
    while builtin.__module__ != "builtins":
        builtin = builtin.__base__  # type: ignore[assignment]  # of several bases, the one whose layout it has
    error: RestorationError = builtin.__new__(kind, *args)
    error.args = args
    error.__dict__.update(values)
    return error


class InvalidRequest(RestorationError, ValueError):
    """The request is invalid; the caller can fix it."""


class UnknownModel(InvalidRequest, LookupError):
    """There is no such model, or it does not support the task."""

    def __init__(self, message: str, *, model: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.model = model
        self.suggestions = suggestions

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidParameter(InvalidRequest):
    """A parameter is unknown to the model, has the wrong type or is out of range."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class InvalidMask(InvalidRequest):
    """The inpainting mask is missing, empty, or does not fit the picture."""


class InvalidImage(InvalidRequest):
    """The input cannot be read as a picture."""


class UnsupportedImage(InvalidImage):
    """The file is not in a supported format."""


class CorruptImage(InvalidImage):
    """The picture file is damaged, truncated or empty."""


class ImageTooLarge(InvalidImage):
    """The picture exceeds a limit on pixels or bytes."""

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class ModelUnavailable(RestorationError, RuntimeError):
    """The model cannot run on this machine now; the message says why and what to do."""

    def __init__(self, message: str, *, model: str) -> None:
        super().__init__(message)
        self.model = model


class WeightsUnavailable(ModelUnavailable, OSError):
    """The weights of a model are missing, wrong, or cannot be downloaded."""

    def __str__(self) -> str:
        return str(self.args[0])


class ManifestError(RestorationError, ValueError):
    """A model manifest is wrong; a developer has to fix it."""


class OutOfMemory(RestorationError, MemoryError):
    """The device lacks memory even for the smallest tile."""


class UnstableOutput(RestorationError, ArithmeticError):
    """The output of the network is not finite, even in float32."""


class DeadlinePassed(RestorationError, TimeoutError):
    """The job exceeded its time limit."""

    def __init__(
        self, message: str = "The run exceeded the time limit; use a smaller picture or a faster model."
    ) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])


class LeaseExpired(RestorationError, TimeoutError):
    """Nobody read the events of a job for so long that it was given up."""

    def __init__(
        self, message: str = "Nobody followed the progress of the run, so it was ended; start it again."
    ) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])
